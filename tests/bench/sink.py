"""A mail server that takes everything as fast as it can and remembers to whom; a process of its own.

It speaks PIPELINING, as every server in use does. Whoever connects to the second port is told what was taken, as JSON;
a line that says `reset` forgets it first.

    uv run python -m tests.bench.sink PORT ASKED_PORT
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter

import uvloop

NOTIFICATION = re.compile(rb"/n/([0-9a-f-]{36})")
READY = b"220 sink\r\n"
SHORT = 9000  # bytes; a bulletin is longer, and need not be searched


class Taken:
    """What was taken: how often to whom, when the first and the last, and when each message with a link `/n/…`."""

    def __init__(self) -> None:
        self.to: Counter[bytes] = Counter()
        self.bytes = 0
        self.first = self.last = 0.0
        self.urgent: dict[str, float] = {}

    def take(self, to: bytes, message: bytes) -> None:
        """Note one."""
        self.last = time.time()
        self.first = self.first or self.last
        self.to[to] += 1
        self.bytes += len(message)
        if len(message) < SHORT and (found := NOTIFICATION.search(message.replace(b"=\r\n", b""))):
            self.urgent.setdefault(found[1].decode(), self.last)

    def told(self) -> bytes:
        """As whoever asks is told."""
        taken = {
            "taken": self.to.total(),
            "people": len(self.to),
            "bytes": self.bytes,
            "first": self.first,
            "last": self.last,
            "urgent": self.urgent,
        }
        return json.dumps(taken).encode()


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, taken: list[Taken]) -> None:
        self.all = taken
        self.to = b""
        self.rest = bytearray()
        self.in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = transport
        transport.write(READY)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Answer what has come whole."""
        self.rest += data
        answers = bytearray()
        while self._step(answers):
            pass
        if answers:
            self.transport.write(bytes(answers))  # type: ignore[attr-defined]

    def _step(self, answers: bytearray) -> bool:
        end = self.rest.find(b"\r\n.\r\n" if self.in_data else b"\r\n")
        if end < 0:
            return False
        if self.in_data:
            self.all[0].take(self.to, bytes(self.rest[:end]))
            del self.rest[: end + 5]
            self.in_data = False
            answers += b"250 taken\r\n"
            return True
        line = bytes(self.rest[:end])
        del self.rest[: end + 2]
        answers += self._answer(line)
        return True

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250-8BITMIME\r\n250 PIPELINING\r\n"
            case b"RCPT":
                self.to = line[9:-1]
            case b"DATA":
                self.in_data = True
                return b"354 go on\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
        return b"250 OK\r\n"


async def serve(port: int, asked: int) -> None:
    """Take mail, and tell."""
    taken = [Taken()]

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readline()).strip() == b"reset":
            taken[0] = Taken()
        writer.write(taken[0].told())
        writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Sink(taken), "127.0.0.1", port)
    await asyncio.start_server(tell, "127.0.0.1", asked)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), int(sys.argv[2])))
