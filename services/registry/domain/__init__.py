"""The rules: what a registry's row means, what it changes, and what must wait for a person. No I/O."""
