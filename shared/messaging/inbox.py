"""The inbox: which events were seen, for those that have no natural key and version of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows
from shared.events.envelope import Event, Received
from shared.messaging.tables import KitTables

E = TypeVar("E", bound=Event)


async def only_new(
    session: AsyncSession, tables: KitTables, batch: Sequence[Received[E]], now: datetime
) -> list[Received[E]]:
    """Remember the batch and return what was not seen before, each event once, in order."""
    rows = [(received.event_id, now) for received in batch]
    tail = "on conflict do nothing returning event_id"
    fresh = {row[0] for row in await insert_rows(session, tables.inbox, ("event_id", "seen_at"), rows, tail)}
    first = {received.event_id: received for received in reversed(batch)}
    return [r for r in batch if r.event_id in fresh and first[r.event_id] is r]
