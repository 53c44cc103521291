"""What falls due in the portal: every local midnight, pupils who have come of age are asked who may go on being told.

Nothing here ends a right: from 00:00 on the birthday `shared.roster.access` answers that guardians may not be told,
and their pages and calendars end with it. The night makes it visible and asks, once in a lifetime.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal import outgoing
from services.portal.store import audit, rights, wishes
from services.portal.tables import kit as tables
from services.portal.tables import roster
from shared.clock import ADULT, DEFAULT_ZONE, is_of_age, local_date
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.roster import PersonStated, SchoolStated
from shared.ids import derived_id
from shared.kit import Kit
from shared.roster.projection import everything

MIDNIGHT = "midnight"
CATCH_UP = timedelta(days=30)  # a portal that stood still for longer does not ask who came of age before that
NOBODY = UUID(int=0)  # who does what Skolbro does by itself, in the audit
CAME_OF_AGE = "came of age"


def due_handlers() -> Mapping[str, DueHandler]:
    """What to do when each kind of thing is due."""

    async def on_midnight(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        schools = await _by_zone(session)
        struck = {thing.ref for thing in due}
        again = [(night(zone), next_midnight(now, zone), None) for zone in schools if night(zone) in struck]
        await plan(session, tables, MIDNIGHT, again)
        await _begin(session, schools, now)
        asked = [await _ask(session, zone, schools[zone], now) for zone in sorted(schools) if night(zone) in struck]
        return [one for some in asked for one in some]

    return {MIDNIGHT: on_midnight}


async def begin_nights(kit: Kit) -> None:
    """Let the nights begin: a zone that has none yet is looked through now, and from then on at its midnights."""
    async with kit.sessions.begin() as session:
        await _begin(session, await _by_zone(session), kit.clock.now())
    kit.due_planned.set()


def night(zone: str) -> UUID:
    """What the nights of a zone are planned under."""
    return derived_id(MIDNIGHT, zone)


def next_midnight(now: datetime, zone: str) -> datetime:
    """The next 00:00 on a clock in this IANA zone, in UTC; a day of 23 or 25 hours ends where it ends."""
    tomorrow = local_date(now, zone) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), ZoneInfo(zone)).astimezone(UTC)


def born_between(today: date) -> tuple[date, date]:
    """Dates of birth that hold everyone who came of age from `CATCH_UP` ago until today, and maybe a few more."""
    latest = date(today.year - ADULT, today.month, min(today.day, 28)) + timedelta(days=3)
    return latest - CATCH_UP, latest


async def _begin(session: AsyncSession, zones: Iterable[str], now: datetime) -> None:
    due = tables.due.c
    planned = set(await session.scalars(select(due.ref).where(due.kind == MIDNIGHT)))
    await plan(session, tables, MIDNIGHT, [(night(zone), now, None) for zone in zones if night(zone) not in planned])


async def _by_zone(session: AsyncSession) -> dict[str, list[UUID]]:
    """The schools of each zone. One zone is there before any school is."""
    zones: dict[str, list[UUID]] = defaultdict(list, {DEFAULT_ZONE: []})
    for school in await everything(session, roster, SchoolStated):
        zones[school.zone].append(school.school_id)
    return zones


async def _ask(session: AsyncSession, zone: str, schools: Sequence[UUID], now: datetime) -> list[Outgoing]:
    today = local_date(now, zone)
    found = await rights.came_of_age(session, schools, *born_between(today), wishes.RIGHTS)
    grown = {one.person_id: one for one in found if one.active and one.born and is_of_age(one.born, today)}
    theirs = [(one.person_id, one.tenant_id) for one in grown.values() if one.tenant_id]
    asked = [grown[person_id] for person_id in await wishes.ask(session, wishes.RIGHTS, theirs, now)]
    await audit.note(session, [_look(one) for one in asked], now)
    return [outgoing.rights_asked(one.person_id, _school(one, schools), zone, now) for one in asked]


def _look(pupil: PersonStated) -> audit.Look:
    return audit.Look(pupil.tenant_id or NOBODY, NOBODY, pupil.person_id, CAME_OF_AGE)


def _school(pupil: PersonStated, schools: Sequence[UUID]) -> UUID:
    """The first of the pupil's schools in the zone whose midnight it is."""
    return next(one for one in pupil.school_ids if one in schools)
