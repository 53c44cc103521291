"""What falls due in the portal: every local midnight, pupils who have come of age are asked who may go on being told.

Nothing here ends a right: from 00:00 on the birthday `shared.roster.access` answers that guardians may not be told,
and their pages and calendars end with it. The night makes it visible and asks, once in a lifetime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.portal import outgoing
from services.portal.store import audit, rights, wishes
from services.portal.tables import kit as tables
from services.portal.tables import roster
from shared.clock import ADULT, is_of_age, local_date
from shared.due.nights import Nights
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.roster import PersonStated

NIGHTS = Nights("midnight", tables, roster)
CATCH_UP = timedelta(days=30)  # a portal that stood still for longer does not ask who came of age before that
NOBODY = UUID(int=0)  # who does what Skolbro does by itself, in the audit
CAME_OF_AGE = "came of age"


def due_handlers() -> Mapping[str, DueHandler]:
    """What to do when each kind of thing is due."""

    async def on_midnight(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        zones = await NIGHTS.struck(session, due, now)
        asked = [await _ask(session, zone, [one.school_id for one in zones[zone]], now) for zone in zones]
        return [one for some in asked for one in some]

    return {NIGHTS.kind: on_midnight}


def born_between(today: date) -> tuple[date, date]:
    """Dates of birth that hold everyone who came of age from `CATCH_UP` ago until today, and maybe a few more."""
    latest = date(today.year - ADULT, today.month, min(today.day, 28)) + timedelta(days=3)
    return latest - CATCH_UP, latest


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
