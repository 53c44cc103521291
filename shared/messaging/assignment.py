"""Where reading begins: at the position in the service's own database, not at the offset Kafka remembers.

The two differ after a crash between the database and Kafka, after a database was restored, and after the broker
began a new life (aiokafka repeats an unanswered commit, so that an old offset can reach the new broker). What the
database says is true, because it was written together with the effects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from shared.db.engine import is_passing
from shared.messaging import positions
from shared.messaging.reader import Reader
from shared.observe.logging import get_logger

RETRY_SECONDS = 0.5
log = get_logger()


class FromOwnPositions(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Puts each partition that is assigned to the reader where its service has read to."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing: a batch in hand is finished, and whoever has the partition then recognises it."""

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Hold the partitions until their positions are known; waits as long as the database is away."""
        consumer = self.reader.consumer
        if consumer is None or not assigned:
            return
        consumer.pause(*assigned)  # before anything is awaited: nothing may be read from Kafka's offset
        known = await self._known()
        current = consumer.assignment()
        still = [place for place in assigned if place in current]
        for place in still:
            if place in known:
                consumer.seek(place, known[place])
        await _to_beginning(consumer, [place for place in still if place not in known])
        consumer.resume(*still)

    async def _known(self) -> dict[TopicPartition, int]:
        kit = self.reader.kit
        while True:
            try:
                async with kit.sessions() as session:
                    read = await positions.known(session, kit.tables, kit.cluster)
                return {TopicPartition(*place): offset for place, offset in read.items()}
            except Exception as fault:
                if not is_passing(fault):
                    log.error("positions cannot be read", reader=self.reader.name, exc_info=fault)
                log.warning("waiting for positions", reader=self.reader.name, fault=type(fault).__name__)
                await asyncio.sleep(RETRY_SECONDS)


async def _to_beginning(consumer: AIOKafkaConsumer, places: Collection[TopicPartition]) -> None:
    if places:
        await consumer.seek_to_beginning(*places)
