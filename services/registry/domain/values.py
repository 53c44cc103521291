"""Values as registries write them, and what we make of them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.errors import Permanent
from shared.events.roster import Marking, Relation

# 12 digits by the standard; seen in practice: 10, with “-” or “+” (turned 100), coordination numbers (day + 60)
# and temporary numbers with letters after the date.
CIVIC_NO = re.compile(r"(\d{2})?(\d{2})(\d{2})(\d{2})([-+ ]?)[A-Za-z0-9]{4}")
OPEN_END_YEAR = 9999  # “9999-12-31” is how many systems write “no end”
FIRST_YEAR, LAST_YEAR = 1900, 2199

MARKINGS = {
    "": Marking.NONE,
    "ingen": Marking.NONE,
    "sekretessmarkering": Marking.MARKED,
    "skyddad folkbokföring": Marking.PROTECTED,
}
UNMARKED = frozenset(word for word, marking in MARKINGS.items() if marking is Marking.NONE)
RELATIONS = {
    "vårdnadshavare": Relation.GUARDIAN,
    "god man": Relation.APPOINTED,
    "förälder": Relation.PARENT,
    "annan ansvarig": Relation.OTHER_RESPONSIBLE,
    "annan behörig": Relation.OTHER_ENTITLED,
}


@dataclass(frozen=True)
class Origin:
    """Where a row came from: the source's name, its IANA zone and language, the local date it was read on, and whose
    registry it is. `login_key` turns what somebody logs in with into a digest; without it logins are not stated.
    """

    source: str
    zone: str
    language: str
    today: date
    tenant_id: UUID
    login_key: bytes = field(default=b"", repr=False)

    def instant(self, value: datetime) -> datetime:
        """The instant in UTC. One written without an offset is local time where the source is.

        Raises Permanent for a year no school has (before 1900, after 2199).
        """
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise Permanent(f"The year {value.year} cannot be right for a time.")
        local = value if value.tzinfo else value.replace(tzinfo=ZoneInfo(self.zone))
        return local.astimezone(UTC)


def plain(text: str | None) -> str:
    """A code word without differences of case, blanks and Unicode composition."""
    return unicodedata.normalize("NFC", text or "").strip().casefold()


def marking_of(text: str | None) -> Marking:
    """The marking. Raises Permanent for a word the standard does not have: guessing could give somebody away."""
    marking = MARKINGS.get(plain(text))
    if marking is None:
        raise Permanent("The securityMarking is none of Ingen, Sekretessmarkering, Skyddad folkbokföring.")
    return marking


def relation_of(text: str | None) -> Relation | None:
    """The relation, or None for a word the standard does not have."""
    return RELATIONS.get(plain(text))


def day_after(end: date | None) -> date | None:
    """SS 12000 end dates are inclusive; ours are the first day that no longer counts. None: no end."""
    return None if end is None or end.year >= OPEN_END_YEAR else end + timedelta(days=1)


def born_by_civic_no(civic_no: Any, today: date) -> date | None:
    """The birth date in a Swedish civic number (or an object with it as `value`); None when there is none in it."""
    match = _civic_no(civic_no)
    if match is None:
        return None
    century, year, month, day, separator = match.groups()
    born_on = int(day) - 60 if int(day) > 60 else int(day)
    if century:
        return _date(int(century + year), int(month), born_on)
    return _latest_before(today, int(year), int(month), born_on, skip=1 if separator == "+" else 0)


def full_civic_no(civic_no: Any, today: date) -> str | None:
    """The number with its century and without signs, as identity providers write it; None when it is none."""
    match, born = _civic_no(civic_no), born_by_civic_no(civic_no, today)
    if match is None or born is None:
        return None
    century, year, month, day, _ = match.groups()
    return f"{century or born.year // 100}{year}{month}{day}{match.group()[-4:]}"


def _civic_no(civic_no: Any) -> re.Match[str] | None:
    value = civic_no.get("value") if isinstance(civic_no, dict) else civic_no
    return CIVIC_NO.fullmatch(value.strip()) if isinstance(value, str) else None


def _latest_before(today: date, year: int, month: int, day: int, skip: int) -> date | None:
    """The latest such date that is not in the future; `skip` centuries earlier for one who has turned 100."""
    this_century = today.year // 100 * 100
    dates = [_date(this_century - back + year, month, day) for back in (0, 100, 200)]
    past = [born for born in dates if born is not None and born <= today]
    return past[skip] if len(past) > skip else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
