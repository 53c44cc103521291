"""Every event there is, by its type string."""

from __future__ import annotations

from shared.events.absence import AbsenceNoticed, LessonReported, LessonUnreported
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.duties import DutyMoved
from shared.events.envelope import Event
from shared.events.notify import DeliverySettled, NotificationRequested
from shared.events.roster import (
    ContactStated,
    GroupStated,
    GuardianshipsStated,
    PersonStated,
    SchoolStated,
    StaffStated,
    SubjectStated,
)

EVENTS: tuple[type[Event], ...] = (
    SchoolStated,
    PersonStated,
    ContactStated,
    GuardianshipsStated,
    GroupStated,
    StaffStated,
    SubjectStated,
    LessonPlanned,
    AttendanceRecorded,
    AbsenceReported,
    AbsenceNoticed,
    LessonReported,
    LessonUnreported,
    DutyMoved,
    NotificationRequested,
    DeliverySettled,
)
CATALOGUE: dict[str, type[Event]] = {event.event_type: event for event in EVENTS}
