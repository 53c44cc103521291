"""Conversations with a mail server that takes several commands at once, and does odd things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.embedded.process import free_port
from services.notifications.channels.email import EmailRoad
from services.notifications.channels.protocol import Parcel
from services.notifications.domain.replies import Reply, Stage
from services.notifications.settings import NotificationsSettings

pytestmark = pytest.mark.connected
HELLO = {"EHLO": "250-sink\r\n250 PIPELINING"}
FINE = {"MAIL": "250 OK", "RCPT": "250 OK", "DATA": "354 go on", ".": "250 taken", "RSET": "250 OK"}
TAKEN = Reply(Stage.FINAL, 250)


class Server:
    """Answers as `script` says, each list used up one by one, then as usual; `cut` ends the connection instead.

    `heard` has every command and message, `connections` how many there were. `dribble`: answers come byte by byte.
    """

    def __init__(self, pipelining: bool = True) -> None:
        self.port = free_port()
        self.script: dict[str, list[str]] = {}
        self.heard: list[bytes] = []
        self.packets: list[bytes] = []
        self.connections = 0
        self.dribble = False
        self.hello = HELLO["EHLO"] if pipelining else "250 sink"

    def answer(self, word: str) -> str:
        """What is said to this."""
        given = self.script.get(word)
        return given.pop(0) if given else (self.hello if word == "EHLO" else FINE.get(word, "250 OK"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        writer.write(b"220 here\r\n")
        try:
            await self._talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        in_data = False
        while True:
            line = await reader.readuntil(b"\r\n.\r\n" if in_data else b"\r\n")
            self.heard.append(line)
            word = "." if in_data else line[:4].decode().strip().upper()
            in_data = False
            answer = self.answer(word)
            if answer == "cut":
                return
            in_data = answer.startswith("354")
            for piece in (
                [bytes([one]) for one in f"{answer}\r\n".encode()] if self.dribble else [answer.encode() + b"\r\n"]
            ):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)


@asynccontextmanager
async def talking(pipelining: bool = True) -> AsyncIterator[tuple[Server, EmailRoad]]:
    """A server and a road to it with one connection."""
    server = Server(pipelining)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", server.port)
    road = EmailRoad(NotificationsSettings(smtp_port=server.port, smtp_timeout=1), 1)
    try:
        yield server, road
    finally:
        road.close()
        listening.close()


async def send(road: EmailRoad, body: bytes = b"Subject: x\r\n\r\nhello\r\n", **more: str) -> Reply:
    """One mail."""
    async with road.line() as line:
        return await line.send(Parcel("anna@home.example", body, 0, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_one_connection_carries_one_mail_after_the_other(pipelining: bool) -> None:
    async with talking(pipelining) as (server, road):
        server.dribble = True
        assert [await send(road) for _ in range(3)] == [TAKEN] * 3
        assert server.connections == 1
        assert server.heard.count(b"Subject: x\r\n\r\nhello\r\n.\r\n") == 3


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_refused_recipient_leaves_the_connection_ready_for_the_next(pipelining: bool) -> None:
    async with talking(pipelining) as (server, road):
        server.script = {"RCPT": ["550 no such user"], "DATA": ["503 no recipients"] if pipelining else []}
        assert await send(road) == Reply(Stage.RECIPIENT, 550)
        assert await send(road) == TAKEN
        assert server.connections == 1
        assert b"RSET\r\n" in server.heard


async def test_a_server_that_wants_a_message_without_a_recipient_gets_an_empty_one() -> None:
    async with talking() as (server, _road):
        server.script = {"RCPT": ["550 no"]}

        async def empty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 here\r\n")
            answers = {b"EHLO": b"250-x\r\n250 PIPELINING\r\n", b"RCPT": b"550 no\r\n", b"DATA": b"354 go on\r\n"}
            while line := await reader.readline():
                server.heard.append(line)
                writer.write(answers.get(line[:4], b"250 OK\r\n"))
            writer.close()

        other = free_port()
        listening = await asyncio.start_server(empty, "127.0.0.1", other)
        strange = EmailRoad(NotificationsSettings(smtp_port=other, smtp_timeout=1), 1)
        assert await send(strange) == Reply(Stage.RECIPIENT, 550)
        assert server.heard[-2:] == [b".\r\n", b"RSET\r\n"]
        strange.close()
        listening.close()


async def test_a_connection_that_was_closed_meanwhile_is_made_anew_once() -> None:
    async with talking() as (server, road):
        server.script = {"MAIL": ["250 OK", "421 you have been idle"]}
        assert await send(road) == TAKEN
        assert await send(road) == TAKEN
        assert server.connections == 2
        server.script = {"MAIL": ["cut", "cut"]}
        assert await send(road) == Reply(Stage.SENDER, None)
        assert server.connections == 3


@pytest.mark.parametrize(
    ("script", "stage"),
    [
        ({"MAIL": ["cut"]}, Stage.SENDER),
        ({"RCPT": ["cut"]}, Stage.RECIPIENT),
        ({"DATA": ["cut"]}, Stage.DATA),
        ({".": ["cut"]}, Stage.FINAL),
    ],
)
async def test_a_cut_is_known_by_where_it_happened(script: dict[str, list[str]], stage: Stage) -> None:
    async with talking() as (server, road):
        server.script = script
        assert await send(road) == Reply(stage, None)
        assert await send(road) == TAKEN


async def test_silence_after_the_message_means_that_it_may_have_arrived() -> None:
    async with talking() as (server, road):
        server.script = {".": ["250-still\r\n250-thinking"]}  # the last line never comes
        assert await send(road) == Reply(Stage.FINAL, None)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
async def test_what_the_server_puts_off_is_put_off(stage: str) -> None:
    async with talking() as (server, road):
        server.script = {stage: ["451 later"]}
        reply = await send(road)
        assert reply.code == 451
        server.script = {}
        assert await send(road) == TAKEN


async def test_what_is_no_smtp_is_hung_up_on() -> None:
    async with talking() as (server, road):
        server.script = {"MAIL": ["hello there"]}
        assert await send(road) == Reply(Stage.SENDER, None)


async def test_dots_travel_doubled_and_bounces_go_to_the_mails_own_return_path() -> None:
    async with talking() as (server, road):
        assert await send(road, b".a\r\n..b\r\nc.\r\n", return_path="r1@bounces.example") == TAKEN
        assert b"..a\r\n...b\r\nc.\r\n.\r\n" in server.heard
        assert b"MAIL FROM:<r1@bounces.example>\r\n" in server.heard


async def test_without_a_server_nothing_is_said_about_the_message() -> None:
    road = EmailRoad(NotificationsSettings(smtp_port=free_port(), smtp_timeout=1), 1)
    assert await send(road) == Reply(Stage.CONNECT, None)
    assert road.is_down
