"""What the absence service says: each fact of the domain as an event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.absence.domain import Notice, NoticeStatus
from services.absence.sums import Summed
from shared.clock import local_date
from shared.events.absence import AbsenceNoticed, AbsenceSummed, LessonReported, LessonUnreported, SubjectAbsence
from shared.events.attendance import AttendanceRecorded
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Outgoing, Received
from shared.events.notify import NotificationKind, NotificationRequested
from shared.ids import derived_id
from shared.observe.tracing import continued, new_traceparent


def noticed(notice: Notice) -> Outgoing:
    """A pupil is missing and the grace period has begun."""
    event = AbsenceNoticed(
        notice_id=notice.notice_id,
        version=notice.version,
        pupil_id=notice.pupil_id,
        school_id=notice.school_id,
        day=notice.day,
        late=notice.late,
        noticed_at=notice.noticed_at,
    )
    return Outgoing(event, continued(notice.traceparent))


def owed(notice: Notice, now: datetime) -> list[Outgoing]:
    """The grace period is over: the duty is owed and the guardians are to be told."""
    kind = NotificationKind.ABSENCE_NOTICE_LATE if notice.late else NotificationKind.ABSENCE_NOTICE
    return [duty(notice, DutyStatus.OWED, now), _request(notice, kind, notification_id(notice.notice_id), now)]


def retracted(notice: Notice, now: datetime) -> list[Outgoing]:
    """The school has corrected itself: those who had the notice are to be told, in the same channel."""
    request = _request(notice, NotificationKind.ABSENCE_RETRACTION, derived_id("retraction", notice.notice_id), now)
    return [request]


def explained(notice: Notice, now: datetime) -> list[Outgoing]:
    """The home has reported the absence after the notice: it has been understood."""
    return [duty(notice, DutyStatus.UNDERSTOOD, now)]


def duty(notice: Notice, status: DutyStatus, now: datetime) -> Outgoing:
    """The duty behind the notice has reached a status."""
    event = DutyMoved(
        duty_id=notice.notice_id,
        kind=DutyKind.SAME_DAY_NOTICE,
        status=status,
        pupil_id=notice.pupil_id,
        school_id=notice.school_id,
        day=notice.day,
        at=now,
    )
    return Outgoing(event, continued(notice.traceparent))


def notification_id(duty_id: UUID) -> UUID:
    """The notification that carries out a duty."""
    return derived_id("notice", duty_id)


def lesson_reported(received: Received[AttendanceRecorded]) -> Outgoing:
    """Somebody has reported a lesson for the first time."""
    event = received.event
    said = LessonReported(lesson_id=event.lesson_id, school_id=event.school_id, starts_at=event.starts_at)
    return Outgoing(said, continued(received.traceparent))


def unreported(school_id: UUID, lessons: Sequence[tuple[UUID, datetime]], zone: str, now: datetime) -> list[Outgoing]:
    """Lessons of one school that nobody has reported: one message to the school, one event each."""
    ids = sorted(lesson_id for lesson_id, _ in lessons)
    trace = new_traceparent()
    day = local_date(min(starts_at for _, starts_at in lessons), zone)
    request = NotificationRequested(
        notification_id=derived_id("unreported", *ids),
        kind=NotificationKind.LESSONS_UNREPORTED,
        school_id=school_id,
        day=day,
        count=len(ids),
        requested_at=now,
    )
    found = [LessonUnreported(lesson_id=i, school_id=school_id, day=day, found_at=now) for i in ids]
    return [Outgoing(event, continued(trace)) for event in (request, *found)]


def summed(one: Summed, since: date, until: date) -> Outgoing:
    """A pupil's absence this school year, by subject."""
    event = AbsenceSummed(
        pupil_id=one.pupil_id,
        version=one.version,
        school_id=one.school_id,
        tenant_id=one.tenant_id,
        since=since,
        until=until,
        subjects=tuple(SubjectAbsence.model_validate(subject) for subject in one.subjects),
    )
    return Outgoing(event, new_traceparent())


def _request(notice: Notice, kind: NotificationKind, request_id: UUID, now: datetime) -> Outgoing:
    event = NotificationRequested(
        notification_id=request_id,
        kind=kind,
        school_id=notice.school_id,
        pupil_id=notice.pupil_id,
        day=notice.day,
        duty_id=notice.notice_id,
        about_id=notification_id(notice.notice_id) if notice.status is NoticeStatus.RETRACTED else None,
        count=max(1, notice.lessons),
        requested_at=now,
    )
    return Outgoing(event, continued(notice.traceparent))
