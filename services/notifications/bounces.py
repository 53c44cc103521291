"""Where bounces come in: SMTP or LMTP for return paths of ours, and nothing else. Reports are read, none is kept.

Whoever can reach the port can only make us look at 200 kB: without a return path that carries our own MAC nothing is
taken, and with one nothing can be said but about that one message.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifications.domain.reports import addresses_in, kind_of, parsed
from services.notifications.domain.returns import Return, Sent, read_return
from services.notifications.returning import returned
from services.notifications.settings import NotificationsSettings
from shared.db.engine import is_passing
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe.logging import get_logger

LARGEST = 200_000  # bytes of one mail
MOST = 50  # connections at once
PATIENCE = 60  # seconds without a word
COMPLAINTS = "complaints"  # where providers' feedback loops send to: our return path is in what it is about
NOT_OURS = "550 5.1.1 This is no return path of ours"
ONE_AT_A_TIME = "452 4.5.3 One recipient at a time"
LATER = "451 4.3.0 Not now, try again later"
TAKEN = "250 2.0.0 Taken"
log = get_logger()


class Bounces:
    """Takes what comes back. Also without a server, for mail systems that pipe (`take`)."""

    def __init__(self, kit: Kit, settings: NotificationsSettings) -> None:
        self.kit = kit
        self.settings = settings
        self.secret = settings.secret(kit.settings.demo)
        self.connections: set[Receiver] = set()
        self.reading = asyncio.Lock()  # the worst that somebody can send takes half a second to read

    async def run(self) -> None:
        """Listen on `bounce_port` until cancelled; nothing to do without one."""
        if not self.settings.bounce_port:
            return
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's; it would write down who sends to us
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Receiver(self), self.kit.settings.host, self.settings.bounce_port)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for one in [*self.connections]:
                one.hang_up()

    async def take(self, raw: bytes, address: str | None = None) -> Return | None:
        """Do what follows from a mail that came to this address; without one, to an address that stands in it.

        None when it was no report, or not about anything of ours. Raises what the database does.
        """
        async with self.reading:
            kind, inside = await asyncio.to_thread(read, raw)
        if kind is None:
            return None
        places = [address] if address and not self.is_complaints(address) else inside
        sent = next((one for one in map(self.sent, places) if one), None)
        if sent is None:
            return None
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            await say(session, self.kit.tables, await returned(session, sent, kind, now), now)
        self.kit.outbox_written.set()
        self.kit.due_planned.set()
        log.info("came back", delivery=str(sent.delivery_id), kind=kind)
        return kind

    def sent(self, address: str) -> Sent | None:
        """What this address is the return path of."""
        return read_return(self.secret, address)

    def is_complaints(self, address: str) -> bool:
        """True for the address for complaints; it exists when there is a domain for return paths."""
        domain = self.settings.return_domain
        return bool(domain) and address.lower() == f"{COMPLAINTS}@{domain}".lower()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Only return paths of ours, one for each mail: a report is about one message."""
        if not (self.sent(address) or self.is_complaints(address)):
            return NOT_OURS
        if envelope.rcpt_tos:
            return ONE_AT_A_TIME
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Taken, whatever it is, so that nobody bounces a bounce; put off while there is no database."""
        content = envelope.original_content or b""
        try:
            await self.take(content, envelope.rcpt_tos[0])
        except Exception as fault:
            if is_passing(fault):
                return LATER
            log.error("report not handled", exc_info=fault)
        return TAKEN


def read(raw: bytes) -> tuple[Return | None, list[str]]:
    """What a mail reports, and the addresses it may have come to by what it says itself."""
    mail = parsed(raw)
    kind = kind_of(mail) if mail is not None else None
    return kind, list(addresses_in(mail)) if mail is not None and kind else []


class Receiver(SMTP):
    """One conversation, in SMTP or in LMTP (RFC 2033: the same with another greeting, for one recipient)."""

    def __init__(self, bounces: Bounces) -> None:
        domain = bounces.settings.return_domain or bounces.settings.message_domain
        super().__init__(
            bounces, data_size_limit=LARGEST, hostname=domain, ident="Skolbro", timeout=PATIENCE, enable_SMTPUTF8=True
        )
        self.bounces = bounces

    def connection_made(self, transport: Any) -> None:
        """Hang up on whoever comes when there are too many."""
        if len(self.bounces.connections) >= MOST:
            transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
            transport.close()
            self.transport = None
            return
        self.bounces.connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The conversation is over."""
        self.bounces.connections.discard(self)
        if self.transport is not None:
            super().connection_lost(error)

    def hang_up(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.close()

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """The greeting of LMTP."""
        await self.smtp_EHLO(arg)
