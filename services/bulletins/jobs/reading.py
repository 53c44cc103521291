"""When homes are reminded of what must be read and nobody there has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.reading import UNREAD, remind_of_all
from services.bulletins.settings import BulletinsSettings
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing


def reading_handlers(settings: BulletinsSettings) -> Mapping[str, DueHandler]:
    """What to do some days after something was sent."""

    async def on_unread(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return await remind_of_all(session, [one.ref for one in due], now, settings)

    return {UNREAD: on_unread}
