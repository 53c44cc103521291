"""Logging in: the identity providers of the municipalities, and what becomes of their word about a person."""
