"""Calendar entries: what calendars read in them, and that nothing can be smuggled in or out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import vobject
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar, Event

from services.notifications.domain.invitations import ENDED, INVITED, Entry, Method, calendar, folded, method_of
from services.notifications.mime import one_line
from shared.events.notify import NotificationKind
from shared.timezones import vtimezone
from tests.unit.notifications.factories import NOW, appointment

ANNA = "anna@home.example"
ID = UUID("018f0000-0000-7000-8000-000000000001")
TRICKY = 'Sal "7"; A, B \\n {{7*7}} ^n %(day)s'
# The hours around the two changes of clocks in 2026, and others of the year:
INSTANTS = st.one_of(
    st.builds(
        lambda change, minutes: change + timedelta(minutes=minutes),
        st.sampled_from([datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]),
        st.integers(-600, 600),
    ),
    st.integers(0, 500_000).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
)


def entry(method: Method = Method.REQUEST, location: str = "Room 7", name: str = "Björkskolan", **of: Any) -> Entry:
    return Entry(
        method=method,
        appointment=appointment(**{"uid_of": ID, **of}),
        summary=f"Appointment with {name}",
        description="Log in.",
        location=location,
        organizer="skolbro@skola.example",
        organizer_name=f"{name} via Skolbro",
        domain="skolbro.example",
    )


def read(data: bytes) -> tuple[Any, Any]:
    found = Calendar.from_ical(data)
    assert isinstance(found, Calendar)
    [event] = found.walk("VEVENT")
    assert isinstance(event, Event)
    assert not found.errors
    assert not event.errors
    return found, event


def span(event: Any) -> tuple[datetime, datetime]:
    """In UTC: Python calls an hour that comes twice unequal to everything."""
    return event["DTSTART"].dt.astimezone(UTC), event["DTEND"].dt.astimezone(UTC)


def test_an_entry_says_when_and_where_to_one_attendee_and_no_more() -> None:
    found, event = read(calendar(entry(sequence=3), ANNA, NOW))
    assert (found["METHOD"], found["VERSION"]) == ("REQUEST", "2.0")
    assert event["UID"] == f"{ID}@skolbro.example"
    assert event["SEQUENCE"] == 3
    assert event["DTSTART"].dt == datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    assert event["DTSTART"].params["TZID"] == "Europe/Stockholm"
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=20)
    assert event["DTSTAMP"].dt == NOW
    assert event["ATTENDEE"] == f"mailto:{ANNA}"
    assert event["ATTENDEE"].params["RSVP"] == "FALSE"
    assert event["ORGANIZER"] == "mailto:skolbro@skola.example"
    assert event["ORGANIZER"].params["CN"] == "Björkskolan via Skolbro"
    assert (event["STATUS"], event["TRANSP"], event["CLASS"]) == ("CONFIRMED", "OPAQUE", "PRIVATE")
    assert (event["LOCATION"], event["SUMMARY"]) == ("Room 7", "Appointment with Björkskolan")
    assert not event.walk("VALARM")


def test_a_cancelling_says_so_twice() -> None:
    found, event = read(calendar(entry(Method.CANCEL, sequence=4), ANNA, NOW))
    assert (found["METHOD"], event["STATUS"], event["SEQUENCE"]) == ("CANCEL", "CANCELLED", 4)


def test_what_has_no_place_has_no_location() -> None:
    assert "LOCATION" not in read(calendar(entry(location=""), ANNA, NOW))[1]


def test_the_time_zone_in_every_entry_is_the_fixed_one_to_the_byte() -> None:
    for zone in ("Europe/Oslo", "Europe/Helsinki"):
        assert vtimezone(zone).encode() in calendar(entry(zone=zone), ANNA, NOW)


@pytest.mark.parametrize("zone", ["Atlantic/Reykjavik", "Nowhere/At_All", "../etc"])
def test_in_a_zone_without_a_fixed_rule_the_times_are_in_utc_and_no_zone_is_told(zone: str) -> None:
    data = calendar(entry(zone=zone), ANNA, NOW)
    assert b"DTSTART:20261124T160000Z\r\n" in data
    assert b"VTIMEZONE" not in data


def test_the_same_change_to_the_same_person_is_the_same_bytes_at_every_attempt() -> None:
    assert calendar(entry(), ANNA, NOW) == calendar(entry(), ANNA, NOW)


@settings(max_examples=200, deadline=None)
@given(INSTANTS, st.integers(1, 600), st.sampled_from(["Europe/Stockholm", "Europe/Helsinki", "Atlantic/Reykjavik"]))
def test_every_time_is_read_back_as_the_same_instant_also_where_the_clocks_change(
    starts_at: datetime, minutes: int, zone: str
) -> None:
    ends_at = starts_at + timedelta(minutes=minutes)
    _, event = read(calendar(entry(starts_at=starts_at, ends_at=ends_at, zone=zone), ANNA, NOW))
    assert span(event) == (starts_at, ends_at)


@settings(max_examples=60, deadline=None)
@given(INSTANTS, st.integers(0, 50), st.sampled_from(Method))
def test_a_second_implementation_reads_the_same_and_what_it_writes_is_the_same_entry(
    starts_at: datetime, sequence: int, method: Method
) -> None:
    of = entry(method, TRICKY, starts_at=starts_at, sequence=sequence)
    other = vobject.readOne(calendar(of, ANNA, NOW).decode())
    assert other.vevent.uid.value == f"{ID}@skolbro.example"
    assert other.vevent.dtstart.value.astimezone(UTC) == starts_at
    assert other.vevent.location.value == TRICKY
    found, event = read(other.serialize(validate=True).encode())
    assert (event["UID"], int(event["SEQUENCE"])) == (f"{ID}@skolbro.example", sequence)
    assert span(event) == (starts_at, starts_at + timedelta(minutes=20))
    assert (found["METHOD"], event["ATTENDEE"]) == (method, f"mailto:{ANNA}")
    if b"DTSTART;TZID" in calendar(of, ANNA, NOW):
        assert str(event["DTSTART"].dt.tzinfo) == "Europe/Stockholm"
        assert [one["TZID"] for one in found.walk("VTIMEZONE")] == ["Europe/Stockholm"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_place_and_any_name_come_out_as_they_went_in_and_add_no_line(place: str, name: str) -> None:
    place, name = one_line(place), one_line(name)
    data = calendar(entry(location=place, name=name), ANNA, NOW)
    _, event = read(data)
    assert event.get("LOCATION", "") == place
    assert event["SUMMARY"] == f"Appointment with {name}"
    expected = {"UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "ORGANIZER", "ATTENDEE"}
    assert set(event) - {"LOCATION"} == expected | {"STATUS", "CLASS", "TRANSP"}
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_an_address_cannot_leave_its_line_either() -> None:
    written = {
        "o'hara+skola@y.se": "mailto:o'hara+skola@y.se",
        "a?cc=b#c@y.se": "mailto:a%3Fcc=b%23c@y.se",
        "a%0d%0aX:y@y.se": "mailto:a%250d%250aX%3Ay@y.se",
        "a\r\nX:y@y.se": "mailto:a%0D%0AX%3Ay@y.se",
    }
    for address, expected in written.items():
        assert read(calendar(entry(), address, NOW))[1]["ATTENDEE"] == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_folded_line_is_the_line_again_when_it_is_unfolded_and_every_piece_is_whole_characters(line: str) -> None:
    data = folded(line.replace("\r", "").replace("\n", ""))
    assert data.endswith(b"\r\n")
    pieces = data[:-2].split(b"\r\n ")
    assert all(len(piece) <= 74 + (number == 0) for number, piece in enumerate(pieces))
    assert "".join(piece.decode() for piece in pieces) == line.replace("\r", "").replace("\n", "")


@pytest.mark.parametrize("kind", list(NotificationKind))
def test_only_what_books_moves_or_ends_an_appointment_touches_calendars(kind: NotificationKind) -> None:
    assert method_of(kind, None) is None
    wanted = Method.REQUEST if kind in INVITED else Method.CANCEL if kind in ENDED else None
    assert method_of(kind, appointment()) is wanted
    assert method_of(kind, appointment(cancelled=True)) is (wanted and Method.CANCEL)
