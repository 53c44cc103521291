"""Terms and breaks, as municipalities and schools have recorded them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.school_year import SchoolYear, Span, break_row_id, country_of, term_row_id
from services.scheduling.tables import SchoolBreak, Term
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.roster import SchoolStated

TERM, BREAK = table_of(Term), table_of(SchoolBreak)
COLUMNS = ("tenant_id", "school_id", "name", "first_day", "last_day")
RECORDED = text(
    """
    select 'term' as what, term_id as id, tenant_id, school_id, name, first_day, last_day from term
    where tenant_id = any(cast(:tenants as uuid[]))
    union all
    select 'break', break_id, tenant_id, school_id, name, first_day, last_day from school_break
    where tenant_id = any(cast(:tenants as uuid[]))
    """
)
CHANGED = (
    "on conflict ({key}) do update set name = excluded.name, first_day = excluded.first_day, "
    "last_day = excluded.last_day where ({table}.name, {table}.first_day, {table}.last_day) "
    "is distinct from (excluded.name, excluded.first_day, excluded.last_day) returning {key}"
)


async def years_of(session: AsyncSession, schools: Iterable[SchoolStated]) -> dict[UUID, SchoolYear]:
    """The school year that holds at each of these schools. One statement."""
    wanted = [school for school in schools if school.tenant_id]
    terms, breaks = await recorded(session, {school.tenant_id for school in wanted if school.tenant_id})
    return {
        school.school_id: SchoolYear(
            tenant_id=school.tenant_id or UUID(int=0),
            school_id=school.school_id,
            country=country_of(school.zone),
            terms=_for(terms, school),
            breaks=_for(breaks, school),
        )
        for school in wanted
    }


async def recorded(
    session: AsyncSession, tenant_ids: Iterable[UUID]
) -> tuple[list[tuple[UUID, Span]], list[tuple[UUID, Span]]]:
    """All terms and all breaks of these municipalities, each with whose it is, in order. One statement."""
    rows = (await session.execute(RECORDED, {"tenants": list(tenant_ids)})).all()
    found: dict[str, list[tuple[UUID, Span]]] = {"term": [], "break": []}
    for row in rows:
        found[row.what].append((row.tenant_id, Span(row.name, row.first_day, row.last_day, row.school_id, row.id)))
    for spans in found.values():
        spans.sort(key=lambda one: (one[1].first_day, one[1].name))
    return found["term"], found["break"]


async def write_terms(session: AsyncSession, tenant_id: UUID, spans: Sequence[Span]) -> int:
    """Record these terms; one of the same half-year and place takes the new dates. How many were new or changed."""
    rows = {term_row_id(tenant_id, one.school_id, one.first_day): one for one in spans}
    return await _write(session, TERM, "term_id", tenant_id, rows)


async def write_breaks(session: AsyncSession, tenant_id: UUID, spans: Sequence[Span]) -> int:
    """Record these breaks; what is the same is not doubled. How many were new or have another name now."""
    rows = {break_row_id(tenant_id, one.school_id, one.first_day, one.last_day): one for one in spans}
    return await _write(session, BREAK, "break_id", tenant_id, rows)


async def forget(session: AsyncSession, tenant_id: UUID, row_id: UUID, school_ids: Iterable[UUID] | None) -> bool:
    """Take away a term or a break, of these schools (None: also of the whole municipality). False: not there."""
    gone = 0
    for table, key in ((TERM, TERM.c.term_id), (BREAK, BREAK.c.break_id)):
        its = (key == row_id) & (table.c.tenant_id == tenant_id)
        if school_ids is not None:
            its &= table.c.school_id.in_(list(school_ids))
        gone += len((await session.execute(delete(table).where(its).returning(key))).all())
    return bool(gone)


async def _write(session: AsyncSession, table: Any, key: str, tenant_id: UUID, rows: dict[UUID, Span]) -> int:
    values = [(row_id, tenant_id, one.school_id, one.name, one.first_day, one.last_day) for row_id, one in rows.items()]
    tail = CHANGED.format(table=table.name, key=key)
    return len(await insert_rows(session, table, (key, *COLUMNS), values, tail))


def _for(spans: Iterable[tuple[UUID, Span]], school: SchoolStated) -> tuple[Span, ...]:
    return tuple(
        one for tenant, one in spans if tenant == school.tenant_id and one.school_id in (None, school.school_id)
    )
