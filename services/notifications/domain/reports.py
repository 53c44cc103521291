"""What a mail that came to a return path is: a delivery report (RFC 3464), a complaint (RFC 5965), or neither.

Only what those formats say is looked at, and nothing of it is kept. Vacation notices and whatever else people's
programs answer (RFC 3834) are neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.parser import HeaderParser
from typing import TypeAlias

from services.notifications.domain.returns import Return

Mail: TypeAlias = "Message[str, str]"
STATUSES = ("message/delivery-status", "message/global-delivery-status")  # RFC 3464, RFC 6533
FEEDBACK = "message/feedback-report"
UNWANTED = frozenset({"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list"})  # not: not-spam, auth-failure
DAEMONS = frozenset({"mailer-daemon", "postmaster", "mailerdaemon", "mail-daemon"})
ENVELOPE = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
ADDRESS = re.compile(r"[^\s<>(),;:\"@]{1,200}@[^\s<>(),;:\"@]{1,255}")
FIELD = 2000  # characters of a field that are looked at
ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
BASIC = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -])")
ABOUT_THE_ADDRESS = frozenset({(2, 1), (2, 4), (4, 1), (4, 4), (4, 310)})  # (subject, detail) beside those of 5.1
ABOUT_THE_SENDER = frozenset({(1, 7), (1, 8), (1, 9)})  # RFC 3463, RFC 7505: our own address is what they object to
NO_SUCH = frozenset({550, 551, 553})  # without an enhanced code (RFC 5321 4.2.3)
FEW = 20  # fields of a name, or groups of fields, that a real mail has at most
FIRST_LINES = 4000  # characters of a plain text in which a program says what happened


def kind_of(mail: Mail) -> Return | None:
    """What came back; None for what is no report, and for one that says nothing that counts."""
    parts = _parts(mail)
    statuses = [part for part in parts if part.get_content_type() in STATUSES]
    if statuses:
        return _together([kind for part in statuses for block in _blocks(part) if (kind := _about(block))])
    for part in parts:
        if part.get_content_type() == FEEDBACK:
            said = {_word(block, "Feedback-Type") for block in _blocks(part)}
            return Return.COMPLAINT if said & UNWANTED else None
    return _plain(mail, parts)


def parsed(raw: bytes) -> Mail | None:
    """The mail, read; None when that is beyond reading."""
    try:
        return message_from_bytes(raw)
    except (MessageError, RecursionError, ValueError, LookupError):
        return None


def addresses_in(mail: Mail) -> Iterator[str]:
    """Where a mail may have come to, best first: for one that is handed over without its envelope, and complaints.

    A complaint goes to where the municipality wants it; our return path is in what it is about.
    """
    for name in ENVELOPE:
        yield from (found for value in mail.get_all(name, ())[:FEW] if (found := _address(value)))
    for part in _parts(mail):
        if part.get_content_type() == FEEDBACK:
            yield from (_address(block.get("Original-Mail-From", "")) for block in _blocks(part))
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers"):
            yield from (_address(block.get("Return-Path", "")) for block in _blocks(part)[:1])


def _parts(mail: Mail) -> list[Mail]:
    """The parts on the first level; the mail itself when it has none. What is quoted deeper says nothing to us."""
    inner = mail.get_payload()
    return [part for part in inner if isinstance(part, Message)] if isinstance(inner, list) else [mail]


def _blocks(part: Mail) -> list[Mail]:
    """The groups of fields in a part: of a report first those of the whole mail, then one for each recipient."""
    inner = part.get_payload()
    if isinstance(inner, list):
        if part.get("Content-Transfer-Encoding", "7bit").strip().lower() not in ("base64", "quoted-printable"):
            return [block for block in inner[:FEW] if isinstance(block, Message)]
        part.set_payload("\n\n".join(block.as_string() for block in inner[:FEW] if isinstance(block, Message)))
    text = part.get_payload(decode=True)
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else ""
    blocks = re.split(r"\r?\n[ \t]*\r?\n", said, maxsplit=FEW)[:FEW]
    return [HeaderParser().parsestr(block) for block in blocks if block.strip()]


def _about(block: Mail) -> Return | None:
    """What the report says of one recipient."""
    action, reasons = _word(block, "Action"), _reasons(block)
    match action:
        case "delivered":
            return Return.DELIVERED
        case "delayed":
            return Return.DELAYED
        case "relayed" | "expanded":
            return None
        case "failed":
            return _failed(reasons)
    if not reasons or "Final-Recipient" not in block:
        return None
    return _failed(reasons) if reasons[0][0] == 5 else None  # no action: only what is final by itself


def _reasons(block: Mail) -> list[tuple[int, int, int]]:
    """The status codes given, those first that tell something: “5.0.0” beside “550 5.1.1 no such user” does not."""
    status, diagnostic = (str(block.get(name, ""))[:FIELD] for name in ("Status", "Diagnostic-Code"))
    found = [*_codes(status), *_codes(diagnostic)]
    telling = [one for one in found if one[1:] != (0, 0)]
    return telling or _basic(f"{diagnostic} ") or found


def _basic(text: str) -> list[tuple[int, int, int]]:
    """The first reply code without an enhanced one: 550 as (5, 0, 550)."""
    return [(int(code[0]), 0, int(code)) for code in BASIC.findall(text)[:1]]


def _codes(text: str) -> list[tuple[int, int, int]]:
    return [(int(a), int(b), int(c)) for a, b, c in ENHANCED.findall(text)]


def _failed(reasons: list[tuple[int, int, int]]) -> Return:
    """Whether a final failure is the address's fault. In doubt it is not: three in a week count as well."""
    if not reasons:
        return Return.SOFT
    status_class, subject, detail = reasons[0]
    why = (subject, detail)
    at_fault = (subject == 1 and why not in ABOUT_THE_SENDER) or why in ABOUT_THE_ADDRESS
    no_such = subject == 0 and detail in NO_SUCH
    return Return.HARD if status_class == 5 and (at_fault or no_such) else Return.SOFT


def _together(kinds: list[Return]) -> Return | None:
    """What several recipients behind one address come to: it arrived where one has it, and is bad where all are."""
    found = set(kinds)
    if len(found) <= 1:
        return kinds[0] if kinds else None
    return Return.DELIVERED if Return.DELIVERED in found else Return.SOFT


def _plain(mail: Mail, parts: list[Mail]) -> Return | None:
    """What a mail server of the old kind says in words: from a daemon, with the code of a refusal in it."""
    if _address(mail.get("From", "")).partition("@")[0].lower() not in DAEMONS:
        return None
    texts = [part.get_payload(decode=True) for part in parts if part.get_content_type() == "text/plain"]
    said = texts[0][:FIRST_LINES].decode("utf-8", "replace") if texts and isinstance(texts[0], bytes) else ""
    reasons = _codes(said) or _basic(said)
    final = [one for one in reasons if one[0] == 5]
    return _failed(final) if final else None


def _address(value: object) -> str:
    """The first mail address in a field; empty without one. The library's own reading can be led in circles."""
    found = ADDRESS.search(str(value)[:FIELD])
    return found[0] if found else ""


def _word(block: Mail, name: str) -> str:
    """The first word of a field, in lower case; comments behind it do not count."""
    words = str(block.get(name, ""))[:FIELD].lower().replace("(", " ").split()
    return words[0] if words else ""
