"""What the invented registry holds: SS 12000 records with their times, and what was taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

STOCKHOLM = ZoneInfo("Europe/Stockholm")
TICK = timedelta(microseconds=1)

Body = dict[str, Any]
Listener = Callable[["Resource", bool], None]


class Resource(StrEnum):
    """The endpoints that are served, by their path."""

    ORGANISATIONS = "organisations"
    PERSONS = "persons"
    GROUPS = "groups"
    DUTIES = "duties"
    ACTIVITIES = "activities"
    CALENDAR_EVENTS = "calendarEvents"
    ATTENDANCES = "attendances"
    ABSENCES = "absences"

    @property
    def entity(self) -> str:
        """The name in the standard's EndPointsEnum."""
        return ENTITIES[self]

    @property
    def deleted_key(self) -> str:
        """The key in `/deletedEntities`. The standard misspells one of them, and so do real registries."""
        return "activitites" if self is Resource.ACTIVITIES else self.value


ENTITIES = {
    Resource.ORGANISATIONS: "Organisation",
    Resource.PERSONS: "Person",
    Resource.GROUPS: "Group",
    Resource.DUTIES: "Duty",
    Resource.ACTIVITIES: "Activity",
    Resource.CALENDAR_EVENTS: "CalendarEvent",
    Resource.ATTENDANCES: "Attendance",
    Resource.ABSENCES: "Absence",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One entity as it stands; `body` is what is served."""

    id: str
    created: datetime
    modified: datetime
    body: Body

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands in the order in which pages are given."""
        return self.modified, self.id


@dataclass
class Records:
    """All entities. Every change gets a time of its own, so that `modified.after` can never step over one.

    `now`, once the day is played, is the registry's clock: what is taken out late is not said to have been taken out
    earlier, because whoever asked in between would never hear of it.
    """

    kept: dict[Resource, dict[str, Record]] = field(default_factory=lambda: {resource: {} for resource in Resource})
    deleted: list[tuple[datetime, Resource, str]] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    now: Callable[[], datetime] | None = None
    _last: dict[Resource, datetime] = field(default_factory=dict)

    def put(self, resource: Resource, bodies: Iterable[Body], at: datetime) -> None:
        """Write entities as changed at that time (or just after the change before it)."""
        for body in bodies:
            old = self.kept[resource].get(body["id"])
            modified = self._moment(resource, at)
            created = old.created if old else modified
            meta = {"created": as_served(created), "modified": as_served(modified)}
            self.kept[resource][body["id"]] = Record(body["id"], created, modified, {**body, "meta": meta})
        self._tell(resource, deleted=False)

    def remove(self, resource: Resource, entity_id: str, at: datetime) -> None:
        """Take an entity out; `/deletedEntities` says so."""
        if self.kept[resource].pop(entity_id, None) is not None:
            self.deleted.append((max(at, self.now()) if self.now else at, resource, entity_id))
            self._tell(resource, deleted=True)

    def get(self, resource: Resource, entity_id: str) -> Record | None:
        """One entity, or None."""
        return self.kept[resource].get(entity_id)

    def all(self, resource: Resource) -> Iterator[Record]:
        """Every entity of a kind, in no order."""
        return iter(self.kept[resource].values())

    def deleted_after(self, after: datetime | None, entities: set[str]) -> dict[str, list[str]]:
        """Ids taken out on or after that time, by the standard's keys; no entity names means all kinds."""
        found: dict[str, list[str]] = {}
        for at, resource, entity_id in self.deleted:
            if (after is None or at >= after) and (not entities or resource.entity in entities):
                found.setdefault(resource.deleted_key, []).append(entity_id)
        return found

    def _moment(self, resource: Resource, at: datetime) -> datetime:
        last = self._last.get(resource)
        moment = at if last is None or at > last else last + TICK
        self._last[resource] = moment
        return moment

    def _tell(self, resource: Resource, *, deleted: bool) -> None:
        for listener in self.listeners:
            listener(resource, deleted)


def as_served(instant: datetime) -> str:
    """RFC 3339 with the local offset, as registries write it."""
    return instant.astimezone(STOCKHOLM).isoformat()
