"""The road of an event, on a real broker and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.events.envelope import Outgoing
from shared.messaging.outbox import say
from shared.messaging.reader import Batch, Reader
from shared.observe.tracing import continued, new_traceparent
from shared.service import Service
from tests.on_servers import KIT, Told, a_kit, count, fresh_topic, publish, running, until
from tests.stack import Stack

pytestmark = pytest.mark.connected


async def test_what_one_service_says_another_reads_once_in_order_and_under_the_same_trace(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    seen: list[Told] = []
    traces: set[str] = set()

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        seen.extend(received.event for received in batch.of(event))
        traces.update(continued(received.traceparent).split("-")[1] for received in batch.of(event))
        return []

    speaker, listener = await a_kit(stack, clock, "speaker"), await a_kit(stack, clock, "listener")
    abouts, trace = [uuid4() for _ in range(30)], new_traceparent()
    said = [event(about=about, number=number) for number in range(10) for about in abouts]
    async with (
        running(Service(speaker)),
        running(Service(listener, [reader := Reader("told", [topic], [event], handle)])),
    ):
        async with speaker.sessions.begin() as session:
            await say(session, KIT, [Outgoing(one, trace) for one in said], clock.now())
        speaker.outbox_written.set()

        async def all_seen() -> bool:
            return len(seen) >= len(said)

        await until(all_seen)
        await until(reader.caught_up)
    for about in abouts:
        assert [one.number for one in seen if one.about == about] == list(range(10))
    assert traces == {trace.split("-")[1]}


async def test_what_is_said_and_what_is_done_become_true_together_or_not_at_all(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    _, answer = await fresh_topic(stack)
    kit, attempts = await a_kit(stack, clock), 0

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        nonlocal attempts
        attempts += 1
        await say(session, KIT, [Outgoing(answer(about=uuid4(), number=attempts))], batch.now)
        if attempts == 1:
            raise ConnectionResetError
        return []

    await publish(stack, [event(about=uuid4(), number=0)])
    async with running(Service(kit, [reader := Reader("told", [topic], [event], handle)])):
        await until(reader.caught_up)
        async with kit.sessions() as session:
            mine = KIT.outbox.c.topic == answer.topic
            said = (await session.scalars(select(KIT.outbox.c.value).where(mine))).all()
    assert [answer.model_validate_json(value).number for value in said] == [2]


async def test_reader_knows_when_it_has_caught_up(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        await asyncio.sleep(0.2)
        return []

    kit = await a_kit(stack, clock, "listener")
    reader = Reader("told", [topic], [event], handle)
    await publish(stack, [event(about=uuid4(), number=number) for number in range(50)])
    assert not await reader.caught_up()
    async with running(Service(kit, [reader])):
        await until(reader.caught_up)
        assert await count(kit, KIT.read_position) == 3
        assert sum(lag or 0 for lag in (await reader.lag()).values()) == 0
