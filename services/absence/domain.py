"""The rules of the same-day notice. Pure: facts and the present instant in, a decision out.

Source: skollagen (2010:800) 7 kap 17 §, 15 kap 16 § and their likes: when a pupil under age stays away without a
valid reason, a guardian is told the same day. Once per pupil and school day; the lessons of the day are collected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.clock import is_of_age, local_date
from shared.events.roster import PersonStated
from shared.ids import derived_id

GRACE_OVER, LESSON_OVER, SUMS = "notice.grace_over", "lesson.over", "absence.sums"  # what falls due
UNREPORTED_HORIZON = timedelta(hours=24)  # an import of last week's timetable alerts nobody
UNKNOWN_PUPIL_WAIT = timedelta(seconds=30)
UNKNOWN_PUPIL_PATIENCE = timedelta(minutes=10)
PART_BITS = 3  # the pupils are summed in parts, by the first bits of their ids, so that no transaction is long
PARTS = 1 << PART_BITS
PART_APART = timedelta(seconds=10)


@dataclass(frozen=True)
class Rules:
    """What a municipality may set. The grace period runs from when the absence was first heard of."""

    grace: timedelta = timedelta(minutes=15)
    unreported_after: timedelta = timedelta(minutes=20)
    late_days: int = 7
    sums_at: time = time(17, 30)
    zone: str = "Europe/Stockholm"


class NoticeStatus(StrEnum):
    """The life of a notice."""

    WAITING = "waiting"  # the grace period runs
    WITHDRAWN = "withdrawn"  # corrected or explained within the grace period: nothing was owed
    NOT_OWED = "not_owed"  # the pupil is of age or gone from the registry
    OWED = "owed"  # the grace period is over and the message has been asked for
    EXPLAINED = "explained"  # the home reported afterwards: they know
    RETRACTED = "retracted"  # the teacher corrected afterwards: they are told that too


@dataclass(frozen=True)
class Notice:
    """One pupil's notice for one school day. A new round is made when a settled one has to be made again."""

    notice_id: UUID
    pupil_id: UUID
    school_id: UUID
    day: date
    round: int
    version: int
    status: NoticeStatus
    late: bool
    lessons: int
    noticed_at: datetime
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """A lesson that a pupil missed, at least in part, without a valid reason. `excused` when the home had reported."""

    pupil_id: UUID
    lesson_id: UUID
    school_id: UUID
    starts_at: datetime
    ends_at: datetime
    excused: bool = False


@dataclass(frozen=True, slots=True)
class HomeReport:
    """The home has said the pupil is away from `starts_at` to `ends_at`."""

    pupil_id: UUID
    starts_at: datetime
    ends_at: datetime


class Step(StrEnum):
    """What a change of facts means for the notice."""

    NONE = "none"
    OPEN = "open"  # a new notice begins to wait
    COLLECT = "collect"  # the notice stays, its lessons are counted again
    WITHDRAW = "withdraw"
    EXPLAIN = "explain"
    RETRACT = "retract"


def notice_id(pupil_id: UUID, day: date, round_: int) -> UUID:
    """The same id for the same duty, however often the event comes."""
    return derived_id("same_day_notice", pupil_id, day.isoformat(), round_)


def excuse(missed: Iterable[Missed], reports: Sequence[HomeReport]) -> list[Missed]:
    """Mark the lessons that one of the reports covers from beginning to end."""
    return [replace(lesson, excused=any(covers(report, lesson) for report in reports)) for lesson in missed]


def covers(report: HomeReport, lesson: Missed) -> bool:
    """A report excuses a lesson only when it covers the whole of it."""
    return (
        report.pupil_id == lesson.pupil_id and report.starts_at <= lesson.starts_at and report.ends_at >= lesson.ends_at
    )


def next_step(notice: Notice | None, missed: Sequence[Missed]) -> Step:
    """What to do, given the day's latest notice and every lesson missed that day (excused ones marked)."""
    unexcused = [lesson for lesson in missed if not lesson.excused]
    if notice is None:
        return Step.OPEN if unexcused else Step.NONE
    match notice.status:
        case NoticeStatus.WAITING:
            return Step.COLLECT if unexcused else Step.WITHDRAW
        case NoticeStatus.OWED if not missed:
            return Step.RETRACT
        case NoticeStatus.OWED:
            return Step.COLLECT if unexcused else Step.EXPLAIN
        case NoticeStatus.WITHDRAWN | NoticeStatus.EXPLAINED | NoticeStatus.RETRACTED:
            return Step.OPEN if unexcused else Step.NONE
        case NoticeStatus.NOT_OWED:
            return Step.NONE


def opened(last: Notice | None, unexcused: Sequence[Missed], day: date, now: datetime, zone: str) -> Notice:
    """A notice that begins to wait. A withdrawn one wakes again; a settled one gets a new round."""
    first = min(unexcused, key=lambda lesson: lesson.starts_at)
    again = last is not None and last.status is NoticeStatus.WITHDRAWN
    round_ = 1 if last is None else last.round + (0 if again else 1)
    return Notice(
        notice_id=notice_id(first.pupil_id, day, round_),
        pupil_id=first.pupil_id,
        school_id=first.school_id,
        day=day,
        round=round_,
        version=last.version + 1 if last is not None and again else 1,
        status=NoticeStatus.WAITING,
        late=day < local_date(now, zone),
        lessons=len(unexcused),
        noticed_at=now,
    )


def moved(notice: Notice, status: NoticeStatus) -> Notice:
    """The notice with a new status and the next version."""
    return replace(notice, status=status, version=notice.version + 1)


def grace_ends(unexcused: Sequence[Missed], now: datetime, rules: Rules) -> datetime:
    """When the grace period is over: counted from now, or from the lesson when it has not begun."""
    return max(now, min(lesson.starts_at for lesson in unexcused)) + rules.grace


def too_old(day: date, today: date, rules: Rules) -> bool:
    """True when the day is so long ago that a notice would only puzzle the home (a first import, for example)."""
    return (today - day).days > rules.late_days


class Owed(StrEnum):
    """Is a notice owed when the grace period is over?"""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"  # the roster has not told us who the pupil is yet


def is_owed(pupil: PersonStated | None, waited: timedelta, today: date) -> Owed:
    """Owed for pupils under age. `waited` is how long ago the grace period ended.

    One we never hear of is owed too: better a call from the school than silence.
    """
    if pupil is None:
        return Owed.YES if waited >= UNKNOWN_PUPIL_PATIENCE else Owed.UNKNOWN
    if not pupil.active:
        return Owed.NO
    of_age = pupil.born is not None and is_of_age(pupil.born, today)
    return Owed.NO if of_age else Owed.YES


def alert_at(ends_at: datetime, now: datetime, rules: Rules) -> datetime | None:
    """When to look whether the lesson was reported; None when it is too long ago to matter today."""
    return None if ends_at < now - UNREPORTED_HORIZON else ends_at + rules.unreported_after


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the pupils at the schools of one zone: those whose ids begin with the bits of `number`."""

    zone: str
    number: int

    @property
    def ref(self) -> UUID:
        """What its sums are planned under."""
        return derived_id(SUMS, self.zone, self.number)

    @property
    def first(self) -> UUID:
        """The lowest id in it."""
        return UUID(int=self.number << (128 - PART_BITS))

    @property
    def last(self) -> UUID:
        """The highest id in it."""
        return UUID(int=((self.number + 1) << (128 - PART_BITS)) - 1)


def parts_of(zone: str) -> list[Part]:
    """Every part of a zone."""
    return [Part(zone, number) for number in range(PARTS)]


def next_sum(part: Part, now: datetime, rules: Rules) -> datetime:
    """When this part is summed next, in UTC: at the same local time every day, one part a little after the other."""
    zone = ZoneInfo(part.zone)
    for day in (local_date(now, part.zone), local_date(now, part.zone) + timedelta(days=1)):
        at = datetime.combine(day, rules.sums_at, zone).astimezone(UTC) + part.number * PART_APART
        if at > now:
            break
    return at
