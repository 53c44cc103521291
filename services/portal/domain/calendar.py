"""The calendar feed: school days as spans. Whoever reads it over a shoulder learns an initial and a time, no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone

from services.portal.domain.family import Facts, Pupil
from services.portal.domain.home import school_hours
from shared.ids import derived_id

BACK_DAYS, AHEAD_DAYS = 14, 90
PRODUCT = "-//Skolbro//School days//EN"


@dataclass(frozen=True)
class SchoolSpan:
    """One pupil's school day. `initial` is empty for the reader's own."""

    entry_id: UUID
    initial: str
    zone: str
    starts_at: datetime
    ends_at: datetime


def spans(pupils: Iterable[Pupil], facts: Facts) -> list[SchoolSpan]:
    """The school days of those without a protected identity, in order."""
    found = [span for one in pupils if not one.protected for span in _spans(one, facts)]
    return sorted(found, key=lambda span: (span.starts_at, span.entry_id))


def calendar(entries: Sequence[SchoolSpan], title: str, name: str, zones: Iterable[str], made_at: datetime) -> bytes:
    """The feed as RFC 5545 has it: `title` is what each entry is called, `name` the whole.

    Times are local with their zone, so that a school day stays at its hour when the clocks change. The zones are
    written even when there is no entry: a calendar with nothing in it is not valid.
    """
    feed = Calendar()
    feed.add("prodid", PRODUCT)
    feed.add("version", "2.0")
    feed.add("x-wr-calname", name)
    days = [entry.starts_at.date() for entry in entries] or [made_at.date()]
    for zone in sorted({*zones, *(entry.zone for entry in entries)}):
        feed.add_component(_zone(zone, min(days).year, max(days).year))
    for entry in entries:
        feed.add_component(_event(entry, title, made_at))
    return bytes(feed.to_ical())


def _spans(pupil: Pupil, facts: Facts) -> list[SchoolSpan]:
    groups, lessons = facts.groups.get(pupil.pupil_id, ()), facts.lessons.get(pupil.pupil_id, ())
    initial = "" if pupil.oneself else facts.names.get(pupil.pupil_id, "")[:1]
    days = sorted({hours.day for _, hours in lessons})
    held = [hours for day in days if (hours := school_hours(groups, lessons, day))]
    return [
        SchoolSpan(_entry_id(pupil.pupil_id, one.day), initial, pupil.zone, one.starts_at, one.ends_at) for one in held
    ]


def _entry_id(pupil_id: UUID, day: date) -> UUID:
    return derived_id("school day", pupil_id, day)


def _event(entry: SchoolSpan, title: str, made_at: datetime) -> Event:
    event, zone = Event(), ZoneInfo(entry.zone)
    event.add("uid", f"{entry.entry_id}@skolbro.example")
    event.add("dtstamp", made_at)
    event.add("dtstart", entry.starts_at.astimezone(zone))
    event.add("dtend", entry.ends_at.astimezone(zone))
    event.add("summary", f"{title} · {entry.initial}" if entry.initial else title)
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT")
    return event


@lru_cache(64)
def _zone(zone: str, first: int, last: int) -> Timezone:
    """The zone with its changes of clocks in these years; the same object is never changed."""
    return Timezone.from_tzid(zone, first_date=date(first, 1, 1), last_date=date(last + 1, 1, 1))
