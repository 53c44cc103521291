"""Links that work without logging in, for one person and one purpose each: signed, and never a way to a child's data.

Mail programs open links before people do, so a link only shows a page with a button; pressing it is a POST.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from uuid import UUID

from itsdangerous import BadData
from itsdangerous.encoding import base64_encode

from shared.events.people import Subject
from shared.settings import KitSettings
from shared.web.seals import serializer, session_key

READING, LEAVING = "skolbro.read.1", "skolbro.unsubscribe.1"


@dataclass(frozen=True)
class Reading:
    """“I have read this”: what, and who."""

    about_id: UUID
    person_id: UUID


@dataclass(frozen=True)
class Leaving:
    """“Not by mail any more”: who, and what."""

    person_id: UUID
    subject: Subject


class Links:
    """Seals and opens such links. Raises SkolbroError without SKOLBRO_SESSION_KEY."""

    def __init__(self, settings: KitSettings) -> None:
        key = session_key(settings)
        self._reading, self._leaving = serializer(key, READING), serializer(key, LEAVING)
        self._keys = {purpose: _key(key, purpose) for purpose in (READING, LEAVING)}

    def reading(self, one: Reading) -> str:
        """The token of a reading link, for `/bulletins/read/{token}`."""
        return _sealed(self._keys[READING], [one.about_id.hex, one.person_id.hex])

    def read(self, token: str) -> Reading | None:
        """What a reading link says; None when it is not ours."""
        try:
            about, person = self._reading.loads(token)
            return Reading(UUID(about), UUID(person))
        except (BadData, ValueError, TypeError, AttributeError):
            return None

    def leaving(self, one: Leaving) -> str:
        """The token of an unsubscribe link, for `/unsubscribe/{token}` at the portal (RFC 8058)."""
        return _sealed(self._keys[LEAVING], [one.person_id.hex, one.subject])

    def leave(self, token: str) -> Leaving | None:
        """What an unsubscribe link says; None when it is not ours."""
        try:
            person, subject = self._leaving.loads(token)
            return Leaving(UUID(person), Subject(subject))
        except (BadData, ValueError, TypeError, AttributeError):
            return None


def _key(key: bytes, purpose: str) -> bytes:
    return bytes(serializer(key, purpose).make_signer(purpose).derive_key())


def _sealed(key: bytes, what: list[str]) -> str:
    """As `dumps` seals it, which derives the key anew for each: a mailing needs two tokens for every home."""
    said = base64_encode(json.dumps(what, separators=(",", ":")).encode())
    return (said + b"." + base64_encode(hmac.digest(key, said, "sha256"))).decode()
