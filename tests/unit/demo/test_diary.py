"""What the demo remembers between two starts."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from services.demo.actions import Report, TakeBack
from services.demo.diary import Diary, open_diary
from services.demo.records import Resource
from services.demo.script import OPENS
from services.demo.timetable import local
from services.demo.world import prepare_world
from tests.unit.demo.world import MONDAY, SEED

SUNDAY = MONDAY - timedelta(days=1)
TUESDAY = MONDAY + timedelta(days=1)


def a_diary(tmp_path: Path) -> Diary:
    return open_diary(tmp_path, SEED, 3, 150, SUNDAY)


def test_the_first_day_is_today_or_the_next_school_day(tmp_path: Path) -> None:
    assert a_diary(tmp_path).next_day(SUNDAY) == MONDAY
    assert open_diary(tmp_path, SEED, 3, 150, MONDAY).next_day(MONDAY) == MONDAY


def test_a_folder_remembers_its_municipality_and_plays_the_next_day(tmp_path: Path) -> None:
    diary = a_diary(tmp_path)
    diary.begin(MONDAY)
    diary.reach(local(MONDAY, OPENS) + timedelta(hours=7))
    diary.write(tmp_path)
    again = open_diary(tmp_path, 99, 1, 4000, SUNDAY)
    assert (again.seed, again.schools, again.pupils) == (SEED, 3, 150)
    assert again.next_day(MONDAY) == TUESDAY
    assert again.next_day(date(2026, 12, 4)) == date(2026, 12, 4)


def test_the_clock_never_goes_back_to_a_day_it_has_passed(tmp_path: Path) -> None:
    diary = a_diary(tmp_path)
    diary.begin(MONDAY)
    diary.reach(local(MONDAY, OPENS) + timedelta(days=3, hours=2))
    diary.reach(local(MONDAY, OPENS))
    assert diary.next_day(MONDAY) == MONDAY + timedelta(days=4)


def test_the_registry_stands_as_the_day_before_left_it(tmp_path: Path) -> None:
    diary = a_diary(tmp_path)
    _, first = prepare_world(diary, MONDAY)
    diary.begin(MONDAY)
    diary.reach(first.closes)
    stage, second = prepare_world(diary, TUESDAY)
    corrected = {m.id: m for a in first.actions if isinstance(a, Report) for m in a.marks}
    taken_back = {action.mark.id for action in first.actions if isinstance(action, TakeBack)}
    for mark in corrected.values():
        kept = stage.records.get(Resource.ATTENDANCES, str(mark.id))
        assert (kept is None) == (mark.id in taken_back)
        assert kept is None or kept.body["invalidAbsenceMinutes"] == mark.invalid
    assert second.earlier == first.owed
    assert not first.told & {duty.pupil_id for duty in second.owed if duty.day == MONDAY}


def test_a_day_that_was_cut_short_is_replayed_only_as_far_as_it_came(tmp_path: Path) -> None:
    diary = a_diary(tmp_path)
    _, first = prepare_world(diary, MONDAY)
    diary.begin(MONDAY)
    stage, _ = prepare_world(diary, TUESDAY)
    marks = [mark for action in first.actions if isinstance(action, Report) for mark in action.marks]
    mondays = [mark for mark in marks if mark.lesson in first.lessons]
    assert mondays
    assert all(stage.records.get(Resource.ATTENDANCES, str(mark.id)) is None for mark in mondays)
