"""What falls due in a round: the end of the wishes, the opening and the end of booking, its own end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.rounds import OPEN, RoundState
from services.scheduling.opening import (
    BOOKING,
    BOOKS_UNTIL,
    MISSED_DAYS,
    OVER,
    WISHES_OVER,
    end_round,
    plan_round,
    remind_staff,
)
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.rounds import RoundFull, begin, load_round, over_at
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing

Step = Callable[[AsyncSession, RoundFull, datetime], Awaitable[Sequence[Outgoing]]]


def round_handlers(_: SchedulingSettings) -> Mapping[str, DueHandler]:
    """What to do when each part of a round is due."""
    return {
        WISHES_OVER: _each(_wishes_over),
        BOOKING: _each(_booking_opens),
        BOOKS_UNTIL: _each(_booking_ends),
        OVER: _each(_over),
    }


def _each(step: Step) -> DueHandler:
    """Do this with every round that is due and still open."""

    async def handle(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        said: list[Outgoing] = []
        for one in due:
            full = await load_round(session, one.ref)
            if full is not None and full.round.state in OPEN:
                said += await step(session, full, now)
        return said

    return handle


async def _wishes_over(session: AsyncSession, full: RoundFull, now: datetime) -> Sequence[Outgoing]:
    """Nobody is asked any more: whoever leads the round is reminded to propose, unless every talk has a time."""
    if full.round.answer_by > now:
        await plan_round(session, full, now)
        return []
    return await remind_staff(session, full, "wishes", now)


async def _booking_opens(session: AsyncSession, full: RoundFull, now: datetime) -> Sequence[Outgoing]:
    """From now on families book: those who may come early first; `domain.may_book` knows from when each may."""
    its = full.round
    if its.books_from and its.books_from - timedelta(minutes=its.early_minutes) > now:
        await plan_round(session, full, now)
    elif its.books_from:
        await begin(session, its.round_id, RoundState.BOOKING, [RoundState.WISHES, RoundState.PROPOSED])
    return []


async def _booking_ends(session: AsyncSession, full: RoundFull, now: datetime) -> Sequence[Outgoing]:
    """Homes cannot change their time any more: whoever leads the round hears who has none."""
    if full.round.books_until > now:
        await plan_round(session, full, now)
        return []
    return await remind_staff(session, full, "booking", now)


async def _over(session: AsyncSession, full: RoundFull, now: datetime) -> Sequence[Outgoing]:
    """The last days have passed; not yet, when one was added since."""
    if over_at(full, MISSED_DAYS) > now:
        await plan_round(session, full, now)
        return []
    return await end_round(session, full, now)
