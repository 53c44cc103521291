"""What falls due around booking: holds that end, times that become free, offers that run out, reminders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling import placing, waiting
from services.scheduling.booking import HOLD_OVER
from services.scheduling.outgoing import about_talk
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import booking as store
from services.scheduling.store import occupancy
from services.scheduling.tables import kit as tables
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.scheduling import TalkState

TIMED_STATES = (TalkState.PROPOSED, TalkState.BOOKED)


def waiting_handlers(settings: SchedulingSettings) -> Mapping[str, DueHandler]:
    """What to do when each of these is due."""
    before = timedelta(hours=settings.reminder_hours)

    async def offers(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await waiting.offer(session, [one.ref for one in due], now, settings.offer_hours)

    async def run_out(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await waiting.passed(session, [one.ref for one in due], now, settings.offer_hours)

    async def timed(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        """A talk has a time: its home is reminded of it, unless it is so near that they have just heard."""
        found = await occupancy.standing(session, [one.ref for one in due])
        when = [(one.talk.talk_id, one.talk.starts_at - before, None) for one in found if one.talk.starts_at]
        await plan(session, tables, placing.REMIND, [one for one in when if one[1] > now])
        return []

    return {
        placing.FREED: offers,
        waiting.OFFER_OVER: run_out,
        placing.TIMED: timed,
        placing.REMIND: lambda session, due, now: _remind(session, due, now, before),
        HOLD_OVER: _end_holds,
    }


async def _end_holds(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
    """Holds whose time is up are let go; those that were extended are looked at again then."""
    found = list((await store.holds(session, [one.ref for one in due])).values())
    later = [(one.hold_id, one.until, None) for one in found if one.until > now]
    await plan(session, tables, HOLD_OVER, later)
    await placing.freed(session, await store.let_go(session, [one for one in found if one.until <= now]), now)
    return []


async def _remind(session: AsyncSession, due: Sequence[Due], now: datetime, before: timedelta) -> Sequence[Outgoing]:
    """Remind the home of a talk that is soon. One that was moved since is due again later."""
    said = []
    for one in await occupancy.standing(session, [each.ref for each in due]):
        talk = one.talk
        if talk.starts_at and talk.state in TIMED_STATES and talk.starts_at - before <= now < talk.starts_at:
            said.append(about_talk(NotificationKind.TALK_REMINDER, talk, now, mark=talk.starts_at, zone=one.zone))
    return said
