"""Every event there is, by its type string."""

from __future__ import annotations

from shared.events.absence import AbsenceNoticed, AbsenceSummed, LessonReported, LessonUnreported
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.bulletins import BulletinStated
from shared.events.duties import DutyMoved
from shared.events.envelope import Event
from shared.events.notify import (
    DeliverySettled,
    MailingRequested,
    MailingSettled,
    MailingWithdrawn,
    MessageRead,
    NotificationRequested,
    UnhurriedRequested,
)
from shared.events.operations import HealthReported
from shared.events.people import ConsentStated, PreferencesStated
from shared.events.privacy import PrivacyAnswered, PrivacyRequested, PupilLookedAt
from shared.events.roster import (
    ContactStated,
    GroupStated,
    GuardianshipsStated,
    LoginStated,
    PersonStated,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from shared.events.scheduling import CommitmentStated, MeetingStated, TalkStated

EVENTS: tuple[type[Event], ...] = (
    SchoolStated,
    PersonStated,
    ContactStated,
    GuardianshipsStated,
    GroupStated,
    StaffStated,
    SubjectStated,
    LoginStated,
    LessonPlanned,
    AttendanceRecorded,
    AbsenceReported,
    AbsenceNoticed,
    LessonReported,
    LessonUnreported,
    AbsenceSummed,
    TalkStated,
    CommitmentStated,
    MeetingStated,
    BulletinStated,
    DutyMoved,
    NotificationRequested,
    UnhurriedRequested,
    MailingRequested,
    MailingWithdrawn,
    DeliverySettled,
    MailingSettled,
    MessageRead,
    PreferencesStated,
    ConsentStated,
    PrivacyRequested,
    PrivacyAnswered,
    PupilLookedAt,
    HealthReported,
)
CATALOGUE: dict[str, type[Event]] = {event.event_type: event for event in EVENTS}
