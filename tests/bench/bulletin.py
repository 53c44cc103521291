"""One bulletin to a whole town: from its event on the topic to the mail server's last 250, two processes at work.

Real processes of the service, PostgreSQL with its durable settings, the embedded broker. `rss_mb` is the most memory
one of the processes had. The floor in the same run is aiosmtplib on kept connections in two processes, sending bytes
of the same size that are ready: no database, no recipients, nothing kept.

    uv run python -m tests.bench.bulletin --json [--people 100000]
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.bulk import Room, children, floor, most_memory, option, sinking
from tests.bench.common import produce, run, servers

PROCESSES = 2
STATUSES = "select status, count(*) from addressee where mailing_id = %s group by status"


async def bulletin(room: Room, seconds: float) -> dict[str, Any]:
    """Send one to everyone; what the sink says of it, when it was asked for, how much memory it took, and the floor.

    The floor is measured before and after: on a machine that others use, once says little.
    """
    people = len(room.town.guardians)
    workers = [room.process(f"bulk{number}", "bulk") for number in range(PROCESSES)]
    with children(*workers):
        size = await warm(room)
        floors = [await floor(room.sink, room.folder, max(2000, people // 5), size)]
        await room.sink.told("reset")
        asked, mailing = time.time(), room.town.bulletin()
        await produce(room.settings, [mailing])
        taken = await room.sink.until(people, seconds)
        await until_over(room, mailing.mailing_id)
        memory = most_memory(workers)
        floors.append(await floor(room.sink, room.folder, max(2000, people // 5), size))
    counted = room.query(STATUSES, mailing.mailing_id)
    return {**taken, "asked": asked, "rss_mb": memory, "floors": floors, "statuses": dict(counted)}


async def warm(room: Room) -> int:
    """Send one to a few classes, once both processes have joined their groups; how large a mail is."""
    await asyncio.sleep(8)
    mailing = room.town.bulletin(room.town.classes[:4])
    await produce(room.settings, [mailing])
    await until_over(room, mailing.mailing_id)
    taken = await room.sink.told()
    return int(taken["bytes"] // taken["taken"])


async def until_over(room: Room, mailing: object) -> None:
    """Wait until the mailing is over in the database as well."""
    async with asyncio.timeout(60):
        while room.query("select status from mailing where mailing_id = %s", mailing) != [("done",)]:
            await asyncio.sleep(0.2)


async def main() -> dict[str, Any]:
    """Fill the town, send, compare."""
    people = option("--people", 100_000)
    with tempfile.TemporaryDirectory(prefix="skolbro-bench-") as name, servers("embedded") as stack:
        folder = Path(name)
        with sinking(folder) as sink:
            room = Room(stack, sink, folder, people)
            await room.fill()
            sent = await bulletin(room, 60 + people / 50)
            return figures(people, sent)


def figures(people: int, sent: dict[str, Any]) -> dict[str, Any]:
    """What is printed. `lost` counts who the sink never saw, or whom the database does not have as delivered."""
    rate, base = people / (sent["last"] - sent["asked"]), sum(sent["floors"]) / len(sent["floors"])
    return {
        "bench": "bulletin",
        "people": people,
        "processes": PROCESSES,
        "mail_bytes": sent["bytes"] // sent["taken"],
        "mails_per_s": round(rate),
        "seconds": round(sent["last"] - sent["asked"], 1),
        "first_after_s": round(sent["first"] - sent["asked"], 1),
        "rss_mb": sent["rss_mb"],
        "lost": people - min(sent["people"], sent["statuses"].get("delivered", 0)),
        "duplicates": sent["taken"] - sent["people"],
        "floor_per_s": round(base),
        "ratio_floor": round(rate / base, 2),
    }


if __name__ == "__main__":
    run(main)
