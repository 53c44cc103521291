"""People who do not exist, for previews: among them those whose names break what was not thought of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notifications.domain.letters import Addressed, Letter
from services.notifications.domain.wordings import COUNTED, names_for
from shared.clock import local_date
from shared.events.notify import Appointment, NotificationKind
from shared.languages import Language

NOBODY = UUID(int=0)
MINUTES = 20


class Sample(StrEnum):
    """Which of them."""

    PLAIN = "plain"
    APOSTROPHE = "apostrophe"
    BRACES = "braces"
    LONG = "long"
    RIGHT_TO_LEFT = "right-to-left"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Person:
    """A name (which no message holds), an address, a school and a place (which some do)."""

    name: str
    address: str
    school: str
    place: str


PEOPLE = {
    Sample.PLAIN: Person("Anna Ek", "anna.ek@example.org", "Björkskolan", "Sal 12"),
    Sample.APOSTROPHE: Person("Seán O'Brien-D’Angelo", "o'brien@example.org", "S:t Olofs “nya” skola", "Bob's room"),
    Sample.BRACES: Person("{{7*7}} {% raw %}", "braces@example.org", "{{7*7}}skolan <b>", "%(day)s {{ school }}"),
    Sample.LONG: Person(
        "Wilhelmina Alexandra von Oldenburg-Schleswig-Holstein-Sonderburg",
        "wilhelmina.alexandra.von.oldenburg@a-very-long-name-of-a-domain.example.org",
        "Den internationella grund- och gymnasieskolan för språk, naturvetenskap och estetik i Brohamns skärgård",
        "Den stora aulan i den nya byggnaden bakom idrottshallen, ingång från gården, tredje våningen till vänster",
    ),
    Sample.RIGHT_TO_LEFT: Person("سارة العلي", "sara@example.org", "مدرسة البتولا", "غرفة ١٢"),
    Sample.PROTECTED: Person("", "somebody@example.org", "", ""),
}


def letter_to(sample: Sample, kind: NotificationKind, language: Language, now: datetime, zone: str) -> Letter:
    """The letter of this kind to one of them: about today, and an appointment in a week where there is one."""
    neutral = sample is Sample.PROTECTED
    today = local_date(now, zone)
    timed = "when" in names_for(kind) and not neutral
    return Letter(
        kind=kind,
        language=language,
        school=PEOPLE[sample].school,
        neutral=neutral,
        day=today,
        count=3 if kind in COUNTED else 1,
        appointment=_appointment(PEOPLE[sample].place, today, zone) if timed else None,
    )


def addressed_to(sample: Sample, now: datetime) -> Addressed:
    """The address of one of them; the link leads to a message that does not exist."""
    return Addressed(NOBODY, NOBODY, PEOPLE[sample].address, now, now)


def _appointment(place: str, today: date, zone: str) -> Appointment:
    starts_at = datetime.combine(today + timedelta(days=7), time(17), ZoneInfo(zone))
    ends_at = starts_at + timedelta(minutes=MINUTES)
    return Appointment(uid_of=NOBODY, starts_at=starts_at, ends_at=ends_at, zone=zone, place=place)
