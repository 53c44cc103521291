"""A municipality that does not exist, its registry, its mailboxes, and a school day to play in it."""
