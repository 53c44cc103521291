"""What a mail must be, point by point, whoever wrote it: RFC 5322, 2045–2047, 2369, 2919, 3834, 8058."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from quopri import decodestring

ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted")
AT_MOST_ONCE = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "DKIM-Signature", "Content-Language")
OURS = {*ONCE, *AT_MOST_ONCE, "X-Auto-Response-Suppress"}
MESSAGE_ID = re.compile(r"<[A-Za-z0-9.]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+>")
LIST_ID = re.compile(r"<[a-z0-9-]+(\.[a-z0-9-]+)+>")
LEAVE = re.compile(r"<https://[!-;=?-~]+>")
WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=")
BEGUN = re.compile(r"=\?[A-Za-z]")
LONGEST, USUAL, WITH_A_WORD, WORD_LENGTH, QP_LINE = 998, 78, 76, 75, 76  # characters without the line break
UNFOLDABLE = b"List-Unsubscribe: <"  # an address cannot be broken
ENCODINGS = ("quoted-printable", "base64")


def faults(raw: bytes) -> list[str]:
    """What is wrong with a mail as it goes to the server, in words; an empty list when nothing is."""
    found = [*_lines(raw), *_words(raw)]
    try:
        return [*found, *_header(raw), *_lists(_read(raw)), *_parts(_read(raw))]
    except ValueError as fault:  # Python's parser refuses what would break out of a header
        return [*found, f"it cannot be read: {fault}"]


def _read(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def _lines(raw: bytes) -> Iterator[str]:
    """RFC 5322 2.1.1 and 2.3."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n", raw):
        yield "a line break is not CRLF"
    if not raw.isascii() or b"\0" in raw:
        yield "there are bytes that only some servers carry"
    if not raw.endswith(b"\r\n"):
        yield "the last line is not ended"
    for line in raw.split(b"\r\n"):
        if len(line) > (LONGEST if line.startswith(UNFOLDABLE) else USUAL):
            yield f"a line has {len(line)} characters"
        if line.startswith(b"From "):
            yield "a line looks like the beginning of a mail in a mailbox file"


def _header(raw: bytes) -> Iterator[str]:
    """RFC 5322 3.6: what must be there once; and nothing is there that we have not thought of."""
    mail, head = _read(raw), raw.partition(b"\r\n\r\n")[0]
    for name in mail.keys():  # noqa: SIM118 - a mail's names repeat
        if name not in OURS:
            yield f"nobody knows where {name} comes from"
    yield from (f"{name} is there {len(found)} times" for name in ONCE if len(found := mail.get_all(name, [])) != 1)
    yield from (f"{name} is there twice" for name in AT_MOST_ONCE if len(mail.get_all(name, [])) > 1)
    if any(not line.strip() for line in head.split(b"\r\n")):
        yield "a folded line is empty"
    if len(mail["From"].addresses) != 1 or not mail["From"].addresses[0].domain:
        yield "it is not from one address"
    if len(mail["To"].addresses) != 1 or not mail["To"].addresses[0].domain:
        yield "it is not to one address"
    written = mail["Date"].datetime if mail["Date"] else None
    if written is None or written.utcoffset() is None:
        yield "the date is no instant"
    if not MESSAGE_ID.fullmatch(mail["Message-ID"] or ""):
        yield "the Message-ID is not one"
    if mail["MIME-Version"] != "1.0":
        yield "it is no MIME"
    if mail["Auto-Submitted"] != "auto-generated":  # RFC 3834 section 5
        yield "programs may answer it"
    yield from (f"{defect!r}" for name in mail for defect in getattr(mail[name], "defects", ()))


def _words(raw: bytes) -> Iterator[str]:
    """RFC 2047: encoded words are short, whole, and each can be read alone."""
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
    for line in head.split("\r\n"):
        words = WORD.findall(line)
        if words and len(line) > WITH_A_WORD:
            yield "a line with an encoded word is too long"
        if len(BEGUN.findall(line)) != len(words):
            yield "an encoded word is broken"
        for charset, kind, text in words:
            if len(f"=?{charset}?{kind}?{text}?=") > WORD_LENGTH:
                yield "an encoded word is too long"
            try:
                said = b64decode(text) if kind in "bB" else decodestring(text.encode(), header=True)
                if re.search(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]", said.decode(charset)):
                    yield "an encoded word has something in it that cannot be seen"
            except ValueError:  # also UnicodeDecodeError
                yield "an encoded word cuts a character"


def _lists(mail: EmailMessage) -> Iterator[str]:
    """RFC 2919, RFC 2369, RFC 8058: both or none, and by HTTPS."""
    if (leave := mail["List-Unsubscribe"]) is not None and not LEAVE.fullmatch(leave):
        yield "it cannot be left at one address of HTTPS"
    if (mail["List-Unsubscribe-Post"] is None) != (leave is None):
        yield "one of the two headers of one click is missing"
    if mail["List-Unsubscribe-Post"] not in (None, "List-Unsubscribe=One-Click"):
        yield "the click is another one"
    if mail["List-Id"] is not None and not LIST_ID.fullmatch(mail["List-Id"]):
        yield "the List-Id is not one"
    if leave is not None and mail["List-Id"] is None:
        yield "it is of no list that could be left"


def _parts(mail: EmailMessage) -> Iterator[str]:
    """RFC 2045 and 2046: the boundaries hold, the plain text comes first, all says how it is encoded."""
    yield from (f"{defect!r}" for part in mail.walk() for defect in part.defects)
    if not mail.is_multipart():
        yield "it has one part only"
        return
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    if [part.get_content_type() for part in leaves[:2]] != ["text/plain", "text/html"]:
        yield "the plain text is not first and the HTML second"
    for part in leaves:
        if str(part["Content-Transfer-Encoding"]).lower() not in ENCODINGS:
            yield "a part does not say how it is encoded"
        if part.get_content_maintype() == "text" and part.get_content_charset() != "utf-8":
            yield "a text does not say its characters"
        body = part.get_payload()
        if isinstance(body, str) and any(len(line) > QP_LINE for line in body.splitlines()):
            yield "an encoded line is too long"
        if part.get_content_type() == "text/html":
            yield from _html(str(part.get_content()))


def _html(text: str) -> Iterator[str]:
    """Nothing is fetched when it is opened, nothing runs: no pictures from elsewhere, no scripts."""
    seen = _Seen()
    seen.feed(text)
    yield from seen.wrong
    if not seen.says_language:
        yield "the HTML does not say its language"


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.says_language = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.says_language = self.says_language or (tag == "html" and bool(given.get("lang")))
        if tag in ("script", "iframe", "object", "embed", "form", "link"):
            self.wrong.append(f"there is a {tag}")
        if any(name in ("src", "srcset", "background") or name.startswith("on") for name in given):
            self.wrong.append(f"a {tag} fetches or runs something")
