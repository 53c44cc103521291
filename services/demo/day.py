"""A school day: planned from the seed and the date, then played on the demo's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.demo.actions import Action, Remove, Report, Stage
from services.demo.people import Municipality
from services.demo.records import Resource
from services.demo.script import CLOSES, OPENS, Owed, Script
from services.demo.stories import tell
from services.demo.timetable import Lesson, Mark, local
from shared.clock import Clock

JUST_BEFORE = timedelta(minutes=1)
Watcher = Callable[[Action], None]


@dataclass(frozen=True)
class Plan:
    """A whole school day in order, and what it makes the schools owe the homes.

    `told` are the pupils of its stories; `earlier` what the day before was owed and may still be under way.
    """

    day: date
    lessons: tuple[Lesson, ...]
    yesterday: tuple[Lesson, ...]
    actions: tuple[Action, ...]
    owed: tuple[Owed, ...]
    alerted: frozenset[UUID]
    held: int
    told: frozenset[UUID]
    earlier: tuple[Owed, ...] = ()

    @property
    def opens(self) -> datetime:
        """07:45 at the schools."""
        return local(self.day, OPENS)

    @property
    def closes(self) -> datetime:
        """When everything has been said and every grace period is over."""
        return local(self.day, CLOSES)

    def marks(self) -> int:
        """How many pupils were reported in how many lessons, corrections not counted again."""
        reports = [action for action in self.actions if isinstance(action, Report)]
        return len({mark.id for report in reports for mark in report.marks if mark.reported})

    def held_lessons(self) -> int:
        """How many lessons are held."""
        return sum(not lesson.cancelled for lesson in self.lessons)


def plan_day(whole: Municipality, day: date, before: Plan | None = None) -> Plan:
    """The day's plan: the same for the same municipality, date and day played before."""
    script = Script(whole, day, before.told if before else frozenset())
    tell(script)
    actions = [*script.actions, *_reports(script)]
    return Plan(
        day,
        tuple(script.lessons),
        tuple(script.yesterday),
        tuple(sorted(actions, key=lambda action: action.at)),
        tuple(script.owed),
        frozenset(lesson.school_class.school.id for lesson in script.silent),
        script.held,
        frozenset(pupil_id for _, pupil_id in script.first_marks),
        before.owed if before else (),
    )


def prepare(plan: Plan, stage: Stage) -> None:
    """Put into the registry what is there when the day opens: the timetable, and yesterday as it was reported."""
    at = plan.opens - JUST_BEFORE
    there = {record.id for record in stage.records.all(Resource.CALENDAR_EVENTS)}
    yesterday = [lesson for lesson in plan.yesterday if str(lesson.id) not in there]
    stage.records.put(Resource.CALENDAR_EVENTS, [lesson.body() for lesson in (*yesterday, *plan.lessons)], at)
    for lesson in yesterday:
        present = [Mark(lesson, pupil.id).body() for pupil in stage.whole.of_class(lesson.school_class.id)]
        stage.records.put(Resource.ATTENDANCES, present, lesson.starts)


def replay(plan: Plan, stage: Stage, until: datetime) -> None:
    """Let an earlier day happen again at once, as far as it came."""
    prepare(plan, stage)
    for action in plan.actions:
        if action.at <= until:
            action.do(stage)


async def play(plan: Plan, stage: Stage, clock: Clock, watch: Watcher) -> None:
    """Let everything happen at its time and return when the day is over."""
    for action in plan.actions:
        await _until(clock, action.at)
        action.do(stage)
        watch(action)
        await asyncio.sleep(0)
    await _until(clock, plan.closes)


async def _until(clock: Clock, instant: datetime) -> None:
    left = (instant - clock.now()).total_seconds()
    if left > 0:
        await clock.sleep(left)


def _reports(script: Script) -> Iterator[Action]:
    """Every lesson as its teacher first reports it."""
    gone = {action.pupil_id for action in script.actions if isinstance(action, Remove)}
    strangers: dict[UUID, list[Mark]] = {}
    for (lesson_id, pupil_id), mark in script.first_marks.items():
        if pupil_id not in script.whole.pupils:
            strangers.setdefault(lesson_id, []).append(mark)
    for lesson in script.lessons:
        at = script.reported_at.get(lesson.id)
        if at is not None:
            marks = [*_class_marks(script, lesson, gone), *strangers.get(lesson.id, [])]
            yield Report(at, tuple(marks))


def _class_marks(script: Script, lesson: Lesson, gone: set[UUID]) -> Iterator[Mark]:
    for pupil in script.whole.of_class(lesson.school_class.id):
        said = script.first_marks.get((lesson.id, pupil.id))
        if said is not None:
            yield said
        elif pupil.present and pupil.id not in gone:
            yield Mark(lesson, pupil.id)
