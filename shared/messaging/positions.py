"""How far a service has read, kept in its own database in the same transaction as the effects.

Reading begins here, not at the offset Kafka keeps (`assignment.py`). A position names the life of the broker (its
cluster id), so that `skolbro reconcile` can tell what a reader never got.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows
from shared.messaging.codec import Record
from shared.messaging.tables import KitTables

NAMES = ("cluster", "topic", "partition", "next_offset")
ADVANCE = (
    "on conflict (cluster, topic, partition) do update "
    "set next_offset = greatest(read_position.next_offset, excluded.next_offset)"
)


def ends(records: Iterable[Record]) -> dict[tuple[str, int], int]:
    """The offset after the last record of each topic and partition."""
    result: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic, record.partition)
        result[place] = max(result.get(place, 0), record.offset + 1)
    return result


def starts(records: Iterable[Record]) -> dict[tuple[str, int], int]:
    """The offset of the first record of each topic and partition."""
    result: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic, record.partition)
        result[place] = min(result.get(place, record.offset), record.offset)
    return result


async def known(session: AsyncSession, tables: KitTables, cluster: str) -> dict[tuple[str, int], int]:
    """How far this service has read in one life of the broker: the next offset of each topic and partition."""
    position = tables.read_position
    rows = await session.execute(select(position).where(position.c.cluster == cluster))
    return {(row.topic, row.partition): row.next_offset for row in rows}


async def remember(session: AsyncSession, tables: KitTables, cluster: str, records: Iterable[Record]) -> None:
    """Note that everything up to the last of these records has had its effect."""
    rows = [(cluster, topic, partition, end) for (topic, partition), end in sorted(ends(records).items())]
    await insert_rows(session, tables.read_position, NAMES, rows, ADVANCE)
