"""The calendar feed: school days and talks. Whoever reads it over a shoulder learns an initial and a time, no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from services.portal.domain.family import Facts, Pupil
from services.portal.domain.home import school_hours
from services.portal.domain.talks import Talk
from shared.events.scheduling import TalkState
from shared.ids import derived_id
from shared.timezones import KNOWN, vtimezone

BACK_DAYS, AHEAD_DAYS = 14, 90
PRODUCT = "-//Skolbro//School days//EN"
LOOK_AGAIN = timedelta(hours=1)  # RFC 7986 5.7; calendars ask less often than they are told to
DOMAIN = "skolbro.example"
# RFC 5545 3.8.1.11. A talk that was missed, or has no time any more, is taken back.
STATUSES = {
    TalkState.PROPOSED: "TENTATIVE",
    TalkState.BOOKED: "CONFIRMED",
    TalkState.HELD: "CONFIRMED",
    TalkState.SIGNED: "CONFIRMED",
}


@dataclass(frozen=True)
class Words:
    """What the feed says: its own name, what a school day and a talk are called, and where a video talk is."""

    name: str
    day: str
    talk: str
    video: str


@dataclass(frozen=True)
class SchoolSpan:
    """One pupil's school day. `initial` is empty for the reader's own."""

    entry_id: UUID
    initial: str
    zone: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class TalkEntry:
    """A talk in the feed, at the last time it had. `status` is RFC 5545's word; `stamped` when it was last stated."""

    entry_id: UUID
    initial: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    stamped: datetime
    sequence: int
    status: str
    place: str | None = None
    video: bool = False


def spans(pupils: Iterable[Pupil], facts: Facts) -> list[SchoolSpan]:
    """The school days of those without a protected identity, in order."""
    found = [span for one in pupils if not one.protected for span in _spans(one, facts)]
    return sorted(found, key=lambda span: (span.starts_at, span.entry_id))


def appointments(pupils: Iterable[Pupil], facts: Facts) -> list[TalkEntry]:
    """The talks of those without a protected identity, in order; one that has lost its time as cancelled."""
    clear = {one.pupil_id: one for one in pupils if not one.protected}
    mine = ((talk, clear[talk.pupil_id]) for talk in facts.talks if talk.pupil_id in clear)
    found = [entry for talk, pupil in mine if (entry := _entry(talk, pupil, facts))]
    return sorted(found, key=lambda entry: (entry.starts_at, entry.entry_id))


def calendar(
    days: Sequence[SchoolSpan],
    talks: Sequence[TalkEntry],
    words: Words,
    zones: Iterable[str],
    made_at: datetime,
) -> bytes:
    """The feed as RFC 5545 has it.

    Times are local with their zone, so that a school day stays at its hour when the clocks change. The zones are
    written as they are, byte for byte (`shared.timezones`), and even when there is no entry: a calendar with nothing
    in it is not valid.
    """
    feed = Calendar()
    feed.add("prodid", PRODUCT)
    feed.add("version", "2.0")
    feed.add("x-wr-calname", words.name)
    feed.add("refresh-interval", LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    feed.add("x-published-ttl", "PT1H")
    named = {*zones, *(day.zone for day in days), *(talk.zone for talk in talks)}
    for day in days:
        feed.add_component(_event(day, words.day, made_at))
    for talk in talks:
        feed.add_component(_talk(talk, words))
    zones_text = "".join(vtimezone(zone) for zone in sorted(named & KNOWN)).encode()
    head, begin, rest = bytes(feed.to_ical(sorted=False)).partition(
        b"BEGIN:VEVENT" if feed.events else b"END:VCALENDAR"
    )
    return head + zones_text + begin + rest


def _spans(pupil: Pupil, facts: Facts) -> list[SchoolSpan]:
    groups, lessons = facts.groups.get(pupil.pupil_id, ()), facts.lessons.get(pupil.pupil_id, ())
    initial = _initial(pupil, facts)
    days = sorted({hours.day for _, hours in lessons})
    held = [hours for day in days if (hours := school_hours(groups, lessons, day))]
    return [
        SchoolSpan(_entry_id(pupil.pupil_id, one.day), initial, pupil.zone, one.starts_at, one.ends_at) for one in held
    ]


def _entry(talk: Talk, pupil: Pupil, facts: Facts) -> TalkEntry | None:
    """None for a talk that never had a time."""
    if talk.was_from is None or talk.was_to is None:
        return None
    stands = talk.starts_at is not None
    return TalkEntry(
        entry_id=talk.talk_id,
        initial=_initial(pupil, facts),
        zone=pupil.zone,
        starts_at=talk.was_from,
        ends_at=talk.was_to,
        stamped=talk.heard_at or talk.was_from,
        sequence=talk.sequence,
        status=STATUSES.get(talk.state, "CANCELLED") if stands else "CANCELLED",
        place=talk.place,
        video=talk.video,
    )


def _initial(pupil: Pupil, facts: Facts) -> str:
    return "" if pupil.oneself else facts.names.get(pupil.pupil_id, "")[:1]


def _entry_id(pupil_id: UUID, day: date) -> UUID:
    return derived_id("school day", pupil_id, day)


def _event(entry: SchoolSpan | TalkEntry, title: str, stamped: datetime) -> Event:
    event = Event()
    event.add("uid", f"{entry.entry_id}@{DOMAIN}")
    event.add("dtstamp", stamped)
    event.add("dtstart", _local(entry.starts_at, entry.zone))
    event.add("dtend", _local(entry.ends_at, entry.zone))
    event.add("summary", f"{title} · {entry.initial}" if entry.initial else title)
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE" if isinstance(entry, TalkEntry) and entry.status == "CONFIRMED" else "TRANSPARENT")
    return event


def _talk(entry: TalkEntry, words: Words) -> Event:
    event = _event(entry, words.talk, entry.stamped)
    event.add("sequence", entry.sequence)
    event.add("status", entry.status)
    where = words.video if entry.video else entry.place
    if where and entry.status != "CANCELLED":
        event.add("location", where)
    return event


def _local(instant: datetime, zone: str) -> datetime:
    """By the clock there, as `shared.timezones.timed` has it: in UTC without a fixed rule, and in an hour's repeat."""
    local = instant.astimezone(ZoneInfo(zone))
    return local if zone in KNOWN and not local.fold else instant.astimezone(UTC)
