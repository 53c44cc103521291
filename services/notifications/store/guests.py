"""A municipality's trial as its officers see and change it. What senders ask is in `store/trial.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.tables import guest, trial
from shared.db.bulk import ONCE, insert_rows

MINE = text(
    "select (select since from trial where tenant_id = :tenant) as since, array("
    "select address from guest where tenant_id = :tenant order by added_at, address) as guests"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """Since when it lasts (None: there is none), and the addresses that are written to while it does."""

    since: datetime | None = None
    guests: tuple[str, ...] = ()


async def trial_of(session: AsyncSession, tenant_id: UUID) -> Trial:
    """The municipality's trial. Guests are kept when a trial ends, for the next one."""
    row = (await session.execute(MINE, {"tenant": tenant_id})).one()
    return Trial(row.since, tuple(row.guests))


async def begin(session: AsyncSession, tenant_id: UUID, author_id: UUID, now: datetime) -> None:
    """Begin a trial. One that lasts already goes on as it is."""
    await insert_rows(session, trial, ("tenant_id", "author_id", "since"), [(tenant_id, author_id, now)], ONCE)


async def end(session: AsyncSession, tenant_id: UUID) -> None:
    """End the trial: from now on everybody is written to."""
    await session.execute(delete(trial).where(trial.c.tenant_id == tenant_id))


async def invite(session: AsyncSession, tenant_id: UUID, address: str, now: datetime) -> None:
    """Let this address be written to while a trial lasts."""
    await insert_rows(session, guest, ("tenant_id", "address", "added_at"), [(tenant_id, address, now)], ONCE)


async def uninvite(session: AsyncSession, tenant_id: UUID, address: str) -> None:
    """Let this address not be written to any more while a trial lasts."""
    await session.execute(delete(guest).where(guest.c.tenant_id == tenant_id, guest.c.address == address))
