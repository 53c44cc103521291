"""When a duty is met and when it is missed, and the figures of a ledger: pure rules over what is on record.

What is on record about a duty is a set of flags (`Seen`). Each moment adds its own when it is written; the database
counts equal sets. What a set means is decided here and nowhere else, so that a ledger, the list behind a number and
an export cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import IntFlag, StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.clock import AUTUMN, local_date
from shared.events.duties import DutyKind, DutyStatus

UNREAD_HOURS = 24  # a notice nobody has acknowledged for so long is worth a word
REPEATED = 3  # notices in REPEATED_DAYS; the law names no number, the principal judges (skollagen 7 kap 19 a §)
REPEATED_DAYS = 30
FEWEST_HOMES = 5  # a share of fewer homes would say what single homes do


class Seen(IntFlag):
    """What is on record about a duty. All but the last are kept with it: moments only ever add to them.

    A duty that is said to be another school's, or to have another last day, is judged anew from its moments.
    """

    SENT = 1
    DELIVERED = 2
    UNDERSTOOD = 4
    UNREACHABLE = 8
    RETRACTED = 16
    MET = 32
    MISSED = 64
    TOLD_IN_TIME = 128  # delivered or understood on the duty's own day, by the school's clock
    CALL_IN_TIME = 256  # on the school's call list on the duty's own day
    OVER = 512  # the duty's day is over where the school is: asked of the clock, never kept


MOMENTS = {
    DutyStatus.SENT: Seen.SENT,
    DutyStatus.DELIVERED: Seen.DELIVERED,
    DutyStatus.UNDERSTOOD: Seen.UNDERSTOOD,
    DutyStatus.UNREACHABLE: Seen.UNREACHABLE,
    DutyStatus.RETRACTED: Seen.RETRACTED,
    DutyStatus.MET: Seen.MET,
    DutyStatus.MISSED: Seen.MISSED,
}
ON_THE_DAY = {
    DutyStatus.DELIVERED: Seen.TOLD_IN_TIME,
    DutyStatus.UNDERSTOOD: Seen.TOLD_IN_TIME,
    DutyStatus.UNREACHABLE: Seen.CALL_IN_TIME,
}


def marks(status: DutyStatus, at: datetime, day: date, zone: str) -> Seen:
    """What this moment puts on record about a duty of that day, by the clock of a school in this zone."""
    in_time = ON_THE_DAY.get(status, Seen(0)) if local_date(at, zone) <= day else Seen(0)
    return MOMENTS.get(status, Seen(0)) | in_time


class Outcome(StrEnum):
    """A column of the ledger. The first four say how far duties came; of the other five each duty has exactly one."""

    OWED = "owed"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDERSTOOD = "understood"
    MET = "met"
    MISSED = "missed"
    UNREACHABLE = "unreachable"
    WAITING = "waiting"
    RETRACTED = "retracted"


HOW_FAR = (Outcome.OWED, Outcome.SENT, Outcome.DELIVERED, Outcome.UNDERSTOOD)
HOW_IT_STANDS = (Outcome.MET, Outcome.WAITING, Outcome.UNREACHABLE, Outcome.MISSED, Outcome.RETRACTED)


NOTICE = DutyKind.SAME_DAY_NOTICE
TALKS = (DutyKind.DEVELOPMENT_TALK, DutyKind.START_TALK)
LETTERS = (DutyKind.CLASS_BULLETIN, DutyKind.SCHOOL_INFORMATION)
TALK_HOW_IT_STANDS = (Outcome.MET, Outcome.WAITING, Outcome.MISSED, Outcome.RETRACTED)


def how_far(kind: DutyKind) -> tuple[Outcome, ...]:
    """The first columns of a ledger of this kind: a talk is owed and invited to, no mail carries it out.

    Of bulletins nobody is shown pupil by pupil whose home has read them: it is the home's own affair.
    """
    if kind in TALKS:
        return (Outcome.OWED, Outcome.SENT)
    return HOW_FAR[:-1] if kind in LETTERS else HOW_FAR


def how_it_stands(kind: DutyKind) -> tuple[Outcome, ...]:
    """The columns of which each duty of this kind has exactly one."""
    return TALK_HOW_IT_STANDS if kind in TALKS else HOW_IT_STANDS


def stands(seen: Seen, kind: DutyKind = NOTICE) -> Outcome:
    """How a duty stands; each kind has its own rule."""
    if kind in LETTERS:
        return _letter_stands(seen)
    return _talk_stands(seen) if kind in TALKS else _notice_stands(seen)


def _letter_stands(seen: Seen) -> Outcome:
    """How a bulletin or the school's information stands with one pupil's home, as the school has promised it.

    Met when it has reached somebody who is told about the pupil, also after its day: what came late has come. Until
    then a day that has passed is a missed one. Where nobody could be reached the school gives it to them by hand.
    """
    if Seen.RETRACTED in seen:
        return Outcome.RETRACTED
    if seen & (Seen.MET | Seen.DELIVERED | Seen.UNDERSTOOD):
        return Outcome.MET
    if Seen.UNREACHABLE in seen:
        return Outcome.UNREACHABLE
    return Outcome.MISSED if seen & (Seen.MISSED | Seen.OVER) else Outcome.WAITING


def _talk_stands(seen: Seen) -> Outcome:
    """How a talk that is owed stands. Skollagen (2010:800) 10 kap 12 §: once a term, together with the home.

    Met when it has taken place, also after the term's end: what was held is held. Missed when the term ended without
    it, or it was given up. One that is not owed any more (the pupil has left) counts as neither.
    """
    if Seen.RETRACTED in seen:
        return Outcome.RETRACTED
    if Seen.MET in seen:
        return Outcome.MET
    return Outcome.MISSED if seen & (Seen.MISSED | Seen.OVER) else Outcome.WAITING


def _notice_stands(seen: Seen) -> Outcome:
    """How a same-day notice stands. Skollagen (2010:800) 7 kap 17 §: the guardian is told the same day.

    Met when somebody with the right had it, or has confirmed it, on the day itself; the school must see to it that
    the home receives it (prop. 2009/10:165 s. 339 f.). Missed when the day passed without that. A notice that was
    handed to the school on the day, to be made by telephone, is neither until somebody says how the call went. One
    that was taken back was not owed after all.
    """
    if Seen.RETRACTED in seen:
        return Outcome.RETRACTED
    if seen & (Seen.MET | Seen.TOLD_IN_TIME):
        return Outcome.MET
    if Seen.MISSED in seen:
        return Outcome.MISSED
    if Seen.CALL_IN_TIME in seen:
        return Outcome.UNREACHABLE
    return Outcome.MISSED if Seen.OVER in seen else Outcome.WAITING


@lru_cache(4096)
def outcomes(seen: Seen, kind: DutyKind = NOTICE) -> frozenset[Outcome]:
    """Every column of the ledger in which a duty of this kind with these flags counts."""
    reached = {
        Outcome.SENT: seen & (Seen.SENT | Seen.DELIVERED),
        Outcome.DELIVERED: seen & (Seen.DELIVERED | (Seen.UNDERSTOOD if kind in LETTERS else Seen(0))),
        Outcome.UNDERSTOOD: seen & Seen.UNDERSTOOD,
    }
    far = (outcome for outcome in how_far(kind) if reached.get(outcome))
    return frozenset({Outcome.OWED, stands(seen, kind), *far})


@lru_cache(64)
def courses(outcome: Outcome, kind: DutyKind = NOTICE) -> tuple[int, ...]:
    """Every set of flags that counts in this column, as the database keeps them."""
    return tuple(flags for flags in range(2 * max(Seen)) if outcome in outcomes(Seen(flags), kind))


@dataclass
class Tally:
    """The figures of one line of a ledger, and of how many homes have confirmed what they were told.

    Duties of one kind only: a talk and a notice are never in one figure.
    """

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    homes: int = 0
    readers: int = 0

    def add(self, seen: Seen, number: int, kind: DutyKind = NOTICE) -> None:
        """Count so many duties of this kind with these flags."""
        for outcome in outcomes(seen, kind):
            self.counts[outcome] += number

    def __getitem__(self, outcome: Outcome | str) -> int:
        return self.counts[Outcome(outcome)]

    @property
    def readers_shown(self) -> bool:
        """False where a share would say what single homes do."""
        return self.homes >= FEWEST_HOMES


def total(lines: Iterable[Tally]) -> Tally:
    """The sum of the lines."""
    whole = Tally()
    for line in lines:
        whole.homes, whole.readers = whole.homes + line.homes, whole.readers + line.readers
        whole.counts = {outcome: number + line[outcome] for outcome, number in whole.counts.items()}
    return whole


class Span(StrEnum):
    """How much time a ledger shows."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    HALF_YEAR = "half_year"


@dataclass(frozen=True)
class Period:
    """The days from `since` to `until`, both included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        """How many there are."""
        return (self.until - self.since).days + 1


def period(span: Span, day: date) -> Period:
    """The day, or the week, month or half of the school year that it is in."""
    match span:
        case Span.WEEK:
            monday = day - timedelta(days=day.weekday())
            return Period(monday, monday + timedelta(days=6))
        case Span.MONTH:
            return Period(day.replace(day=1), _last_of_month(day))
        case Span.HALF_YEAR if day.month >= AUTUMN:
            return Period(date(day.year, AUTUMN, 1), date(day.year, 12, 31))
        case Span.HALF_YEAR:
            return Period(date(day.year, 1, 1), date(day.year, AUTUMN - 1, 31))
    return Period(day, day)


def _last_of_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def by_week(days: Mapping[date, Tally]) -> dict[date, Tally]:
    """The same figures by week, under each week's Monday."""
    weeks: dict[date, list[Tally]] = {}
    for day, tally in sorted(days.items()):
        weeks.setdefault(day - timedelta(days=day.weekday()), []).append(tally)
    return {monday: total(tallies) for monday, tallies in weeks.items()}


def is_unread(seen: Seen, told_at: datetime | None, now: datetime) -> bool:
    """True when a home has had the notice for UNREAD_HOURS and nobody there has confirmed it."""
    waits = Seen.DELIVERED in seen and not seen & (Seen.UNDERSTOOD | Seen.RETRACTED)
    return waits and told_at is not None and now - told_at >= timedelta(hours=UNREAD_HOURS)


def is_to_call(seen: Seen) -> bool:
    """True when the notice is to be made by telephone: no mail can reach anybody, and nobody has confirmed it."""
    done = Seen.DELIVERED | Seen.UNDERSTOOD | Seen.RETRACTED | Seen.MET
    return Seen.UNREACHABLE in seen and not seen & done


def time_left(now: datetime, zone: str) -> timedelta:
    """How long the school's own day still lasts: by its end a home must have been told."""
    here = now.astimezone(ZoneInfo(zone))
    midnight = datetime.combine(here.date() + timedelta(days=1), time(), here.tzinfo)
    return midnight.astimezone(UTC) - now
