"""A notice that somebody is missing, every second, while a bulletin goes out to a whole town: does it have to wait?

Real processes of the service: one for what hurries, two for what is bulky, PostgreSQL with its durable settings, the
embedded broker. `p99_ms` is from the request on its topic to the mail server's 250 while the bulletin goes out,
`p99_alone_ms` the same with nothing else to do; `bulletin_slowed` is the share of its speed that the bulletin lost,
against the same bulletin without notices.

    uv run python -m tests.bench.lanes --json [--people 100000] [--seconds 60]
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from shared.events.notify import NotificationKind, NotificationRequested
from shared.ids import new_id
from shared.messaging.codec import headers_for
from tests.bench.bulk import NOON, Room, children, option, sinking
from tests.bench.bulletin import PROCESSES, until_over
from tests.bench.common import produce, run, servers

EVERY = 1.0  # seconds


class Alerts:
    """One notice a second until stopped, each about another pupil."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.asked: dict[str, float] = {}
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Alerts:
        """Begin."""
        self.task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, *_: object) -> None:
        """No more."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _ask(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.room.settings.kafka_bootstrap)
        await producer.start()
        try:
            started, number = time.time(), 0
            while True:
                await asyncio.sleep(max(0.0, started + number * EVERY - time.time()))
                event = self._notice(self.room.town.pupils[number % len(self.room.town.pupils)])
                headers = headers_for(new_id(), event.event_type, "bench", NOON, event.key(), None)
                self.asked[str(event.notification_id)] = time.time()
                await producer.send_and_wait(event.topic, event.to_json(), key=event.key().encode(), headers=headers)
                number += 1
        finally:
            await producer.stop()

    def _notice(self, pupil: UUID) -> NotificationRequested:
        return NotificationRequested(
            notification_id=uuid4(),
            kind=NotificationKind.ABSENCE_NOTICE,
            school_id=self.room.town.school,
            pupil_id=pupil,
            day=NOON.date(),
            requested_at=NOON,
        )

    def waits(self, taken: Mapping[str, float]) -> list[float]:
        """Milliseconds each took, in order of length. Raises RuntimeError when one never arrived."""
        lost = self.asked.keys() - taken.keys()
        if lost:
            raise RuntimeError(f"{len(lost)} of {len(self.asked)} notices never arrived.")
        return sorted((taken[one] - asked) * 1000 for one, asked in self.asked.items())


async def bulletin(room: Room) -> tuple[float, dict[str, Any]]:
    """Send one to everyone: mails a second, and what the sink says."""
    people, mailing = len(room.town.guardians), room.town.bulletin()
    await room.sink.told("reset")
    asked = time.time()
    await produce(room.settings, [mailing])
    taken = await room.sink.until(people, 60 + people / 50)
    await until_over(room, mailing.mailing_id)
    return people / (taken["last"] - asked), taken


async def main() -> dict[str, Any]:
    """The bulletin alone, the notices alone, and both."""
    people, seconds = option("--people", 100_000), option("--seconds", 60)
    with tempfile.TemporaryDirectory(prefix="skolbro-bench-") as name, servers("embedded") as stack:
        folder = Path(name)
        with sinking(folder) as sink:
            room = Room(stack, sink, folder, people)
            await room.fill()
            bulky = [room.process(f"bulk{number}", "bulk") for number in range(PROCESSES)]
            with children(room.process("urgent", "urgent", "normal"), *bulky):
                await asyncio.sleep(10)
                return await compared(room, people, seconds)


async def compared(room: Room, people: int, seconds: int) -> dict[str, Any]:
    """Everything that is measured, once everything is warm."""
    async with Alerts(room):
        await asyncio.sleep(5)
    speed, _ = await bulletin(room)
    async with Alerts(room) as alone:
        await asyncio.sleep(seconds)
    await asyncio.sleep(3)
    quiet = alone.waits((await room.sink.told())["urgent"])
    async with Alerts(room) as beside:
        slowed, _ = await bulletin(room)
    await asyncio.sleep(5)
    waits = beside.waits((await room.sink.told())["urgent"])
    return figures(people, waits, quiet, speed, slowed)


def figures(people: int, waits: list[float], quiet: list[float], speed: float, slowed: float) -> dict[str, Any]:
    """What is printed."""
    return {
        "bench": "lanes",
        "people": people,
        "alerts": len(waits),
        "p50_ms": round(percentile(waits, 50)),
        "p99_ms": round(percentile(waits, 99)),
        "p50_alone_ms": round(percentile(quiet, 50)),
        "p99_alone_ms": round(percentile(quiet, 99)),
        "ratio_alone": round(percentile(waits, 99) / percentile(quiet, 99), 2),
        "bulletin_per_s": round(speed),
        "bulletin_slowed": round(max(0.0, 1 - slowed / speed), 3),
    }


def percentile(ordered: list[float], share: int) -> float:
    """The smallest value that so many in a hundred do not exceed."""
    return ordered[-(-len(ordered) * share // 100) - 1]


if __name__ == "__main__":
    run(main)
