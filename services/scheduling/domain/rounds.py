"""Rounds of talks: their life, the times at which talks can be held, and whose talk is whose.

A round is planned in local time, as people write it, and held at instants; `slots` is the one way from the first to
the second. What a kind of talk treats is in `agendas`, what may be wrong with a plan in `round_checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from services.scheduling.domain.agendas import Agenda, Question, Section, Side, agenda
from services.scheduling.domain.school_year import SchoolYear
from shared.events.scheduling import TalkKind

__all__ = ["Agenda", "Question", "RoundState", "Section", "Side", "agenda"]

TALK, PAUSE, RUN = 25, 5, 5  # minutes, minutes, talks in a row: a Norwegian talk is half an hour, a Swedish one 20-30
MOST_SLOTS = 200  # of one host in a round; more is a slip of the pen
MINUTE = timedelta(minutes=1)
FIRST_HOUR, LAST_HOUR = time(15), time(20)  # of an evening that is suggested
LEAD_DAYS, WISH_DAYS, BOOK_DAYS = 17, 10, 2  # from today to the first evening; from the end of each to that evening
BY = time(20)  # the hour until which homes can answer
Time = tuple[datetime, datetime]


class RoundState(StrEnum):
    """The life of a round."""

    DRAFT = "draft"
    WISHES = "wishes"  # families say when they can come
    PROPOSED = "proposed"  # a proposal was adopted; families accept or take another time
    BOOKING = "booking"  # families book by themselves
    CLOSED = "closed"


OPEN = (RoundState.WISHES, RoundState.PROPOSED, RoundState.BOOKING)


@dataclass(frozen=True, order=True)
class Stretch:
    """Hours on one day in which talks are held, on the wall of the school."""

    day: date
    starts: time
    ends: time


@dataclass(frozen=True)
class ClassOf:
    """A class that can be in a round. `homes_apart`: further talks, because guardians asked for one each."""

    group_id: UUID
    school_id: UUID
    name: str
    pupils: int
    mentors: Mapping[UUID, str]
    homes_apart: int = 0


@dataclass(frozen=True)
class RoundPlan:
    """A round as somebody means to open it. Instants are UTC; `even_so`: on days off as well."""

    school_id: UUID
    kind: TalkKind
    title: str
    group_ids: tuple[UUID, ...]
    days: tuple[Stretch, ...]
    answer_by: datetime
    books_until: datetime
    books_from: datetime | None = None
    talk_minutes: int = TALK
    pause_minutes: int = PAUSE
    longest_run: int = RUN
    early_minutes: int = 0
    video: bool = True
    separate_talks: bool = False
    others_may_attend: bool = False
    even_so: bool = False
    rooms: Mapping[UUID, str] = field(default_factory=dict)  # by host

    def slots(self, zone: str, pause_minutes: int | None = None) -> list[Time]:
        """The times of one host who is there all the time."""
        pause = self.pause_minutes if pause_minutes is None else pause_minutes
        return slots(self.days, self.talk_minutes, pause, zone, longest_run=self.longest_run)


def slots(
    days: Iterable[Stretch],
    talk_minutes: int,
    pause_minutes: int,
    zone: str,
    *,
    longest_run: int = 0,
    busy: Sequence[Time] = (),
) -> list[Time]:
    """When one host can hold talks: (start, end) in UTC, in order, without the pause after each.

    Slots begin every talk + pause minutes, so that all hosts have the same grid and nobody waits for a quarter of an
    hour. After `longest_run` talks in a row (0: however many) one is left out as a break. Stretches that overlap count
    once. Minutes are real ones: when clocks go forward an hour is missing, when they go back there is one more.
    Raises ValueError when talks take no time.
    """
    if talk_minutes <= 0 or pause_minutes < 0:
        raise ValueError("A talk takes at least a minute, and a pause is not negative.")
    talk, pitch = talk_minutes * MINUTE, (talk_minutes + pause_minutes) * MINUTE
    found = []
    for starts_at, ends_at in _merged(days, zone):
        count = min(max((ends_at - starts_at - talk) // pitch + 1, 0), MOST_SLOTS)
        places = [place for place in range(count) if not longest_run or place % (longest_run + 1) != longest_run]
        found += [(starts_at + place * pitch, starts_at + place * pitch + talk) for place in places]
    return [one for one in found[:MOST_SLOTS] if not overlaps(one, busy)]


def overlaps(time: Time, others: Iterable[Time]) -> bool:
    """True when it shares a moment with one of the others."""
    return any(time[0] < ends_at and starts_at < time[1] for starts_at, ends_at in others)


def instant(day: date, clock: time, zone: str) -> datetime:
    """That time on the wall there, in UTC.

    A time that comes twice (clocks go back) is the first one; one that does not exist (clocks go forward) is the
    moment at which they do.
    """
    wall = datetime.combine(day, clock)
    while (at := wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)).astimezone(ZoneInfo(zone)).replace(
        tzinfo=None
    ) != wall:
        wall += MINUTE
    return at


def _merged(days: Iterable[Stretch], zone: str) -> Iterator[Time]:
    """The stretches as instants, in order; what overlaps becomes one, what only touches does not."""
    times = sorted((instant(one.day, one.starts, zone), instant(one.day, one.ends, zone)) for one in days)
    here: Time | None = None
    for starts_at, ends_at in times:
        if here is not None and starts_at < here[1]:
            here = here[0], max(here[1], ends_at)
            continue
        if here is not None:
            yield here
        here = starts_at, ends_at
    if here is not None:
        yield here


def shared_out(pupil_ids: Iterable[UUID], host_ids: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """Which host holds each pupil's talk: as many each. Nobody, when there is no host."""
    hosts = sorted(set(host_ids), key=str)
    return {
        pupil: hosts[place % len(hosts)] if hosts else None
        for place, pupil in enumerate(sorted(set(pupil_ids), key=str))
    }


def suggested(year: SchoolYear, today: date, most_talks: int) -> tuple[Stretch, ...]:
    """Evenings for a host with this many talks: Tuesdays and Thursdays on which there is school, as few as suffice.

    They begin a good two weeks from now, so that homes have the time to answer.
    """
    latest = ((20 - FIRST_HOUR.hour) * 60) // (TALK + PAUSE)
    most = latest - latest // (RUN + 1)
    evenings = max(2, -(-most_talks // most))
    each = -(-most_talks // evenings) if most_talks else most // 2
    ends = _plus(FIRST_HOUR, (each + (each - 1) // RUN) * (TALK + PAUSE))
    fitting = (day for day in year.school_days(today + timedelta(days=LEAD_DAYS)) if day.weekday() in (1, 3))
    return tuple(Stretch(day, FIRST_HOUR, min(ends, LAST_HOUR)) for day in islice(fitting, evenings))


def deadlines(days: Sequence[Stretch], now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Until when homes say when they can come, and until when they can change their time: usual ones."""
    first = min(one.day for one in days)
    wishes = instant(first - timedelta(days=WISH_DAYS), BY, zone)
    books = instant(first - timedelta(days=BOOK_DAYS), BY, zone)
    soon = instant(now.astimezone(ZoneInfo(zone)).date() + timedelta(days=1), BY, zone)
    return max(wishes, soon), max(books, soon + timedelta(hours=1))


def _plus(clock: time, minutes: int) -> time:
    whole = min(clock.hour * 60 + clock.minute + minutes, 23 * 60 + 59)
    return time(whole // 60, whole % 60)
