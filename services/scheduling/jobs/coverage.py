"""What every local midnight brings: talks that are owed or missed, and who has come to or left a class of a round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.covering import LACKING, cover, tell_lacking
from services.scheduling.opening import keep_talks
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.rounds import open_rounds
from services.scheduling.tables import kit as tables
from services.scheduling.tables import roster
from shared.clock import DEFAULT_ZONE, local_date
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.roster import SchoolStated
from shared.ids import derived_id
from shared.kit import Kit
from shared.roster.projection import everything

NIGHT = "talks_night"


def coverage_handlers(settings: SchedulingSettings) -> Mapping[str, DueHandler]:
    """What to do at midnight, and when it is time to say who lacks a talk."""

    async def on_night(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        zones = await _by_zone(session)
        struck = {thing.ref for thing in due}
        again = [(night(zone), next_midnight(now, zone), None) for zone in zones if night(zone) in struck]
        await plan(session, tables, NIGHT, again)
        await _begin(session, zones, now)
        said: list[Outgoing] = []
        for zone in sorted(zones):
            if night(zone) in struck:
                said += await _night(session, zones[zone], settings, now)
        return said

    async def on_lacking(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await tell_lacking(session, [thing.ref for thing in due], now)

    return {NIGHT: on_night, LACKING: on_lacking}


async def begin_nights(kit: Kit) -> None:
    """Let the nights begin: a zone that has none yet is looked through now, and from then on at its midnights."""
    async with kit.sessions.begin() as session:
        await _begin(session, await _by_zone(session), kit.clock.now())
    kit.due_planned.set()


def night(zone: str) -> UUID:
    """What the nights of a zone are planned under."""
    return derived_id(NIGHT, zone)


def next_midnight(now: datetime, zone: str) -> datetime:
    """The next 00:00 on a clock in this IANA zone, in UTC; a day of 23 or 25 hours ends where it ends."""
    tomorrow = local_date(now, zone) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), ZoneInfo(zone)).astimezone(UTC)


async def _night(
    session: AsyncSession, schools: Sequence[SchoolStated], settings: SchedulingSettings, now: datetime
) -> list[Outgoing]:
    said: list[Outgoing] = []
    for round_id in await open_rounds(session, [school.school_id for school in schools]):
        said += await keep_talks(session, round_id, now)
    return said + await cover(session, schools, settings, now)


async def _begin(session: AsyncSession, zones: Iterable[str], now: datetime) -> None:
    due = tables.due.c
    planned = set(await session.scalars(select(due.ref).where(due.kind == NIGHT)))
    await plan(session, tables, NIGHT, [(night(zone), now, None) for zone in zones if night(zone) not in planned])


async def _by_zone(session: AsyncSession) -> dict[str, list[SchoolStated]]:
    """The schools of each zone. One zone is there before any school is."""
    zones: dict[str, list[SchoolStated]] = defaultdict(list, {DEFAULT_ZONE: []})
    for school in await everything(session, roster, SchoolStated):
        zones[school.zone].append(school)
    return zones
