"""Every query and bulk write of the absence service. Takes a session, never commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.absence.domain import HomeReport, Missed, Notice, NoticeStatus
from services.absence.tables import (
    UNEXCUSED,
    AbsenceReport,
    Lesson,
    LessonResult,
    NoticeRow,
    ReportedLesson,
    roster,
)
from shared.db.bulk import insert_rows, newer_wins, rows_as_arrays
from shared.db.engine import table_of
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.roster import PersonStated, SchoolStated
from shared.roster.projection import known

RESULT, REPORT, LESSON = table_of(LessonResult), table_of(AbsenceReport), table_of(Lesson)
REPORTED, NOTICE = table_of(ReportedLesson), table_of(NoticeRow)
RESULT_NAMES, REPORT_NAMES, LESSON_NAMES, NOTICE_NAMES = (
    tuple(column.name for column in table.columns) for table in (RESULT, REPORT, LESSON, NOTICE)
)
OLD_UNEXCUSED = "coalesce(old.is_reported and not old.withdrawn and old.invalid_minutes > 0, false) as before"
NEW_UNEXCUSED = "new.is_reported and not new.withdrawn and new.invalid_minutes > 0 as after"
WRITE_RESULTS = newer_wins(
    RESULT,
    ("pupil_id", "lesson_id"),
    RESULT_NAMES,
    f"new.pupil_id, new.lesson_id, new.school_id, new.starts_at, {OLD_UNEXCUSED}, {NEW_UNEXCUSED}",
)
WRITE_REPORTS = newer_wins(
    REPORT,
    ("report_id",),
    REPORT_NAMES,
    "new.pupil_id, least(new.starts_at, old.starts_at) as starts_at, greatest(new.ends_at, old.ends_at) as ends_at",
)
SPAN_NAMES = ("pupil_id", "starts_at", "ends_at")
WRITE_LESSONS = newer_wins(LESSON, ("lesson_id",), LESSON_NAMES)
WRITE_NOTICES = newer_wins(NOTICE, ("notice_id",), NOTICE_NAMES)
MISSED = text(
    "select distinct r.pupil_id, r.lesson_id, r.school_id, r.starts_at, r.ends_at "
    "from unnest(cast(:pupils as uuid[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[])) "
    "as span(pupil_id, starts_at, ends_at) join lesson_result r on r.pupil_id = span.pupil_id "
    f"and r.starts_at >= span.starts_at and r.starts_at < span.ends_at where {UNEXCUSED}"
)
UNREPORTED = text(
    "select lesson_id, school_id, starts_at from lesson where lesson_id = any(cast(:ids as uuid[])) "
    "and not cancelled and not exists (select from reported_lesson r where r.lesson_id = lesson.lesson_id)"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A pupil and a stretch of time in which something may have changed."""

    pupil_id: UUID
    starts_at: datetime
    ends_at: datetime


async def write_results(session: AsyncSession, events: Iterable[AttendanceRecorded]) -> Sequence[Row[Any]]:
    """Keep the newest results; return only those where an unexcused absence appeared, stayed or went away."""
    rows = _rows(_newest(events, "pupil_id", "lesson_id"), RESULT_NAMES)
    return await insert_rows(session, RESULT, RESULT_NAMES, rows, WRITE_RESULTS, "before or after")


async def write_reports(session: AsyncSession, events: Iterable[AbsenceReported]) -> list[Span]:
    """Keep the newest home reports; return the stretches of time they say or no longer say something about."""
    rows = _rows(_newest(events, "report_id"), REPORT_NAMES)
    written = await insert_rows(session, REPORT, REPORT_NAMES, rows, WRITE_REPORTS)
    return [Span(row.pupil_id, row.starts_at, row.ends_at) for row in written]


async def write_lessons(session: AsyncSession, events: Iterable[LessonPlanned]) -> set[UUID]:
    """Keep the newest plans; return the lessons whose plan is new."""
    rows = _rows(_newest(events, "lesson_id"), LESSON_NAMES)
    return {row.lesson_id for row in await insert_rows(session, LESSON, LESSON_NAMES, rows, WRITE_LESSONS)}


async def mark_reported(session: AsyncSession, lesson_ids: Collection[UUID]) -> set[UUID]:
    """Remember that somebody has reported these lessons; return those for which it is the first time."""
    rows = [(lesson_id,) for lesson_id in sorted(lesson_ids)]
    first = await insert_rows(session, REPORTED, ("lesson_id",), rows, "on conflict do nothing returning lesson_id")
    return {row.lesson_id for row in first}


async def unreported(session: AsyncSession, lesson_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """Which of these lessons are still planned and have not been reported by anybody."""
    return (await session.execute(UNREPORTED, {"ids": list(lesson_ids)})).all()


async def missed_in(session: AsyncSession, spans: Sequence[Span]) -> list[Missed]:
    """Lessons missed without valid reason by these pupils in these stretches, before any home report is weighed."""
    arrays = rows_as_arrays(("pupils", "starts", "ends"), _rows(spans, SPAN_NAMES))
    rows = (await session.execute(MISSED, arrays)).all() if spans else []
    return [Missed(*row) for row in rows]


async def reports_of(session: AsyncSession, missed: Sequence[Missed]) -> list[HomeReport]:
    """Home reports that may excuse some of these lessons."""
    if not missed:
        return []
    pupils = {lesson.pupil_id for lesson in missed}
    first, last = min(m.starts_at for m in missed), max(m.ends_at for m in missed)
    columns = select(REPORT.c.pupil_id, REPORT.c.starts_at, REPORT.c.ends_at)
    valid = columns.where(REPORT.c.pupil_id.in_(pupils), ~REPORT.c.withdrawn)
    rows = await session.execute(valid.where(REPORT.c.starts_at <= last, REPORT.c.ends_at >= first))
    return [HomeReport(*row) for row in rows]


async def latest_notices(session: AsyncSession, days: Collection[tuple[UUID, date]]) -> dict[tuple[UUID, date], Notice]:
    """The latest round of each pupil's notice on each of these days, locked until the transaction ends."""
    if not days:
        return {}
    mine = select(NOTICE).where(tuple_(NOTICE.c.pupil_id, NOTICE.c.day).in_(days))
    rows = (await session.execute(mine.order_by(NOTICE.c.round, NOTICE.c.notice_id).with_for_update())).all()
    return {(row.pupil_id, row.day): _notice(row) for row in rows}


async def waiting_notices(session: AsyncSession, ids: Sequence[UUID]) -> list[Notice]:
    """Those of these notices that still wait, locked until the transaction ends."""
    mine = select(NOTICE).where(NOTICE.c.notice_id.in_(ids), NOTICE.c.status == NoticeStatus.WAITING)
    rows = (await session.execute(mine.order_by(NOTICE.c.notice_id).with_for_update())).all()
    return [_notice(row) for row in rows]


async def write_notices(session: AsyncSession, notices: Sequence[Notice]) -> None:
    """Write notices, each in its newest version."""
    await insert_rows(session, NOTICE, NOTICE_NAMES, _rows(notices, NOTICE_NAMES), WRITE_NOTICES)


async def zones(session: AsyncSession, school_ids: Iterable[UUID], default: str) -> Mapping[UUID, str]:
    """The time zone of each school; the default where the roster has not told us yet."""
    ids = set(school_ids)
    schools = await known(session, roster, SchoolStated, ids)
    return {school_id: schools[school_id].zone if school_id in schools else default for school_id in ids}


async def pupils(session: AsyncSession, pupil_ids: Iterable[UUID]) -> Mapping[UUID, PersonStated]:
    """What the roster knows of these pupils."""
    return await known(session, roster, PersonStated, pupil_ids)


def _newest(events: Iterable[Any], *key: str) -> list[Any]:
    """The newest version of each thing: one statement may not write the same row twice."""
    key_of, newest = attrgetter(*key), dict[Any, Any]()
    for event in events:
        seen = newest.setdefault(key_of(event), event)
        if seen.version < event.version:
            newest[key_of(event)] = event
    return list(newest.values())


def _rows(things: Iterable[Any], names: Sequence[str]) -> list[tuple[Any, ...]]:
    return list(map(attrgetter(*names), things))


def _notice(row: Row[Any]) -> Notice:
    values = {field.name: getattr(row, field.name) for field in fields(Notice)}
    return Notice(**{**values, "status": NoticeStatus(row.status)})
