"""When sending may begin: when this service, in whichever of its processes, has read the roster up to date."""

from __future__ import annotations

from aiokafka import TopicPartition

from shared.kit import Kit
from shared.messaging import positions
from shared.messaging.reader import Reader


class RosterGate:
    """Open when all of the roster that was in Kafka at the moment of asking has had its effect in our database.

    The processes of this service (one for what hurries, one for what is bulky, and the replicas of both) share one
    consumer group for the roster: each reads a part of the partitions into the one copy that all decide from, and the
    part of one that dies goes to the others. So it says nothing that the partitions of *this* process are read: the
    custody order that ends a right may lie in another's. How far all of them have come is in the read positions, which
    are written in the same transaction as the copy itself; the ends are asked of Kafka for every partition, held here
    or not. A process that holds none of them may therefore begin as well, and none begins before the roster is whole.
    """

    def __init__(self, kit: Kit, roster: Reader) -> None:
        self.kit = kit
        self.roster = roster

    async def __call__(self) -> bool:
        """True when the copy is up to date. Raises KafkaError or a database error while one of them is away."""
        consumer = self.roster.consumer
        if consumer is None or self.roster.halted:
            return False
        names = [topic.name for topic in self.roster.topics]
        parts = {name: consumer.partitions_for_topic(name) for name in names}
        if not all(parts.values()):
            return False
        places = [TopicPartition(name, part) for name, numbers in parts.items() for part in numbers or ()]
        ends = await consumer.end_offsets(places)
        async with self.kit.sessions() as session:
            read = await positions.known(session, self.kit.tables, self.kit.cluster)
        return all(read.get((place.topic, place.partition), 0) >= end for place, end in ends.items())
