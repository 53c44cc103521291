"""Mail as bytes. Building an `EmailMessage` costs 2 ms, ten times the sending, so the little we need is done here.

Everything that goes into a header is first made one printable line, and then either plain ASCII or an RFC 2047
encoded word: a line break or a NUL in a name has nothing to break out of.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from binascii import b2a_qp
from collections.abc import Iterator, Mapping

BOUNDARY = "=_skolbro"  # “=_” cannot occur in quoted-printable text, nor in base64
ENVELOPE = re.compile(rb"(?m)^From ")
OUTER = "=_and_entry"  # of the letter with its calendar entry; neither begins as the other
WORD_BYTES = 39  # of UTF-8 in one encoded word: a line with one may have 76 characters (RFC 2047 section 2)
IN_BASE64 = "Content-Transfer-Encoding: base64\r\n\r\n"
AS_FILE = (
    'Content-Type: application/ics; name="invite.ics"\r\nContent-Disposition: attachment; filename="invite.ics"\r\n'
)
PLAIN = re.compile(r"[A-Za-z0-9 ,.:]{1,60}")
PLAIN_NAME = re.compile(r"[A-Za-z0-9 ]{1,40}")
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, line breaks, changes of writing direction


def one_line(text: str) -> str:
    """The text as one printable line: what breaks lines or cannot be seen becomes a space, spaces are joined."""
    return " ".join("".join(" " if unicodedata.category(c) in INVISIBLE else c for c in text).split())


def unstructured(text: str) -> str:
    """A header value such as a subject, folded."""
    line = one_line(text)
    return line if PLAIN.fullmatch(line) else _encoded(line)


def mailbox(name: str, address: str) -> str:
    """A display name with an address; the address alone when the name is empty.

    The name is one encoded word, shortened to fit: readers do not agree on how two of them are joined in a name.
    """
    line = one_line(name)
    if not line:
        return address
    return f"{line if PLAIN_NAME.fullmatch(line) else _encoded(shortened(line))}\r\n <{address}>"


def shortened(line: str) -> str:
    """The line, cut with “…” where it would need more than one encoded word."""
    if len(line.encode()) <= WORD_BYTES:
        return line
    room = line.encode()[: WORD_BYTES - len("…".encode())]
    return room.decode(errors="ignore").rstrip() + "…"


def headers(fields: Mapping[str, str]) -> bytes:
    """Header lines; the values are ASCII and folded already."""
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("ascii")


def alternatives(text: str, html: str) -> bytes:
    """The body of a `multipart/alternative` with this boundary: plain text first, HTML as the better one."""
    start, end = f"--{BOUNDARY}\r\n".encode(), f"--{BOUNDARY}--\r\n".encode()
    return b"".join([start, _part("plain", text), start, _part("html", html), end])


def invitation(text: str, html: str, method: str, entry: bytes) -> bytes:
    """The body of a `multipart/mixed` with the boundary OUTER: the letter with its calendar entry, and its file.

    The entry is one of the alternatives, where calendars look for it (RFC 6047); the file is for everything else. It
    is called application/ics, so that nobody takes it for a second invitation.
    """
    outer, inner = f"--{OUTER}\r\n", f"--{BOUNDARY}\r\n"
    packed = base64.encodebytes(entry).replace(b"\n", b"\r\n")
    calendar = f"Content-Type: text/calendar; charset=utf-8; method={method}\r\n{IN_BASE64}"
    return b"".join(
        [
            f'{outer}Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n{inner}'.encode(),
            _part("plain", text),
            inner.encode(),
            _part("html", html),
            f"{inner}{calendar}".encode(),
            packed,
            f"--{BOUNDARY}--\r\n{outer}{AS_FILE}{IN_BASE64}".encode(),
            packed,
            f"--{OUTER}--\r\n".encode(),
        ]
    )


def _part(subtype: str, text: str) -> bytes:
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    lines = "\r\n".join(text.splitlines())
    return head.encode() + unmistakable(b2a_qp(lines.encode(), istext=True)) + b"\r\n"


def unmistakable(encoded: bytes) -> bytes:
    """Quoted-printable in which no line looks like the beginning of a mail in a mailbox file (RFC 2049 section 3).

    Some mail systems change such a line, and with it what was signed.
    """
    return ENVELOPE.sub(b"=46rom=\r\n ", encoded)


def _encoded(line: str) -> str:
    words = (base64.b64encode(chunk.encode()).decode() for chunk in _chunks(line))
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _chunks(line: str) -> Iterator[str]:
    """Pieces that fit into one encoded word each, never cutting a character."""
    piece, size = "", 0
    for character in line:
        length = len(character.encode())
        if size + length > WORD_BYTES:
            yield piece
            piece, size = "", 0
        piece, size = piece + character, size + length
    yield piece
