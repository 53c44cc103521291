"""What every local midnight brings: half-years that begin, bulletins that are owed, near or late; school by school."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.planning import night
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.people import schools_of
from services.bulletins.tables import kit as tables
from services.bulletins.tables import roster
from shared.due.nights import Nights
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.roster import SchoolStated

NIGHTS = Nights("bulletins_night", tables, roster)
SCHOOL_NIGHT = "bulletins_school_night"
AT_ONCE = 5  # schools in one transaction: at the beginning of a half-year a pupil has several duties to be said


def plan_handlers(settings: BulletinsSettings) -> Mapping[str, DueHandler]:
    """What to do at midnight: first each school is planned, then a few schools at a time are done."""

    async def on_night(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        zones = await NIGHTS.struck(session, due, now)
        schools = [school.school_id for some in zones.values() for school in some]
        await plan(session, tables, SCHOOL_NIGHT, [(one, now, None) for one in schools])
        return []

    async def on_school(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        mine, later = due[:AT_ONCE], due[AT_ONCE:]
        await plan(session, tables, SCHOOL_NIGHT, [(one.ref, one.due_at, one.traceparent) for one in later])
        said: list[Outgoing] = []
        by_zone: defaultdict[str, list[SchoolStated]] = defaultdict(list)
        for school in (await schools_of(session, [one.ref for one in mine])).values():
            by_zone[school.zone].append(school)
        for zone in sorted(by_zone):
            said += await night(session, by_zone[zone], settings, now)
        return said

    return {NIGHTS.kind: on_night, SCHOOL_NIGHT: on_school}
