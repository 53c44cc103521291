"""What every local midnight brings: talks that are owed or missed, and who has come to or left a class of a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.covering import LACKING, cover, tell_lacking
from services.scheduling.opening import keep_talks
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.rounds import open_rounds
from services.scheduling.tables import kit as tables
from services.scheduling.tables import roster
from shared.due.nights import Nights
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.roster import SchoolStated

NIGHTS = Nights("talks_night", tables, roster)


def coverage_handlers(settings: SchedulingSettings) -> Mapping[str, DueHandler]:
    """What to do at midnight, and when it is time to say who lacks a talk."""

    async def on_night(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        zones = await NIGHTS.struck(session, due, now)
        nights = [await _night(session, zones[zone], settings, now) for zone in zones]
        return [one for some in nights for one in some]

    async def on_lacking(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await tell_lacking(session, [thing.ref for thing in due], now)

    return {NIGHTS.kind: on_night, LACKING: on_lacking}


async def _night(
    session: AsyncSession, schools: Sequence[SchoolStated], settings: SchedulingSettings, now: datetime
) -> list[Outgoing]:
    said: list[Outgoing] = []
    for round_id in await open_rounds(session, [school.school_id for school in schools]):
        said += await keep_talks(session, round_id, now)
    return said + await cover(session, schools, settings, now)
