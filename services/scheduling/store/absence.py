"""Absence sums, as the absence service last said them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.tables import AbsenceSum
from shared.db.bulk import insert_rows, newer_wins
from shared.db.engine import table_of
from shared.events.absence import AbsenceSummed

SUM = table_of(AbsenceSum)
NAMES = ("pupil_id", "version", "tenant_id", "since", "until", "subjects")
NEWER = newer_wins(SUM, ("pupil_id",), NAMES)


async def write_sums(session: AsyncSession, events: Sequence[AbsenceSummed]) -> None:
    """Keep the newest sums of each pupil; those of a municipality that was not named are nobody's."""
    newest = {event.pupil_id: event for event in sorted(events, key=lambda event: event.version) if event.tenant_id}
    rows = [(e.pupil_id, e.version, e.tenant_id, e.since, e.until, _subjects(e)) for e in newest.values()]
    await insert_rows(session, SUM, NAMES, rows, NEWER)


async def sums_of(session: AsyncSession, pupil_ids: Iterable[UUID]) -> dict[UUID, AbsenceSum]:
    """The sums of these pupils, for whoever may see them."""
    found = await session.scalars(select(AbsenceSum).where(SUM.c.pupil_id.in_(list(pupil_ids))))
    return {one.pupil_id: one for one in found}


def _subjects(event: AbsenceSummed) -> str:
    return json.dumps(event.model_dump(mode="json")["subjects"])
