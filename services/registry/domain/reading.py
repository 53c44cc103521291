"""From a row to what it states: read it leniently, say what must be looked up, translate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from services.registry.domain import lessons, roster
from services.registry.domain.kinds import Resource
from services.registry.domain.ss12000 import (
    MODELS,
    Absence,
    Attendance,
    AttendanceLine,
    CalendarEvent,
    Lenient,
    Person,
    Row,
)
from services.registry.domain.statements import Known, Needs, Reading, Stated
from services.registry.domain.values import Origin
from shared.errors import Permanent
from shared.messaging.codec import describe

Translator = Callable[[Any, Origin, Known], Reading]
TRANSLATORS: Mapping[Resource, Translator] = {
    Resource.ORGANISATIONS: roster.school,
    Resource.PERSONS: roster.person,
    Resource.GROUPS: roster.group,
    Resource.DUTIES: roster.duty,
    Resource.ACTIVITIES: roster.subject,
    Resource.CALENDAR_EVENTS: lessons.lesson,
    Resource.ABSENCES: lessons.absence,
    Resource.ATTENDANCES: lessons.attendance,
    Resource.ATTENDANCE_LINES: lessons.attendance_line,
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A row and its model, or the reason why it has none."""

    row: Row
    model: Lenient | None
    reason: str = ""


def parse(row: Row) -> Parsed:
    """Read a row with its model."""
    if row.fault:
        return Parsed(row, None, row.fault)
    try:
        return Parsed(row, MODELS[row.resource].model_validate(row.raw))
    except ValidationError as error:
        return Parsed(row, None, describe(error, f"row of {row.resource}"))


def needs(parsed: Iterable[Parsed]) -> Needs:
    """What must be looked up before these rows can be translated."""
    wanted = Needs()
    for one in parsed:
        match one.model:
            case Person() as row:
                _person_needs(row, wanted)
            case CalendarEvent() as row:
                wanted.subjects.add(row.activity.id)
            case Attendance() as row:
                wanted.persons.add(row.student.id)
                wanted.lessons.add(row.calendar_event.id)
            case AttendanceLine() as row:
                wanted.persons.add(row.pupil_id)
                wanted.lessons.add(row.lesson_id)
            case Absence() as row:
                wanted.persons.add(row.student.id)
    return wanted


def translate(parsed: Parsed, origin: Origin, known: Known) -> Reading:
    """What the row states. Raises Permanent, with the reason as its text, when nothing in it can be used."""
    if parsed.model is None:
        raise Permanent(parsed.reason)
    try:
        reading = TRANSLATORS[parsed.row.resource](parsed.model, origin, known)
    except ValidationError as error:
        raise Permanent(describe(error, error.title)) from None
    owned = Reading(tuple(_owned(stated, origin) for stated in reading.stated), reading.notes)
    known.add(owned.stated)
    return owned


def _owned(stated: Stated, origin: Origin) -> Stated:
    """Every event of the roster says whose registry stated it; the others are about what the roster knows."""
    if "tenant_id" not in type(stated.event).model_fields:
        return stated
    return replace(stated, event=stated.event.model_copy(update={"tenant_id": origin.tenant_id}))


def _person_needs(row: Person, wanted: Needs) -> None:
    """Ties are looked up to find loops, and to piece together lists that come from grown-ups' rows."""
    wanted.ties_of.update(tie.person.id for tie in row.responsibles or ())
    children = row.embedded.responsible_for if row.embedded else None
    if children is not None:
        wanted.ties_to.add(row.id)
        wanted.ties_of.update((row.id, *(child.person.id for child in children)))
