"""The relay publishes everything, in order, whatever happens around it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import func, select, text

from shared.clock import ManualClock
from shared.errors import Permanent
from shared.events.envelope import Outgoing
from shared.kit import Kit
from shared.messaging.broker import make_producer
from shared.messaging.outbox import say
from shared.messaging.relay import Relay
from shared.service import Service
from shared.topics import Topic
from tests.on_servers import KIT, Told, a_kit, by_key, everything_on, fresh_topic, running, tell, twin, until
from tests.stack import Stack

pytestmark = pytest.mark.connected
WRITERS, TRANSACTIONS, EACH = 20, 10, 5
HOLD_SECONDS = 0.4


@asynccontextmanager
async def relaying(kit: Kit) -> AsyncIterator[Relay]:
    """A relay without a service around it."""
    producer = make_producer(kit.settings, kit.service)
    await producer.start()
    relay = Relay(kit, producer)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await producer.stop()
        await kit.close()


async def write(kit: Kit, event: type[Told], about: UUID, slow: bool) -> None:
    """One writer: its own key, numbers rising; a slow one holds each transaction after its ids are taken."""
    for transaction in range(TRANSACTIONS if not slow else 3):
        async with kit.sessions.begin() as session:
            numbers = range(transaction * EACH, (transaction + 1) * EACH)
            said = [Outgoing(event(about=about, number=number)) for number in numbers]
            await say(session, kit.tables, said, kit.clock.now())
            await asyncio.sleep(HOLD_SECONDS if slow else 0.01)
        kit.outbox_written.set()


async def poll_by_last_id(kit: Kit, seen: set[int]) -> None:
    """The relay that was not built: it remembers the highest id it has seen."""
    last = 0
    while True:
        async with kit.sessions() as session:
            ids = (await session.scalars(select(KIT.outbox.c.id).where(KIT.outbox.c.id > last))).all()
        seen.update(ids)
        last = max([last, *ids])
        await asyncio.sleep(0.02)


async def all_sent(kit: Kit) -> bool:
    async with kit.sessions() as session:
        unsent = select(func.count()).select_from(KIT.outbox).where(KIT.outbox.c.sent_at.is_(None))
        return not await session.scalar(unsent)


async def test_slow_transactions_are_neither_skipped_nor_put_out_of_order(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)
    kit, writing = await a_kit(stack, clock), {uuid4(): number % 4 == 0 for number in range(WRITERS)}
    seen_by_last_id: set[int] = set()
    async with running(Service(kit)):
        naive = asyncio.create_task(poll_by_last_id(twin(kit), seen_by_last_id))
        await asyncio.gather(*[write(twin(kit), event, about, slow) for about, slow in writing.items()])
        await until(lambda: all_sent(kit))
        await asyncio.sleep(0.1)
        naive.cancel()
        expected = {str(a): list(range(EACH * (3 if slow else TRANSACTIONS))) for a, slow in writing.items()}
        total = sum(len(numbers) for numbers in expected.values())
        assert by_key(await everything_on(stack, topic, total)) == expected
    assert len(seen_by_last_id) < total, "reading by `id > last` is expected to skip rows of slow transactions"


async def test_one_relay_publishes_while_another_stands_by_and_takes_over_when_it_dies(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    kit, about = await a_kit(stack, clock), uuid4()
    async with relaying(twin(kit)) as first:
        await until(lambda: _leads(first))
        second_running = relaying(twin(kit))
        second = await second_running.__aenter__()
        await tell(kit, [event(about=about, number=1)])
        await until(lambda: all_sent(kit))
        assert (first.leading, second.leading) == (True, False)
    try:
        await tell(kit, [event(about=about, number=2)])
        await until(lambda: all_sent(kit))
        assert (first.leading, second.leading) == (False, True)
        assert by_key(await everything_on(stack, topic, 2)) == {str(about): [1, 2]}
    finally:
        await second_running.__aexit__(None, None, None)
        await kit.close()


async def test_a_relay_that_lost_its_database_connection_leads_again(stack: Stack, clock: ManualClock) -> None:
    _, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    async with running(Service(kit)):
        for number in range(3):
            await tell(kit, [event(about=uuid4(), number=number)])
            await until(lambda: all_sent(kit))
            await _end_connections_of_leader(kit)


async def test_a_relay_whose_producer_failed_keeps_no_lock_without_leading(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    await asyncio.gather(*[kit.life.present(), *[_hold_a_connection(kit) for _ in range(4)]])
    async with relaying(kit) as relay:
        await until(lambda: _leads(relay))
        working = relay.producer
        relay.producer = await _closed_producer(kit, topic)
        await tell(kit, [event(about=uuid4(), number=1)])
        await until(lambda: _failed(relay))
        relay.producer = working
        await until(lambda: all_sent(kit), seconds=10)


async def test_what_is_published_is_noted_under_the_life_of_the_broker_that_took_it(
    stack: Stack, clock: ManualClock
) -> None:
    _, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    real = kit.cluster
    async with running(Service(kit)):
        await tell(kit, [event(about=uuid4(), number=1)])
        await until(lambda: all_sent(kit))
        kit.cluster = "a life that is over"
        await tell(kit, [event(about=uuid4(), number=2)])
        await until(lambda: all_sent(kit))
        async with kit.sessions() as session:
            assert set(await session.scalars(select(KIT.outbox.c.cluster))) == {real}


async def test_what_was_said_while_the_broker_was_away_is_published_when_it_is_back(
    stack: Stack, clock: ManualClock
) -> None:
    if not stack.broker.child.running():
        pytest.skip("The broker is not a child of ours, so it cannot be held still.")
    topic, event = await fresh_topic(stack)
    kit, abouts = await a_kit(stack, clock), [uuid4() for _ in range(5)]
    async with running(Service(kit)):
        await tell(kit, [event(about=about, number=0) for about in abouts])
        await until(lambda: all_sent(kit))
        os.kill(stack.broker.child.pid, signal.SIGSTOP)
        try:
            for number in range(1, 4):
                await tell(kit, [event(about=about, number=number) for about in abouts])
            await asyncio.sleep(1.5)
            assert not await all_sent(kit)
        finally:
            os.kill(stack.broker.child.pid, signal.SIGCONT)
        await until(lambda: all_sent(kit))
        told = by_key(await everything_on(stack, topic, 20))
        assert {about: sorted(set(numbers)) for about, numbers in told.items()} == {
            str(a): [0, 1, 2, 3] for a in abouts
        }


async def test_an_event_kafka_would_refuse_is_refused_before_it_blocks_the_outbox(
    stack: Stack, clock: ManualClock
) -> None:
    _, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    with pytest.raises(Permanent, match="too large to be sent"):
        await tell(kit, [event(about=uuid4(), number=1, text="x" * 1_000_000)])
    await kit.close()


async def test_a_tombstone_erases_what_the_outbox_holds_under_its_key(stack: Stack, clock: ManualClock) -> None:
    _, event = await fresh_topic(stack, compacted=True)
    kit, gone, stays = await a_kit(stack, clock), uuid4(), uuid4()
    await tell(kit, [event(about=about, number=number) for about in (gone, stays) for number in (1, 2)])
    await tell(kit, [event(about=gone, number=3)], tombstone=True)
    async with kit.sessions() as session:
        rows = (await session.execute(select(KIT.outbox.c.key, KIT.outbox.c.value))).all()
    assert [row.value for row in rows if row.key == str(gone)] == [None]
    assert len([row for row in rows if row.key == str(stays)]) == 2
    await kit.close()


async def _leads(relay: Relay) -> bool:
    return relay.leading


async def _failed(relay: Relay) -> bool:
    return not relay.leading


async def _closed_producer(kit: Kit, topic: Topic) -> AIOKafkaProducer:
    producer = make_producer(kit.settings, "closed")
    await producer.start()
    await producer.partitions_for(topic.name)
    await producer.stop()
    return producer


async def _hold_a_connection(kit: Kit) -> None:
    """Let the pool open one more connection, so that it has several to give."""
    async with kit.sessions() as session:
        await session.execute(text("select pg_sleep(0.1)"))


async def _end_connections_of_leader(kit: Kit) -> None:
    """End the database connection that holds the relay's lock, as a network fault would."""
    locks = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = "
    async with kit.people.begin() as session:  # the login itself: as the machine it may not end a login's connection
        await session.execute(text(locks + "(select oid from pg_database where datname = current_database())"))
