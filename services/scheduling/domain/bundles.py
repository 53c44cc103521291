"""Times that suit a whole family: its children's talks on one evening, with the way between them, in any order.

Pure. A bundle is a time for each talk the family has to book. How good it is: what its guardians said of the times,
how long they wait between talks, and whether they come once or several times, talks that stand already included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from services.scheduling.domain.placing import (
    NEXT_SLOT,
    Busy,
    Choice,
    Placement,
    in_the_way,
    too_far_apart,
    uses,
)

GLADLY, CAN, CANNOT = 0, 1, 6  # what a time costs for each guardian
WAIT = timedelta(minutes=10)  # of waiting between two talks costs as much as a time that is not the best
ANOTHER_DAY = 40
WIDTH = 40  # beginnings of bundles that are followed up
BEST = 3


@dataclass(frozen=True)
class Said:
    """A stretch in which a guardian can come; `gladly`: would like to. One without length: on that day at no time."""

    person_id: UUID
    starts_at: datetime
    ends_at: datetime
    gladly: bool


@dataclass(frozen=True)
class Slot:
    """A host's time in a round that is not closed; `later_end` is the end of the slot after it, if there is one."""

    slot_id: UUID
    round_id: UUID
    host_id: UUID
    starts_at: datetime
    ends_at: datetime
    room_id: UUID | None = None
    place: str | None = None
    video: bool = False
    later_end: datetime | None = None


@dataclass(frozen=True)
class Block:
    """A stretch for which an interpreter is booked."""

    interpreter_id: UUID
    languages: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Wanted:
    """A talk that a family wants a time for."""

    talk_id: UUID
    round_id: UUID
    school_id: UUID
    pupil_id: UUID
    guardian_ids: tuple[UUID, ...] = ()
    host_id: UUID | None = None
    slot_id: UUID | None = None  # what it has now
    language: str | None = None  # of the interpreter it needs
    longer: bool = False
    video: bool = False
    zone: str = "Europe/Stockholm"


@dataclass(frozen=True)
class Situation:
    """What there is at this moment for some families: hosts' slots, what is taken, interpreters, and wishes."""

    slots: Sequence[Slot] = ()
    busy: Sequence[Busy] = ()
    blocks: Sequence[Block] = ()
    said: Sequence[Said] = ()

    @cached_property
    def by_resource(self) -> dict[UUID, list[Busy]]:
        """What is taken of each person, room and interpreter."""
        found: dict[UUID, list[Busy]] = {}
        for one in self.busy:
            found.setdefault(one.resource_id, []).append(one)
        return found

    @cached_property
    def by_host(self) -> dict[tuple[UUID, UUID | None], list[Slot]]:
        """The slots of each host of each round, and (host None) of all hosts of it."""
        found: dict[tuple[UUID, UUID | None], list[Slot]] = {}
        for slot in self.slots:
            found.setdefault((slot.round_id, slot.host_id), []).append(slot)
            found.setdefault((slot.round_id, None), []).append(slot)
        return found

    @cached_property
    def by_person(self) -> dict[UUID, list[Said]]:
        """What each guardian said of times."""
        found: dict[UUID, list[Said]] = {}
        for one in self.said:
            found.setdefault(one.person_id, []).append(one)
        return found


@dataclass(frozen=True)
class FreeSlot:
    """A time that is free for one talk and everybody in it. `cost`: what its guardians said of it, 0 the best."""

    placement: Placement
    cost: int = CAN
    longer: bool = False
    place: str | None = None
    zone: str = "Europe/Stockholm"
    lacks_interpreter: bool = False

    @property
    def talk_id(self) -> UUID:
        """The talk it is free for."""
        return self.placement.talk_id

    @property
    def slot_id(self) -> UUID:
        """The host's slot."""
        return self.placement.slot_id

    @property
    def starts_at(self) -> datetime:
        """When the talk would begin (UTC)."""
        return self.placement.starts_at

    @property
    def ends_at(self) -> datetime:
        """When the talk would end (UTC)."""
        return self.placement.ends_at

    @cached_property
    def day(self) -> date:
        """The day, where the school is."""
        return self.starts_at.astimezone(ZoneInfo(self.zone)).date()

    @property
    def choice(self) -> Choice:
        """The same as a choice."""
        return Choice(self.talk_id, self.slot_id, self.placement.interpreter_id, self.longer)


@dataclass(frozen=True)
class Bundle:
    """A time for each talk, in the order in which they are held."""

    slots: tuple[FreeSlot, ...]
    cost: float = 0.0
    days: tuple[date, ...] = field(default=())

    @property
    def starts_at(self) -> datetime:
        """When the family has to be there."""
        return self.slots[0].starts_at

    @property
    def ends_at(self) -> datetime:
        """When the last talk is over."""
        return max(one.ends_at for one in self.slots)

    @property
    def value(self) -> str:
        """How a form says it (`chosen` reads it)."""
        return ",".join(f"{one.talk_id}:{one.slot_id}" for one in self.slots)

    @property
    def waiting(self) -> timedelta:
        """How long the family waits between its talks, on all days together."""
        return waits(self.slots)


def chosen(value: str) -> list[tuple[UUID, UUID]]:
    """(talk, slot) for each talk of a form's value. Raises ValueError when it cannot be read, or says a talk twice."""
    pairs = [part.split(":") for part in value.split(",") if part.strip()]
    found = [(UUID(talk), UUID(slot)) for talk, slot in pairs]
    if not found or len({talk for talk, _ in found}) != len(found):
        raise ValueError(value)
    return found


def free(talks: Sequence[Wanted], situation: Situation, own: Iterable[UUID] = ()) -> dict[UUID, list[FreeSlot]]:
    """For each talk the times that are free for its host, room and everybody who comes, in order of time.

    `own` are talks whose present times do not count because they are to be given up. A family that needs an
    interpreter is shown the times at which one can come, as long as there is any; then the others, marked.
    """
    mine = {one.talk_id for one in talks} | set(own)
    return {talk.talk_id: _free(talk, mine, situation) for talk in talks}


def _free(talk: Wanted, own: Set[UUID], situation: Situation) -> list[FreeSlot]:
    slots = situation.by_host.get((talk.round_id, talk.host_id), [])
    costs, found = _Costs(talk, situation, slots), []
    people = _others(situation, own, talk.pupil_id, *talk.guardian_ids)
    for slot in slots:
        if (talk.longer and slot.later_end is None) or _is_taken(talk, slot, own, situation):
            continue
        placement = _placement(talk, slot)
        if not (people and in_the_way([placement], people, NEVER_OVER)):
            found.append(_with_interpreter(talk, slot, placement, costs.of(placement), situation))
    served = [one for one in found if not one.lacks_interpreter]
    return sorted(served or found, key=lambda one: one.starts_at)


def _is_taken(talk: Wanted, slot: Slot, own: Set[UUID], situation: Situation) -> bool:
    """True when the host or the room is taken at that time by another talk."""
    ends_at = (talk.longer and slot.later_end) or slot.ends_at
    there = (
        *situation.by_resource.get(slot.host_id, ()),
        *(situation.by_resource.get(slot.room_id, ()) if slot.room_id else ()),
    )
    return any(one.starts_at < ends_at and slot.starts_at < one.ends_at and one.talk_id not in own for one in there)


def _others(situation: Situation, own: Set[UUID], *people: UUID) -> list[Busy]:
    return [one for person in people for one in situation.by_resource.get(person, ()) if one.talk_id not in own]


def _placement(talk: Wanted, slot: Slot, interpreter: UUID | None = None) -> Placement:
    return Placement(
        talk_id=talk.talk_id,
        slot_id=slot.slot_id,
        starts_at=slot.starts_at,
        ends_at=(talk.longer and slot.later_end) or slot.ends_at,
        school_id=talk.school_id,
        host_id=slot.host_id,
        pupil_id=talk.pupil_id,
        guardian_ids=talk.guardian_ids,
        room_id=slot.room_id,
        video=slot.video and (talk.video or slot.room_id is None),
        interpreter_id=interpreter,
    )


NEVER_OVER = datetime.min.replace(tzinfo=ZoneInfo("UTC"))  # what is over has been left out by whoever read it


def _with_interpreter(talk: Wanted, slot: Slot, placement: Placement, cost: int, situation: Situation) -> FreeSlot:
    by = interpreter_for(talk.language, placement, situation) if talk.language else None
    lacks = talk.language is not None and by is None
    return FreeSlot(_placement(talk, slot, by), cost, talk.longer, slot.place, talk.zone, lacks)


def interpreter_for(language: str, placement: Placement, situation: Situation) -> UUID | None:
    """Somebody who interprets the language, is booked for all of that time and not taken; None when nobody is.

    Who interprets at the same talk already is not taken.
    """
    for block in situation.blocks:
        inside = block.starts_at <= placement.starts_at and placement.ends_at <= block.ends_at
        taken = _others(situation, {placement.talk_id}, block.interpreter_id)
        overlaps = any(o.starts_at < placement.ends_at and placement.starts_at < o.ends_at for o in taken)
        if inside and language in block.languages and not overlaps:
            return block.interpreter_id
    return None


class _Costs:
    """What the guardians of one talk said of times. Who has said nothing about these days can always come."""

    def __init__(self, talk: Wanted, situation: Situation, slots: Sequence[Slot]) -> None:
        first = min((one.starts_at for one in slots), default=NEVER_OVER)
        last = max((one.ends_at for one in slots), default=NEVER_OVER)
        self.by_person = {
            person: over
            for person in talk.guardian_ids or (talk.pupil_id,)
            if (over := [o for o in situation.by_person.get(person, ()) if o.starts_at <= last and o.ends_at >= first])
        }

    def of(self, placement: Placement) -> int:
        """The cost of a time: the sum over those who have said something."""
        if not self.by_person:
            return CAN
        return sum(_cost(stretches, placement) for stretches in self.by_person.values())


def _cost(stretches: Sequence[Said], placement: Placement) -> int:
    over = [one for one in stretches if one.starts_at <= placement.starts_at and placement.ends_at <= one.ends_at]
    if not over:
        return CANNOT
    return GLADLY if any(one.gladly for one in over) else CAN


def waits(times: Iterable[FreeSlot | Busy]) -> timedelta:
    """The time between the end of one and the beginning of the next on the same day."""
    in_order = sorted(times, key=lambda one: one.starts_at)
    gaps = [
        later.starts_at - earlier.ends_at
        for earlier, later in pairwise(in_order)
        if later.starts_at.date() == earlier.starts_at.date()
    ]
    return sum((gap for gap in gaps if gap > NEXT_SLOT / 4), timedelta())


def bundles(by_talk: Mapping[UUID, Sequence[FreeSlot]], fixed: Sequence[Busy] = ()) -> list[Bundle]:
    """Bundles with a time for every talk, the best first. Empty when one of the talks has no time at all.

    Evenings on which the family can have all its talks come first; only when there is none it must come twice.
    `fixed` are talks of the same people that stay where they are.
    """
    if not by_talk or not all(by_talk.values()):
        return []
    if len(by_talk) == 1 and not fixed:
        single = [Bundle((one,), one.cost, (one.day,)) for slots in by_talk.values() for one in slots]
        return sorted(single, key=lambda one: (one.cost, one.starts_at))
    talks = sorted(by_talk, key=lambda talk: len(by_talk[talk]))
    days = {one.day for one in by_talk[talks[0]]}
    found = [
        bundle
        for day in sorted(days)
        for bundle in _search([[s for s in by_talk[talk] if s.day == day] for talk in talks], fixed)
    ]
    found = found or _search([by_talk[talk] for talk in talks], fixed)
    return sorted(found, key=lambda one: (one.cost, one.starts_at))


def best(found: Sequence[Bundle], most: int = BEST) -> list[Bundle]:
    """The best few that differ in when the family has to come; then, if there are too few, any others."""
    first: dict[datetime, Bundle] = {}
    for one in found:
        first.setdefault(one.starts_at, one)
    differing = list(first.values())[:most]
    rest = [one for one in found if one not in differing]
    return differing + rest[: most - len(differing)]


def spread(found: Sequence[Bundle]) -> list[Bundle]:
    """The same order of merit, but of equally good ones each family sees another first: they shall not meet again."""
    return sorted(found, key=lambda one: (round(one.cost), hash((one.slots[0].talk_id, one.starts_at))))


def _search(per_talk: Sequence[Sequence[FreeSlot]], fixed: Sequence[Busy]) -> list[Bundle]:
    """The best ways to take one of each, following up the `WIDTH` best beginnings."""
    beginnings = [Bundle((), 0.0)]
    for slots in per_talk:
        longer = [_with(one, slot, fixed) for one in beginnings for slot in slots if _fits(one.slots, slot)]
        beginnings = sorted(longer, key=lambda one: one.cost)[:WIDTH]
    return beginnings if per_talk else []


def _fits(slots: Sequence[FreeSlot], slot: FreeSlot) -> bool:
    """True when nobody would have to be at two places, or at the next one sooner than they can get there."""
    if not slots:
        return True
    here = [one.placement for one in slots]
    busy = [
        Busy(one.resource_id, one.starts_at, one.ends_at, placement.talk_id, placement.school_id, placement.video)
        for placement in here
        for one in uses(placement)
    ]
    return not in_the_way([slot.placement], busy, NEVER_OVER) and not too_far_apart([*here, slot.placement])


def _with(bundle: Bundle, slot: FreeSlot, fixed: Sequence[Busy]) -> Bundle:
    slots = tuple(sorted((*bundle.slots, slot), key=lambda one: one.starts_at))
    zone = ZoneInfo(slot.zone)
    days = {one.day for one in slots} | {one.starts_at.astimezone(zone).date() for one in fixed}
    wait = waits([*slots, *fixed])
    cost = sum(one.cost for one in slots) + wait / WAIT + ANOTHER_DAY * (len(days) - 1)
    return Bundle(slots, cost, tuple(sorted({one.day for one in slots})))


def standing(talks: Iterable[Wanted], situation: Situation) -> list[Busy]:
    """The other talks of the same people, each once: what stays where it is."""
    wanted = list(talks)
    people = {person for one in wanted for person in (one.pupil_id, *one.guardian_ids)}
    there = _others(situation, {one.talk_id for one in wanted}, *people)
    return list({one.talk_id: one for one in there}.values())


def by_day(found: Iterable[Bundle]) -> dict[date, list[Bundle]]:
    """For a list: for each day, the best bundle for each time at which the family could come."""
    listed: dict[date, dict[datetime, Bundle]] = {}
    for one in found:
        listed.setdefault(one.days[0], {}).setdefault(one.starts_at, one)
    return {day: [listed[day][start] for start in sorted(listed[day])] for day in sorted(listed)}
