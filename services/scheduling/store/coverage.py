"""The talks that schools owe: rows of `coverage`, written in bulk, and who still lacks one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.coverage import Enrolled, Owed
from services.scheduling.tables import Coverage
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.duties import DutyKind, DutyStatus
from shared.events.roster import ContactStated, GroupStated, PersonStated

COVERAGE = table_of(Coverage)
NAMES = ("duty_id", "tenant_id", "school_id", "pupil_id", "term_id", "kind", "last_day", "status")
RETURNED = ", ".join(f"coverage.{column.name}" for column in COVERAGE.c)
OPEN = "coverage.status in ('owed', 'sent')"
FOLLOWS = (
    "on conflict (duty_id) do update set school_id = excluded.school_id, last_day = excluded.last_day "
    f"where {OPEN} and (coverage.school_id, coverage.last_day) is distinct from "
    f"(excluded.school_id, excluded.last_day) returning {RETURNED}, xmax = 0 as fresh"
)
# A pupil's duty is that of the first school they are enrolled at; a second one owes nothing beside it.
ENROLLED = text(
    """
    select r.id, r.tenant_id, (r.state ->> 'born')::date as born, l.to_id as school_id
    from roster_link l join roster r on r.event_type = :person and r.id = l.from_id
    where l.kind = 'enrolled' and l.to_id = any(cast(:schools as uuid[])) and r.tenant_id is not null
        and coalesce((r.state ->> 'active')::boolean, true) and r.state -> 'school_ids' ->> 0 = l.to_id::text
    """
)
MISS = text(
    f"update coverage set status = 'missed' where school_id = any(cast(:schools as uuid[])) and last_day < :today "
    f"and {OPEN} returning {RETURNED}"
)
LET_GO = text(
    f"""
    update coverage set status = 'retracted' where school_id = any(cast(:schools as uuid[])) and last_day >= :today
    and {OPEN} and not exists (
        select from roster r where r.event_type = :person and r.id = coverage.pupil_id
        and coalesce((r.state ->> 'active')::boolean, true) and jsonb_array_length(r.state -> 'school_ids') > 0
    ) returning {RETURNED}
    """
)
MEET = text(
    f"""
    update coverage set status = 'met', talk_id = :talk where duty_id = (
        select duty_id from coverage where pupil_id = :pupil and kind = :kind and last_day >= :day and {OPEN}
        order by last_day limit 1
    ) returning {RETURNED}
    """
)
TERMS = text(
    "select school_id, last_day, count(*) as number from coverage "
    "where kind = :kind and last_day >= :today and school_id = any(cast(:schools as uuid[])) "
    "group by school_id, last_day"
)
LACKING = f"""
    select c.duty_id, c.school_id, c.pupil_id, c.last_day from coverage c
    where c.kind = :kind and c.school_id = any(cast(:schools as uuid[])) and c.last_day >= :today
    and {OPEN.replace("coverage.", "c.")} and not exists (
        select from talk t where t.pupil_id = c.pupil_id and t.kind = :talk_kind and t.ends_at > :now
        and t.state in ('proposed', 'booked'))
"""
WHO_LACKS = text(
    f"""
    with lacking as materialized ({LACKING} and c.last_day = :last_day),
    belongs as (select distinct l.from_id as id from lacking join roster_link l
        on l.to_id = lacking.pupil_id and l.kind = 'member')
    select 'pupil' as what, to_jsonb(pupil_id) as fact from lacking
    union all select 'group', r.state from belongs b join roster r on r.event_type = :group and r.id = b.id
    """
)
OF_SCHOOLS = text(
    f"""
    with lacking as materialized ({LACKING})
    select lacking.*, p.state ->> 'marking' as marking,
        n.state ->> 'given_name' as given_name, n.state ->> 'family_name' as family_name
    from lacking
    left join roster p on p.event_type = :person and p.id = lacking.pupil_id
    left join roster n on n.event_type = :contact and n.id = lacking.pupil_id
    order by lacking.last_day, family_name, given_name
    """
)


@dataclass(frozen=True)
class Lacking:
    """A pupil who is owed a development talk and has none ahead."""

    pupil_id: UUID
    school_id: UUID
    last_day: date
    name: str | None
    protected: bool


@dataclass(frozen=True)
class Written:
    """What owing has changed: duties that are new, and those that follow a pupil or a term to another day."""

    new: tuple[Coverage, ...]
    moved: tuple[Coverage, ...]


async def enrolled(session: AsyncSession, school_ids: Iterable[UUID]) -> list[Enrolled]:
    """The active pupils of these schools."""
    asked = {"schools": list(school_ids), "person": PersonStated.event_type}
    rows = (await session.execute(ENROLLED, asked)).all()
    return [Enrolled(row.id, row.tenant_id, row.school_id, row.born) for row in rows]


async def owe(session: AsyncSession, duties: Iterable[Owed]) -> Written:
    """Write what is owed: what is new, and what is now another school's or has another last day. Once each."""
    unique = {one.duty_id: one for one in duties}
    rows = [(*(getattr(one, name) for name in NAMES[:-1]), DutyStatus.OWED) for one in unique.values()]
    written = await insert_rows(session, COVERAGE, NAMES, rows, FOLLOWS)
    return Written(
        tuple(_coverage(row) for row in written if row.fresh), tuple(_coverage(row) for row in written if not row.fresh)
    )


async def miss(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> list[Coverage]:
    """The talks that were not held before their last day was over are missed; those for which that is news."""
    rows = await session.execute(MISS, {"schools": list(school_ids), "today": today})
    return [_coverage(row) for row in rows.all()]


async def let_go(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> list[Coverage]:
    """Nobody owes a talk to somebody who is no pupil any more; those for which that is news."""
    asked = {"schools": list(school_ids), "today": today, "person": PersonStated.event_type}
    return [_coverage(row) for row in (await session.execute(LET_GO, asked)).all()]


async def meet(session: AsyncSession, pupil_id: UUID, kind: DutyKind, day: date, talk_id: UUID) -> list[Coverage]:
    """A talk on that day meets the earliest duty of its kind that is open; none, when there is none or it was late."""
    asked = {"pupil": pupil_id, "kind": kind, "day": day, "talk": talk_id}
    return [_coverage(row) for row in (await session.execute(MEET, asked)).all()]


async def terms_owed(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> dict[tuple[UUID, date], int]:
    """How many development talks are owed by which school until which day, met or not."""
    asked = {"kind": DutyKind.DEVELOPMENT_TALK, "schools": list(school_ids), "today": today}
    return {(row.school_id, row.last_day): row.number for row in (await session.execute(TERMS, asked)).all()}


async def who_lacks(
    session: AsyncSession, school_id: UUID, last_day: date, now: datetime
) -> tuple[list[UUID], list[GroupStated]]:
    """The pupils for whom no talk is ahead until that day, and the groups they are in."""
    asked = {**_asked([school_id], last_day, now), "last_day": last_day, "group": GroupStated.event_type}
    rows = (await session.execute(WHO_LACKS, asked)).all()
    groups = [GroupStated.model_validate(fact) for what, fact in rows if what == "group"]
    return [UUID(fact) for what, fact in rows if what == "pupil"], groups


async def lacking_at(session: AsyncSession, school_ids: Iterable[UUID], today: date, now: datetime) -> list[Lacking]:
    """Who lacks a talk at these schools, for whoever may see them. One statement."""
    asked = _asked(school_ids, today, now)
    named = {"person": PersonStated.event_type, "contact": ContactStated.event_type}
    return [_lacking(row) for row in (await session.execute(OF_SCHOOLS, {**asked, **named})).all()]


def _asked(school_ids: Iterable[UUID], today: date, now: datetime) -> dict[str, Any]:
    kind, schools = DutyKind.DEVELOPMENT_TALK, list(school_ids)
    return {"kind": kind, "talk_kind": "development", "schools": schools, "today": today, "now": now}


def _lacking(row: Any) -> Lacking:
    protected = row.marking not in (None, "none")
    name = f"{row.given_name} {row.family_name}" if row.given_name and not protected else None
    return Lacking(row.pupil_id, row.school_id, row.last_day, name, protected)


def _coverage(row: Any) -> Coverage:
    return Coverage(**{column.name: getattr(row, column.name) for column in COVERAGE.c})
