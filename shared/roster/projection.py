"""A service's own copy of what it needs from the roster: the latest version of each thing, erased on a tombstone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, Uuid, delete, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows, newer_wins
from shared.events.envelope import Erased, Event, Outgoing
from shared.messaging.reader import Batch, Reader
from shared.topics import BY_NAME

NAMES = ("event_type", "id", "version", "state")
KEY = ("event_type", "id")
R = TypeVar("R", bound=Event)


def roster_table(metadata: MetaData) -> Table:
    """Add the roster copy to a service's metadata. `state` is the event itself, read back with its own model."""
    return Table(
        "roster",
        metadata,
        Column("event_type", Text, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("state", JSONB, nullable=False),
    )


def roster_reader(table: Table, *kinds: type[Event]) -> Reader:
    """A reader that keeps the copy of these kinds true."""
    tail = newer_wins(table, KEY, NAMES)

    async def keep(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        latest: dict[tuple[str, UUID], Event] = {}
        for received in batch.received:
            event = received.event
            if isinstance(event, Erased):
                place = (event.erased_type, UUID(event.erased_key))
                latest.pop(place, None)
                await session.execute(delete(table).where(tuple_(table.c.event_type, table.c.id) == place))
            else:
                latest[event.event_type, UUID(event.key())] = event
        rows = [(*place, event.version, event.to_json().decode()) for place, event in latest.items()]  # type: ignore[attr-defined]
        await insert_rows(session, table, NAMES, rows, tail)
        return []

    return Reader("roster", [BY_NAME[kind.topic] for kind in kinds], kinds, keep)


async def known(session: AsyncSession, table: Table, kind: type[R], ids: Iterable[UUID]) -> dict[UUID, R]:
    """The things of one kind with these ids, by id; what is not known is not there."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    mine = select(table.c.id, table.c.state).where(table.c.event_type == kind.event_type, table.c.id.in_(wanted))
    return {row.id: kind.model_validate(row.state) for row in (await session.execute(mine)).all()}


async def everything(session: AsyncSession, table: Table, kind: type[R]) -> list[R]:
    """All things of one kind; for the few kinds of which there are few, such as schools."""
    rows = await session.scalars(select(table.c.state).where(table.c.event_type == kind.event_type))
    return [kind.model_validate(state) for state in rows]
