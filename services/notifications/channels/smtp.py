"""Carrying mail over a connection that has been greeted (RFC 5321), with PIPELINING where there is (RFC 2920)."""

from __future__ import annotations

import asyncio
from collections import deque

import aiosmtplib

from services.notifications.domain.replies import Reply, Stage

OK, START_INPUT = 250, 354
LONGEST_LINE = 8192  # of an answer; RFC 5321 4.5.3.1.5 allows 512
STAGES = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA)


class Hung(Exception):
    """The connection was lost, was silent for too long, or what came over it was not SMTP."""


class Conversation(asyncio.Protocol):
    """One connection. `stage` is where the message in hand is; one message at a time."""

    def __init__(self, transport: asyncio.Transport, pipelining: bool, timeout: float) -> None:
        self.transport = transport
        self.pipelining = pipelining
        self.timeout = timeout
        self.stage = Stage.SENDER
        self._lost = False
        self._rest = b""
        self._codes: deque[int] = deque()
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    def taken_over(cls, smtp: aiosmtplib.SMTP, timeout: float) -> Conversation:
        """The connection of a client that has been greeted. Raises Hung when it is lost already."""
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise Hung
        one = cls(transport, smtp.supports_extension("pipelining"), timeout)  # type: ignore[arg-type]
        transport.set_protocol(one)
        return one

    @property
    def is_open(self) -> bool:
        """True while neither side has closed it, as far as we know."""
        return not self._lost and not self.transport.is_closing()

    def hang_up(self) -> None:
        """Close at once, without a word."""
        self.transport.abort()

    async def carry(self, sender: str, to: str, message: bytes) -> Reply:
        """Hand the message over. Raises Hung when no answer comes any more; `stage` then says where that was."""
        self.stage = Stage.SENDER
        commands = (f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{to}>\r\n".encode(), b"DATA\r\n")
        refusal = await (self._at_once(commands) if self.pipelining else self._in_turn(commands))
        if refusal is not None:
            return refusal
        self._write(dot_stuffed(message))
        self.stage = Stage.FINAL
        return Reply(Stage.FINAL, await self._code())

    async def _at_once(self, commands: tuple[bytes, ...]) -> Reply | None:
        """All commands in one write. None when the message may follow."""
        self._write(b"".join(commands))
        for number, stage in enumerate(STAGES):
            self.stage = stage
            refusal = _refused(stage, await self._code())
            if refusal:
                await self._recover(len(STAGES) - number - 1)
                return refusal
        return None

    async def _recover(self, answers: int) -> None:
        """Make the connection ready for the next message, so many answers being on their way still."""
        try:
            codes = [await self._code() for _ in range(answers)]
            if codes and codes[-1] == START_INPUT:  # it wants a message although it takes no recipient: an empty one
                await self._ask(b".\r\n")
            if await self._ask(b"RSET\r\n") != OK:
                self.hang_up()
        except Hung:
            self.hang_up()

    async def _in_turn(self, commands: tuple[bytes, ...]) -> Reply | None:
        """Each command after the answer to the one before. None when the message may follow."""
        for stage, command in zip(STAGES, commands, strict=True):
            self.stage = stage
            refusal = _refused(stage, await self._ask(command))
            if refusal:
                await self._recover(0)
                return refusal
        return None

    async def _ask(self, command: bytes) -> int:
        self._write(command)
        return await self._code()

    def _write(self, what: bytes) -> None:
        if not self.is_open:
            raise Hung
        self.transport.write(what)

    async def _code(self) -> int:
        """The code of the next answer."""
        if not self._codes:
            if self._lost:
                raise Hung
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            silence = loop.call_later(self.timeout, self._wake)
            try:
                await self._waiter
            finally:
                silence.cancel()
                self._waiter = None
            if not self._codes:
                raise Hung
        return self._codes.popleft()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take in answers; of one in several lines the last counts, whose code is followed by a blank (4.2.1)."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line[3:4] == b"-":
                continue
            if not line[:3].isdigit():
                self.transport.abort()
                return
            self._codes.append(int(line[:3]))
        if len(self._rest) > LONGEST_LINE:
            self.transport.abort()
        elif self._codes:
            self._wake()

    def eof_received(self) -> bool:
        """The server has closed its half: there is nothing to wait for."""
        self._lost = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """Nothing will be answered any more."""
        self._lost = True
        self._wake()


def _refused(stage: Stage, code: int) -> Reply | None:
    wanted = START_INPUT if stage is Stage.DATA else OK
    return None if code == wanted or (stage is Stage.RECIPIENT and code == 251) else Reply(stage, code)


def dot_stuffed(message: bytes) -> bytes:
    """The message as it travels: leading dots doubled, the final dot added. Its lines end in CRLF already."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return (b"." + stuffed if message.startswith(b".") else stuffed) + b".\r\n"
