"""What a proposal is made from and what it says. Ids are strings; times are whole minutes since 1970-01-01T00:00Z.

Minutes are instants, so a day on which the clocks change needs no care; which evening an instant belongs to is decided
by the zone. `minute(at)` and `instant(minute)` lead from and to `datetime`; `codec` reads and writes all this as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import reduce

MINUTE = 60


def minute(at: datetime) -> int:
    """An aware instant as minutes since 1970-01-01T00:00Z; seconds are cut off."""
    return int(at.timestamp()) // MINUTE


def instant(at: int) -> datetime:
    """The UTC instant of a minute."""
    return datetime.fromtimestamp(at * MINUTE, UTC)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of time, `ends` not included."""

    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A time a host has open. `ends` is the talk's end, without the pause after it; the pitch is talk and pause."""

    slot_id: str
    starts: int
    ends: int


@dataclass(frozen=True, slots=True)
class HostTime:
    """When and where a host holds talks in a round.

    A host in two rounds has two of these and is still one person. No more than `longest_run` talks follow each other
    without `rest` minutes between them; 0: no limit. A room two hosts share is used by one at a time.
    """

    host_id: str
    school_id: str
    slots: tuple[Slot, ...]
    round_id: str = ""
    room_id: str | None = None
    longest_run: int = 0
    rest: int = 15


@dataclass(frozen=True, slots=True)
class InterpreterTime:
    """When somebody interprets (blocks that were cancelled left out), by video for all schools or at one of them."""

    interpreter_id: str
    languages: tuple[str, ...]
    blocks: tuple[Window, ...]
    school_id: str | None = None


@dataclass(frozen=True, slots=True)
class TalkWanted:
    """A talk that needs a time of this host's in this round.

    `people` are all who come (pupil, guardians) and cannot be elsewhere. `pinned` stays whatever happens, with its
    interpreter; a host's pinned talks do not overlap. `was` is the slot of an earlier proposal: another one costs a
    little. `more_time`: the host's next slot is kept free for it. `free` and `glad` are this talk's own when they
    differ from the family's.
    """

    talk_id: str
    host_id: str
    people: tuple[str, ...]
    round_id: str = ""
    language: str | None = None
    video: bool = False
    more_time: bool = False
    pinned: Slot | None = None
    pinned_interpreter: str | None = None
    was: str | None = None
    free: tuple[Window, ...] | None = None
    glad: tuple[Window, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A talk of the family's in a round that is not proposed now: they are busy then, and would come near it."""

    starts: int
    ends: int
    school_id: str
    people: tuple[str, ...]
    video: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """Those who come together: the talks of all children (at any school) that one household goes to.

    The other household of separated guardians is a family of its own. `free` None: can always come; empty: never.
    Windows may overlap and touch. `glad` empty: every time is as good. `vulnerable` families (those with an interpreter
    or more time always are) lose their talk last when there are too few times.
    """

    family_id: str
    talks: tuple[TalkWanted, ...]
    free: tuple[Window, ...] | None = None
    glad: tuple[Window, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    vulnerable: bool = False

    @property
    def weighs_more(self) -> bool:
        """True when pressure must not hit them first."""
        return self.vulnerable or any(talk.language or talk.more_time for talk in self.talks)


@dataclass(frozen=True, slots=True)
class Instance:
    """Everything a proposal is made from. `walk`, `travel`, the waits and the journeys in `ways` are minutes."""

    zone: str
    hosts: tuple[HostTime, ...]
    families: tuple[Family, ...]
    interpreters: tuple[InterpreterTime, ...] = ()
    walk: int = 5
    travel: int = 30
    longest_wait: int = 30
    longest_wait_between: int = 60
    ways: tuple[tuple[str, str, int], ...] = ()


class Why(StrEnum):
    """Why a talk got no time."""

    NO_SLOT = "no_slot"  # the host has opened none
    NO_COMMON_TIME = "no_common_time"  # none of the host's times is one the family can come at
    NO_INTERPRETER = "no_interpreter"  # there are common times, but nobody interprets at any that is left
    HOST_FULL = "host_full"  # every common time is taken by others


class Fix(StrEnum):
    """What would give it one."""

    MORE_SLOTS = "more_slots"  # the host opens more times, another evening or by video
    OTHER_TIME = "other_time"  # the family can come at one of `times`, which are free
    INTERPRETER = "interpreter"  # an interpreter is booked for one of `times`, which are free


@dataclass(frozen=True, slots=True)
class Placed:
    """The slot a talk gets and who interprets; `also` are slots kept free behind it because it needs more time."""

    talk_id: str
    slot_id: str
    interpreter_id: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A talk that got no time, why, and what would fix it; `times` are up to three slots of the host's still free."""

    talk_id: str
    why: Why
    fix: Fix
    times: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A proposal. `cost` is what the weights in `rules` add up to, `bound` what no proposal can be cheaper than.

    `proven`: nothing better exists. `gap` is (cost − bound) / cost. `source`: "greedy" or "solver".
    """

    placed: tuple[Placed, ...]
    left: tuple[Left, ...] = ()
    cost: float = 0.0
    bound: float = 0.0
    proven: bool = False
    seconds: float = 0.0
    source: str = "greedy"
    columns: int = 0
    rows: int = 0

    @property
    def gap(self) -> float:
        """How much better than this a proposal could be at most, as a share of its cost."""
        return 0.0 if self.proven or self.cost <= 0 else max(0.0, (self.cost - self.bound) / self.cost)

    @property
    def slot_of(self) -> dict[str, str]:
        """Slot id by talk id."""
        return {one.talk_id: one.slot_id for one in self.placed}


@dataclass(frozen=True, slots=True)
class Shortage:
    """A host with fewer times than needed: talks left over, the times still free, how many more would do."""

    host_id: str
    round_id: str
    left: int
    free: int
    missing: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a solver has come, in percent of the way; cost and bound as in `Answer`."""

    percent: int
    cost: float
    bound: float


def pins(instance: Instance) -> tuple[Placed, ...]:
    """The pinned talks of an instance, as they must be in every answer."""
    return tuple(
        Placed(talk.talk_id, talk.pinned.slot_id, talk.pinned_interpreter)
        for family in instance.families
        for talk in family.talks
        if talk.pinned
    )


def merged(windows: Iterable[Window]) -> tuple[Window, ...]:
    """The same time without overlaps: windows that overlap or touch become one; empty ones go."""
    found: list[Window] = []
    for one in sorted(window for window in windows if window.starts < window.ends):
        if found and one.starts <= found[-1].ends:
            found[-1] = Window(found[-1].starts, max(found[-1].ends, one.ends))
        else:
            found.append(one)
    return tuple(found)


def common(of_each: Iterable[tuple[Window, ...] | None]) -> tuple[Window, ...] | None:
    """When all of these people can: None is somebody who always can; an empty answer means that they never meet."""
    stated = [merged(windows) for windows in of_each if windows is not None]
    return reduce(_both, stated) if stated else None


def _both(ours: tuple[Window, ...], theirs: tuple[Window, ...]) -> tuple[Window, ...]:
    pairs = (Window(max(a.starts, b.starts), min(a.ends, b.ends)) for a in ours for b in theirs)
    return merged(pairs)


def bundles(guardians_of: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Talk ids that belong together because guardians do: `guardians_of` is who comes to each talk, by talk id.

    Siblings are one bundle at any school. Two households of one pupil are two, as long as no guardian is in both.
    """
    home: dict[str, str] = {}

    def root(one: str) -> str:
        while home.setdefault(one, one) != one:
            one = home[one]
        return one

    for talk_id, guardians in guardians_of.items():
        for guardian in guardians:
            home[root(f"talk {talk_id}")] = root(f"person {guardian}")
    found: dict[str, list[str]] = {}
    for talk_id in sorted(guardians_of):
        found.setdefault(root(f"talk {talk_id}"), []).append(talk_id)
    return [tuple(ids) for ids in found.values()]
