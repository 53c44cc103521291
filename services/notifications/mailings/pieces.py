"""Quoted-printable in pieces: what is the same for everyone is encoded once, and what differs is put in between.

A soft line break (RFC 2045 6.7) on both sides of what is put in keeps every line within 76 characters, however long it
is, and reads as if it were not there.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from enum import StrEnum

from services.notifications.mime import unmistakable

SOFT = b"=\r\n"
LINE = 72
LONGEST_LAST = 75  # of 76, the last is the soft line break's
CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


class Slot(StrEnum):
    """What is put in. The characters occur in no text (`without_slots`)."""

    READ = "\x01"  # the token of the reading link
    LEAVE = "\x02"  # the token of the unsubscribe link
    ABOUT = "\x03"  # which classes it is from


ANY = re.compile("([\x01-\x03])")
Pieces = tuple[bytes | Slot, ...]


def without_slots(text: str) -> str:
    """The text without characters that mean something here, or nothing at all."""
    return text.translate(CONTROLS)


def in_pieces(text: str) -> Pieces:
    """The text as quoted-printable with CRLF, in pieces between the slots. The text ends where a line ends."""
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    parts = ANY.split(lines)
    return tuple(
        Slot(part) if number % 2 else _encoded(part, number < len(parts) - 1) for number, part in enumerate(parts)
    )


def put_in(pieces: Pieces, slot: Slot, text: str) -> Pieces:
    """The pieces with this text where the slot was; the others are shared, not copied."""
    encoded = _encoded(text, True)
    return tuple(encoded if piece is slot else piece for piece in pieces)


def token(text: str) -> bytes:
    """A token of ours (URL-safe base64 and dots, nothing that needs encoding) as it is put in."""
    raw = text.encode("ascii")
    return b"".join(raw[at : at + LINE] + SOFT for at in range(0, len(raw), LINE))


def _encoded(text: str, goes_on: bool) -> bytes:
    """Encoded; with a soft line break at its end when something is put in behind it."""
    encoded = b2a_qp(text.encode(), istext=True)
    if "\r\n" not in text:  # then its soft line breaks are bare line feeds
        encoded = encoded.replace(b"\n", b"\r\n")
    encoded = unmistakable(encoded)
    return _broken(encoded) if goes_on and encoded else encoded


def _broken(encoded: bytes) -> bytes:
    last = len(encoded) - (encoded.rfind(b"\n") + 1)
    if last <= LONGEST_LAST:
        return encoded + SOFT
    cut = len(encoded) - 3
    while b"=" in encoded[cut - 2 : cut]:  # never through an encoded byte
        cut -= 1
    return encoded[:cut] + SOFT + encoded[cut:] + SOFT
