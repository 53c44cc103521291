"""School years as files: iCalendar (RFC 5545) and CSV. A row that cannot be read is held back with its reason, a
sentence for a person; the good ones are taken.

CSV has a heading line. Its columns, in any order, are `name`, `first_day`, `last_day`, and if you like `kind` (term or
break) and `school` (its name); without a last day it is one day. The headings may be Swedish or Norwegian as well.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from icalendar import Calendar

from services.scheduling.domain.school_year import Span, half_year_id
from shared.languages import N_

LARGEST = 1_000_000  # bytes
MOST_ROWS = 2_000
LONGEST_NAME = 120
LONGEST_TERM, LONGEST_BREAK = 300, 92  # days
YEARS = range(2000, 2100)
TERM_WORDS = ("term", "termin", "hösttermin", "vårtermin", "halvår", "semester", "ht", "vt")
BREAK_WORDS = ("break", "lov", "ferie", "fri", "skolefri", "planning", "planering", "planleggingsdag", "studiedag", "")
HEADINGS = {
    "name": ("name", "namn", "navn", "summary", "vad", "hva"),
    "first_day": ("first_day", "first day", "first", "från", "fra", "start", "börjar", "starter", "första dag"),
    "last_day": ("last_day", "last day", "last", "till", "til", "end", "slutar", "slutter", "sista dag", "siste dag"),
    "kind": ("kind", "type", "slag", "typ"),
    "school": ("school", "skola", "skole", "enhet"),
}
NOT_TEXT = N_("The file is not text in UTF-8. Save it as UTF-8 and send it again.")
TOO_LARGE = N_("The file is too large. A school year has a few dozen lines.")
NO_CALENDAR = N_("The file does not read as a calendar. Export it again, or send a CSV file.")
NO_HEADINGS = N_("The first line must be headings: at least name and first_day.")
NO_NAME = N_("It has no name.")
LONG_NAME = N_("The name is longer than 120 characters.")
NO_DAY = N_("“%(value)s” is not a date. Write 2026-10-26.")
BACKWARDS = N_("The last day is before the first.")
TOO_LONG = N_("It lasts %(days)s days, which is longer than any term or break.")
ODD_KIND = N_("“%(value)s” is neither a term nor a break.")
UNKNOWN_SCHOOL = N_("There is no school called “%(value)s” that you may change.")
TWO_TERMS = N_("Another term of the same half-year is in the file already.")
REPEATED = N_("It repeats. Give every year its own dates.")


@dataclass(frozen=True)
class Held:
    """A row that was held back: its number in the file (of a calendar: its entry), and the reason in words."""

    row: int
    reason: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass
class ReadYear:
    """What a file says: terms and breaks to take, and rows that were held back."""

    terms: list[Span] = field(default_factory=list)
    breaks: list[Span] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


class Unread(Exception):
    """A row, or a whole file, that cannot be used. The words are for a person."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values


Row = dict[str, Any]


def read_year(content: bytes, schools: Mapping[str, UUID], own: UUID | None) -> ReadYear:
    """Read a file. `schools` are those that may be named, by name in small letters; what names none is `own`'s
    (None: the whole municipality's). Raises Unread when nothing of the file can be read.
    """
    if len(content) > LARGEST:
        raise Unread(TOO_LARGE)
    rows = _calendar(content) if content.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"BEGIN:VCALENDAR") else _csv(content)
    found, halves = ReadYear(), set[UUID]()
    for number, row in rows:
        try:
            if isinstance(row, Unread):
                raise row
            _take(found, halves, row, schools, own)
        except Unread as fault:
            found.held.append(Held(number, fault.reason, fault.values))
    return found


def _take(found: ReadYear, halves: set[UUID], row: Row, schools: Mapping[str, UUID], own: UUID | None) -> None:
    span, is_term = _span(row, _school(row, schools, own)), _is_term(row)
    days = (span.last_day - span.first_day).days + 1
    if days > (LONGEST_TERM if is_term else LONGEST_BREAK):
        raise Unread(TOO_LONG, days=days)
    if not is_term:
        found.breaks.append(span)
        return
    half = half_year_id(span.school_id or UUID(int=0), span.first_day)
    if half in halves:
        raise Unread(TWO_TERMS)
    halves.add(half)
    found.terms.append(span)


def _span(row: Row, school_id: UUID | None) -> Span:
    name = " ".join(str(row.get("name") or "").replace("\x00", "").split())
    if not name:
        raise Unread(NO_NAME)
    if len(name) > LONGEST_NAME:
        raise Unread(LONG_NAME)
    first = read_day(row.get("first_day"))
    last = read_day(row["last_day"]) if row.get("last_day") else first
    if last < first:
        raise Unread(BACKWARDS)
    return Span(name, first, last, school_id)


def _school(row: Row, schools: Mapping[str, UUID], own: UUID | None) -> UUID | None:
    named = str(row.get("school") or "").strip()
    if not named:
        return own
    if named.casefold() not in schools:
        raise Unread(UNKNOWN_SCHOOL, value=named[:LONGEST_NAME])
    return schools[named.casefold()]


def _is_term(row: Row) -> bool:
    kind = str(row.get("kind") or "").strip().casefold()
    if not kind:
        return any(word in TERM_WORDS for word in re.findall(r"\w+", str(row.get("name")).casefold()))
    if kind in TERM_WORDS:
        return True
    if kind in BREAK_WORDS:
        return False
    raise Unread(ODD_KIND, value=kind[:LONGEST_NAME])


def read_day(said: Any) -> date:
    """A date as it is written: 2026-10-26, 26.10.2026 or 26/10/2026. Raises Unread for anything else."""
    if isinstance(said, date):
        return _sensible(said.date() if isinstance(said, datetime) else said, str(said))
    text = str(said or "").strip()
    for pattern in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y"):
        try:
            return _sensible(datetime.strptime(text, pattern).date(), text)  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise Unread(NO_DAY, value=text[:40])


def _sensible(day: date, said: str) -> date:
    if day.year not in YEARS:
        raise Unread(NO_DAY, value=said[:40])
    return day


def _csv(content: bytes) -> Iterator[tuple[int, Row | Unread]]:
    try:
        text = content.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError:
        raise Unread(NOT_TEXT) from None
    first = text.partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        raise Unread(NOT_TEXT) from None
    names = [_heading(one) for one in lines[0]] if lines else []
    if "name" not in names or "first_day" not in names:
        raise Unread(NO_HEADINGS)
    if len(lines) > MOST_ROWS:
        raise Unread(TOO_LARGE)
    for number, line in enumerate(lines[1:], 2):
        if any(cell.strip() for cell in line):
            yield number, dict(zip(names, line, strict=False))


def _heading(said: str) -> str:
    plain = said.strip().casefold()
    return next((name for name, known in HEADINGS.items() if plain in known), plain)


def _calendar(content: bytes) -> Iterator[tuple[int, Row | Unread]]:
    try:
        entries = list(Calendar.from_ical(content).walk("VEVENT"))
    except (ValueError, IndexError, KeyError):
        raise Unread(NO_CALENDAR) from None
    if len(entries) > MOST_ROWS:
        raise Unread(TOO_LARGE)
    yield from enumerate((_entry(one) for one in entries), 1)


def _entry(entry: Any) -> Row | Unread:
    """An entry of a calendar as a row. DTEND is the day after the last one (RFC 5545, 3.6.1)."""
    try:
        starts, ends, lasts = (entry.get(name) for name in ("DTSTART", "DTEND", "DURATION"))
        if entry.get("RRULE") is not None:
            return Unread(REPEATED)
        first = getattr(starts, "dt", None)
        last = ends.dt if ends is not None else first + lasts.dt if lasts is not None and first else None
        row = {"name": str(entry.get("SUMMARY") or ""), "first_day": first, "last_day": _last(first, last)}
        return {**row, "kind": _category(entry)}
    except (ValueError, AttributeError, TypeError, OverflowError):
        return Unread(NO_DAY, value=str(entry.get("SUMMARY") or "")[:40])


def _last(first: Any, ends: Any) -> Any:
    """The last day of what ends then: a date is exclusive, and so is midnight."""
    if ends is None:
        return first
    if isinstance(ends, datetime):
        return ends - timedelta(minutes=1) if ends > first else ends
    return max(ends - timedelta(days=1), first) if ends >= first else ends


def _category(entry: Any) -> str:
    said = entry.get("CATEGORIES")
    words: Iterable[Any] = said.cats if said is not None and hasattr(said, "cats") else ()
    known = (*TERM_WORDS, *BREAK_WORDS)
    return next((str(word) for word in words if str(word).casefold() in known and str(word)), "")
