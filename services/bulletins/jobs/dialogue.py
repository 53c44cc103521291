"""Messages that were written in the evening leave in the morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.settings import BulletinsSettings
from services.bulletins.talking import HELD, tell
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing


def dialogue_handlers(_: BulletinsSettings) -> Mapping[str, DueHandler]:
    """What to do when the school's evening is over."""

    async def on_held(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await tell(session, [thing.ref for thing in due], now)

    return {HELD: on_held}
