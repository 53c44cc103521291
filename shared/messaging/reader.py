"""A reader: takes batches from Kafka and gives each event its one effect.

The order is always the same: parse, one database transaction (effects, outbox, dead letters, read position),
then the Kafka offsets. A record that cannot be used is set aside with its reason; a fault that may pass is
waited out in place, which keeps the order per key; a fault in one record never holds up its neighbours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.engine import is_passing
from shared.errors import Halted, Permanent, Transient
from shared.events.envelope import Erased, Event, Outgoing, Received
from shared.kit import Kit
from shared.messaging import positions
from shared.messaging.codec import Record, read_record
from shared.messaging.dead_letters import DeadLetterLimit, Unusable, forget, park
from shared.messaging.life import BrokerReborn
from shared.messaging.outbox import say
from shared.observe import metrics
from shared.observe.logging import get_logger
from shared.topics import Topic

if TYPE_CHECKING:
    from faststream.kafka.subscriber.usecase import LogicSubscriber

FIRST_WAIT, LONGEST_WAIT = 0.2, 15.0
E = TypeVar("E", bound=Event)
log = get_logger()


@dataclass
class Batch:
    """What a handler is given: the events it asked for, in order per key, and the present instant."""

    received: Sequence[Received[Event]]
    now: datetime
    rejected: list[tuple[Received[Event], str]] = field(default_factory=list)

    def of(self, model: type[E]) -> list[Received[E]]:
        """The events of one kind, in order."""
        return [cast("Received[E]", r) for r in self.received if isinstance(r.event, model)]

    def reject(self, received: Received[Event], reason: str) -> None:
        """Set one event aside as a dead letter; the reason is a sentence for a person."""
        self.rejected.append((received, reason))


Parsed = tuple[list[Received[Event]], list[Unusable]]
Handler = Callable[[AsyncSession, Batch], Awaitable[Sequence[Outgoing]]]


class Reader:
    """Reads some topics for one service. `events` are the kinds the handler wants; others are passed over."""

    def __init__(self, name: str, topics: Sequence[Topic], events: Sequence[type[Event]], handle: Handler) -> None:
        self.name = name
        self.topics = topics
        self.wanted: Mapping[str, type[Event]] = {event.event_type: event for event in events}
        self.handle = handle
        self.limit = DeadLetterLimit()
        self.halted: str | None = None
        self.in_hand = 0  # batches taken from Kafka and not finished
        self.writing: asyncio.Task[None] | None = None
        self.last_batch = time.monotonic()
        self.subscriber: LogicSubscriber[Any] | None = None
        self.kit: Kit

    def group(self) -> str:
        """The consumer group: one per service and reader."""
        return f"{self.kit.service}.{self.name}"

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The Kafka consumer behind this reader, once it runs."""
        return self.subscriber.consumer if self.subscriber else None

    async def take(self, records: Sequence[Record]) -> None:
        """Handle one batch to the end: when this returns its effects and offsets are committed. Raises nothing.

        It returns without any effect when the dead-letter limit has halted the reader, or when the broker these
        records came from is gone (the service then joins the new one).
        """
        await self.take_ahead(records)
        await self.settled()

    async def take_ahead(self, records: Sequence[Record]) -> None:
        """Begin a batch: parse it while the one before is still being written, then write it in the background.

        Returns as soon as the writing has begun, so that Kafka is asked for the next batch meanwhile. Batches are
        written strictly one after another.
        """
        self.in_hand += 1
        parsed = self._parse(records)
        await self.settled()
        self.writing = asyncio.create_task(self._write(records, parsed))

    async def settled(self) -> None:
        """Return when no batch is being written."""
        if self.writing is not None:
            await asyncio.wait([self.writing])

    async def finish(self, seconds: float) -> None:
        """Let the batch being written end, but wait no longer than this: what is cut off then comes again."""
        if self.writing is not None:
            await asyncio.wait([self.writing], timeout=seconds)
            self.writing.cancel()
            await asyncio.gather(self.writing, return_exceptions=True)

    async def _write(self, records: Sequence[Record], parsed: Parsed) -> None:
        """Give the batch its effects and commit; what may pass is tried until it has."""
        started = time.monotonic()
        try:
            if self.halted:
                self._hold(records)
            elif await self._until_processed(records, parsed):
                await self._commit(records)
                self.last_batch = time.monotonic()
                metrics.BATCH_SECONDS.labels(self.name).observe(self.last_batch - started)
        finally:
            self.in_hand -= 1

    async def _until_processed(self, records: Sequence[Record], parsed: Parsed) -> bool:
        """True when the batch has had its effects; False when it has none because reading has stopped."""
        wait = FIRST_WAIT
        while True:
            try:
                await self._confirm_life()
                await self._process(records, parsed)
                return True
            except BrokerReborn:
                return False
            except Halted as halt:
                self._halt(halt)
                self._hold(records)
                return False
            except Exception as fault:  # nothing may be skipped: the batch is tried until it goes through
                metrics.BATCH_RETRIES.labels(self.name).inc()
                expected = isinstance(fault, Transient | KafkaError) or is_passing(fault)
                log.warning(
                    "batch waits",
                    reader=self.name,
                    fault=type(fault).__name__,
                    seconds=wait,
                    exc_info=None if expected else fault,
                )
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    async def caught_up(self) -> bool:
        """True when everything that was in Kafka when last looked at has been handled.

        What falls due waits for this: after an outage the correction may still lie unread in the topic.
        """
        if self.in_hand or self.halted:
            return False
        lag = await self.lag()
        return bool(lag) and all(records == 0 for records in lag.values())

    async def lag(self) -> dict[tuple[str, int], int | None]:
        """Records not read yet, per topic and partition of ours; None where Kafka has not answered yet."""
        consumer = self.consumer
        if consumer is None:
            return {}
        result: dict[tuple[str, int], int | None] = {}
        for place in consumer.assignment():
            high = consumer.highwater(place)
            position = await consumer.position(place) if high is not None else 0
            result[place.topic, place.partition] = None if high is None else max(0, high - position)
        return result

    async def _confirm_life(self) -> None:
        """The records were read in the life that was joined, if the broker is still in it now."""
        if self.consumer is not None:
            await self.kit.life.confirm(self.kit.cluster)

    async def _process(self, records: Sequence[Record], parsed: Parsed) -> None:
        """Give the records their effect; when one of them is to blame for a fault, find it and set it aside."""
        good, bad = parsed
        try:
            await self._transact(records, good, bad)
        except (Halted, Transient):
            raise
        except Exception as fault:
            if is_passing(fault):
                raise
            if len(good) <= 1:
                await self._transact(records, [], [*bad, *self._blame(records, fault)])
                return
            half = len(records) // 2
            for part in (records[:half], records[half:]):
                await self._process(part, self._parse(part))

    def _parse(self, records: Sequence[Record]) -> Parsed:
        good: list[Received[Event]] = []
        bad: list[Unusable] = []
        for record in records:
            try:
                received = read_record(record, self.wanted)
            except Permanent as reason:
                bad.append(Unusable(record, str(reason)))
            else:
                if received is not None:
                    good.append(received)
        return good, bad

    async def _transact(
        self, records: Sequence[Record], good: Sequence[Received[Event]], bad: Sequence[Unusable]
    ) -> None:
        kit, now = self.kit, self.kit.clock.now()
        async with kit.sessions.begin() as session:
            batch = Batch(good, now)
            outgoing = await self.handle(session, batch) if good else []
            unusable = [*bad, *self._unusable(records, batch)]
            self.limit.check(len(records) - len(unusable), len(unusable))
            await park(session, kit.tables, kit.cluster, unusable, now)
            await forget(session, kit.tables, _erased_places(good))
            await say(session, kit.tables, outgoing, now)
            await positions.remember(session, kit.tables, kit.cluster, records)
        if outgoing:
            kit.outbox_written.set()
        kit.due_planned.set()
        metrics.EVENTS_READ.labels(self.name, "used").inc(len(good) - len(batch.rejected))
        metrics.EVENTS_READ.labels(self.name, "dead").inc(len(unusable))
        if unusable:
            log.warning("dead letters", reader=self.name, count=len(unusable), first=_where(unusable[0]))

    def _unusable(self, records: Sequence[Record], batch: Batch) -> list[Unusable]:
        if not batch.rejected:
            return []
        by_place = {(record.topic, record.partition, record.offset): record for record in records}
        return [Unusable(by_place[r.topic, r.partition, r.offset], reason) for r, reason in batch.rejected]

    def _blame(self, records: Sequence[Record], fault: Exception) -> list[Unusable]:
        """The records with a readable event: after halving there is one, and handling it is what failed."""
        log.error("handler failed", reader=self.name, exc_info=fault)
        reason = f"Handling it failed ({type(fault).__name__}); this is a fault in Skolbro, see the service's log."
        if isinstance(fault, Permanent):
            reason = str(fault)
        readable = []
        for record in records:
            good, _ = self._parse([record])
            readable += [Unusable(record, reason)] if good else []
        return readable

    async def _commit(self, records: Sequence[Record]) -> None:
        """Commit exactly what was handled. A failure only means that the records come again and are recognised."""
        consumer = self.consumer
        if consumer is None:
            return
        offsets = {TopicPartition(*place): end for place, end in positions.ends(records).items()}
        mine = consumer.assignment()
        try:
            await consumer.commit({place: end for place, end in offsets.items() if place in mine})
        except KafkaError as fault:
            log.warning("offsets not committed", reader=self.name, fault=type(fault).__name__)
        for (topic, partition), lag in (await self.lag()).items():
            metrics.CONSUMER_LAG.labels(self.name, topic, partition).set(lag or 0)

    def _halt(self, halt: Halted) -> None:
        self.halted = str(halt)
        metrics.READER_HALTED.labels(self.name).set(1)
        log.error("reader halted", reader=self.name, reason=self.halted)

    def _hold(self, records: Sequence[Record]) -> None:
        """Leave the records in Kafka and take no more; what another reader of the group is given it can try."""
        consumer = self.consumer
        if consumer is None:
            return
        mine = consumer.assignment()
        for place, start in positions.starts(records).items():
            if place in mine:
                consumer.seek(TopicPartition(*place), start)
        consumer.pause(*mine)


def _where(letter: Unusable) -> str:
    """Where the record lies and why it could not be used; `skolbro dlq list` has them all."""
    record = letter.record
    return f"{record.topic}/{record.partition}/{record.offset}: {letter.reason}"


def _erased_places(received: Sequence[Received[Event]]) -> list[tuple[str, bytes]]:
    return [(r.topic, r.event.erased_key.encode()) for r in received if isinstance(r.event, Erased)]
