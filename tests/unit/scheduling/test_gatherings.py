"""Seats, the hours of class gatherings, local times, and finding an offer by words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.gatherings import (
    LARGEST_PARTY,
    Hours,
    MeetingState,
    Refusal,
    end_of_day,
    gather,
    instant,
    is_found,
    refusal,
)

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
STOCKHOLM = "Europe/Stockholm"
CLASSES = [UUID(int=number) for number in range(1, 31)]


@st.composite
def schools(draw: st.DrawFn) -> tuple[list[UUID], list[frozenset[UUID]]]:
    """Some classes, and the classes in which each guardian has children."""
    classes = CLASSES[: draw(st.integers(1, 12))]
    family = st.frozensets(st.sampled_from(classes), min_size=1, max_size=4)
    return classes, draw(st.lists(family, max_size=40))


@given(school=schools())
def test_with_the_hours_that_are_said_to_be_needed_no_family_is_in_two_places_at_once(
    school: tuple[list[UUID], list[frozenset[UUID]]],
) -> None:
    classes, families = school
    needed = gather(classes, families, 1).hours_needed
    sittings = gather(classes, families, needed)
    hour_of = {one.group_id: one.hour for one in sittings.of}
    assert set(hour_of) == set(classes)
    assert sittings.is_good
    assert max(map(len, families), default=1) <= needed <= len(classes)
    assert all(hour < needed for hour in hour_of.values())
    for family in families:
        assert len({hour_of[one] for one in family}) == len(family)


@given(school=schools(), hours=st.integers(1, 4), rooms=st.integers(1, 5))
def test_what_cannot_be_kept_apart_is_said_and_nothing_else(
    school: tuple[list[UUID], list[frozenset[UUID]]], hours: int, rooms: int
) -> None:
    classes, families = school
    sittings = gather(classes, families, hours, [f"Room {number}" for number in range(rooms)])
    hour_of = {one.group_id: one.hour for one in sittings.of}
    together = {
        (first, second): count
        for first, second in combinations(classes, 2)
        if hour_of[first] == hour_of[second]
        and (count := sum(first in family and second in family for family in families))
    }
    assert {(one.first, one.second): one.families for one in sittings.clashes} == together
    assert all(hour < hours for hour in hour_of.values())
    placed = [(one.hour, one.room) for one in sittings.of if one.room]
    assert len(placed) == len(set(placed))
    assert len(placed) + len(sittings.without_room) == len(classes)
    assert len(sittings.without_room) == max(0, len(classes) - hours * rooms)


@given(school=schools(), rooms=st.integers(1, 3))
def test_the_needed_hours_have_room_for_everybody(school: tuple[list[UUID], list[frozenset[UUID]]], rooms: int) -> None:
    classes, families = school
    names = [f"Room {number}" for number in range(rooms)]
    needed = gather(classes, families, 1, names).hours_needed
    assert gather(classes, families, needed, names).is_good
    assert needed >= len(classes) / rooms


def test_a_mentor_of_two_classes_receives_them_one_after_the_other() -> None:
    first, second, third = CLASSES[:3]
    hosts = {first: UUID(int=99), second: UUID(int=99), third: UUID(int=98)}
    sittings = gather(CLASSES[:3], [], 2, hosts=hosts)
    hour_of = {one.group_id: one.hour for one in sittings.of}
    assert hour_of[first] != hour_of[second]
    [clash] = gather(CLASSES[:3], [], 1, hosts=hosts).clashes
    assert (clash.first, clash.second, clash.families, clash.same_host) == (first, second, 0, True)


def test_when_the_hours_do_not_suffice_the_fewest_families_choose() -> None:
    a, b, c = CLASSES[:3]
    families = [{a, b}] * 5 + [{b, c}] * 4 + [{a, c}]
    [clash] = gather([a, b, c], families, 2).clashes
    assert {clash.first, clash.second} == {a, c}
    assert clash.families == 1


def test_no_class_needs_no_hour() -> None:
    assert gather([], [], 2).hours_needed == 0
    assert gather([], [], 2).is_good


@given(seats=st.integers(0, 50), taken=st.integers(0, 60), party=st.integers(-2, 20))
def test_a_party_that_is_let_in_fits_whole(seats: int, taken: int, party: int) -> None:
    why = refusal(MeetingState.INVITED, LATER, seats, taken, party, NOW)
    if why is None:
        assert 1 <= party <= LARGEST_PARTY
        assert taken + party <= seats
    else:
        assert (why is Refusal.PARTY) is not (1 <= party <= LARGEST_PARTY)


@given(party=st.integers(1, LARGEST_PARTY), taken=st.integers(0, 10_000))
def test_without_a_number_of_seats_as_many_come_as_want_to(party: int, taken: int) -> None:
    assert refusal(MeetingState.INVITED, LATER, None, taken, party, NOW) is None


@pytest.mark.parametrize("state", [MeetingState.DRAFT, MeetingState.HELD, MeetingState.CANCELLED])
def test_only_an_open_meeting_takes_registrations(state: MeetingState) -> None:
    assert refusal(state, LATER, None, 0, 1, NOW) is Refusal.CLOSED
    assert refusal(MeetingState.INVITED, NOW, None, 0, 1, NOW) is Refusal.CLOSED


def test_gatherings_follow_each_other_with_time_to_walk() -> None:
    hours = Hours(NOW, 40, 3)
    assert hours.span(0) == (NOW, NOW + timedelta(minutes=40))
    assert hours.span(1)[0] == NOW + timedelta(minutes=45)
    assert hours.ends_at == NOW + timedelta(minutes=130)


def test_a_time_that_the_clocks_skip_does_not_exist_and_one_that_comes_twice_is_the_first() -> None:
    assert instant(date(2027, 3, 28), time(2, 30), STOCKHOLM) is None
    assert instant(date(2027, 3, 28), time(3, 0), STOCKHOLM) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
    assert instant(date(2026, 10, 25), time(2, 30), STOCKHOLM) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    day=st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    minute=st.integers(0, 24 * 60 - 1),
    zone=st.sampled_from([STOCKHOLM, "Europe/Oslo", "Atlantic/Reykjavik", "America/Havana"]),
)
def test_a_time_that_exists_reads_the_same_on_the_wall(day: date, minute: int, zone: str) -> None:
    clock = time(minute // 60, minute % 60)
    found = instant(day, clock, zone)
    if found is None:
        assert zone != "Atlantic/Reykjavik"
    else:
        assert found.tzinfo is UTC
        there = found.astimezone(ZoneInfo(zone))
        assert (there.date(), there.time()) == (day, clock)


def test_the_last_day_lasts_until_its_midnight_where_the_school_is() -> None:
    assert end_of_day(date(2026, 11, 10), STOCKHOLM) == datetime(2026, 11, 10, 23, 0, tzinfo=UTC)
    assert end_of_day(date(2027, 3, 28), STOCKHOLM) == datetime(2027, 3, 28, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SNICKARE", True),
        ("åka bygga", True),
        ("ÅKA", True),
        ("A\u030aka", True),  # an å put together from a and a ring
        ("aka", False),
        ("snickare lärare", False),
        ("", True),
        ("100%", False),
        ("50 %", True),
        ("_", False),
    ],
)
def test_an_offer_is_found_by_all_its_words_in_any_case(query: str, found: bool) -> None:
    assert is_found(query, "Snickare", "Vi kan åka ut och bygga, 50 % av tiden.") is found


@given(words=st.text(max_size=40), title=st.text(max_size=40))
def test_every_offer_is_found_by_its_own_words(words: str, title: str) -> None:
    assert is_found(title, title, words)
    assert is_found(words.upper() if words.upper().casefold() == words.casefold() else words, title, words)
