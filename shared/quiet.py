"""Quiet hours: when somebody who wants to be left alone at night may be written to again.

They hold back only what is not urgent: a same-day notice is the law's, not the home's.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def next_allowed(now: datetime, zone: str, quiet_from: time | None, quiet_to: time | None) -> datetime:
    """The first instant from `now` on (UTC) that is not quiet, on a clock in this IANA zone.

    Quiet is `quiet_from <= local time < quiet_to`; a night passes midnight when it ends earlier than it begins. Where
    one of the two is missing, or both are the same, nothing is quiet. Where the clocks are put
    back and a local time comes twice, the longest possible night counts: in doubt nobody is woken.
    """
    if quiet_from is None or quiet_to is None or _plain(quiet_from) == _plain(quiet_to):
        return now
    instant = now
    while ends := _end_of_night(instant, ZoneInfo(zone), _plain(quiet_from), _plain(quiet_to)):
        instant = ends
    return instant


def _end_of_night(instant: datetime, zone: ZoneInfo, quiet_from: time, quiet_to: time) -> datetime | None:
    """When the quiet time this instant lies in is over; None when it lies in none."""
    today = instant.astimezone(zone).date()
    over_midnight = DAY if quiet_to < quiet_from else timedelta()
    for evening in (today - DAY, today, today + DAY):  # a change of clocks can move a night to its neighbour's date
        starts, _ = _readings(evening, quiet_from, zone)
        _, ends = _readings(evening + over_midnight, quiet_to, zone)
        if starts <= instant < ends:
            return ends
    return None


def _readings(day: date, local: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and last instant a local time can mean: the same, except where the clocks change (PEP 495).

    A time that is jumped over means the moment of the jump.
    """
    plain = datetime.combine(day, local, zone)
    first, last = sorted(plain.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).time() == local:
        return first, last
    jump = _jump(first, last, zone)
    return jump, jump


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The minute between these instants at which the clocks change."""
    offset = after.astimezone(zone).utcoffset()
    instant = before.replace(second=0, microsecond=0)
    while instant.astimezone(zone).utcoffset() != offset:
        instant += MINUTE
    return instant


def _plain(local: time) -> time:
    """The time as a clock on the wall shows it, whatever zone it claims."""
    return local.replace(tzinfo=None, fold=0)
