"""The school day as it happens: lessons, what was noticed, and counts of it by school."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.day import Counts, SchoolDay
from services.portal.tables import Absence, Lesson, LessonMark, roster
from shared.clock import local_date
from shared.db.bulk import ONCE, insert_rows, newer_wins
from shared.db.engine import table_of
from shared.events.absence import AbsenceNoticed
from shared.events.attendance import LessonPlanned
from shared.events.duties import DutyKind
from shared.events.roster import SchoolStated
from shared.roster.projection import everything, known

LESSON_NAMES = ("lesson_id", "version", "school_id", "day", "starts_at", "ends_at", "cancelled", "subject_id")
ABSENCE_NAMES = ("notice_id", "pupil_id", "school_id", "day", "late", "noticed_at")
REACHED = "('delivered', 'understood', 'met', 'retracted')"
DAY = text(
    f"""
    with lessons as (
        select l.school_id, count(*) as lessons, count(*) filter (where l.ends_at <= :now) as ended,
            count(r.lesson_id) as reported, count(a.lesson_id) filter (where r.lesson_id is null) as unreported
        from lesson l
        left join lesson_mark r on r.lesson_id = l.lesson_id and r.mark = 'reported'
        left join lesson_mark a on a.lesson_id = l.lesson_id and a.mark = 'alerted'
        where l.day = :day and not l.cancelled group by l.school_id
    ), absences as (
        select school_id, count(*) as absences from absence where day = :day group by school_id
    ), duties as (
        select school_id, count(*) as owed,
            count(*) filter (where status = 'sent' or status in {REACHED}) as sent,
            count(*) filter (where status in {REACHED}) as delivered,
            count(*) filter (where status = 'unreachable') as unreachable,
            count(*) filter (where status = 'retracted') as retracted
        from duty where day = :day and kind = :kind group by school_id
    )
    select * from lessons full join absences using (school_id) full join duties using (school_id)
    """
)


async def write_lessons(session: AsyncSession, planned: Sequence[LessonPlanned], default_zone: str) -> None:
    """Keep the newest plan of each lesson, on its school's own date."""
    zones = await zones_of(session, {lesson.school_id for lesson in planned}, default_zone)
    newest = {lesson.lesson_id: lesson for lesson in sorted(planned, key=lambda lesson: lesson.version)}
    rows = [
        (
            p.lesson_id,
            p.version,
            p.school_id,
            local_date(p.starts_at, zones[p.school_id]),
            p.starts_at,
            p.ends_at,
            _not_held(p),
            p.subject_id,
        )
        for p in newest.values()
    ]
    table = table_of(Lesson)
    await insert_rows(session, table, LESSON_NAMES, rows, newer_wins(table, ("lesson_id",), LESSON_NAMES))


async def zones_of(session: AsyncSession, school_ids: set[UUID], default: str) -> Mapping[UUID, str]:
    """The time zone of each of these schools; `default` for one that is not known yet."""
    schools = await known(session, roster, SchoolStated, school_ids)
    return {school_id: schools[school_id].zone if school_id in schools else default for school_id in school_ids}


async def mark_lessons(session: AsyncSession, mark: str, lesson_ids: Iterable[UUID]) -> None:
    """Remember that this has happened to the lessons."""
    rows = [(lesson_id, mark) for lesson_id in lesson_ids]
    await insert_rows(session, table_of(LessonMark), ("lesson_id", "mark"), rows, ONCE)


async def write_absences(session: AsyncSession, noticed: Sequence[AbsenceNoticed]) -> None:
    """Keep each noticed absence once."""
    rows = [tuple(getattr(event, name) for name in ABSENCE_NAMES) for event in noticed]
    await insert_rows(session, table_of(Absence), ABSENCE_NAMES, rows, ONCE)


async def latest_school_day(session: AsyncSession, today: date) -> date:
    """Today when it has lessons, else the last day before it that has: what a page about the day should show."""
    last = select(func.max(table_of(Lesson).c.day)).where(table_of(Lesson).c.day <= today)
    return (await session.scalar(last)) or today


async def school_days(session: AsyncSession, day: date, now: datetime) -> list[SchoolDay]:
    """The day of every school that has lessons, absences or duties on it, by name. Counts only."""
    schools = {school.school_id: school.name for school in await everything(session, roster, SchoolStated)}
    rows = (
        (await session.execute(DAY, {"day": day, "now": now, "kind": DutyKind.SAME_DAY_NOTICE.value})).mappings().all()
    )
    days = [
        SchoolDay(row["school_id"], schools.get(row["school_id"], "…"), _counts(cast("Mapping[str, Any]", row)))
        for row in rows
    ]
    return sorted(days, key=lambda school: school.name)


def _not_held(lesson: LessonPlanned) -> bool:
    """True when nobody is expected to report the lesson."""
    return lesson.cancelled or not lesson.attendance_taken


def _counts(row: Mapping[str, Any]) -> Counts:
    return Counts(**{field.name: row[field.name] or 0 for field in fields(Counts)})
