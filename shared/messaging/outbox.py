"""The outbox: what a service says, written in the same transaction as what it did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows
from shared.errors import Permanent
from shared.events.envelope import Event, Outgoing
from shared.ids import new_id
from shared.messaging.tables import KitTables

LARGEST_VALUE = 900_000  # bytes; Kafka takes 1 MiB with headers and key
NAMES = ("event_id", "event_type", "topic", "key", "value", "traceparent", "created_at")


async def say(session: AsyncSession, tables: KitTables, outgoing: Sequence[Outgoing], now: datetime) -> None:
    """Write events to the outbox. They are published, in this order, once the caller's transaction commits.

    A tombstone also erases what the outbox itself still holds under its key. Raises Permanent for an event that
    Kafka would refuse, because it would hold up everything behind it.
    """
    tombstones = [(said.event.topic, said.event.key()) for said in outgoing if said.tombstone]
    if tombstones:
        outbox = tables.outbox
        await session.execute(delete(outbox).where(tuple_(outbox.c.topic, outbox.c.key).in_(tombstones)))
    rows = [
        (
            new_id(),
            said.event.event_type,
            said.event.topic,
            said.event.key(),
            None if said.tombstone else _value(said.event),
            said.traceparent,
            now,
        )
        for said in outgoing
    ]
    await insert_rows(session, tables.outbox, NAMES, rows)


def _value(event: Event) -> bytes:
    value = event.to_json()
    if len(value) > LARGEST_VALUE:
        raise Permanent(f"The event {event.event_type} is too large to be sent ({len(value):,} bytes).")
    return value
