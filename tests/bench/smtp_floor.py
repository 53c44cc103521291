"""The floor of the bulk lane: aiosmtplib on kept connections, sending the same bytes; a process of its own.

Prints when it began and ended (seconds since 1970).

    uv run python -m tests.bench.smtp_floor PORT MAILS CONNECTIONS FILE
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiosmtplib
import uvloop


async def send(port: int, numbers: Iterator[int], message: bytes) -> None:
    """One connection, as long as there is something to send."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False) as client:
        for number in numbers:
            await client.sendmail("skolbro@skola.example", [f"floor{number}@home.example"], message)


async def main(port: int, mails: int, connections: int, message: bytes) -> None:
    """All connections at once."""
    began, numbers = time.time(), iter(range(mails))
    await asyncio.gather(*[send(port, numbers, message) for _ in range(connections)])
    print(json.dumps([began, time.time()]))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        to, how_many, at_once = (int(one) for one in sys.argv[1:4])
        runner.run(main(to, how_many, at_once, Path(sys.argv[4]).read_bytes()))
