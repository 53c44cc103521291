"""Which municipalities are on trial, and who is written to nevertheless."""

from __future__ import annotations

import time
from collections import defaultdict
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.trial import Trials
from services.notifications.tables import guest, trial

KEPT_SECONDS = 5.0  # real ones: a trial that ends or a new guest counts so soon


async def trials(session: AsyncSession) -> Trials:
    """The municipalities on trial and the addresses of their guests, in small letters: one look into the database."""
    rows = await session.execute(
        select(trial.c.tenant_id, func.lower(guest.c.address).label("address")).select_from(
            trial.outerjoin(guest, guest.c.tenant_id == trial.c.tenant_id)
        )
    )
    found: dict[UUID, set[str]] = defaultdict(set)
    for row in rows:
        found[row.tenant_id] |= {row.address} if row.address else set()
    return {tenant: frozenset(guests) for tenant, guests in found.items()}


class TrialsKept:
    """The same, asked for at most every five seconds. Each sender has its own."""

    def __init__(self) -> None:
        self._trials: Trials = {}
        self._until = 0.0

    async def now(self, session: AsyncSession) -> Trials:
        """The trials as they stood at most five seconds ago."""
        if time.monotonic() >= self._until:
            self._trials = await trials(session)
            self._until = time.monotonic() + KEPT_SECONDS
        return self._trials
