"""New ids, and ids that can be worked out again from what they name."""

from __future__ import annotations

import hmac
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


def tenant_id(municipality: str) -> UUID:
    """The id of a municipality (or other school owner) by the name it has in the settings."""
    return derived_id("tenant", municipality.strip().casefold())


def login_digest(key: bytes, tenant: UUID, kind: str, value: str) -> str:
    """What is kept of an identifier by which somebody logs in: HMAC-SHA256, so that it cannot be read back.

    `kind` is `civic_no`, `eppn` or `email`. Blanks, case and the century-separating signs of a civic number do not
    count: two systems write the same number in different ways.
    """
    plain = "".join(value.split()).casefold()
    if kind == "civic_no":
        plain = plain.replace("-", "").replace("+", "")
    return hmac.digest(key, f"{tenant}\x1f{kind}\x1f{plain}".encode(), "sha256").hex()


def login_link(digest: str) -> UUID:
    """A login digest as an id, which an index finds under row-level security (JSON it does not)."""
    return derived_id("login", digest)
