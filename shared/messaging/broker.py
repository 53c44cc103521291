"""The only KafkaBroker and the only producer. FastStream's defaults lose messages, so nothing here is a default."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from shared.messaging.assignment import FromOwnPositions
from shared.messaging.codec import Record
from shared.messaging.reader import Reader
from shared.settings import KitSettings
from shared.topics import TOPICS, Topic

BATCH_TIMEOUT_MS = 25
GRACE_SECONDS = 8.0  # for the batch in hand when the service is stopped
HEARTBEATS_A_SESSION = 4

framework_log = logging.getLogger("shared.messaging.faststream")
framework_log.setLevel(logging.ERROR)  # its warnings describe what is chosen on purpose here


def make_broker(settings: KitSettings, service: str) -> KafkaBroker:
    """A broker for reading. `apply_types` is off: records are parsed once, by us, with their bytes kept."""
    return KafkaBroker(
        settings.kafka_bootstrap,
        client_id=service,
        allow_auto_create_topics=False,
        consumer_only=True,
        apply_types=False,
        ack_policy=AckPolicy.MANUAL,
        logger=framework_log,
        log_level=logging.DEBUG,
        graceful_timeout=GRACE_SECONDS,
    )


async def _as_it_came(records: Sequence[Record]) -> KafkaMessage:
    """Keep the records as they are: a broken header or value must reach us, not fail before us."""
    return KafkaMessage(body=b"", raw_message=tuple(records), consumer=FAKE_CONSUMER)


async def _records(message: KafkaMessage) -> object:
    return message.raw_message


def attach(broker: KafkaBroker, reader: Reader) -> None:
    """Subscribe a reader. MANUAL: the reader commits the exact offsets itself, after its database."""
    session_ms = reader.kit.settings.kafka_session_ms()
    subscriber = broker.subscriber(
        *[topic.name for topic in reader.topics],
        group_id=reader.group(),
        batch=True,
        max_records=reader.kit.own.batch,
        batch_timeout_ms=BATCH_TIMEOUT_MS,
        fetch_max_wait_ms=reader.kit.settings.kafka_fetch_wait_ms,
        auto_offset_reset="earliest",
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // HEARTBEATS_A_SESSION,
        max_poll_interval_ms=300_000,
        ack_policy=AckPolicy.MANUAL,
        listener=FromOwnPositions(reader),
        parser=_as_it_came,
        decoder=_records,
        no_reply=True,
    )

    async def take(records: Any) -> None:  # FastStream builds a schema of the annotation; ours is not one
        await reader.take_ahead(records)

    subscriber(take)
    reader.subscriber = subscriber


def make_producer(settings: KitSettings, service: str) -> AIOKafkaProducer:
    """The relay's producer: every acknowledgement from all replicas, idempotent where the broker can."""
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id=f"{service}.relay",
        acks="all",
        enable_idempotence=settings.kafka_idempotent,
        linger_ms=2,
        max_batch_size=131_072,
        request_timeout_ms=20_000,
    )


async def cluster_id(settings: KitSettings) -> str:
    """Which life of which broker this is. Raises a KafkaError when none answers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def start_together(broker: KafkaBroker) -> None:
    """Let all readers join their groups at once. `KafkaBroker.start` lets each wait for the one before it.

    Joining takes a second or two for each group, most of it waiting for Kafka.
    """
    await broker.connect()
    await asyncio.gather(*[subscriber.start() for subscriber in broker.subscribers])
    broker.running = True


async def missing_topics(settings: KitSettings, topics: Iterable[Topic]) -> list[str]:
    """The names of those topics that the broker does not have. Raises a KafkaError when none answers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        there = set(await admin.list_topics())
    finally:
        await admin.close()
    return sorted({topic.name for topic in topics} - there)


async def create_topics(settings: KitSettings, topics: Iterable[Topic] = TOPICS) -> list[str]:
    """Create the topics that do not exist yet and return their names."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        new = [topic for topic in topics if topic.name not in there]
        answer = await admin.create_topics([_new_topic(topic, settings.kafka_replication) for topic in new])
    finally:
        await admin.close()
    for name, code, *_ in answer.topic_errors:
        if code and code != TopicAlreadyExistsError.errno:
            raise for_code(code)(f"the topic {name} could not be created")
    return [topic.name for topic in new]


def _new_topic(topic: Topic, replication: int) -> NewTopic:
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.config())
