"""Errors named by what to do next: try again, hold back, or say it plainly to a person."""

from __future__ import annotations


class SkolbroError(Exception):
    """Base of every error Skolbro raises on purpose; `str(error)` is a sentence a person can read."""


class Transient(SkolbroError):
    """It may work in a moment (a peer is away): back off and try the same thing again."""


class Permanent(SkolbroError):
    """It will never work as it is: hold it back with this text as the reason and go on with the rest."""


class Halted(SkolbroError):
    """Too much is unreadable to be chance: stop, keep everything, and wait for a person."""
