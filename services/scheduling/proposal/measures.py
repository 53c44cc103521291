"""Judges an answer by the instance alone: is it right (`check`), and what is it worth to families (`measure`).

Written apart from what makes answers, so that a mistake there is seen here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from services.scheduling.proposal.model import Answer, Family, HostTime, Instance, Placed, Slot, TalkWanted, Window
from services.scheduling.proposal.rules import Rules, Stay, inside


@dataclass(frozen=True, slots=True)
class Group:
    """How it went for one kind of family: "interpreter", "several" (talks) or "one"."""

    name: str
    talks: int
    placed: int
    preferred: float


@dataclass(frozen=True, slots=True)
class Measures:
    """What families get. Shares are percents of all talks, or of all families that come for several talks.

    `one_evening`: all talks placed, on one day. `usable_gap`: and no wait too short or too long. `mean_wait_min`:
    minutes between two talks of a family on one day. `preferred`: placed at a time they would like best.
    """

    talks: int
    placed: int
    several: int
    one_evening: float
    usable_gap: float
    mean_wait_min: float
    preferred: float
    groups: tuple[Group, ...] = ()

    @property
    def placed_share(self) -> float:
        """Percent of talks with a time."""
        return _percent(self.placed, self.talks)


@dataclass(frozen=True, slots=True)
class Held:
    """A talk as the answer has it. `slots` are all it uses; `stay` is what those who come see."""

    talk: TalkWanted
    family: Family
    placed: Placed
    slots: tuple[Slot, ...]
    stay: Stay
    room_id: str | None

    @property
    def pinned(self) -> bool:
        """True when nobody but a person may move it."""
        return self.talk.pinned is not None


def check(instance: Instance, answer: Answer) -> list[str]:
    """Everything that is wrong with the answer, a sentence each; what pinned talks do among themselves is not."""
    found = list(_wrong_slots(instance, answer))
    if found:
        return found
    held = [one for one in _held(instance, answer) if one]
    rules = Rules(instance)
    for look in (_wrong_times, _wrong_interpreters, _double_use, _double_people, _missing_breaks):
        found += look(rules, held)
    return found


def _wrong_slots(instance: Instance, answer: Answer) -> Iterator[str]:
    talks = {talk.talk_id: talk for family in instance.families for talk in family.talks}
    said = Counter([one.talk_id for one in answer.placed] + [one.talk_id for one in answer.left])
    yield from (f"talk {talk_id} is answered {said[talk_id]} times" for talk_id in talks if said[talk_id] != 1)
    yield from (f"talk {talk_id} is unknown" for talk_id in said if talk_id not in talks)
    times = {(time.round_id, time.host_id): {slot.slot_id for slot in time.slots} for time in instance.hosts}
    for one in answer.placed:
        talk = talks.get(one.talk_id)
        if talk is None:
            continue
        if talk.pinned and (one.slot_id, one.interpreter_id) != (talk.pinned.slot_id, talk.pinned_interpreter):
            yield f"talk {one.talk_id} is pinned and was moved"
        known = times.get((talk.round_id, talk.host_id), set())
        if not talk.pinned and not known.issuperset({one.slot_id, *one.also}):
            yield f"talk {one.talk_id} has a time that its host has not opened"
    yield from (f"talk {one.talk_id} is pinned and was left out" for one in answer.left if talks[one.talk_id].pinned)


def _held(instance: Instance, answer: Answer) -> Iterator[Held]:
    slots = {slot.slot_id: slot for time in instance.hosts for slot in time.slots}
    times = {(time.round_id, time.host_id): time for time in instance.hosts}
    placed = {one.talk_id: one for one in answer.placed}
    for family in instance.families:
        for talk in family.talks:
            if one := placed.get(talk.talk_id):
                used = (talk.pinned or slots[one.slot_id], *(slots[also] for also in one.also))
                yield _one_held(family, talk, one, used, times.get((talk.round_id, talk.host_id)))


def _one_held(family: Family, talk: TalkWanted, placed: Placed, slots: tuple[Slot, ...], time: HostTime | None) -> Held:
    stay = Stay(slots[0].starts, slots[-1].ends, time.school_id if time else "", talk.video)
    return Held(talk, family, placed, slots, stay, time.room_id if time else None)


def _wrong_times(rules: Rules, held: Sequence[Held]) -> Iterator[str]:
    rests = {(time.round_id, time.host_id): time.rest for time in rules.instance.hosts}
    for one in held:
        if one.pinned:
            continue
        free = one.family.free if one.talk.free is None else one.talk.free
        minutes = range(one.stay.starts, one.stay.ends)
        if free is not None and not all(any(w.starts <= at < w.ends for w in free) for at in minutes):
            yield f"talk {one.talk.talk_id} is when the family cannot come"
        rest = rests[one.talk.round_id, one.talk.host_id]
        behind = [0 <= b.starts - a.ends < rest for a, b in pairwise(one.slots)]
        if behind != ([True] if one.talk.more_time else []):
            yield f"talk {one.talk.talk_id} does not have the time it needs"


def _wrong_interpreters(rules: Rules, held: Sequence[Held]) -> Iterator[str]:
    known = {one.interpreter_id: one for one in rules.instance.interpreters}
    for one in held:
        given = known.get(one.placed.interpreter_id or "")
        if one.pinned or (one.talk.language is None and given is None):
            continue
        if given is None or one.talk.language not in given.languages:
            yield f"talk {one.talk.talk_id} has nobody who interprets {one.talk.language}"
            continue
        there = [block for block in given.blocks if block.starts < one.stay.ends and one.stay.starts < block.ends]
        covered = sum(min(b.ends, one.stay.ends) - max(b.starts, one.stay.starts) for b in _apart(there))
        if covered < one.stay.ends - one.stay.starts or given.school_id not in {None, one.stay.school_id}:
            yield f"interpreter {given.interpreter_id} is not there for talk {one.talk.talk_id}"


def _apart(windows: Iterable[Window]) -> Iterator[Window]:
    until = 0
    for window in sorted(windows):
        if window.ends > until:
            yield Window(max(until, window.starts), window.ends)
            until = window.ends


def _double_use(rules: Rules, held: Sequence[Held]) -> Iterator[str]:  # noqa: ARG001 - every look is asked the same
    used: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        resources = (f"host {one.talk.host_id}", f"room {one.room_id}", f"interpreter {one.placed.interpreter_id}")
        for name in resources:
            if not name.endswith(" None"):
                used[name].append(one)
    for name, users in used.items():
        for one, other in combinations(users, 2):
            overlap = one.stay.starts < other.stay.ends and other.stay.starts < one.stay.ends
            if overlap and not (one.pinned and other.pinned):
                yield f"{name} has talks {one.talk.talk_id} and {other.talk.talk_id} at once"


def _double_people(rules: Rules, held: Sequence[Held]) -> Iterator[str]:
    places: dict[str, list[tuple[Stay, bool, bool]]] = defaultdict(list)  # with: it stands anyway, they hold it
    for one in held:
        for person in {*one.talk.people, one.talk.host_id}:
            places[person].append((one.stay, one.pinned, one.talk.host_id == person))
    for family in rules.instance.families:
        for fixed in family.fixed:
            for person in fixed.people:
                places[person].append((Stay(fixed.starts, fixed.ends, fixed.school_id, fixed.video), True, False))
    for person, stays in places.items():
        for (here, stands, holds), (there, also_stands, also_holds) in combinations(stays, 2):
            judged = not (holds and also_holds) and not (stands and also_stands)
            if judged and rules.clash(here, there):
                yield f"person {person} cannot be at {here.starts} and at {there.starts}"


def _missing_breaks(rules: Rules, held: Sequence[Held]) -> Iterator[str]:
    for host in {time.host_id for time in rules.instance.hosts}:
        limited = [time for time in rules.instance.hosts if time.host_id == host and time.longest_run > 0]
        if not limited:
            continue
        longest, rest = min(time.longest_run for time in limited), max(time.rest for time in limited)
        used = sorted(
            (slot.starts, slot.ends, one.pinned) for one in held if one.talk.host_id == host for slot in one.slots
        )
        for start in range(len(used) - longest):
            row = used[start : start + longest + 1]
            if all(b[0] - a[1] < rest for a, b in pairwise(row)) and not all(pinned for *_, pinned in row):
                yield f"host {host} has no break after {longest} talks"
                break


def measure(instance: Instance, answer: Answer) -> Measures:
    """What families get by this answer."""
    rules, held = Rules(instance), list(_held(instance, answer))
    of_family: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        of_family[one.family.family_id].append(one)
    several = [family for family in instance.families if len(family.talks) + len(family.fixed) > 1]
    days = {family.family_id: _stays(family, of_family[family.family_id]) for family in several}
    once = [f for f in several if len(of_family[f.family_id]) == len(f.talks) and _one_day(rules, days[f.family_id])]
    gaps = [(a, b) for stays in days.values() for a, b in pairwise(stays) if rules.day(a.starts) == rules.day(b.starts)]
    usable = [f for f in once if all(_usable(rules, a, b) for a, b in pairwise(days[f.family_id]))]
    waits = [max(0, b.starts - a.ends) for a, b in gaps]
    return Measures(
        talks=sum(len(family.talks) for family in instance.families),
        placed=len(held),
        several=len(several),
        one_evening=_percent(len(once), len(several)),
        usable_gap=_percent(len(usable), len(several)),
        mean_wait_min=round(sum(waits) / len(waits), 1) if waits else 0.0,
        preferred=_preferred(instance.families, held),
        groups=tuple(_groups(instance, held)),
    )


def _groups(instance: Instance, held: Sequence[Held]) -> Iterator[Group]:
    kinds: dict[str, list[Family]] = {"interpreter": [], "several": [], "one": []}
    for family in instance.families:
        interpreted = any(talk.language for talk in family.talks)
        kinds["interpreter" if interpreted else "several" if len(family.talks) > 1 else "one"].append(family)
    for name, families in kinds.items():
        ids = {family.family_id for family in families}
        theirs = [one for one in held if one.family.family_id in ids]
        talks = sum(len(family.talks) for family in families)
        yield Group(name, talks, len(theirs), _preferred(families, theirs))


def _preferred(families: Iterable[Family], held: Sequence[Held]) -> float:
    """Percent of the talks of families with a wish that are at a time they wished."""
    wished = sum(bool(_glad(family, talk)) for family in families for talk in family.talks)
    met = sum(inside(one.stay.starts, one.stay.ends, _glad(one.family, one.talk)) for one in held)
    return _percent(met, wished)


def _glad(family: Family, talk: TalkWanted) -> tuple[Window, ...]:
    return family.glad if talk.glad is None else talk.glad


def _stays(family: Family, held: Iterable[Held]) -> list[Stay]:
    elsewhere = [Stay(one.starts, one.ends, one.school_id, one.video) for one in family.fixed]
    return sorted([*elsewhere, *(one.stay for one in held)], key=lambda stay: stay.starts)


def _one_day(rules: Rules, stays: Sequence[Stay]) -> bool:
    return len({rules.day(stay.starts) for stay in stays}) == 1


def _usable(rules: Rules, one: Stay, other: Stay) -> bool:
    return not rules.clash(one, other) and rules.joined(one, other)


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole else 100.0
