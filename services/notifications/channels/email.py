"""E-mail by SMTP over a few kept connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

from services.notifications.channels.protocol import Line, Parcel
from services.notifications.domain.replies import Reply, Stage
from services.notifications.settings import NotificationsSettings
from shared.observe.logging import get_logger

START_INPUT = 354
SERVICE_CLOSING = 421
log = get_logger()


class EmailChannel:
    """The municipality's mail server. The connection used last is used first, so that idle ones may close."""

    name = "email"

    def __init__(self, settings: NotificationsSettings) -> None:
        self.lines = [SmtpLine(settings) for _ in range(settings.smtp_connections)]
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
        password = settings.smtp_password
        self.return_path = str(settings.return_path or settings.sender)
        self.reached = True
        self._stage = Stage.CONNECT
        self._timeout = settings.smtp_timeout
        self._smtp = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            local_hostname=settings.message_domain,
            timeout=settings.smtp_timeout,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
        )

    async def send(self, parcel: Parcel) -> Reply:
        """Carry the message; a kept connection that the server has closed meanwhile is made anew, once."""
        kept = self._smtp.is_connected
        reply = await self._try(parcel)
        if kept and reply.stage is Stage.SENDER and reply.code in (None, SERVICE_CLOSING):
            self.hang_up()
            reply = await self._try(parcel)
        self.reached = reply.stage is not Stage.CONNECT
        return reply

    def hang_up(self) -> None:
        """Close at once, without a word."""
        self._smtp.close()

    async def _try(self, parcel: Parcel) -> Reply:
        """One conversation. `_stage` is where it is, so that a fault is known by where it happened."""
        self._stage = Stage.CONNECT
        try:
            return await self._converse(parcel)
        except SMTPResponseException as refusal:
            await self._reset()
            return Reply(self._stage, refusal.code)
        except Exception as fault:  # whatever it is, the stage says what may have happened
            if not isinstance(fault, SMTPException | OSError):
                log.error("fault in the mail channel", exc_info=fault)
            self.hang_up()
            return Reply(self._stage, None)

    async def _converse(self, parcel: Parcel) -> Reply:
        if not self._smtp.is_connected:
            await self._smtp.connect()
        if self._smtp.is_ehlo_or_helo_needed:
            await self._smtp.ehlo()
        self._stage = Stage.SENDER
        await self._smtp.mail(self.return_path)
        self._stage = Stage.RECIPIENT
        await self._smtp.rcpt(parcel.to)
        self._stage = Stage.DATA
        started = await self._smtp.execute_command(b"DATA")
        if started.code != START_INPUT:
            raise SMTPResponseException(started.code, started.message)
        return await self._hand_over(parcel.message)

    async def _hand_over(self, message: bytes) -> Reply:
        """Send the message and its final dot; once they are written, silence means that it may have arrived.

        Done by hand because `SMTP.data` does not say whether it failed before the message or after it.
        """
        protocol = self._smtp.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(dot_stuffed(message))
        self._stage = Stage.FINAL
        answer = await protocol.read_response(timeout=self._timeout)
        return Reply(Stage.FINAL, answer.code)

    async def _reset(self) -> None:
        """Make the connection ready for the next message after a refusal."""
        try:
            if self._smtp.is_connected and self._stage is not Stage.CONNECT:
                await self._smtp.rset()
        except (SMTPException, OSError):
            self.hang_up()


def dot_stuffed(message: bytes) -> bytes:
    """The message as it travels: leading dots doubled, the final dot added. Its lines end in CRLF already."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return (b"." + stuffed if message.startswith(b".") else stuffed) + b".\r\n"
