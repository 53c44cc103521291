"""The relay: publishes what the outbox holds, in the order it was written, one relay per service at a time.

Rows are claimed by `sent_at is null`, never by `id > last`: a slow transaction may commit a lower id later, and
would be skipped for ever. A row is marked as sent only when every replica has it, so it is published at least
once; its readers recognise it when it comes twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import rows_as_arrays
from shared.db.engine import is_passing
from shared.kit import Kit
from shared.messaging.codec import headers_for
from shared.messaging.life import BrokerReborn
from shared.observe import metrics
from shared.observe.logging import get_logger

RELAY_LOCK = 7_305_522
BATCH = 1000
POLL_SECONDS = 0.5  # how soon a row written by another process of this service is seen
STAND_BY_SECONDS = 2.0
LONGEST_WAIT = 15.0
MARK = text(
    'update outbox set sent_at = :now, cluster = :cluster, partition = sent.partition, "offset" = sent.place '
    "from unnest(cast(:ids as bigint[]), cast(:partitions as int[]), cast(:places as bigint[])) "
    "as sent(id, partition, place) where outbox.id = sent.id"
)
log = get_logger()


class Relay:
    """Publishes one service's outbox with a producer that is already started."""

    def __init__(self, kit: Kit, producer: AIOKafkaProducer) -> None:
        self.kit = kit
        self.producer = producer
        self.leading = False

    async def run(self) -> None:
        """Publish until cancelled. Stands by while another process of this service holds the lock.

        Raises BrokerReborn when the broker is not the one that was joined.
        """
        wait = POLL_SECONDS
        while True:
            try:
                await self._lead_if_free()
                wait = POLL_SECONDS
                await asyncio.sleep(STAND_BY_SECONDS)
            except BrokerReborn:
                raise
            except Exception as fault:
                if not (isinstance(fault, KafkaError) or is_passing(fault)):
                    log.error("relay failed", exc_info=fault)
                log.warning("relay waits", fault=type(fault).__name__, seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    async def _lead_if_free(self) -> None:
        """Publish for as long as all goes well, if nobody else does; return at once if somebody does."""
        async with self.kit.engine.connect() as connection:
            if not await self._takes_lock(connection):
                return
            self.leading = True
            try:
                await self._lead(connection)
            finally:
                self.leading = False
                await connection.invalidate()  # back in the pool, it would keep the lock without a leader

    async def _takes_lock(self, connection: AsyncConnection) -> bool:
        """The lock lives as long as the connection that also does the publishing."""
        taken = await connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": RELAY_LOCK})
        await connection.commit()
        return bool(taken)

    async def _lead(self, connection: AsyncConnection) -> None:
        while True:
            self.kit.outbox_written.clear()
            while await self.publish_once(connection) == BATCH:
                pass
            metrics.OUTBOX_AGE.set(0)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self.kit.outbox_written.wait()
            except TimeoutError:
                pass

    async def publish_once(self, connection: AsyncConnection) -> int:
        """Publish up to a batch of unsent rows and mark them, in one transaction; return how many.

        Raises the producer's KafkaError when one is not acknowledged; then none is marked and all are sent again.
        """
        outbox, now = self.kit.tables.outbox, self.kit.clock.now()
        async with connection.begin():
            unsent = select(outbox).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.id).limit(BATCH)
            rows = (await connection.execute(unsent)).all()
            if rows:
                metrics.OUTBOX_AGE.set(max(0.0, (now - rows[0].created_at).total_seconds()))
                placed = await self._publish(rows)
                await self.kit.life.confirm(self.kit.cluster)
                await connection.execute(MARK, self._marks(rows, placed, now))
        return len(rows)

    async def _publish(self, rows: Sequence[Row[Any]]) -> list[RecordMetadata]:
        """Enqueue in order, then wait until each one's fate is known.

        When one fails the others are waited for all the same: a late one must not overtake its own repetition.
        """
        sending: list[asyncio.Future[RecordMetadata]] = []
        try:
            for row in rows:
                sending.append(await self._enqueue(row))  # noqa: PERF401 - what was enqueued must be known on a fault
        finally:
            await asyncio.gather(*sending, return_exceptions=True)
        return [sent.result() for sent in sending]

    async def _enqueue(self, row: Row[Any]) -> asyncio.Future[RecordMetadata]:
        headers = headers_for(row.event_id, row.event_type, self.kit.service, row.created_at, row.key, row.traceparent)
        metrics.OUTBOX_PUBLISHED.labels(row.topic).inc()
        sending: asyncio.Future[RecordMetadata] = await self.producer.send(
            row.topic, value=row.value, key=row.key.encode(), headers=headers
        )
        return sending

    def _marks(self, rows: Sequence[Row[Any]], placed: Sequence[RecordMetadata], now: datetime) -> dict[str, Any]:
        triples = [(row.id, place.partition, place.offset) for row, place in zip(rows, placed, strict=True)]
        return {"now": now, "cluster": self.kit.cluster, **rows_as_arrays(("ids", "partitions", "places"), triples)}
