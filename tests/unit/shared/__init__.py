"""The kit's pure rules."""
