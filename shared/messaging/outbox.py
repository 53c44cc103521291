"""The outbox: what a service says, written in the same transaction as what it did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows
from shared.events.envelope import Outgoing
from shared.ids import new_id
from shared.messaging.tables import KitTables

NAMES = ("event_id", "event_type", "topic", "key", "value", "traceparent", "created_at")


async def say(session: AsyncSession, tables: KitTables, outgoing: Sequence[Outgoing], now: datetime) -> None:
    """Write events to the outbox. They are published, in this order, once the caller's transaction commits."""
    rows = [
        (
            new_id(),
            said.event.event_type,
            said.event.topic,
            said.event.key(),
            None if said.tombstone else said.event.to_json(),
            said.traceparent,
            now,
        )
        for said in outgoing
    ]
    await insert_rows(session, tables.outbox, NAMES, rows)
