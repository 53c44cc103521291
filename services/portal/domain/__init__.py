"""The portal's rules and view models, by what they are about: plain values in, plain values out."""
