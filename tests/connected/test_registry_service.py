"""The whole service: a registry on one side, Kafka on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from services.registry.main import app_on
from services.registry.settings import RegistrySettings, Source
from services.registry.tables import kit as tables
from services.registry.tables import metadata
from shared.clock import SystemClock
from shared.messaging.broker import create_topics
from shared.topics import PERSONS
from tests.connected.registry_stage import Double, a_double
from tests.stack import Stack, kit_on
from tests.unit.registry.rows import grown_up

pytestmark = pytest.mark.connected


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with a_double() as double:
        yield double


async def test_what_a_registry_has_is_on_kafka_a_moment_later_and_a_broken_source_holds_up_nobody(
    stack: Stack, double: Double
) -> None:
    people = {uuid4() for _ in range(20)}
    double.lists["persons"] = [grown_up(person) for person in people]
    broken = Source(name="broken", base_url="http://127.0.0.1:1")
    sources = (broken, Source(name="kommunen", base_url=double.base_url, page_size=7))
    await create_topics(stack.settings)
    settings = RegistrySettings(sources=sources)
    kit = await kit_on(stack, "registry", metadata, tables, SystemClock(), settings)
    app = app_on(kit, settings)
    async with app.router.lifespan_context(app):
        assert people <= await _keys(stack, people)


async def _keys(stack: Stack, wanted: set[UUID]) -> set[UUID]:
    """The persons on the topic, read until all that are wanted are there."""
    consumer = AIOKafkaConsumer(
        PERSONS.name, bootstrap_servers=stack.settings.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: set[UUID] = set()
    try:
        async with asyncio.timeout(60):
            while not wanted <= found:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found |= {UUID(record.key.decode()) for record in records}
    finally:
        await consumer.stop()
    return found
