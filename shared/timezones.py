"""Time zones as calendars are told them (RFC 5545 3.6.5): one fixed rule per zone, whose bytes never change.

Calendar programs match an update to what they hold by these bytes too: a definition that is worked out anew from each
release of the time zone database looks like another zone, and some then drop the update without a word. So the rule
is written down here: the Union's summer time, from the last Sunday of March to the last Sunday of October, changing
at 01:00 UTC (directive 2000/84/EC, followed by Norway and the Faroe Islands; in force since 1996). The clocks of
appointments before that are none of ours.

A change of the law is a new definition, made on purpose, with a golden text in the tests to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from shared.errors import Permanent

LOCAL, INSTANT = "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"


class UnknownZone(Permanent):
    """There is no fixed rule for this zone. Write instants in UTC instead: `timed` does."""


@dataclass(frozen=True, slots=True)
class _Clocks:
    """The two clocks of a year: their offsets and names, and the local hours at which one follows the other."""

    winter: tuple[str, str]
    summer: tuple[str, str]
    forward: str
    back: str


_WESTERN = _Clocks(("+0000", "WET"), ("+0100", "WEST"), "010000", "020000")
_CENTRAL = _Clocks(("+0100", "CET"), ("+0200", "CEST"), "020000", "030000")
_EASTERN = _Clocks(("+0200", "EET"), ("+0300", "EEST"), "030000", "040000")
_ZONES: Mapping[str, _Clocks] = MappingProxyType(
    {
        "Europe/Stockholm": _CENTRAL,
        "Europe/Oslo": _CENTRAL,
        "Arctic/Longyearbyen": _CENTRAL,
        "Atlantic/Jan_Mayen": _CENTRAL,
        "Europe/Copenhagen": _CENTRAL,
        "Europe/Helsinki": _EASTERN,
        "Europe/Mariehamn": _EASTERN,
        "Atlantic/Faroe": _WESTERN,
        "Atlantic/Faeroe": _WESTERN,
    }
)
KNOWN = frozenset(_ZONES)


def vtimezone(zone: str) -> str:
    """The VTIMEZONE of an IANA zone, its lines ended by CRLF; the same bytes at every call, in every release.

    Its TZID is the name that was asked for, an alias too, so that it fits `timed`. Raises UnknownZone for a zone
    without a fixed rule (also Atlantic/Reykjavik, which has no summer time): times there are written in UTC.
    """
    return "".join(f"{line}\r\n" for line in _lines(zone))


def timed(name: str, instant: datetime, zone: str) -> str:
    """A property with this instant (aware) as its value: `DTSTART;TZID=Europe/Stockholm:20261103T170000`.

    In a zone without a fixed rule it is the same instant in UTC, `DTSTART:20261103T160000Z`, and needs no VTIMEZONE.
    Where the clocks go back, the second of two equal local hours is also written in UTC: a local time with a zone
    always means the first (RFC 5545 3.3.5).
    """
    if zone not in KNOWN:
        return f"{name}:{instant.astimezone(UTC).strftime(INSTANT)}"
    local = instant.astimezone(ZoneInfo(zone))
    if local.fold:
        return f"{name}:{instant.astimezone(UTC).strftime(INSTANT)}"
    return f"{name};TZID={zone}:{local.strftime(LOCAL)}"


def _lines(zone: str) -> list[str]:
    if zone not in _ZONES:
        raise UnknownZone(f"No fixed rule is kept for the time zone {zone!r}. Write the times in UTC.")
    clocks = _ZONES[zone]
    return [
        "BEGIN:VTIMEZONE",
        f"TZID:{zone}",
        *_change("DAYLIGHT", clocks.winter[0], clocks.summer, f"19700329T{clocks.forward}", 3),
        *_change("STANDARD", clocks.summer[0], clocks.winter, f"19701025T{clocks.back}", 10),
        "END:VTIMEZONE",
    ]


def _change(kind: str, before: str, after: tuple[str, str], first: str, month: int) -> list[str]:
    """A yearly change of clocks on a month's last Sunday. 1970, before all of them, is what calendars expect."""
    return [
        f"BEGIN:{kind}",
        f"TZOFFSETFROM:{before}",
        f"TZOFFSETTO:{after[0]}",
        f"TZNAME:{after[1]}",
        f"DTSTART:{first}",
        f"RRULE:FREQ=YEARLY;BYMONTH={month};BYDAY=-1SU",
        f"END:{kind}",
    ]
