"""The school year: terms, breaks, red days, and the files they come in."""

from __future__ import annotations

from datetime import date, time
from itertools import islice
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.school_year import (
    Country,
    Off,
    SchoolYear,
    Span,
    break_row_id,
    country_of,
    half_year_id,
    school_year_start,
    term_row_id,
)
from services.scheduling.domain.year_files import ReadYear, Unread, read_year

TENANT, SCHOOL, OTHER = uuid4(), uuid4(), uuid4()
AUTUMN_BREAK = Span("Höstlov", date(2026, 10, 26), date(2026, 10, 30))
SWEDEN = SchoolYear(TENANT, SCHOOL, Country.SE, breaks=(AUTUMN_BREAK,))
NORWAY = SchoolYear(TENANT, SCHOOL, Country.NO)
AFTERNOON = (time(15), time(18))


def read(text: str, own: UUID | None = None) -> ReadYear:
    return read_year(text.encode(), {"björkskolan": SCHOOL}, own)


def test_without_recorded_terms_the_usual_ones_of_the_country_hold() -> None:
    autumn, spring = SWEDEN.half_year(date(2026, 11, 2)), SWEDEN.half_year(date(2027, 3, 1))
    assert (autumn.first_day, autumn.last_day, autumn.recorded) == (date(2026, 8, 15), date(2026, 12, 21), False)
    assert (spring.first_day, spring.last_day) == (date(2027, 1, 8), date(2027, 6, 11))
    assert NORWAY.half_year(date(2027, 3, 1)).last_day == date(2027, 6, 18)


def test_a_schools_own_term_goes_before_its_municipalitys() -> None:
    terms = (
        Span("Höstterminen", date(2026, 8, 17), date(2026, 12, 18)),
        Span("HT", date(2026, 8, 20), date(2026, 12, 20), SCHOOL),
    )
    year = SchoolYear(TENANT, SCHOOL, Country.SE, terms=terms)
    assert year.half_year(date(2026, 9, 1)).last_day == date(2026, 12, 20)
    assert year.term_on(date(2026, 8, 18)) is None


def test_a_term_has_the_same_id_at_every_school_whoever_recorded_its_dates() -> None:
    other = SchoolYear(TENANT, OTHER, Country.SE, terms=(Span("HT", date(2026, 8, 20), date(2026, 12, 20), OTHER),))
    assert SWEDEN.half_year(date(2026, 9, 1)).term_id == other.half_year(date(2026, 12, 1)).term_id
    assert half_year_id(TENANT, date(2026, 9, 1)) != half_year_id(TENANT, date(2027, 2, 1))
    assert term_row_id(TENANT, None, date(2026, 8, 17)) == half_year_id(TENANT, date(2026, 12, 1))
    assert term_row_id(TENANT, SCHOOL, date(2026, 8, 17)) != term_row_id(TENANT, OTHER, date(2026, 8, 17))


def test_between_terms_there_is_none() -> None:
    assert SWEDEN.term_on(date(2026, 12, 27)) is None
    assert SWEDEN.term_on(date(2026, 7, 10)) is None


@pytest.mark.parametrize(
    ("year", "day", "why", "name"),
    [
        (SWEDEN, date(2026, 10, 28), Off.BREAK, "Höstlov"),
        (SWEDEN, date(2026, 6, 19), Off.RED, "Midsommarafton"),  # only “de facto”
        (SWEDEN, date(2026, 5, 14), Off.RED, "Kristi himmelsfärdsdag"),
        (SWEDEN, date(2026, 11, 7), Off.WEEKEND, ""),
        (SWEDEN, date(2026, 5, 13), Off.EVE, "Kristi himmelsfärdsdag"),
        (NORWAY, date(2028, 5, 17), Off.RED, "Grunnlovsdag"),
        (NORWAY, date(2026, 5, 13), Off.EVE, "Kristi himmelfartsdag"),
    ],
)
def test_no_talks_on_days_off_and_evenings_before_red_days(year: SchoolYear, day: date, why: Off, name: str) -> None:
    off = year.no_talks(day, *AFTERNOON)
    assert off is not None
    assert (off.why, off.name) == (why, name)


def test_the_morning_before_a_red_day_is_an_ordinary_one() -> None:
    assert SWEDEN.no_talks(date(2026, 5, 13), time(8), time(13)) is None
    assert SWEDEN.no_talks(date(2026, 5, 12), *AFTERNOON) is None


def test_a_norwegian_school_works_on_swedish_holidays() -> None:
    epiphany = date(2027, 1, 6)
    assert SWEDEN.day_off(epiphany) is not None
    assert NORWAY.day_off(epiphany) is None
    assert country_of("Europe/Oslo") is Country.NO
    assert country_of("Europe/Stockholm") is Country.SE


def test_school_days_leave_out_the_break_and_the_weekend_around_it() -> None:
    days = list(islice(SWEDEN.school_days(date(2026, 10, 22)), 2))
    assert days == [date(2026, 10, 23), date(2026, 11, 2)]


def test_a_school_year_is_named_by_the_autumn_it_begins_in() -> None:
    assert school_year_start(date(2026, 9, 1)) == school_year_start(date(2027, 6, 1)) == 2026


def test_the_same_days_at_the_same_place_are_the_same_break() -> None:
    first, last = AUTUMN_BREAK.first_day, AUTUMN_BREAK.last_day
    assert break_row_id(TENANT, None, first, last) == break_row_id(TENANT, None, first, last)
    assert break_row_id(TENANT, SCHOOL, first, last) != break_row_id(TENANT, None, first, last)


def test_a_csv_file_is_read_with_semicolons_and_norwegian_headings() -> None:
    year = read(
        "navn;fra;til;type;skole\nHøstferie;05.10.2026;09.10.2026;ferie;\nVinterferie;2027-02-22;2027-02-26;;\n"
    )
    assert [(one.name, one.first_day, one.last_day) for one in year.breaks] == [
        ("Høstferie", date(2026, 10, 5), date(2026, 10, 9)),
        ("Vinterferie", date(2027, 2, 22), date(2027, 2, 26)),
    ]
    assert not year.held


def test_bad_rows_are_held_back_with_their_reason_and_good_ones_taken() -> None:
    year = read(
        "name,first_day,last_day,kind,school\n"
        "Höstlov,2026-10-26,2026-10-30,break,\n"
        "Jullov,2026-12-32,,break,\n"
        ",2026-01-01,,break,\n"
        "Baklänges,2026-03-05,2026-03-01,break,\n"
        "Sportlov,2027-02-22,2028-02-26,break,\n"
        "Läger,2027-03-01,,picnic,\n"
        "Studiedag,2027-03-02,,break,Någon annans skola\n"
        "\n"
        "Studiedag,2027-03-03,,break,Björkskolan\n"
    )
    assert [one.name for one in year.breaks] == ["Höstlov", "Studiedag"]
    assert year.breaks[1].school_id == SCHOOL
    assert [one.row for one in year.held] == [3, 4, 5, 6, 7, 8]
    assert all(one.reason % one.values for one in year.held)


def test_terms_are_known_by_their_kind_or_their_name() -> None:
    year = read("name,first_day,last_day,kind\nHösttermin,2026-08-17,2026-12-18,\nVåren,2027-01-11,2027-06-10,termin\n")
    assert [one.name for one in year.terms] == ["Hösttermin", "Våren"]
    again = read("name,first_day,last_day\nHT,2026-08-17,2026-10-20\nHT 2,2026-10-21,2026-12-18\n")
    assert (len(again.terms), len(again.held)) == (1, 1)


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//
BEGIN:VEVENT
UID:1
SUMMARY:Höstlov
DTSTART;VALUE=DATE:20261026
DTEND;VALUE=DATE:20261031
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Studiedag
DTSTART;VALUE=DATE:20261123
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:Hösttermin 2026
DTSTART;TZID=Europe/Stockholm:20260817T080000
DTEND;TZID=Europe/Stockholm:20261218T160000
END:VEVENT
BEGIN:VEVENT
UID:4
SUMMARY:Utan dag
END:VEVENT
BEGIN:VEVENT
UID:5
SUMMARY:Varje år
DTSTART;VALUE=DATE:20261224
RRULE:FREQ=YEARLY
END:VEVENT
BEGIN:VEVENT
UID:6
SUMMARY:Baklänges
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261220
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def test_a_calendar_is_read_with_its_exclusive_ends() -> None:
    year = read(CALENDAR)
    assert [(one.name, one.first_day, one.last_day) for one in year.breaks] == [
        ("Höstlov", date(2026, 10, 26), date(2026, 10, 30)),
        ("Studiedag", date(2026, 11, 23), date(2026, 11, 23)),
    ]
    assert [(one.first_day, one.last_day) for one in year.terms] == [(date(2026, 8, 17), date(2026, 12, 18))]
    assert [one.row for one in year.held] == [4, 5, 6]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"a;b\n1;2\n", b"x" * 1_000_001, b"BEGIN:VCALENDAR\r\nX"])
def test_a_file_that_is_something_else_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(Unread) as fault:
        read_year(content, {}, None)
    assert fault.value.reason.endswith(".")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(content: bytes) -> None:
    for prefix in (b"", b"name,first_day\n", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"):
        try:
            found = read_year(prefix + content, {}, None)
        except Unread:
            continue
        assert all(one.first_day <= one.last_day for one in (*found.terms, *found.breaks))
