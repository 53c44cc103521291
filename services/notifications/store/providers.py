"""Providers of text messages as they are kept: their shares, and what each did in the last minutes.

A count is one upsert into the row of its minute; nothing is ever counted by looking at messages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.failover import SLOW_WINDOW, Minute, Share
from services.notifications.tables import provider, provider_minute
from shared.db.bulk import ONCE, insert_rows

NAMES = ("name", "weight", "shifted_at")
COUNTS = ("name", "minute", "taken", "failed", "slow")
ADD = (
    "on conflict (name, minute) do update set taken = provider_minute.taken + excluded.taken, "
    "failed = provider_minute.failed + excluded.failed, slow = provider_minute.slow + excluded.slow"
)
MOVE = "on conflict (name) do update set weight = excluded.weight, shifted_at = excluded.shifted_at"


async def count(session: AsyncSession, minutes: Collection[Minute]) -> None:
    """Add to the counters. In one order everywhere, so that nobody waits in a circle."""
    rows = sorted((one.name, one.minute, one.taken, one.failed, one.slow) for one in minutes)
    await insert_rows(session, provider_minute, COUNTS, rows, ADD)


async def recent(session: AsyncSession, names: Collection[str], now: datetime) -> list[Minute]:
    """The counters of these that can still count."""
    since = now - SLOW_WINDOW - timedelta(minutes=1)
    mine = select(provider_minute).where(provider_minute.c.name.in_(names), provider_minute.c.minute > since)
    return [Minute(*row) for row in await session.execute(mine)]


async def locked(session: AsyncSession, rest: Mapping[str, int]) -> list[Share]:
    """What is kept of these providers, one row each, locked so that one process moves them at a time."""
    await insert_rows(session, provider, NAMES, [(name, rest[name], None) for name in sorted(rest)], ONCE)
    mine = select(provider).where(provider.c.name.in_(rest)).order_by(provider.c.name).with_for_update()
    rows = await session.execute(mine)
    return [Share(row.name, rest[row.name], row.weight, row.shifted_at) for row in rows]


async def keep(session: AsyncSession, shares: Sequence[Share]) -> None:
    """The shares as they are now."""
    await insert_rows(session, provider, NAMES, [(one.name, one.weight, one.shifted_at) for one in shares], MOVE)
