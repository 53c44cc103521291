"""Support measures, in a record of their own: they stay at the school that noted them and never travel along."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import select

from services.scheduling.tables import Adaptation
from shared.db.engine import table_of

ADAPTATION = table_of(Adaptation)


async def of_pupil(session: AsyncSession, pupil_id: UUID) -> list[Adaptation]:
    """A pupil's support measures at the schools within reach, those in force first, the latest first."""
    mine = select(Adaptation).where(ADAPTATION.c.pupil_id == pupil_id)
    in_order = (ADAPTATION.c.ended_at.desc().nulls_first(), ADAPTATION.c.noted_at.desc(), ADAPTATION.c.adaptation_id)
    return list(await session.scalars(mine.order_by(*in_order)))


async def add(session: AsyncSession, adaptation: Adaptation) -> None:
    """Note a measure."""
    session.add(adaptation)
    await session.flush()


async def end(session: AsyncSession, adaptation_id: UUID, pupil_id: UUID, now: datetime) -> bool:
    """Note that a measure of this pupil has ended; False when there is none in force."""
    mine = (ADAPTATION.c.adaptation_id == adaptation_id) & (ADAPTATION.c.pupil_id == pupil_id)
    ended = update(ADAPTATION).where(mine, ADAPTATION.c.ended_at.is_(None)).values(ended_at=now)
    return (await session.execute(ended.returning(ADAPTATION.c.adaptation_id))).first() is not None
