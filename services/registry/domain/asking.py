"""What a registry is asked for, and when everything is asked for again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.registry.domain.kinds import Resource

# What a full reading can be compared with: the whole list, or all of it in the window of lesson days. Lesson results
# have no such list in the standard; those that are gone come as deleted entities.
COMPARED_WHOLE = frozenset(
    {Resource.ORGANISATIONS, Resource.PERSONS, Resource.GROUPS, Resource.DUTIES, Resource.ACTIVITIES}
)
COMPARED = COMPARED_WHOLE | {Resource.CALENDAR_EVENTS, Resource.ABSENCES}
ALWAYS_ERASED = 10  # rows of a list that a comparison may erase however short the list is


@dataclass(frozen=True)
class Window:
    """The lesson days that are looked at, from local midnight to local midnight, in UTC."""

    since: datetime
    until: datetime


def window_of(now: datetime, zone: str, days_back: int, days_ahead: int) -> Window:
    """The window around today; today and `days_ahead` more days are whole."""
    here = ZoneInfo(zone)
    today = now.astimezone(here).date()

    def midnight(days: int) -> datetime:
        return datetime.combine(today + timedelta(days=days), time(), here).astimezone(UTC)

    return Window(midnight(-days_back), midnight(1 + days_ahead))


def last_night(now: datetime, at: time, zone: str) -> datetime:
    """When a nightly reading last fell due (UTC). A local time that a DST change skips is taken an hour later."""
    here = ZoneInfo(zone)
    today = now.astimezone(here).date()
    due = datetime.combine(today, at, here).astimezone(UTC)
    return due if due <= now else datetime.combine(today - timedelta(days=1), at, here).astimezone(UTC)


def filters(
    resource: Resource, after: datetime | None, window: Window, expand_persons: str | None
) -> Mapping[str, str]:
    """The query of a list: what was modified after that time, or (None) everything that is looked at."""
    asked: dict[str, str] = {}
    if resource is Resource.PERSONS and expand_persons:
        asked["expand"] = expand_persons
    if resource is Resource.CALENDAR_EVENTS:
        asked |= {"startTime.onOrAfter": window.since.isoformat(), "startTime.onOrBefore": window.until.isoformat()}
    if after is None and resource is Resource.ABSENCES:
        asked["endTime.onOrAfter"] = window.since.isoformat()
    if after is None and resource is Resource.ATTENDANCES:
        after = window.since
    return asked | ({"meta.modified.after": after.isoformat()} if after else {})


def may_erase(resource: Resource, gone: int, kept: int, largest_share: float) -> bool:
    """False when a full reading lacks so much that the fault is more likely the source's than the truth.

    A whole list is never emptied by itself; the few lessons or absences of some days may all be gone.
    """
    if resource in COMPARED_WHOLE and gone >= kept:
        return largest_share >= 1
    return gone <= max(ALWAYS_ERASED, largest_share * kept)
