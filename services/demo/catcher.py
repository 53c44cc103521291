"""The demo's mail server: takes every mail, keeps it in memory, and knows a repeat when it sees one."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast
from zlib import compress, decompress

from aiosmtpd.smtp import SMTP

from shared.clock import Clock

MOST_KEPT = 20_000
LARGEST_MAIL = 2_000_000  # bytes
MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
OK = "250 OK"
PACKED = 1  # fast, and a bulletin becomes a third of what it was


@dataclass(frozen=True)
class Mail:
    """One mail in one mailbox. `at` is when it first came, on the demo's clock. `packed`: it is kept small (zlib)."""

    number: int
    at: datetime
    sender: str
    recipient: str
    message_id: str
    packed: bytes

    @staticmethod
    def of(number: int, at: datetime, sender: str, recipient: str, message_id: str, raw: bytes) -> Mail:
        """A mail with these bytes."""
        return Mail(number, at, sender, recipient, message_id, compress(raw, PACKED))

    @property
    def raw(self) -> bytes:
        """Its bytes, as they came."""
        return decompress(self.packed)

    def parsed(self) -> EmailMessage:
        """The mail taken apart."""
        return message_from_bytes(self.raw, policy=policy.default)

    def part(self, kind: str) -> str:
        """Its text in that form (`plain` or `html`); empty when it has none."""
        body = self.parsed().get_body((kind,))
        return str(body.get_content()) if body is not None else ""


@dataclass
class Mailboxes:
    """All mailboxes. A second mail with the same Message-ID in one mailbox is counted and not kept (RFC 1047)."""

    clock: Clock
    most: int = MOST_KEPT
    repeats: int = 0
    taken: int = 0
    kept: OrderedDict[tuple[str, str], Mail] = field(default_factory=OrderedDict)

    def add(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Put a mail into the mailbox of each recipient; the oldest goes when there are too many."""
        for recipient in recipients:
            self.taken += 1
            message_id = _message_id(raw) or f"none-{self.taken}"
            if (recipient, message_id) in self.kept:
                self.repeats += 1
                continue
            mail = Mail.of(self.taken, self.clock.now(), sender, recipient, message_id, raw)
            self.kept[recipient, message_id] = mail
            if len(self.kept) > self.most:
                self.kept.popitem(last=False)

    def newest(self) -> Iterator[Mail]:
        """Every mail, the newest first."""
        return reversed(self.kept.values())

    def numbered(self, number: int) -> Mail | None:
        """The mail with that number."""
        return next((mail for mail in self.newest() if mail.number == number), None)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """What aiosmtpd calls when a mail is complete."""
        self.add(envelope.mail_from or "", envelope.rcpt_tos, envelope.content)
        return OK


async def listen(mailboxes: Mailboxes, port: int) -> asyncio.Server:
    """Take mail on 127.0.0.1:port."""
    loop = asyncio.get_running_loop()

    def protocol() -> asyncio.Protocol:
        smtp = SMTP(mailboxes, hostname="127.0.0.1", enable_SMTPUTF8=True, data_size_limit=LARGEST_MAIL, loop=loop)
        return cast(asyncio.Protocol, smtp)

    return await loop.create_server(protocol, "127.0.0.1", port)


def _message_id(raw: bytes) -> str | None:
    end = END_OF_HEADERS.search(raw)
    found = MESSAGE_ID.search(raw, 0, end.start() if end else len(raw))
    return found.group(1).decode("ascii", "replace") if found else None
