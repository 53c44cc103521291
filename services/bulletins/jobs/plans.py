"""What every local midnight brings: half-years that begin, bulletins that are owed, near or late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.settings import BulletinsSettings
from services.bulletins.tables import kit as tables
from services.bulletins.tables import roster
from shared.due.nights import Nights
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing

NIGHTS = Nights("bulletins_night", tables, roster)


def plan_handlers(_: BulletinsSettings) -> Mapping[str, DueHandler]:
    """What to do at midnight."""

    async def on_night(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        await NIGHTS.struck(session, due, now)
        return []

    return {NIGHTS.kind: on_night}
