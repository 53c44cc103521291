"""An instance made ready for questions: which times a talk could get, who interprets, who is already somewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.scheduling.proposal.model import (
    Family,
    HostTime,
    Instance,
    InterpreterTime,
    Slot,
    TalkWanted,
    Window,
    merged,
)
from services.scheduling.proposal.rules import MOVED, Rules, Stay, dislike, inside


@dataclass(frozen=True, slots=True)
class Team:
    """Interpreters who can stand in for each other: as many talks at once as they are."""

    languages: frozenset[str]
    blocks: tuple[Window, ...]
    school_id: str | None
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A time one talk could get: the slots it takes (more than one when it needs more time) and the team (-1: none)."""

    slots: tuple[Slot, ...]
    stay: Stay
    team: int
    cost: float


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody is at a talk that is not to be moved; `talk_id` is empty when it is not of this instance."""

    stay: Stay
    talk_id: str = ""


class Ground:
    """The facts of one instance, by what they are asked for."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.rules = Rules(instance)
        self.times = {(time.round_id, time.host_id): time for time in instance.hosts}
        self.attending: dict[str, list[Busy]] = defaultdict(list)
        self.hosting: dict[str, list[Busy]] = defaultdict(list)
        self.room_taken: dict[str, list[Window]] = defaultdict(list)
        self.interpreting: dict[str, list[Window]] = defaultdict(list)
        for family in instance.families:
            self._note(family)
        self.teams = list(self._teams())
        self.users: dict[str, set[str]] = defaultdict(set)
        for time in instance.hosts:
            self.users[time.room_id or ""].add(time.host_id)

    def time_of(self, talk: TalkWanted) -> HostTime | None:
        """When the talk's host is there; None when nothing is known of them."""
        return self.times.get((talk.round_id, talk.host_id))

    def shared_room(self, talk: TalkWanted) -> str:
        """The room the talk is in, when other hosts use it too; else nothing."""
        room = getattr(self.time_of(talk), "room_id", None) or ""
        return room if room and len(self.users[room]) > 1 else ""

    def stay(self, talk: TalkWanted, starts: int, ends: int) -> Stay:
        """The talk at this time, as those who come to it see it."""
        time = self.time_of(talk)
        return Stay(starts, ends, time.school_id if time else "", talk.video)

    def standing(self, family: Family) -> list[Stay]:
        """What the family comes to in any case: its pinned talks and those in other rounds."""
        elsewhere = [Stay(one.starts, one.ends, one.school_id, one.video) for one in family.fixed]
        pinned = [self.stay(talk, talk.pinned.starts, talk.pinned.ends) for talk in family.talks if talk.pinned]
        return elsewhere + pinned

    def options(self, family: Family, talk: TalkWanted) -> list[Option]:
        """Every time the talk could get if nobody else wanted one, in order of time."""
        free, glad = windows_of(family, talk)
        found = []
        for slots in self.open_times(talk):
            starts, ends = slots[0].starts, slots[-1].ends
            if free is not None and not inside(starts, ends, free):
                continue
            cost = dislike(self.rules, starts, ends, glad) + (MOVED if talk.was not in {None, slots[0].slot_id} else 0)
            stay = self.stay(talk, starts, ends)
            found += [Option(slots, stay, team, cost) for team in self.teams_for(talk, stay)]
        return found

    def open_times(self, talk: TalkWanted) -> Iterator[tuple[Slot, ...]]:
        """The host's times that no pinned talk stands in the way of, whenever the family can come."""
        time = self.time_of(talk)
        slots = sorted(time.slots, key=lambda slot: (slot.starts, slot.slot_id)) if time else []
        for slot in slots:
            taken = _with_more(slot, slots, time.rest if time else 0) if talk.more_time else (slot,)
            if taken and not self._stands_in_the_way(talk, time, Window(taken[0].starts, taken[-1].ends)):
                yield taken

    def teams_for(self, talk: TalkWanted, stay: Stay) -> list[int]:
        """The teams that could interpret then; -1 when nobody needs to."""
        if talk.language is None:
            return [-1]
        return [
            number
            for number, team in enumerate(self.teams)
            if talk.language in team.languages
            and team.school_id in {None, stay.school_id}
            and inside(stay.starts, stay.ends, team.blocks)
            and not _met(stay, self.interpreting.get(team.members[0], ()))
        ]

    def _stands_in_the_way(self, talk: TalkWanted, time: HostTime | None, at: Window) -> bool:
        stay = self.stay(talk, at.starts, at.ends)
        if any(one.stay.starts < at.ends and at.starts < one.stay.ends for one in self.hosting.get(talk.host_id, ())):
            return True
        if time and time.room_id and _met(stay, self.room_taken.get(time.room_id, ())):
            return True
        busy = [one for person in (*talk.people, talk.host_id) for one in self.attending.get(person, ())]
        busy += [one for person in talk.people for one in self.hosting.get(person, ())]
        return any(self.rules.clash(stay, one.stay) for one in busy)

    def _note(self, family: Family) -> None:
        for one in family.fixed:
            for person in one.people:
                self.attending[person].append(Busy(Stay(one.starts, one.ends, one.school_id, one.video)))
        for talk in family.talks:
            if talk.pinned:
                self._note_pinned(talk, talk.pinned)

    def _note_pinned(self, talk: TalkWanted, slot: Slot) -> None:
        busy = Busy(self.stay(talk, slot.starts, slot.ends), talk.talk_id)
        at, time = Window(slot.starts, slot.ends), self.time_of(talk)
        self.hosting[talk.host_id].append(busy)
        for person in talk.people:
            self.attending[person].append(busy)
        if time and time.room_id:
            self.room_taken[time.room_id].append(at)
        if talk.pinned_interpreter:
            self.interpreting[talk.pinned_interpreter].append(at)

    def _teams(self) -> Iterator[Team]:
        alike: dict[tuple[object, ...], list[InterpreterTime]] = defaultdict(list)
        for one in self.instance.interpreters:
            alone = one.interpreter_id if one.interpreter_id in self.interpreting else ""
            alike[frozenset(one.languages), merged(one.blocks), one.school_id, alone].append(one)
        for members in alike.values():
            first = members[0]
            ids = tuple(sorted(one.interpreter_id for one in members))
            yield Team(frozenset(first.languages), merged(first.blocks), first.school_id, ids)


def windows_of(family: Family, talk: TalkWanted) -> tuple[tuple[Window, ...] | None, tuple[Window, ...]]:
    """When they can come to this talk (None: always), and when they would like to; without overlaps."""
    free = family.free if talk.free is None else talk.free
    glad = family.glad if talk.glad is None else talk.glad
    return None if free is None else merged(free), merged(glad)


def _with_more(slot: Slot, slots: Sequence[Slot], rest: int) -> tuple[Slot, ...]:
    """The slot and the one right behind it; nothing when there is none."""
    behind = [one for one in slots if slot.ends <= one.starts < slot.ends + rest]
    return (slot, behind[0]) if behind else ()


def _met(stay: Stay, taken: Sequence[Window]) -> bool:
    return any(one.starts < stay.ends and stay.starts < one.ends for one in taken)
