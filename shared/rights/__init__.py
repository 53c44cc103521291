"""What a person may ask of everything that is kept about them, and how long anything is kept at all."""
