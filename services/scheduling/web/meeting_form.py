"""The form of a meeting: what somebody typed, read as a meeting, with a sentence for each field that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from services.scheduling.domain.gatherings import Hours, MeetingKind, end_of_day, instant
from services.scheduling.domain.guests import Meet
from services.scheduling.meetings import Wanted
from shared.events.roster import SchoolStated
from shared.languages import N_

FIELDS = {"title": 120, "place": 200, "programme": 6000, "rooms": 2000}  # with the longest text, in characters
SHORT = (
    "kind",
    "day",
    "starts",
    "ends",
    "seats",
    "register_by",
    "gather_first",
    "gather_minutes",
    "gather_hours",
    "anyway",
)
MOST_SEATS, MOST_HOURS, MOST_DAYS = 10_000, 8, 10
MINUTES = (10, 180)
NO_SUCH_TIME = N_("There is no such time on that day, because the clocks are put forward. Choose another time.")
Class = tuple[UUID, str, UUID]  # id, name, school
Span = tuple[datetime, datetime]


class MeetingForm:
    """What was typed, as it was; `errors` has English words for fields that a person must mend."""

    def __init__(self, typed: FormData | None = None) -> None:
        said = typed or FormData()
        self.values = {name: _plain(said.get(name)) for name in (*FIELDS, *SHORT)}
        self.groups = [_plain(one) for one in said.getlist("group")]
        self.days = [day for one in said.getlist("more_day") if (day := _plain(one))]
        self.errors: dict[str, str] = {}

    @property
    def anyway(self) -> bool:
        """True when it is to be so although somebody cannot be everywhere."""
        return bool(self.values["anyway"])

    def read(
        self, classes: Sequence[Class], schools: Mapping[UUID, SchoolStated], now: datetime
    ) -> tuple[SchoolStated, Wanted] | None:
        """The meeting and its school; None, with `errors`, when it cannot be. Only these classes can be invited."""
        school, groups = self._school(classes, schools)
        kind = self._kind()
        self._texts()
        span = self._span(self.values["day"], "day", school.zone, now)
        more = self._more(kind, school.zone, now)
        seats = self._number("seats", 1, MOST_SEATS)
        register_by = self._register_by(span, school.zone)
        hours = self._hours(kind, span, school.zone)
        if self.errors or span is None:
            return None
        wanted = Wanted(
            kind=kind,
            title=self.values["title"],
            programme=self.values["programme"],
            place=self.values["place"],
            starts_at=span[0],
            ends_at=span[1],
            groups=groups,
            seats=seats,
            register_by=register_by,
            hours=hours,
            rooms=tuple(dict.fromkeys(filter(None, (one.strip() for one in self.values["rooms"].splitlines())))),
            more_days=tuple(dict.fromkeys(one for one in more if one and one != span)),
        )
        return school, wanted

    def _school(
        self, classes: Sequence[Class], schools: Mapping[UUID, SchoolStated]
    ) -> tuple[SchoolStated, tuple[UUID, ...]]:
        chosen = [one for one in classes if str(one[0]) in self.groups]
        places = {school for _, _, school in chosen}
        if not chosen:
            self.errors["group"] = N_("Choose at least one class.")
        elif len(places) > 1:
            self.errors["group"] = N_("All classes of a meeting are at one school: make one for each school.")
        return schools[(chosen or classes)[0][2]], tuple(one for one, _, _ in chosen)

    def _kind(self) -> MeetingKind:
        if self.values["kind"] not in list(MeetingKind):
            self.errors["kind"] = N_("Choose what it is.")
            return MeetingKind.PARENT_MEETING
        return MeetingKind(self.values["kind"])

    def _texts(self) -> None:
        for name, longest in FIELDS.items():
            if len(self.values[name]) > longest:
                self.errors[name] = N_("This is too long. Please shorten it.")
        for name in ("title", "place"):
            if not self.values[name]:
                self.errors[name] = N_("This is needed, so that families know what and where.")

    def _span(self, typed: str, name: str, zone: str, now: datetime) -> Span | None:
        """From when to when on that day, as instants."""
        day, starts, ends = _day(typed), _clock(self.values["starts"]), _clock(self.values["ends"])
        if day is None:
            self.errors[name] = N_("Choose a day.")
        for field, clock in (("starts", starts), ("ends", ends)):
            if clock is None:
                self.errors[field] = N_("Say a time, such as 18:00.")
        if day is None or starts is None or ends is None:
            return None
        starts_at, ends_at = instant(day, starts, zone), instant(day, ends, zone)
        if starts_at is None or ends_at is None:
            self.errors["starts" if starts_at is None else "ends"] = NO_SUCH_TIME
            return None
        if ends_at <= starts_at:
            self.errors["ends"] = N_("It must end after it begins, on the same day.")
        if starts_at <= now:
            self.errors[name] = N_("This is over already. Choose a time that is to come.")
        return starts_at, ends_at

    def _more(self, kind: MeetingKind, zone: str, now: datetime) -> list[Span | None]:
        """The same hours on further days, of a visit."""
        if self.days and kind is not MeetingKind.VISIT_DAY:
            self.errors["more_day"] = N_("Further days are for visits. Make a meeting of its own for each evening.")
            return []
        return [self._span(day, "more_day", zone, now) for day in self.days[:MOST_DAYS]]

    def _number(self, name: str, least: int, most: int) -> int | None:
        """A number; None when the field was left empty."""
        typed = self.values[name]
        if not typed:
            return None
        if typed.isdecimal() and len(typed) < 9 and least <= int(typed) <= most:
            return int(typed)
        self.errors[name] = N_("This must be a number that is neither too small nor too big.")
        return None

    def _register_by(self, span: Span | None, zone: str) -> datetime | None:
        """The end of the last day on which homes can register, or the beginning of the meeting, if that is sooner."""
        typed = self.values["register_by"]
        if not typed or span is None:
            return None
        day = _day(typed)
        if day is None or day > span[0].astimezone(ZoneInfo(zone)).date():
            self.errors["register_by"] = N_("The last day to register must not be after the meeting.")
            return None
        return min(end_of_day(day, zone), span[0])

    def _hours(self, kind: MeetingKind, span: Span | None, zone: str) -> Hours | None:
        """When classes gather; None for a meeting without, and for days to visit."""
        minutes = self._number("gather_minutes", *MINUTES)
        count = self._number("gather_hours", 1, MOST_HOURS)
        if kind is not MeetingKind.PARENT_MEETING or minutes is None or span is None:
            return None
        first_at: datetime | None = span[0]
        if self.values["gather_first"]:
            clock = _clock(self.values["gather_first"])
            first_at = instant(span[0].astimezone(ZoneInfo(zone)).date(), clock, zone) if clock else None
        if first_at is None or first_at < span[0]:
            self.errors["gather_first"] = N_("The first gathering cannot begin before the meeting.")
            return None
        hours = Hours(first_at, minutes, count or 1)
        if hours.ends_at > span[1]:
            self.errors["gather_hours"] = N_(
                "The gatherings would not be over when the meeting ends. Make them fewer or shorter, or end later."
            )
        return hours


def form_of(meeting: Meet, zone: str) -> MeetingForm:
    """The form filled in as the meeting is now."""
    form = MeetingForm()
    starts = sorted({one.starts_at for one in meeting.gatherings})
    first = meeting.gatherings[0] if meeting.gatherings else None
    form.groups = [str(one) for one in meeting.classes]
    form.values |= {
        "kind": meeting.kind,
        "title": meeting.title,
        "programme": meeting.programme,
        "place": meeting.place,
        "day": _there(meeting.starts_at, zone).date().isoformat(),
        "starts": f"{_there(meeting.starts_at, zone):%H:%M}",
        "ends": f"{_there(meeting.ends_at, zone):%H:%M}",
        "seats": str(meeting.seats or ""),
        "register_by": str(meeting.last_day(zone) or ""),
        "gather_first": f"{_there(starts[0], zone):%H:%M}" if starts else "",
        "gather_minutes": str(int((first.ends_at - first.starts_at).total_seconds()) // 60) if first else "",
        "gather_hours": str(len(starts) or ""),
        "rooms": "\n".join(dict.fromkeys(one.place for one in meeting.gatherings if one.place)),
    }
    return form


def _there(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone))


def _plain(value: Any) -> str:
    """Typed text without what a database cannot keep; a file is nothing."""
    return value.replace("\x00", "").replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def _day(typed: str) -> date | None:
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2190 else None


def _clock(typed: str) -> time | None:
    try:
        return time.fromisoformat(typed).replace(tzinfo=None, second=0, microsecond=0)
    except ValueError:
        return None
