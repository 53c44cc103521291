"""What it means that a talk has a time: which resources it uses, for how long, and what stands in its way.

Walking between rooms lies inside a guardian's stretch of time, so that the database itself refuses two talks that are
too close for somebody who has to walk from one to the other. The way between two schools depends on both, so it is
judged here, under the locks of those who would have to travel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

WALK = timedelta(minutes=5)  # between two rooms of a school
TRAVEL = timedelta(minutes=30)  # between two schools
LONGEST_HOLD = timedelta(days=4)  # no hold lasts longer: one that seems to is from a clock that was wrong
NEW = -1  # the number of what is not in the database yet
NEXT_SLOT = timedelta(minutes=20)  # a slot that begins within this after another is the next one


@dataclass(frozen=True)
class Choice:
    """A time chosen for a talk: one of the host's slots, and who interprets. `longer`: with the host's next slot.

    A family that needs more time has two slots in a row, and the pause between them.
    """

    talk_id: UUID
    slot_id: UUID
    interpreter_id: UUID | None = None
    longer: bool = False

    def to_json(self) -> dict[str, Any]:
        """As a hold keeps it."""
        interpreter = str(self.interpreter_id) if self.interpreter_id else None
        return {"talk_id": str(self.talk_id), "slot_id": str(self.slot_id), "by": interpreter, "longer": self.longer}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Choice:
        """What `to_json` wrote."""
        by = kept.get("by")
        return cls(UUID(kept["talk_id"]), UUID(kept["slot_id"]), UUID(by) if by else None, bool(kept.get("longer")))


@dataclass(frozen=True)
class Placement:
    """A talk with its time and everything that is taken by it. `guardian_ids` are those who come."""

    talk_id: UUID
    slot_id: UUID
    starts_at: datetime
    ends_at: datetime
    school_id: UUID
    host_id: UUID
    pupil_id: UUID
    guardian_ids: tuple[UUID, ...] = ()
    room_id: UUID | None = None
    video: bool = False
    interpreter_id: UUID | None = None

    @property
    def people(self) -> frozenset[UUID]:
        """Those who come to the school for it."""
        return frozenset((self.pupil_id, *self.guardian_ids))


@dataclass(frozen=True)
class Taken:
    """A resource that is used from `starts_at` to `ends_at` by a talk."""

    talk_id: UUID
    resource_id: UUID
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Busy:
    """A resource that is taken as the database has it: by a talk of a school, for good or until `hold_until`."""

    resource_id: UUID
    starts_at: datetime
    ends_at: datetime
    talk_id: UUID | None = None
    school_id: UUID | None = None
    video: bool = False
    hold_id: UUID | None = None
    hold_until: datetime | None = None
    occupancy_id: int = 0


def uses(placement: Placement) -> Iterator[Taken]:
    """Everything a talk takes. Those who walk from talk to talk need the way after it as well."""
    used = [placement.host_id, placement.room_id, placement.interpreter_id]
    for resource in used:
        if resource is not None:
            yield Taken(placement.talk_id, resource, placement.starts_at, placement.ends_at)
    way = timedelta() if placement.video else WALK
    for person in (placement.pupil_id, *placement.guardian_ids):
        yield Taken(placement.talk_id, person, placement.starts_at, placement.ends_at + way)


def is_over(hold_until: datetime | None, now: datetime) -> bool:
    """True for a hold whose time is up, and for one that could only be so long if a clock had jumped."""
    return hold_until is not None and not now < hold_until <= now + LONGEST_HOLD


def in_the_way(
    placements: Sequence[Placement],
    busy: Iterable[Busy],
    now: datetime,
    own: Iterable[UUID] = (),
    hold: UUID | None = None,
) -> dict[UUID, set[UUID]]:
    """By talk: the resources that somebody else has at that time, or could not reach it in time.

    What the talks themselves (and those in `own`) had in the database does not count, nor what `hold` keeps,
    nor holds that are over. Of two of the placements that are in each other's way the later in the list is named.
    """
    mine = {one.talk_id for one in placements} | set(own)
    there = [
        one
        for one in busy
        if not (one.talk_id in mine and one.occupancy_id >= 0)
        and not (hold and one.hold_id == hold)
        and not is_over(one.hold_until, now)
    ]
    by_resource: dict[UUID, list[Busy]] = {}
    for one in there:
        by_resource.setdefault(one.resource_id, []).append(one)
    found: dict[UUID, set[UUID]] = {}
    for placement in placements:
        for taken in uses(placement):
            others = by_resource.setdefault(taken.resource_id, [])
            if any(_collides(placement, taken, other) for other in others):
                found.setdefault(placement.talk_id, set()).add(taken.resource_id)
        if placement.talk_id not in found:
            for one in as_busy(placement):
                by_resource.setdefault(one.resource_id, []).append(one)
    return found


def as_busy(placement: Placement) -> Iterator[Busy]:
    """What a talk takes now, as others will find it."""
    for one in uses(placement):
        yield Busy(
            one.resource_id,
            one.starts_at,
            one.ends_at,
            one.talk_id,
            placement.school_id,
            placement.video,
            occupancy_id=NEW,
        )


def _collides(placement: Placement, taken: Taken, other: Busy) -> bool:
    """True when the times overlap, or somebody would have to be at another school sooner than they can travel."""
    way = timedelta()
    if taken.resource_id in placement.people and _must_travel(placement, other):
        way = TRAVEL - WALK  # the walk is inside both stretches already
    return taken.starts_at < other.ends_at + way and other.starts_at < taken.ends_at + way


def _must_travel(placement: Placement, other: Busy) -> bool:
    return other.school_id not in (None, placement.school_id) and not (placement.video or other.video)


def too_far_apart(placements: Sequence[Placement]) -> bool:
    """True when somebody would have to be at another school sooner than they can travel there."""
    in_order = sorted(placements, key=lambda one: one.starts_at)
    return any(
        later.starts_at - earlier.ends_at < TRAVEL
        for place, earlier in enumerate(in_order)
        for later in in_order[place + 1 :]
        if later.school_id != earlier.school_id and not (later.video or earlier.video) and earlier.people & later.people
    )


class Board:
    """What is taken, to be asked for one family after the other; what each one takes is on it for the next."""

    def __init__(self, busy: Iterable[Busy], now: datetime) -> None:
        self.now = now
        self.by_resource: dict[UUID, list[Busy]] = {}
        self.moved: set[UUID] = set()
        for one in busy:
            self.by_resource.setdefault(one.resource_id, []).append(one)

    def in_the_way(self, placements: Sequence[Placement], hold: UUID | None = None) -> dict[UUID, set[UUID]]:
        """By talk: what somebody else has of what these placements need. Empty: they can all be."""
        wanted = {one.resource_id for placement in placements for one in uses(placement)}
        there = [one for resource in wanted for one in self.by_resource.get(resource, ())]
        return in_the_way(placements, there, self.now, self.moved, hold)

    def take(self, placements: Sequence[Placement]) -> None:
        """From now on these are taken, and what their talks had before is free."""
        self.moved.update(one.talk_id for one in placements)
        for placement in placements:
            for one in as_busy(placement):
                self.by_resource.setdefault(one.resource_id, []).append(one)

    def over(self) -> list[int]:
        """The rows of holds whose time is up."""
        return [
            one.occupancy_id for each in self.by_resource.values() for one in each if is_over(one.hold_until, self.now)
        ]
