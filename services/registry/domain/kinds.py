"""The closed vocabularies: what a registry lists, and what we keep of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.envelope import Event
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


class Kind(StrEnum):
    """What we keep, one record each; every kind is said as one kind of event."""

    SCHOOL = "school"
    PERSON = "person"
    CONTACT = "contact"
    GUARDIANSHIPS = "guardianships"
    LOGIN = "login"
    GROUP = "group"
    STAFF = "staff"
    SUBJECT = "subject"
    LESSON = "lesson"
    ATTENDANCE = "attendance"
    ABSENCE = "absence"


class Resource(StrEnum):
    """What a registry lists, by its SS 12000 path; the last is a line of our plain attendance file."""

    ORGANISATIONS = "organisations"
    PERSONS = "persons"
    GROUPS = "groups"
    DUTIES = "duties"
    ACTIVITIES = "activities"
    CALENDAR_EVENTS = "calendarEvents"
    ABSENCES = "absences"
    ATTENDANCES = "attendances"
    ATTENDANCE_LINES = "attendanceLines"


EVENTS: Mapping[Kind, type[Event]] = {
    Kind.SCHOOL: SchoolStated,
    Kind.PERSON: PersonStated,
    Kind.CONTACT: ContactStated,
    Kind.GUARDIANSHIPS: GuardianshipsStated,
    Kind.LOGIN: LoginStated,
    Kind.GROUP: GroupStated,
    Kind.STAFF: StaffStated,
    Kind.SUBJECT: SubjectStated,
    Kind.LESSON: LessonPlanned,
    Kind.ATTENDANCE: AttendanceRecorded,
    Kind.ABSENCE: AbsenceReported,
}

# What one row of a list becomes; the first is the row itself, the others hang on it.
KINDS: Mapping[Resource, tuple[Kind, ...]] = {
    Resource.ORGANISATIONS: (Kind.SCHOOL,),
    Resource.PERSONS: (Kind.PERSON, Kind.CONTACT, Kind.GUARDIANSHIPS, Kind.LOGIN),
    Resource.GROUPS: (Kind.GROUP,),
    Resource.DUTIES: (Kind.STAFF,),
    Resource.ACTIVITIES: (Kind.SUBJECT,),
    Resource.CALENDAR_EVENTS: (Kind.LESSON,),
    Resource.ABSENCES: (Kind.ABSENCE,),
    Resource.ATTENDANCES: (Kind.ATTENDANCE,),
    Resource.ATTENDANCE_LINES: (Kind.ATTENDANCE,),
}

# What a registry is asked for, in the order in which one row may need another.
ASKED_FOR: tuple[Resource, ...] = (
    Resource.ORGANISATIONS,
    Resource.PERSONS,
    Resource.GROUPS,
    Resource.DUTIES,
    Resource.ACTIVITIES,
    Resource.CALENDAR_EVENTS,
    Resource.ABSENCES,
    Resource.ATTENDANCES,
)

# SS 12000 `EndPointsEnum`: the same lists as webhooks and subscriptions call them.
ENTITY_NAMES: Mapping[Resource, str] = {
    Resource.ORGANISATIONS: "Organisation",
    Resource.PERSONS: "Person",
    Resource.GROUPS: "Group",
    Resource.DUTIES: "Duty",
    Resource.ACTIVITIES: "Activity",
    Resource.CALENDAR_EVENTS: "CalendarEvent",
    Resource.ABSENCES: "Absence",
    Resource.ATTENDANCES: "Attendance",
}

# How `deletedEntities` calls them; “activitites” is the standard's own spelling.
DELETED_NAMES: Mapping[str, Resource] = {
    **{resource.value: resource for resource in ASKED_FOR},
    "activitites": Resource.ACTIVITIES,
}
