"""E-mail by SMTP over a few kept connections.

Connecting, TLS and logging in are aiosmtplib's. Then the connection is ours (`channels/smtp.py`), because with
PIPELINING (RFC 2920) the three commands before a message travel in one write and are answered in one read, which a
client that waits for each answer cannot do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from services.notifications.channels.protocol import Line, Parcel
from services.notifications.channels.smtp import Conversation, Hung
from services.notifications.domain.replies import Reply, Stage
from services.notifications.settings import NotificationsSettings
from shared.events.people import Channel
from shared.observe.logging import get_logger

SERVICE_CLOSING = 421
log = get_logger()


class EmailRoad:
    """The municipality's mail server. The connection used last is used first, so that idle ones may close."""

    name = Channel.EMAIL

    def __init__(self, settings: NotificationsSettings, connections: int) -> None:
        self.lines = [SmtpLine(settings) for _ in range(connections)]
        self._idle: asyncio.LifoQueue[SmtpLine] = asyncio.LifoQueue()
        for line in self.lines:
            self._idle.put_nowait(line)
        self._down = False

    @property
    def is_down(self) -> bool:
        """True while the last conversation did not come past the connection."""
        return self._down

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """Borrow a connection; one that was cut in the middle of a conversation is hung up."""
        line = await self._idle.get()
        try:
            yield line
        except BaseException:
            line.hang_up()
            raise
        finally:
            self._note(line.reached)
            self._idle.put_nowait(line)

    def _note(self, reached: bool) -> None:
        """Remember whether the server can be used, and tell an operator when that changes."""
        if reached is self._down:
            log.warning("mail server is back" if reached else "mail server cannot be used")
        self._down = not reached

    def close(self) -> None:
        """Hang up all connections."""
        for line in self.lines:
            line.hang_up()


class SmtpLine:
    """One connection, made when first needed and again when it was lost."""

    def __init__(self, settings: NotificationsSettings) -> None:
        self.settings = settings
        self.return_path = str(settings.return_path or settings.sender)
        self.reached = True
        self._talk: Conversation | None = None

    async def send(self, parcel: Parcel) -> Reply:
        """Carry the message; a kept connection that the server has closed meanwhile is made anew, once."""
        kept = self._talk is not None and self._talk.is_open
        reply = await self._try(parcel)
        if kept and reply.stage is Stage.SENDER and reply.code in (None, SERVICE_CLOSING):
            self.hang_up()
            reply = await self._try(parcel)
        self.reached = reply.stage is not Stage.CONNECT
        return reply

    def hang_up(self) -> None:
        """Close at once, without a word."""
        if self._talk is not None:
            self._talk.hang_up()
            self._talk = None

    async def _try(self, parcel: Parcel) -> Reply:
        """One conversation. The stage it is in when something happens says what may have become of the message."""
        talk = self._talk
        try:
            if talk is None or not talk.is_open:
                talk = self._talk = await self._connected()
        except SMTPResponseException as refusal:
            return Reply(Stage.CONNECT, refusal.code)
        except Exception as fault:
            _report(fault)
            return Reply(Stage.CONNECT, None)
        try:
            return await talk.carry(parcel.return_path or self.return_path, parcel.to, parcel.message)
        except Exception as fault:  # whatever it is, the stage says what may have happened
            _report(fault)
            self.hang_up()
            return Reply(talk.stage, None)

    async def _connected(self) -> Conversation:
        """A connection on which mail may be sent, by TLS and with a password where the settings say so."""
        settings, password = self.settings, self.settings.smtp_password
        smtp = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            local_hostname=settings.message_domain,
            timeout=settings.smtp_timeout,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
        )
        try:
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
            return Conversation.taken_over(smtp, settings.smtp_timeout)
        except BaseException:
            smtp.close()
            raise


def _report(fault: Exception) -> None:
    if not isinstance(fault, SMTPException | OSError | Hung):
        log.error("fault in the mail channel", exc_info=fault)
