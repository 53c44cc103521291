"""Browsers that show messages: which of their addresses we keep, and by what they are told apart."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from pydantic import ValidationError

from shared.events.people import PushAddress

MOST = 10  # browsers of one person; the one kept longest makes room
POINT, SECRET = 65, 16  # bytes of the two keys (RFC 8291 2)
UNCOMPRESSED = 4
HTTPS = 443


@dataclass(frozen=True)
class Browser:
    """One of somebody's browsers, as a page shows it: a name for a form, and the push service it uses."""

    name: str
    service: str


def read(endpoint: str, p256dh: str, auth: str) -> PushAddress | None:
    """The address a browser gave us; None when it is none that anything could be sent to."""
    try:
        address = PushAddress(endpoint=endpoint, p256dh=p256dh, auth=auth)
        parts = urlsplit(address.endpoint)
        whole = parts.hostname and not parts.username and parts.port in (None, HTTPS)
    except (ValidationError, ValueError):
        return None
    point, secret = _bytes(p256dh), _bytes(auth)
    good = len(point) == POINT and point[0] == UNCOMPRESSED and len(secret) == SECRET
    return address if whole and good else None


def with_one(kept: Sequence[PushAddress], new: PushAddress) -> tuple[PushAddress, ...]:
    """The browsers with this one, newest last; the same browser is there once."""
    return (*[one for one in kept if one.endpoint != new.endpoint], new)[-MOST:]


def without(kept: Iterable[PushAddress], name: str) -> tuple[PushAddress, ...]:
    """The browsers without the one of this name."""
    return tuple(one for one in kept if name_of(one) != name)


def name_of(one: PushAddress) -> str:
    """What a browser is called in a form: a digest, because whoever knows the address can send to it."""
    return sha256(one.endpoint.encode()).hexdigest()[:32]


def shown(kept: Iterable[PushAddress]) -> list[Browser]:
    """The browsers as a page shows them."""
    return [Browser(name_of(one), urlsplit(one.endpoint).hostname or "") for one in kept]


def _bytes(text: str) -> bytes:
    """What base64url says, with or without its padding; nothing when it says nothing."""
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return b""
