"""Rounds: the grid of times on every day of the year, whose talk is whose, and what is wrong with a plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.agendas import AGENDAS
from services.scheduling.domain.round_checks import loads, problems
from services.scheduling.domain.rounds import (
    ClassOf,
    RoundPlan,
    Side,
    Stretch,
    agenda,
    deadlines,
    instant,
    shared_out,
    slots,
    suggested,
)
from services.scheduling.domain.school_year import Country, SchoolYear, Span
from shared.events.scheduling import TalkKind

ZONE, NOW = "Europe/Stockholm", datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
SCHOOL, MAJA, MALTE = uuid4(), uuid4(), uuid4()
BREAK = Span("Höstlov", date(2026, 10, 26), date(2026, 10, 30))
YEAR = SchoolYear(uuid4(), SCHOOL, Country.SE, breaks=(BREAK,))
TUESDAY, THURSDAY = date(2026, 11, 17), date(2026, 11, 19)
SPRING, AUTUMN = date(2027, 3, 28), date(2026, 10, 25)  # clocks go forward, and back


def stretch(starts: str, ends: str, day: date = TUESDAY) -> Stretch:
    return Stretch(day, time.fromisoformat(starts), time.fromisoformat(ends))


def walls(*days: Stretch, talk: int = 25, pause: int = 5, **more: Any) -> list[str]:
    there = ZoneInfo(ZONE)
    return [f"{starts.astimezone(there):%H:%M}" for starts, _ in slots(days, talk, pause, ZONE, **more)]


def class_of(pupils: int = 5, name: str = "6A", *mentors: UUID, apart: int = 0) -> ClassOf:
    names = {MAJA: "Maja Mentor", MALTE: "Malte Mentor"}
    return ClassOf(uuid4(), SCHOOL, name, pupils, {one: names[one] for one in mentors or (MAJA,)}, apart)


def plan(*days: Stretch, **more: Any) -> RoundPlan:
    first = RoundPlan(
        SCHOOL,
        TalkKind.DEVELOPMENT,
        "Talks",
        (uuid4(),),
        days or (stretch("15:00", "18:00"),),
        answer_by=NOW + timedelta(days=7),
        books_until=NOW + timedelta(days=13),
    )
    return replace(first, **more)


def wrong(round_: RoundPlan, *classes: ClassOf, year: SchoolYear = YEAR) -> list[str]:
    found = problems(round_, classes or (class_of(),), year, ZONE, NOW)
    return [one.words % one.values for one in found]


def test_slots_begin_every_talk_and_pause() -> None:
    assert walls(stretch("15:00", "17:00")) == ["15:00", "15:30", "16:00", "16:30"]
    assert walls(stretch("15:00", "16:55")) == ["15:00", "15:30", "16:00", "16:30"]  # no pause after the last
    assert walls(stretch("15:00", "15:24")) == []


def test_after_the_longest_run_a_talk_is_left_out_as_a_break() -> None:
    assert walls(stretch("15:00", "18:30"), longest_run=3) == ["15:00", "15:30", "16:00", "17:00", "17:30", "18:00"]


def test_a_host_who_is_busy_has_no_slot_then() -> None:
    lesson = (instant(TUESDAY, time(15, 40), ZONE), instant(TUESDAY, time(16, 0), ZONE))
    assert walls(stretch("15:00", "17:00"), busy=[lesson]) == ["15:00", "16:00", "16:30"]


def test_stretches_that_overlap_count_once_and_those_that_touch_stay_apart() -> None:
    assert walls(stretch("15:00", "16:30"), stretch("16:00", "17:00")) == ["15:00", "15:30", "16:00", "16:30"]
    assert walls(stretch("15:00", "15:40"), stretch("15:40", "16:20")) == ["15:00", "15:40"]


def test_on_the_day_clocks_go_forward_an_hour_of_slots_is_missing() -> None:
    assert walls(stretch("01:00", "04:00", SPRING)) == ["01:00", "01:30", "03:00", "03:30"]
    assert walls(stretch("02:15", "03:30", SPRING)) == ["03:00"]  # a time that does not exist is when it would be
    assert len(walls(stretch("15:00", "18:00", SPRING))) == 6


def test_on_the_day_clocks_go_back_an_hour_of_slots_comes_twice() -> None:
    assert walls(stretch("01:30", "03:30", AUTUMN)) == ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    assert len(walls(stretch("15:00", "18:00", AUTUMN))) == 6


def test_the_same_wall_time_is_another_instant_in_summer() -> None:
    assert instant(date(2026, 10, 24), time(15), ZONE).hour == 13
    assert instant(date(2026, 10, 26), time(15), ZONE).hour == 14


@given(
    day=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    starts=st.times(),
    ends=st.times(),
    talk=st.integers(5, 120),
    pause=st.integers(0, 60),
    run=st.integers(0, 6),
)
def test_slots_never_overlap_and_lie_within_their_stretch(
    day: date, starts: time, ends: time, talk: int, pause: int, run: int
) -> None:
    found = slots([Stretch(day, starts, ends)], talk, pause, ZONE, longest_run=run)
    opens, closes = instant(day, starts, ZONE), instant(day, ends, ZONE)
    assert all(opens <= one[0] and one[1] <= closes and one[1] - one[0] == timedelta(minutes=talk) for one in found)
    assert all(late[0] - early[1] >= timedelta(minutes=pause) for early, late in pairwise(found))


def test_pupils_are_shared_out_evenly_between_two_mentors() -> None:
    found = shared_out([uuid4() for _ in range(7)], [MAJA, MALTE])
    assert sorted([list(found.values()).count(MAJA), list(found.values()).count(MALTE)]) == [3, 4]
    assert set(shared_out([MAJA], []).values()) == {None}


def test_what_is_suggested_can_be_opened_as_it_is() -> None:
    for pupils in (1, 5, 20, 26, 60):
        days = suggested(YEAR, NOW.date(), pupils)
        answer_by, books_until = deadlines(days, NOW, ZONE)
        assert wrong(plan(*days, answer_by=answer_by, books_until=books_until), class_of(pupils)) == []


def test_more_pupils_than_times_says_how_many_are_left_over_and_what_would_fix_it() -> None:
    round_ = plan(stretch("15:00", "18:00"))  # five talks and a break
    [found] = problems(round_, [class_of(7)], YEAR, ZONE, NOW)
    assert not found.stops
    assert found.words % found.values == "Maja Mentor has 7 talks and 5 times: 2 are left over."
    assert [words % values for words, values in found.fixes] == [
        "Add evenings of the same length: 1.",
        "Let others hold talks beside Maja Mentor: 1 more.",
    ]


def test_a_shorter_pause_is_proposed_only_when_it_suffices() -> None:
    round_ = plan(stretch("15:00", "17:00"), pause_minutes=15)  # three talks
    [found] = problems(round_, [class_of(4)], YEAR, ZONE, NOW)
    assert "Shorten the pause between two talks to 6 minutes." in [words % values for words, values in found.fixes]
    assert len(round_.slots(ZONE, 6)) == 4
    assert len(round_.slots(ZONE, 7)) == 3


def test_homes_that_live_apart_count_twice_when_the_school_grants_it() -> None:
    assert [load.talks for load in loads(plan(separate_talks=True), [class_of(5, apart=2)], ZONE)] == [7]
    assert [load.talks for load in loads(plan(), [class_of(5, apart=2)], ZONE)] == [5]


def test_two_mentors_share_a_class_and_a_mentor_has_two_classes() -> None:
    found = loads(plan(), [class_of(5, "6A", MAJA, MALTE), class_of(4, "4B", MALTE)], ZONE)
    assert {load.name: load.talks for load in found}["Malte Mentor"] in (6, 7)
    assert sum(load.talks for load in found) == 9


@pytest.mark.parametrize(
    ("round_", "sentence"),
    [
        (plan(stretch("15:00", "18:00", date(2026, 11, 7))), "This is a Saturday or a Sunday."),
        (plan(stretch("18:00", "15:00")), "From 18:00 to 15:00 is no stretch of time."),
        (plan(stretch("15:00", "15:20")), "From 15:00 to 15:20 is too short for one talk."),
        (plan(stretch("15:00", "18:00", date(2026, 10, 20))), "This day has been already."),
        (plan(stretch("15:00", "18:00", date(2028, 10, 20))), "This day is more than a year away."),
        (plan(talk_minutes=0), "A talk takes 5 to 120 minutes, and the pause after it at most 60."),
        (plan(title=" "), "Give the round a name of at most 120 characters."),
        (plan(books_from=NOW + timedelta(days=6)), "Booking opens before the wishes end. Let it open afterwards."),
        (plan(books_from=NOW + timedelta(days=14)), "Booking ends before it opens."),
        (
            plan(answer_by=NOW - timedelta(days=1)),
            "Homes can only say when they can come until a time that is still ahead.",
        ),
        (
            plan(answer_by=NOW + timedelta(days=30), books_until=NOW + timedelta(days=31)),
            "The first talks begin before homes have said when they can come.",
        ),
        (
            plan(stretch("15:00", "17:00"), stretch("16:00", "18:00")),
            "Two of the stretches overlap. They count once.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(round_: RoundPlan, sentence: str) -> None:
    assert sentence in wrong(round_)


def test_days_in_a_break_are_refused_unless_one_asks_for_it() -> None:
    year = replace(YEAR, breaks=(Span("Studiedag", TUESDAY, TUESDAY),))
    assert wrong(plan(), year=year) == ["There is no school on this day (Studiedag)."]
    assert wrong(plan(even_so=True), year=year) == []


def test_a_class_without_a_mentor_and_one_of_another_school_are_told() -> None:
    lonely = ClassOf(uuid4(), SCHOOL, "5C", 5, {})
    assert any("Nobody is the mentor of 5C" in one for one in wrong(plan(), lonely))
    elsewhere = ClassOf(uuid4(), uuid4(), "9C", 5, {MAJA: "Maja"})
    assert any("different schools" in one for one in wrong(plan(), class_of(), elsewhere))


@pytest.mark.parametrize("kind", list(TalkKind))
def test_every_kind_of_talk_has_an_agenda_with_questions_for_all_three(kind: TalkKind) -> None:
    found = agenda(kind)
    assert len(found.sections) == 3
    for side in Side:
        assert list(found.questions(side))
    codes = [question.code for section in found.sections for question in section.questions]
    assert len(codes) == len(set(codes))
    assert all(found.asks(code) for code in codes)


def test_only_the_development_talk_has_absence_on_the_table() -> None:
    assert [kind for kind, found in AGENDAS.items() if found.shows_absence] == [TalkKind.DEVELOPMENT]
