"""The fixed rules of time zones: they say what the time zone database says, and never change a byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from shared.timezones import KNOWN, UnknownZone, timed, vtimezone

STOCKHOLM = (
    "BEGIN:VTIMEZONE\r\n"
    "TZID:Europe/Stockholm\r\n"
    "BEGIN:DAYLIGHT\r\n"
    "TZOFFSETFROM:+0100\r\n"
    "TZOFFSETTO:+0200\r\n"
    "TZNAME:CEST\r\n"
    "DTSTART:19700329T020000\r\n"
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"
    "END:DAYLIGHT\r\n"
    "BEGIN:STANDARD\r\n"
    "TZOFFSETFROM:+0200\r\n"
    "TZOFFSETTO:+0100\r\n"
    "TZNAME:CET\r\n"
    "DTSTART:19701025T030000\r\n"
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"
    "END:STANDARD\r\n"
    "END:VTIMEZONE\r\n"
)
MINUTE = timedelta(minutes=1)
ZONES = st.sampled_from(sorted(KNOWN))
INSTANTS = st.integers(0, 19 * 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE)


def last_sunday(year: int, month: int) -> datetime:
    """At 01:00 UTC, when the clocks of the Union change."""
    following = datetime(year + month // 12, month % 12 + 1, 1, 1, tzinfo=UTC)
    return following - timedelta(days=following.weekday() + 1 if following.weekday() != 6 else 7)


def offset_by_rule(zone: str, instant: datetime) -> timedelta:
    """What our own text says the offset is then, worked out by hand from its two parts."""
    component: Any
    [component] = Calendar.from_ical(f"BEGIN:VCALENDAR\r\n{vtimezone(zone)}END:VCALENDAR\r\n").walk("VTIMEZONE")
    summer, winter = (component.walk(name)[0]["TZOFFSETTO"].td for name in ("DAYLIGHT", "STANDARD"))
    is_summer = last_sunday(instant.year, 3) <= instant < last_sunday(instant.year, 10)
    found = summer if is_summer else winter
    assert isinstance(found, timedelta)
    return found


def test_stockholms_rule_is_these_bytes_and_no_others() -> None:
    assert vtimezone("Europe/Stockholm") == STOCKHOLM


def test_an_alias_has_the_same_rule_under_its_own_name() -> None:
    for alias in ("Europe/Oslo", "Europe/Copenhagen", "Arctic/Longyearbyen", "Atlantic/Jan_Mayen"):
        assert vtimezone(alias) == STOCKHOLM.replace("Europe/Stockholm", alias)
    assert vtimezone("Europe/Mariehamn") == vtimezone("Europe/Helsinki").replace("Helsinki", "Mariehamn")


@pytest.mark.parametrize("zone", sorted(KNOWN))
def test_a_zone_with_a_rule_is_a_zone(zone: str) -> None:
    assert zone in available_timezones()


@settings(max_examples=300, deadline=None)
@given(ZONES, INSTANTS)
def test_a_rule_says_what_the_time_zone_database_says(zone: str, instant: datetime) -> None:
    assert offset_by_rule(zone, instant) == instant.astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize("zone", sorted(KNOWN))
@pytest.mark.parametrize("year", [2026, 2027, 2032, 2037, 2044])
@pytest.mark.parametrize("month", [3, 10])
def test_a_rule_changes_in_the_minute_in_which_the_clocks_change(zone: str, year: int, month: int) -> None:
    change = last_sunday(year, month)
    for instant in (change - MINUTE, change):
        assert offset_by_rule(zone, instant) == instant.astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize("zone", ["Atlantic/Reykjavik", "Europe/Kyiv", "", "europe/stockholm", "../etc/passwd", "UTC"])
def test_a_zone_without_a_rule_is_refused_and_its_times_are_written_in_utc(zone: str) -> None:
    with pytest.raises(UnknownZone, match="UTC"):
        vtimezone(zone)
    assert timed("DTSTART", datetime(2026, 11, 3, 16, 0, tzinfo=UTC), zone) == "DTSTART:20261103T160000Z"


def test_a_time_is_written_as_the_clock_on_the_schools_wall_shows_it() -> None:
    instant = datetime(2026, 11, 3, 16, 0, tzinfo=UTC)
    assert timed("DTSTART", instant, "Europe/Stockholm") == "DTSTART;TZID=Europe/Stockholm:20261103T170000"
    assert timed("DTEND", instant, "Europe/Helsinki") == "DTEND;TZID=Europe/Helsinki:20261103T180000"
    elsewhere = instant.astimezone(timezone(timedelta(hours=-5)))
    assert timed("DTSTART", elsewhere, "Europe/Oslo") == "DTSTART;TZID=Europe/Oslo:20261103T170000"


def test_the_second_of_two_equal_hours_in_autumn_cannot_be_taken_for_the_first() -> None:
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert timed("DTSTART", first, "Europe/Stockholm") == "DTSTART;TZID=Europe/Stockholm:20261025T023000"
    assert timed("DTSTART", second, "Europe/Stockholm") == "DTSTART:20261025T013000Z"
