"""What a registry is asked for, and when."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from services.registry.domain.asking import filters, last_night, may_erase, window_of
from services.registry.domain.kinds import Resource
from tests.unit.registry.rows import NOW

ZONE = "Europe/Stockholm"
WINDOW = window_of(NOW, ZONE, 7, 1)


def test_the_window_holds_whole_local_days() -> None:
    assert WINDOW.since == datetime(2026, 11, 15, 23, tzinfo=UTC)
    assert WINDOW.until == datetime(2026, 11, 24, 23, tzinfo=UTC)


def test_the_window_keeps_its_days_across_a_dst_change() -> None:
    window = window_of(datetime(2026, 10, 26, 12, tzinfo=UTC), ZONE, 2, 0)
    assert window.since == datetime(2026, 10, 23, 22, tzinfo=UTC)
    assert window.until == datetime(2026, 10, 26, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-23T01:31:00+00:00", "2026-11-23T01:30:00+00:00"),
        ("2026-11-23T01:29:00+00:00", "2026-11-22T01:30:00+00:00"),
        ("2026-03-29T12:00:00+00:00", "2026-03-29T01:30:00+00:00"),
        ("2026-10-25T12:00:00+00:00", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_the_nightly_reading_falls_due_once_every_night_also_when_the_clocks_change(now: str, due: str) -> None:
    assert last_night(datetime.fromisoformat(now), time(2, 30), ZONE) == datetime.fromisoformat(due)


def test_calendar_events_are_always_asked_for_with_the_window_the_standard_demands() -> None:
    asked = filters(Resource.CALENDAR_EVENTS, NOW, WINDOW, None)
    assert asked == {
        "startTime.onOrAfter": WINDOW.since.isoformat(),
        "startTime.onOrBefore": WINDOW.until.isoformat(),
        "meta.modified.after": NOW.isoformat(),
    }


def test_results_and_absences_of_long_ago_are_not_asked_for() -> None:
    assert filters(Resource.ATTENDANCES, None, WINDOW, None) == {"meta.modified.after": WINDOW.since.isoformat()}
    assert filters(Resource.ABSENCES, None, WINDOW, None) == {"endTime.onOrAfter": WINDOW.since.isoformat()}


def test_persons_are_expanded_where_guardians_come_only_that_way() -> None:
    assert filters(Resource.PERSONS, None, WINDOW, "responsibleFor") == {"expand": "responsibleFor"}
    assert filters(Resource.GROUPS, None, WINDOW, "responsibleFor") == {}


@pytest.mark.parametrize(
    ("gone", "kept", "allowed"),
    [(3, 9, True), (3, 3, False), (10, 11, True), (150, 1000, True), (201, 1000, False), (1000, 1000, False)],
)
def test_a_reading_that_lacks_too_much_is_more_likely_a_fault(gone: int, kept: int, allowed: bool) -> None:
    assert may_erase(Resource.PERSONS, gone, kept, 0.2) is allowed


def test_an_operator_may_let_a_source_empty_a_list() -> None:
    assert may_erase(Resource.ORGANISATIONS, 3, 3, 1.0)


def test_the_few_absences_of_some_days_may_all_be_gone_but_not_very_many() -> None:
    assert may_erase(Resource.ABSENCES, 3, 3, 0.2)
    assert not may_erase(Resource.ABSENCES, 300, 300, 0.2)
