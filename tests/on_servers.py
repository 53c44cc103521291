"""What tests on real servers share: a topic and an event of their own, a service that runs for a block, waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, Text, Uuid, func, select

from shared.db.engine import new_metadata
from shared.db.walls import Wall, walled
from shared.events.envelope import Event, Outgoing, Version
from shared.ids import new_id
from shared.kit import Kit, make_kit
from shared.messaging.broker import create_topics, make_producer
from shared.messaging.codec import headers_for
from shared.messaging.outbox import say
from shared.messaging.tables import KitTables, kit_tables
from shared.service import Service
from shared.topics import OPERATIONS, Topic
from tests.stack import Stack, kit_on

LOOK_SECONDS = 0.02
SOME_TIME = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


class Told(Event):
    """A test's own event: the `number`th thing said about something."""

    event_type: ClassVar[str] = "test.told.v1"

    about: UUID
    number: int
    version: Version = 0
    text: str = ""

    def key(self) -> str:
        return str(self.about)


def new_tables() -> tuple[MetaData, KitTables, Table]:
    """A service's tables for tests: the kit's, and `effect`, which takes anything twice so that doubles show."""
    metadata = new_metadata()
    kit = kit_tables(metadata)
    effect = Table(
        "effect",
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("about", Uuid, nullable=False),
        Column("number", Integer, nullable=False),
        Column("text", Text, nullable=False, server_default=""),
        **walled(Wall.MACHINE),
    )
    return metadata, kit, effect


METADATA, KIT, EFFECT = new_tables()


async def fresh_topic(stack: Stack, partitions: int = 3, *, compacted: bool = False) -> tuple[Topic, type[Told]]:
    """A topic nobody else uses, and the event that is said there."""
    topic = Topic(f"test.{uuid4().hex}", ("test",), ("test",), "about", partitions, compacted)
    await create_topics(stack.settings, [topic, OPERATIONS])  # every service says how it is doing
    return topic, type("Told", (Told,), {"topic": topic.name, "__module__": __name__})


async def a_kit(stack: Stack, clock: object, name: str = "test") -> Kit:
    """An engine room with the tables of this module, on a fresh database."""
    return await kit_on(stack, name, METADATA, KIT, clock)  # type: ignore[arg-type]


def twin(kit: Kit) -> Kit:
    """A second process of the same service: same name, same database."""
    other = make_kit(kit.service, kit.tables, kit.settings, kit.own)
    other.clock, other.cluster = kit.clock, kit.cluster
    return other


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    """The service for as long as the block lasts; it must end by our cancelling and by nothing else."""
    task = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        await service.kit.close()
        assert isinstance(ended, asyncio.CancelledError), ended


@asynccontextmanager
async def producing(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of no service."""
    producer = make_producer(stack.settings, "stranger")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def until(check: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(seconds):
        while not await check():  # noqa: ASYNC110 - what is waited for lives in servers
            await asyncio.sleep(LOOK_SECONDS)


async def count(kit: Kit, table: Table) -> int:
    """Rows in a table."""
    async with kit.sessions() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def publish(stack: Stack, events: Sequence[Event], *, ids: Sequence[UUID] | None = None) -> None:
    """Put events on their topics, past any outbox, in order."""
    ids = ids or [new_id() for _ in events]
    async with producing(stack) as producer:
        sent = []
        for event, event_id in zip(events, ids, strict=True):
            headers = headers_for(event_id, event.event_type, "test", SOME_TIME, event.key(), None)
            sent.append(await producer.send(event.topic, event.to_json(), key=event.key().encode(), headers=headers))
        await asyncio.gather(*sent)


async def tell(kit: Kit, events: Sequence[Event], *, tombstone: bool = False) -> None:
    """Say events through a service's outbox."""
    async with kit.sessions.begin() as session:
        await say(session, kit.tables, [Outgoing(event, tombstone=tombstone) for event in events], kit.clock.now())
    kit.outbox_written.set()


async def everything_on(stack: Stack, topic: Topic, least: int, seconds: float = 30) -> list[ConsumerRecord]:
    """The records of a topic, once there are at least so many."""
    consumer = AIOKafkaConsumer(
        topic.name, bootstrap_servers=stack.settings.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(seconds):
            while len(found) < least:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    finally:
        await consumer.stop()
    return found


def by_key(records: Sequence[ConsumerRecord]) -> dict[str, list[int]]:
    """The numbers that were told, per key, in the order they are on the topic."""
    told: dict[str, list[int]] = {}
    for record in records:
        event = Told.model_validate_json(record.value)
        told.setdefault(event.key(), []).append(event.number)
    return told
