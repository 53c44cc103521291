"""The ladder at work: planned when a message that must be read has arrived, climbed when nobody has read it in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.ladder import begins, looks_at, next_rung, notice_of
from services.notifications.domain.models import Step
from services.notifications.store import requests as store
from services.notifications.store.ladder import chains_of
from services.notifications.tables import kit as tables
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing

UNREAD = "unread"  # what it is planned under; `ref` is the notification


async def await_reading(session: AsyncSession, steps: Sequence[Step], minutes: int, now: datetime) -> None:
    """Plan to look at what has arrived by these steps and must be read. With 0 minutes nothing ever climbs."""
    if not minutes:
        return
    arrived = [step.request for step in steps if begins(step)]
    at = looks_at(now, minutes)
    await plan(session, tables, UNREAD, [(one.notification_id, at, one.traceparent) for one in arrived])


async def climb(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
    """Ask after each of these that nobody has read: by the next channel, or at the end by the school's call list."""
    requests = await store.locked(session, (thing.ref for thing in due))
    chains = await chains_of(session, (notice_of(request) for request in requests))
    rungs = [next_rung(request, chains.get(notice_of(request), ()), now) for request in requests]
    await store.ask_again(session, [rung for rung in rungs if rung])
    return []


def due_handlers() -> Mapping[str, DueHandler]:
    """What falls due in this service."""
    return {UNREAD: climb}
