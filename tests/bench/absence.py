"""How fast the absence service takes lesson results, against a bare consumer and an idiomatic one.

`ours`: the real reader with the real handler, database and relay, from the first fetch until the last effect is
committed and the last outbox row is published. `floor`: aiokafka `getmany` + pydantic + COPY of the same rows +
offset commit: no rules, no memory of what was seen. `naive`: a FastStream handler per message with a SQLModel
session, commit and publish each. All in one run on the same servers.

    uv run python -m tests.bench.absence --json [--kafka]
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from services.absence import tables
from services.absence.consumers import readers
from services.absence.domain import Rules
from services.absence.store import RESULT_NAMES
from services.absence.tables import LessonResult
from shared.clock import ManualClock
from shared.db.engine import connect
from shared.events.attendance import AttendanceRecorded
from shared.events.envelope import Received
from shared.kit import Kit
from shared.messaging.broker import create_topics
from shared.messaging.reader import Batch, Reader
from shared.service import Service
from shared.settings import ServiceSettings
from shared.topics import ATTENDANCE
from tests.bench.common import NOON, database, people, person, produce, results, run, servers
from tests.stack import Stack, kit_on

PUPILS, RESULTS, NAIVE, MISSING = 20_000, 200_000, 5_000, 0.03
RULES = Rules(grace=timedelta(0))
COPY = f"copy lesson_result ({', '.join(RESULT_NAMES)}) from stdin"


async def ours(
    stack: Stack, pupils: Sequence[UUID], count: int, begins: Callable[[], object] = lambda: None
) -> tuple[float, float, dict[str, int]]:
    """Seconds, CPU seconds of this process, and what was written. `begins` is called when the roster is in."""
    own = ServiceSettings()
    kit = await kit_on(stack, "absence", tables.metadata, tables.kit, ManualClock(NOON), own)
    roster, attendance, *_ = readers(RULES)
    await _load_roster(kit, roster, pupils)
    await _analyze(stack, kit)
    gc.collect()
    gc.freeze()  # nor is the roster that was loaded
    begins()
    watch = Watch(kit, count)
    take = attendance.take_ahead

    async def first_take(records: Any) -> None:
        watch.begin()
        await take(records)

    attendance.take_ahead = first_take  # type: ignore[method-assign]
    task = asyncio.create_task(Service(kit, [attendance]).run())
    seconds, cpu = await watch.until_done()
    written = await watch.rows()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await kit.close()
    return seconds, cpu, written


async def _load_roster(kit: Kit, roster: Reader, pupils: Sequence[UUID]) -> None:
    async with kit.sessions.begin() as session:
        known = [Received(person(p), str(uuid4()).encode(), None, "", 0, 0) for p in pupils]
        await roster.handle(session, Batch(known, NOON))


async def _analyze(stack: Stack, kit: Kit) -> None:
    """Tell the planner at once what autovacuum would soon; only the owner may."""
    url = stack.owner_url(kit.own.database_url).replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as owner:
        await owner.execute("analyze roster")


class Watch:
    """Starts with the first batch and ends when everything is read, committed and published."""

    def __init__(self, kit: Kit, count: int) -> None:
        self.kit, self.count = kit, count
        self.started: tuple[float, float] | None = None

    def begin(self) -> None:
        """Note the time of the first fetch."""
        self.started = self.started or (time.perf_counter(), time.process_time())

    async def until_done(self) -> tuple[float, float]:
        """Wait for the end; looks ten times a second, at what indexes answer at once."""
        while not (self.started and await self._read() >= self.count and not await self._unsent()):
            await asyncio.sleep(0.1)
        return time.perf_counter() - self.started[0], time.process_time() - self.started[1]

    async def rows(self) -> dict[str, int]:
        """What was written."""
        async with self.kit.sessions() as session:
            names = ("lesson_result", "notice", "outbox", "dead_letter")
            return {n: int(await session.scalar(text(f"select count(*) from {n}")) or 0) for n in names}

    async def _read(self) -> int:
        async with self.kit.sessions() as session:
            mine = text("select sum(next_offset) from read_position where topic = :topic")
            return int(await session.scalar(mine, {"topic": ATTENDANCE.name}) or 0)

    async def _unsent(self) -> bool:
        async with self.kit.sessions() as session:
            return bool(await session.scalar(text("select exists(select from outbox where sent_at is null)")))


async def floor(stack: Stack, count: int) -> float:
    """Seconds that the bare minimum takes for the same records."""
    url = database(stack.postgres, tables.metadata).replace("+psycopg", "")
    group = f"floor-{uuid4().hex[:6]}"
    consumer = AIOKafkaConsumer(
        ATTENDANCE.name,
        bootstrap_servers=stack.broker.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    connection = await psycopg.AsyncConnection.connect(url)
    await consumer.start()
    started, seen = 0.0, 0
    while seen < count:
        lots = await consumer.getmany(timeout_ms=25, max_records=500)
        records = [record for lot in lots.values() for record in lot]
        if not records:
            continue
        started = started or time.perf_counter()
        events = [AttendanceRecorded.model_validate_json(record.value) for record in records]
        async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for event in events:
                await copy.write_row([getattr(event, name) for name in RESULT_NAMES])
        await connection.commit()
        await consumer.commit()
        seen += len(records)
    seconds = time.perf_counter() - started
    await consumer.stop()
    await connection.close()
    return seconds


async def naive(stack: Stack, events: Sequence[AttendanceRecorded]) -> float:
    """Seconds that one handler call, one session, one commit and one publish per message take."""
    topic, out = f"naive-{uuid4().hex[:6]}", f"naive-out-{uuid4().hex[:6]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 6, 1), NewTopic(out, 6, 1)])
    await admin.close()
    await produce(stack.settings, events, topic)
    engine = connect(database(stack.postgres, tables.metadata), 4)
    broker = KafkaBroker(stack.broker.bootstrap, logger=None, allow_auto_create_topics=False)
    done, started, seen = asyncio.Event(), 0.0, 0

    @broker.subscriber(topic, group_id=topic, auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR)
    async def on_result(event: AttendanceRecorded) -> None:
        nonlocal started, seen
        started = started or time.perf_counter()
        async with AsyncSession(engine) as session:
            await session.merge(LessonResult(**{name: getattr(event, name) for name in RESULT_NAMES}))
            await session.commit()
        if event.invalid_minutes:
            await broker.publish(event, out, key=event.key().encode())
        seen += 1
        if seen == len(events):
            done.set()

    async with broker:
        await broker.start()
        await done.wait()
    seconds = time.perf_counter() - started
    await engine.dispose()
    return seconds


async def main() -> dict[str, Any]:
    """Floor, ours and floor again (the machine's speed drifts), then naive."""
    pupils = people(PUPILS)
    events = results(pupils, RESULTS, MISSING)
    with servers("kafka" if "--kafka" in sys.argv else "embedded") as stack:
        await create_topics(stack.settings)
        await produce(stack.settings, events)
        gc.collect()
        gc.freeze()  # what was made for the run is not the run's garbage
        before = await floor(stack, RESULTS)
        seconds, cpu, written = await ours(stack, pupils, RESULTS)
        after = await floor(stack, RESULTS)
        slow = await naive(stack, events[:NAIVE])
    floor_per_s, ours_per_s, naive_per_s = RESULTS / ((before + after) / 2), RESULTS / seconds, NAIVE / slow
    return {
        "ours_per_s": round(ours_per_s),
        "floor_per_s": round(floor_per_s),
        "naive_per_s": round(naive_per_s),
        "ratio_floor": round(ours_per_s / floor_per_s, 2),
        "ratio_naive": round(ours_per_s / naive_per_s, 1),
        "cpu_us_per_result": round(cpu / RESULTS * 1e6, 1),
        **written,
    }


if __name__ == "__main__":
    run(main)
