"""A planned day holds what the demo promises to show."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from services.demo.actions import HomeReport, Join, Remove, Report, Stage, TakeBack, Withdraw
from services.demo.day import Plan, plan_day, play, prepare, replay
from services.demo.municipality import grow
from services.demo.people import Case, Municipality
from services.demo.records import Records, Resource
from services.demo.schooldays import school_day_before, school_day_from
from services.demo.ss12000 import load
from services.demo.timetable import LESSON_MINUTES, Mark
from shared.clock import ManualClock
from tests.unit.demo.world import MONDAY, SEED

GRACE = timedelta(minutes=30)


@pytest.fixture(scope="module")
def whole() -> Municipality:
    return grow(SEED, MONDAY)


@pytest.fixture(scope="module")
def plan(whole: Municipality) -> Plan:
    return plan_day(whole, MONDAY)


def reports(plan: Plan) -> list[tuple[Report, Mark]]:
    return [(action, mark) for action in plan.actions if isinstance(action, Report) for mark in action.marks]


def test_1200_pupils_make_about_6000_marks_in_240_lessons(plan: Plan) -> None:
    assert plan.held_lessons() == 239
    assert 5_800 < plan.marks() <= 6_000


def test_about_four_in_a_hundred_are_missing_without_reason(plan: Plan, whole: Municipality) -> None:
    assert 0.03 < len({duty.pupil_id for duty in plan.owed}) / len(whole.pupils) < 0.06


def test_lessons_lie_between_0820_and_1400(plan: Plan) -> None:
    assert min(lesson.starts for lesson in plan.lessons) == plan.opens + timedelta(minutes=35)
    assert max(lesson.ends for lesson in plan.lessons) < plan.opens + timedelta(hours=6, minutes=15)


def test_every_kind_of_family_is_missing_so_that_it_has_to_be_got_right(plan: Plan, whole: Municipality) -> None:
    owed = {whole.pupils[duty.pupil_id].case for duty in plan.owed}
    assert owed >= set(Case) - {Case.ADULT, Case.BIRTHDAY}
    missing = {
        whole.pupils[mark.pupil_id].case for _, mark in reports(plan) if mark.invalid and mark.pupil_id in whole.pupils
    }
    assert {Case.ADULT, Case.BIRTHDAY} <= missing


def test_corrections_come_within_the_grace_period_or_long_after_it(plan: Plan) -> None:
    first: dict[object, Report] = {}
    gaps = []
    for report, mark in reports(plan):
        if mark.id in first:
            gaps.append(report.at - first[mark.id].at)
        first.setdefault(mark.id, report)
    assert sum(gap <= timedelta(minutes=5) for gap in gaps) == 8
    assert all(gap <= timedelta(minutes=5) or gap >= GRACE + timedelta(minutes=45) for gap in gaps)


def test_everything_is_over_when_the_day_closes(plan: Plan) -> None:
    assert max(action.at for action in plan.actions) + GRACE < plan.closes


def test_nothing_is_owed_for_rows_that_nobody_reported(plan: Plan) -> None:
    silent = {mark.pupil_id for _, mark in reports(plan) if not mark.reported and mark.invalid == LESSON_MINUTES}
    said = {mark.pupil_id for _, mark in reports(plan) if mark.reported and mark.invalid}
    assert silent - said
    assert not (silent - said) & {duty.pupil_id for duty in plan.owed}


def test_each_school_has_one_lesson_that_nobody_reports(plan: Plan, whole: Municipality) -> None:
    said = {mark.lesson.id for _, mark in reports(plan) if mark.reported}
    unsaid = [lesson for lesson in plan.lessons if lesson.id not in said and not lesson.cancelled]
    assert Counter(lesson.school_class.school.id for lesson in unsaid) == {school.id: 1 for school in whole.schools}
    assert plan.alerted == {school.id for school in whole.schools}


def test_the_day_has_home_reports_removals_withdrawals_and_strangers(plan: Plan, whole: Municipality) -> None:
    kinds = Counter(type(action) for action in plan.actions)
    assert kinds[HomeReport] > 50
    assert (kinds[Withdraw], kinds[Remove], kinds[TakeBack], kinds[Join]) == (2, 1, 2, 1)
    strangers = {mark.pupil_id for _, mark in reports(plan)} - whole.pupils.keys()
    assert len(strangers) == 2
    assert plan.held == 3


def test_the_pupil_who_gets_one_more_guardian_is_at_school_all_day(plan: Plan, whole: Municipality) -> None:
    [join] = [action for action in plan.actions if isinstance(action, Join)]
    assert len(whole.entitled(join.pupil_id, MONDAY)) == 1
    assert join.pupil_id not in {duty.pupil_id for duty in plan.owed}
    assert not [mark for _, mark in reports(plan) if mark.pupil_id == join.pupil_id and mark.invalid and mark.reported]


def test_the_guardian_whom_nobody_has_confirmed_is_in_the_registry_and_the_pupil_has_no_story_again() -> None:
    whole = grow(SEED, MONDAY)
    stage, first = Stage(whole, Records()), plan_day(whole, MONDAY)
    load(whole, stage.records)
    replay(first, stage, first.closes)
    [join] = [action for action in first.actions if isinstance(action, Join)]
    pupil = whole.pupils[join.pupil_id]
    served = stage.records.get(Resource.PERSONS, str(pupil.id))
    assert served is not None
    assert [one["person"]["id"] for one in served.body["responsibles"]] == [str(tie.adult_id) for tie in pupil.ties]
    assert stage.records.get(Resource.PERSONS, str(pupil.ties[1].adult_id)) is not None
    day, before = MONDAY, first
    for _ in range(3):
        day, before = day + timedelta(days=1), plan_day(whole, day + timedelta(days=1), before)
        assert pupil.id not in {duty.pupil_id for duty in before.owed}


def test_some_are_told_late_and_some_twice(plan: Plan) -> None:
    assert sum(duty.day == school_day_before(MONDAY) for duty in plan.owed) == 2
    assert sum(duty.round == 2 for duty in plan.owed) == 2
    assert sum(duty.retracted for duty in plan.owed) == 7


def test_a_plan_is_the_same_each_time(plan: Plan) -> None:
    again = plan_day(grow(SEED, MONDAY), MONDAY)
    assert (again.actions, again.owed) == (plan.actions, plan.owed)


def test_the_next_day_starts_from_what_the_day_before_changed() -> None:
    whole = grow(SEED, MONDAY)
    first = plan_day(whole, MONDAY)
    replay(first, Stage(whole, Records()), first.closes)
    removed = {action.pupil_id for action in first.actions if isinstance(action, Remove)}
    second = plan_day(whole, MONDAY + timedelta(days=1), first)
    assert not removed & {mark.pupil_id for _, mark in reports(second)}
    assert second.owed
    assert second.owed != first.owed


async def test_playing_leaves_the_registry_as_the_teachers_left_it() -> None:
    whole = grow(SEED, MONDAY, 3, 200)
    stage, plan = Stage(whole, Records()), plan_day(whole, MONDAY)
    load(whole, stage.records)
    prepare(plan, stage)
    clock = ManualClock(plan.opens)
    seen: list[object] = []
    await play(plan, stage, clock, seen.append)
    assert len(seen) == len(plan.actions)
    assert clock.now() >= plan.closes
    taken_back = sum(isinstance(action, TakeBack) for action in plan.actions)
    assert len(stage.records.deleted) == taken_back + 1
    assert sum(r.body["isReported"] for r in stage.records.all(Resource.ATTENDANCES)) > plan.marks() - 5


@pytest.mark.parametrize(
    ("day", "school_day", "before"),
    [
        (date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 20)),
        (date(2026, 11, 24), date(2026, 11, 24), date(2026, 11, 23)),
        (date(2026, 11, 28), date(2026, 11, 30), date(2026, 11, 27)),
    ],
)
def test_there_is_no_school_at_the_weekend(day: date, school_day: date, before: date) -> None:
    assert school_day_from(day) == school_day
    assert school_day_before(day) == before
