"""The road of an event, on a real broker and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.db.engine import new_metadata
from shared.events.envelope import Outgoing
from shared.events.roster import PersonStated
from shared.ids import new_id
from shared.kit import Kit
from shared.messaging.broker import create_topics, make_producer
from shared.messaging.codec import headers_for
from shared.messaging.outbox import say
from shared.messaging.reader import Batch, Reader
from shared.messaging.tables import kit_tables
from shared.service import Service
from shared.topics import PERSONS
from tests.stack import Stack, kit_on

pytestmark = pytest.mark.connected
metadata = new_metadata()
tables = kit_tables(metadata)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    task = asyncio.create_task(service.run())
    try:
        yield
    finally:
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended
        await service.kit.engine.dispose()


async def until(check: object, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await check():  # type: ignore[operator]
            await asyncio.sleep(0.05)


async def count(kit: Kit, table: object) -> int:
    async with kit.sessions() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


async def test_what_one_service_says_another_reads_once_and_a_poison_record_holds_nobody_up(
    stack: Stack, clock: ManualClock
) -> None:
    await create_topics(stack.settings)
    seen: list[PersonStated] = []
    mine = {uuid4() for _ in range(300)}

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        events = [r.event for r in batch.of(PersonStated) if r.event.person_id in mine]
        if any(event.version == 13 for event in events):
            raise ValueError("this one breaks the handler")
        seen.extend(events)
        return []

    speaker = await kit_on(stack, "speaker", metadata, tables, clock)
    listener = await kit_on(stack, "listener", metadata, tables, clock)
    reader = Reader("people", [PERSONS], [PersonStated], handle)
    async with running(Service(speaker)), running(Service(listener, [reader])):
        async with speaker.sessions.begin() as session:
            said = [Outgoing(PersonStated(person_id=p, version=1)) for p in mine]
            bad = next(iter(mine))
            said.insert(150, Outgoing(PersonStated(person_id=bad, version=13)))
            await say(session, tables, said, clock.now())
        speaker.outbox_written.set()
        producer = make_producer(stack.settings, "stranger")
        await producer.start()
        headers = headers_for(new_id(), "roster.person_stated.v9", "x", clock.now(), "x", None)
        for value in (b"{", b"\xff\xfe", b"[" * 10_000):
            await producer.send_and_wait(PERSONS.name, value, key=b"k", headers=headers)
        await producer.stop()

        async def done() -> bool:
            return len({e.person_id for e in seen}) == 300 and await count(listener, tables.dead_letter) >= 4

        await until(done)
        await until(reader.caught_up)
    assert {e.person_id for e in seen} == mine


async def test_reader_knows_when_it_has_caught_up(stack: Stack, clock: ManualClock) -> None:
    await create_topics(stack.settings)

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        await asyncio.sleep(0.2)
        return []

    kit = await kit_on(stack, "listener", metadata, tables, clock)
    reader = Reader("people", [PERSONS], [PersonStated], handle)
    producer = make_producer(stack.settings, "stranger")
    await producer.start()
    for _ in range(50):
        event = PersonStated(person_id=uuid4(), version=1)
        headers = headers_for(new_id(), event.event_type, "x", clock.now(), "x", None)
        await producer.send_and_wait(PERSONS.name, event.to_json(), key=event.key().encode(), headers=headers)
    assert not await reader.caught_up()
    async with running(Service(kit, [reader])):
        await until(reader.caught_up)
        read = await count(kit, tables.read_position)
        assert read >= 1
        assert sum(lag or 0 for lag in (await reader.lag()).values()) == 0
    await producer.stop()
