"""Bulletins that are to leave now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.sending import SENDING, send
from services.bulletins.settings import BulletinsSettings
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing


def sending_handlers(settings: BulletinsSettings) -> Mapping[str, DueHandler]:
    """What to do when a bulletin is to leave."""

    async def on_sending(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        return [said for one in due for said in await send(session, one.ref, now, settings)]

    return {SENDING: on_sending}
