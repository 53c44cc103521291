"""What the portal reads: duties, the school day as it happens, and what became of messages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.portal import store
from services.portal.tables import roster
from shared.events.absence import AbsenceNoticed, LessonReported, LessonUnreported
from shared.events.attendance import LessonPlanned
from shared.events.duties import DutyMoved
from shared.events.envelope import Outgoing
from shared.events.notify import DeliverySettled
from shared.events.roster import SchoolStated
from shared.messaging.reader import Batch, Reader
from shared.roster.projection import roster_reader
from shared.topics import ABSENCES, DELIVERIES, DUTIES, LESSONS


def readers(zone: str = "Europe/Stockholm") -> list[Reader]:
    """The readers of this service."""

    async def the_day(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        await store.write_lessons(session, [r.event for r in batch.of(LessonPlanned)], zone)
        await store.mark_lessons(session, "reported", {r.event.lesson_id for r in batch.of(LessonReported)})
        await store.mark_lessons(session, "alerted", {r.event.lesson_id for r in batch.of(LessonUnreported)})
        await store.write_absences(session, [r.event for r in batch.of(AbsenceNoticed)])
        return []

    async def ledger(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        await store.write_duties(session, [r.event for r in batch.of(DutyMoved)])
        await store.write_deliveries(session, [r.event for r in batch.of(DeliverySettled)])
        return []

    return [
        roster_reader(roster, SchoolStated),
        Reader("day", (LESSONS, ABSENCES), (LessonPlanned, LessonReported, LessonUnreported, AbsenceNoticed), the_day),
        Reader("ledger", (DUTIES, DELIVERIES), (DutyMoved, DeliverySettled), ledger),
    ]
