"""Which rows of a service's tables are about a person.

A matter of naming, so that no table can be forgotten: those with the id in a column of PERSON_COLUMNS, the roster's
own, and whatever hangs on such a row by a foreign key or by its wall.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import Column, ColumnElement, MetaData, Table, Uuid, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.walls import Wall
from shared.events.people import ConsentStated
from shared.messaging.tables import KitTables
from shared.roster.projection import Link

PERSON_COLUMNS = ("person_id", "pupil_id", "guardian_id", "signed_by")
Rows = dict[str, list[dict[str, Any]]]


class About:
    """The rows of one service's tables that are about a person."""

    def __init__(self, metadata: MetaData, keeps: frozenset[str]) -> None:
        self.tables = [table for table in children_first(metadata) if table.name not in keeps]

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """The rows by table, as JSON; a table without any is left out."""
        found: Rows = {}
        for table in reversed(self.tables):
            mine = about(table, [person_id])
            if mine is not None:
                rows = (await session.execute(select(table).where(mine))).mappings()
                found[table.name] = [to_jsonable_python(dict(row), bytes_mode="base64") for row in rows]
        return {name: rows for name, rows in found.items() if rows}

    async def erase(self, session: AsyncSession, ids: Sequence[UUID], tables: KitTables) -> int:
        """Delete them, and what was to fall due about them."""
        gone, refs = 0, list[UUID]()
        for table in self.tables:
            mine = about(table, ids)
            if mine is None or table.info.get("wall") is Wall.APPEND_ONLY:
                continue
            deleted = (await session.execute(delete(table).where(mine).returning(*table.primary_key))).all()
            gone += len(deleted)
            refs += [row[0] for row in deleted if isinstance(row[0], UUID)]
        if refs:
            await session.execute(delete(tables.due).where(tables.due.c.ref.in_(refs)))
        return gone


def about(table: Table, ids: Sequence[UUID]) -> ColumnElement[bool] | None:
    """The condition under which a row is about one of these persons; None for a table in which nobody is."""
    if table.name == "roster":
        return _in_roster(table, ids)
    if table.name == "roster_link":
        return or_(table.c.from_id.in_(ids), table.c.to_id.in_(ids))
    ways: list[ColumnElement[bool]] = [column.in_(ids) for column in person_columns(table)]
    for column, above in parents(table):
        theirs = about(above.table, ids)
        if theirs is not None:
            ways.append(column.in_(select(above).where(theirs)))
    return or_(*ways) if ways else None


def _in_roster(roster: Table, ids: Sequence[UUID]) -> ColumnElement[bool]:
    """Their own states, and consents about or for them. Lists that name them are the registry's to restate."""
    links = roster.metadata.tables["roster_link"]
    ends = or_(links.c.from_id.in_(ids), links.c.to_id.in_(ids))
    consents = select(links.c.source_id).where(links.c.kind == Link.CONSENT, ends)
    of_theirs = (roster.c.event_type == ConsentStated.event_type) & roster.c.id.in_(consents)
    return or_(roster.c.id.in_(ids), of_theirs)


def person_columns(table: Table) -> list[Column[Any]]:
    """The columns that say whom a row is about."""
    return [column for column in table.c if column.name in PERSON_COLUMNS and isinstance(column.type, Uuid)]


def parents(table: Table) -> Iterator[tuple[Column[Any], Column[Any]]]:
    """What the table's rows hang on, by foreign keys and by the wall: its column, and the parent's."""
    for key in table.foreign_keys:
        yield key.parent, key.column
    above, _, name = (table.info.get("parent") or "").partition(".")
    if above and not table.c[name].foreign_keys:
        yield table.c[name], table.metadata.tables[above].c[name]


def children_first(metadata: MetaData) -> list[Table]:
    """All tables, each before those it hangs on."""
    return sorted(metadata.sorted_tables, key=lambda table: (-_depth(table), table.name))


def _depth(table: Table) -> int:
    return max((1 + _depth(above.table) for _, above in parents(table)), default=0)


def children_of(table: Table) -> Iterator[tuple[Column[Any], Column[Any]]]:
    """What hangs on a table's rows: the child's column, and the table's own."""
    for other in table.metadata.sorted_tables:
        yield from ((column, above) for column, above in parents(other) if above.table is table)
