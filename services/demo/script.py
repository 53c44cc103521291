"""The sheet a school day is written on: who does what when, and what the school then owes which home."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from services.demo.actions import Action, HomeReport, Report
from services.demo.people import Case, Municipality, Pupil, world_id
from services.demo.schooldays import school_day_before
from services.demo.timetable import LESSON_MINUTES, Lesson, Mark, lessons_on, local

OPENS, CLOSES = time(7, 45), time(13, 55)
DAY_BEGINS, DAY_ENDS = time(8, 0), time(16, 0)
REPORT_AFTER_START = (5, 12)  # minutes
REPORT_AFTER_END = (1, 3)
REPORTED_AFTERWARDS = 0.25
EARLY_PERIODS = 3


@dataclass(frozen=True)
class Owed:
    """A notice the school owes the pupil's home for that day. `retracted`: it is to be taken back later."""

    pupil_id: UUID
    day: date
    round: int = 1
    retracted: bool = False


@dataclass
class Script:
    """One school day in the making."""

    whole: Municipality
    day: date
    untouchable: frozenset[UUID] = frozenset()  # pupils of yesterday's stories, which may not be over
    rng: random.Random = field(init=False)
    lessons: list[Lesson] = field(init=False)
    reported_at: dict[UUID, datetime] = field(init=False)
    first_marks: dict[tuple[UUID, UUID], Mark] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)
    yesterday: list[Lesson] = field(default_factory=list)
    silent: list[Lesson] = field(default_factory=list)
    held: int = 0
    _plain: Iterator[Pupil] = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.whole.seed}/{self.day}")
        self.lessons = list(lessons_on(self.whole, self.day))
        self.reported_at = {lesson.id: self._report_time(lesson) for lesson in self.lessons}
        free = [p for p in self.whole.with_case(Case.PLAIN) if p.present and p.id not in self.untouchable]
        settled = [pupil for pupil in free if not any(tie.unconfirmed for tie in pupil.ties)]
        minors = [pupil for pupil in settled if not pupil.adult_on(self.day)]
        self.rng.shuffle(minors)
        self._plain = iter(minors)

    def plain_pupil(self, guardians: int = 1) -> Pupil | None:
        """A pupil under age nobody has told a story about yet, whose first so many guardians can be reached."""
        for pupil in self._plain:
            told = self.whole.entitled(pupil.id, self.day)
            if len(told) >= guardians and all(adult.reachable for adult in told):
                return pupil
        return None

    def lesson(self, pupil: Pupil, period: int, *, yesterday: bool = False) -> Lesson:
        """The pupil's lesson in that period."""
        pool = lessons_on(self.whole, school_day_before(self.day)) if yesterday else iter(self.lessons)
        return next(one for one in pool if one.period == period and one.school_class.id == pupil.school_class.id)

    def misses(
        self, pupil: Pupil, periods: Iterable[int], *, valid: int = 0, invalid: int = LESSON_MINUTES
    ) -> list[Mark]:
        """The teachers note the pupil as missing for so many minutes in these lessons."""
        marks = [Mark(self.lesson(pupil, period), pupil.id, valid, invalid) for period in periods]
        self.first_marks.update({(mark.lesson.id, pupil.id): mark for mark in marks})
        return marks

    def owes(self, pupil: Pupil, *, day: date | None = None, round_: int = 1, retracted: bool = False) -> None:
        """The school owes this pupil's home a notice, unless the pupil is of age."""
        if not pupil.adult_on(self.day):
            self.owed.append(Owed(pupil.id, day or self.day, round_, retracted))

    def corrects(self, marks: Iterable[Mark], minutes_later: tuple[int, int]) -> None:
        """The teacher says after all that the pupil was there, some minutes after each report."""
        for mark in marks:
            at = self.after_report(mark.lesson, minutes_later)
            self.actions.append(Report(at, (Mark(mark.lesson, mark.pupil_id),)))

    def after_report(self, lesson: Lesson, minutes_later: tuple[int, int]) -> datetime:
        """So many minutes after the lesson was reported."""
        return self.reported_at[lesson.id] + timedelta(minutes=self.rng.uniform(*minutes_later))

    def home_says(
        self, pupil: Pupil, at: datetime, until: time = DAY_ENDS, days: int = 1, kind: str = "Anmäld frånvaro"
    ) -> None:
        """The home reports the pupil as away from 08:00."""
        last = self.day + timedelta(days=days - 1)
        report_id = world_id(self.whole.seed, "absence", pupil.id, self.day)
        starts, ends = local(self.day, DAY_BEGINS), local(last, until)
        self.actions.append(HomeReport(at, report_id, pupil.id, pupil.school_class.school.id, starts, ends, kind))

    def clock(self, at: time, spread_minutes: float = 0) -> datetime:
        """That time today, or up to so many minutes later."""
        return local(self.day, at) + timedelta(minutes=self.rng.uniform(0, spread_minutes))

    def _report_time(self, lesson: Lesson) -> datetime:
        if lesson.period <= EARLY_PERIODS and self.rng.random() < REPORTED_AFTERWARDS:
            return lesson.ends + timedelta(minutes=self.rng.uniform(*REPORT_AFTER_END))
        return lesson.starts + timedelta(minutes=self.rng.uniform(*REPORT_AFTER_START))
