"""New ids, and ids that can be worked out again from what they name."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

SKOLBRO = uuid5(NAMESPACE_URL, "https://skolbro.example/ids")


def new_id() -> UUID:
    """A fresh random id."""
    return uuid4()


def derived_id(*parts: object) -> UUID:
    """The same id for the same parts, everywhere and for ever.

    Used where a thing must be recognised when it comes twice: the notice of one pupil on one day, the
    notification about it, the delivery of it to one person.
    """
    return uuid5(SKOLBRO, "\x1f".join(str(part) for part in parts))
