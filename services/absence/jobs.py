"""What falls due in the absence service: a grace period ends, a lesson was over a while ago, a school day is summed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.absence import domain, outgoing, store
from services.absence.domain import GRACE_OVER, LESSON_OVER, SUMS, Part, Rules
from services.absence.notices import grace_over
from services.absence.sums import changed_sums
from services.absence.tables import kit as tables
from services.absence.tables import roster
from shared.clock import local_date, midnight, school_year
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.roster import SchoolStated
from shared.kit import Kit
from shared.roster.projection import everything


def due_handlers(rules: Rules) -> Mapping[str, DueHandler]:
    """What to do when each kind of thing is due."""

    async def on_grace_over(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await grace_over(session, [thing.ref for thing in due], rules, now)

    async def on_lesson_over(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await alert_schools(session, [thing.ref for thing in due], rules, now)

    async def on_sums(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await sum_up(session, {thing.ref for thing in due}, rules, now)

    return {GRACE_OVER: on_grace_over, LESSON_OVER: on_lesson_over, SUMS: on_sums}


async def begin_sums(kit: Kit, rules: Rules) -> None:
    """Let the days be summed: a zone that is not planned yet begins with the end of this school day."""
    async with kit.sessions.begin() as session:
        await _begin(session, await _schools(session), rules, kit.clock.now())
    kit.due_planned.set()


async def sum_up(session: AsyncSession, struck: Set[UUID], rules: Rules, now: datetime) -> list[Outgoing]:
    """Say the sums that have changed since they were last said, of the parts that are due, and plan the next day's."""
    schools = await _schools(session)
    parts = [part for part in _parts(schools, rules) if part.ref in struck]
    await plan(session, tables, SUMS, [(part.ref, domain.next_sum(part, now, rules), None) for part in parts])
    await _begin(session, schools, rules, now)
    said: list[Outgoing] = []
    for part in parts:
        today = local_date(now, part.zone)
        day = school_year(today)
        begins = midnight(day, part.zone)
        said += [
            outgoing.summed(one, day, today) for one in await changed_sums(session, part, schools, day, begins, now)
        ]
    return said


async def _begin(session: AsyncSession, schools: Sequence[SchoolStated], rules: Rules, now: datetime) -> None:
    due = tables.due.c
    planned = set(await session.scalars(select(due.ref).where(due.kind == SUMS)))
    fresh = [part for part in _parts(schools, rules) if part.ref not in planned]
    await plan(session, tables, SUMS, [(part.ref, domain.next_sum(part, now, rules), None) for part in fresh])


async def _schools(session: AsyncSession) -> list[SchoolStated]:
    return await everything(session, roster, SchoolStated)


def _parts(schools: Iterable[SchoolStated], rules: Rules) -> list[Part]:
    """The parts of every zone; one zone is there before any school is."""
    zones = sorted({rules.zone, *(school.zone for school in schools)})
    return [part for zone in zones for part in domain.parts_of(zone)]


async def alert_schools(
    session: AsyncSession, lesson_ids: Sequence[UUID], rules: Rules, now: datetime
) -> list[Outgoing]:
    """Tell each school once about all the lessons that nobody has reported. No home is told."""
    by_school: dict[UUID, list[tuple[UUID, datetime]]] = defaultdict(list)
    for row in await store.unreported(session, lesson_ids):
        by_school[row.school_id].append((row.lesson_id, row.starts_at))
    zones = await store.zones(session, by_school, rules.zone)
    said = [outgoing.unreported(school_id, lessons, zones[school_id], now) for school_id, lessons in by_school.items()]
    return [one for lot in said for one in lot]
