"""What falls due in the absence service: a grace period ends, a lesson was over a while ago."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.absence import outgoing, store
from services.absence.domain import GRACE_OVER, LESSON_OVER, Rules
from services.absence.notices import grace_over
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing


def due_handlers(rules: Rules) -> Mapping[str, DueHandler]:
    """What to do when each kind of thing is due."""

    async def on_grace_over(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await grace_over(session, [thing.ref for thing in due], rules, now)

    async def on_lesson_over(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await alert_schools(session, [thing.ref for thing in due], rules, now)

    return {GRACE_OVER: on_grace_over, LESSON_OVER: on_lesson_over}


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
