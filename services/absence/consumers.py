"""What the absence service reads: the roster it needs, lessons, results and home reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.absence import domain, outgoing, store
from services.absence.domain import LESSON_OVER, Rules
from services.absence.notices import Change, follow_up
from services.absence.tables import kit as tables
from services.absence.tables import metadata, roster
from shared.due.plan import plan
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.envelope import Outgoing, Received
from shared.events.roster import PersonStated, SchoolStated
from shared.messaging.reader import Batch, Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader
from shared.topics import ATTENDANCE, LESSONS

DEFAULT = Rules()


def readers(rules: Rules = DEFAULT) -> list[Reader]:
    """The readers of this service."""

    async def attendance(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        await _lessons(session, batch.of(LessonPlanned), rules, batch.now)
        results = batch.of(AttendanceRecorded)
        reported = await _reported(session, results)
        changes = [*await _results(session, results), *await _reports(session, batch.of(AbsenceReported))]
        return [*reported, *await follow_up(session, changes, rules, batch.now)]

    kinds = (LessonPlanned, AttendanceRecorded, AbsenceReported)
    return [
        roster_reader(roster, SchoolStated, PersonStated),
        Reader("attendance", (LESSONS, ATTENDANCE), kinds, attendance),
        privacy_reader("absence", tables, metadata),
    ]


async def _lessons(
    session: AsyncSession, planned: Sequence[Received[LessonPlanned]], rules: Rules, now: datetime
) -> None:
    """Keep the plans and look again a while after each lesson's end."""
    if not planned:
        return
    fresh = await store.write_lessons(session, [received.event for received in planned])
    newest = {r.event.lesson_id: r for r in sorted(planned, key=lambda r: r.event.version)}
    looks = []
    for lesson_id in fresh:
        received = newest[lesson_id]
        look_at = domain.alert_at(received.event.ends_at, now, rules)
        if look_at is not None and received.event.attendance_taken and not received.event.cancelled:
            looks.append((lesson_id, look_at, received.traceparent))
    await plan(session, tables, LESSON_OVER, looks)


async def _reported(session: AsyncSession, results: Sequence[Received[AttendanceRecorded]]) -> list[Outgoing]:
    """Remember which lessons somebody has reported, and say so the first time."""
    by_lesson = {r.event.lesson_id: r for r in results if r.event.is_reported}
    first = await store.mark_reported(session, by_lesson.keys()) if by_lesson else set()
    return [outgoing.lesson_reported(by_lesson[lesson_id]) for lesson_id in sorted(first)]


async def _results(session: AsyncSession, results: Sequence[Received[AttendanceRecorded]]) -> list[Change]:
    """Keep the results; the changes are where an unexcused absence came, stayed or went."""
    if not results:
        return []
    rows = await store.write_results(session, [received.event for received in results])
    traces = {(r.event.pupil_id, r.event.lesson_id): r.traceparent for r in results}
    return [
        Change(row.pupil_id, row.starts_at, row.starts_at, row.school_id, traces[row.pupil_id, row.lesson_id])
        for row in rows
    ]


async def _reports(session: AsyncSession, reports: Sequence[Received[AbsenceReported]]) -> list[Change]:
    """Keep the home's reports; the changes are what they say, or no longer say, something about."""
    if not reports:
        return []
    traces: dict[UUID, str | None] = {r.event.pupil_id: r.traceparent for r in reports}
    spans = await store.write_reports(session, [received.event for received in reports])
    return [Change(span.pupil_id, span.starts_at, span.ends_at, None, traces[span.pupil_id]) for span in spans]
