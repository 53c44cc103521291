"""Parent meetings, days to visit and offers: seats, who may still register, and when each class gathers.

Classes that share a family (or a mentor) must gather in different hours. That is colouring a graph: classes are its
points, and two that share somebody are joined. DSATUR (Brélaz 1979) always takes the class whose neighbours already
use the most hours; it is greedy, so the number of hours it says is enough, and seldom more than the fewest there are.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import combinations
from uuid import UUID
from zoneinfo import ZoneInfo

from services.scheduling.domain.placing import WALK
from shared.clock import midnight

LARGEST_PARTY = 10  # how many one person can register
Apart = Mapping[UUID, Mapping[UUID, int]]


class MeetingKind(StrEnum):
    """What a meeting is."""

    PARENT_MEETING = "parent_meeting"
    VISIT_DAY = "visit_day"


class MeetingState(StrEnum):
    """The life of a meeting. A draft is the school's own; from INVITED on its families see it."""

    DRAFT = "draft"
    INVITED = "invited"
    HELD = "held"
    CANCELLED = "cancelled"


class Refusal(StrEnum):
    """Why nobody can be registered."""

    PARTY = "party"  # not a number of people that can be registered
    CLOSED = "closed"  # too late, or the meeting is not open
    FULL = "full"  # not as many seats are left


class Answer(StrEnum):
    """What a guardian answers a teacher who asks; a yes says what the teacher may see of them."""

    YES = "yes"  # the name
    YES_MAIL = "yes_mail"  # the name and the address
    YES_PHONE = "yes_phone"  # the name and the number
    NO = "no"


def refusal(
    state: MeetingState, closes_at: datetime, seats: int | None, taken: int, party: int, now: datetime
) -> Refusal | None:
    """Why a party of this size cannot be registered now; None when it can, and then the whole of it.

    `taken` is what all others have together. `seats` None: as many as come.
    """
    if not 1 <= party <= LARGEST_PARTY:
        return Refusal.PARTY
    if state is not MeetingState.INVITED or now >= closes_at:
        return Refusal.CLOSED
    return Refusal.FULL if seats is not None and taken + party > seats else None


@dataclass(frozen=True)
class Sitting:
    """One class gathers in this hour (0 is the first) and room; no room: none was named, or none was left."""

    group_id: UUID
    hour: int
    room: str = ""


@dataclass(frozen=True)
class Clash:
    """Two classes that gather at the same time although `families` have children in both, or they share a mentor."""

    first: UUID
    second: UUID
    families: int
    same_host: bool = False


@dataclass(frozen=True)
class Sittings:
    """When each class gathers. With `hours_needed` hours nobody has to be in two places at once."""

    of: tuple[Sitting, ...]
    hours_needed: int
    clashes: tuple[Clash, ...] = ()
    without_room: tuple[UUID, ...] = ()

    @property
    def is_good(self) -> bool:
        """True when everybody can be where they should."""
        return not self.clashes and not self.without_room


def gather(
    classes: Sequence[UUID],
    families: Iterable[AbstractSet[UUID]],
    hours: int,
    rooms: Sequence[str] = (),
    hosts: Mapping[UUID, UUID] | None = None,
) -> Sittings:
    """Give every class an hour, those of one family (or one mentor) different ones as far as `hours` allow.

    `families` are the classes of each guardian. With `rooms` no more classes gather at once than there are rooms.
    When the hours do not suffice, as few families as possible are asked to choose, one class after the other.
    """
    shared = Counter(pair for family in families for pair in _pairs(classes, family))
    same_host = {pair for pair in _pairs(classes, classes) if _one_host(pair, hosts or {})}
    weights = {pair: shared[pair] + (pair in same_host) for pair in {*shared, *same_host}}
    apart = _neighbours(classes, weights)
    hour_of = _coloured(classes, apart, max(1, len(classes)), len(rooms))
    needed = max(hour_of.values(), default=-1) + 1
    if needed > hours:
        hour_of = _coloured(classes, apart, max(1, hours), len(rooms))
    together = [pair for pair in weights if hour_of[pair[0]] == hour_of[pair[1]]]
    sittings = _roomed(classes, hour_of, rooms)
    return Sittings(
        sittings,
        needed,
        tuple(Clash(*pair, shared[pair], pair in same_host) for pair in together),
        tuple(one.group_id for one in sittings if rooms and not one.room),
    )


def _pairs(classes: Sequence[UUID], among: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """All pairs of these classes, each in the order of the list."""
    inside = set(among)
    return list(combinations([one for one in dict.fromkeys(classes) if one in inside], 2))


def _one_host(pair: tuple[UUID, UUID], hosts: Mapping[UUID, UUID]) -> bool:
    first, second = (hosts.get(one) for one in pair)
    return first is not None and first == second


def _neighbours(classes: Sequence[UUID], weights: Mapping[tuple[UUID, UUID], int]) -> Apart:
    apart: dict[UUID, dict[UUID, int]] = {one: {} for one in classes}
    for (first, second), weight in weights.items():
        apart[first][second] = apart[second][first] = weight
    return apart


def _coloured(classes: Sequence[UUID], apart: Apart, hours: int, rooms: int) -> dict[UUID, int]:
    """An hour for each class; the most bound class first, in the order of the list where several are."""
    hour_of: dict[UUID, int] = {}
    left = list(dict.fromkeys(classes))
    while left:
        one = max(left, key=lambda c: (len({hour_of[o] for o in apart[c] if o in hour_of}), len(apart[c])))
        left.remove(one)
        hour_of[one] = min(range(hours), key=lambda hour: _cost(one, hour, hour_of, apart, rooms))
    return hour_of


def _cost(one: UUID, hour: int, hour_of: Mapping[UUID, int], apart: Apart, rooms: int) -> tuple[bool, int, int]:
    """How bad an hour is for a class: without a room, families that must choose, how late."""
    there = [other for other, when in hour_of.items() if when == hour]
    return bool(rooms) and len(there) >= rooms, sum(apart[one].get(other, 0) for other in there), hour


def _roomed(classes: Sequence[UUID], hour_of: Mapping[UUID, int], rooms: Sequence[str]) -> tuple[Sitting, ...]:
    """A room for each class, in every hour the first ones."""
    free = {hour: list(rooms) for hour in hour_of.values()}
    return tuple(
        Sitting(one, hour_of[one], free[hour_of[one]].pop(0) if free[hour_of[one]] else "")
        for one in dict.fromkeys(classes)
    )


@dataclass(frozen=True)
class Hours:
    """The gatherings of a meeting: when the first begins, how long each is, how many one after the other."""

    first_at: datetime
    minutes: int
    count: int

    @property
    def step(self) -> timedelta:
        """From the beginning of one to that of the next: with the way to the next room."""
        return timedelta(minutes=self.minutes) + WALK

    @property
    def ends_at(self) -> datetime:
        """When the last of them is over."""
        return self.span(self.count - 1)[1]

    def span(self, hour: int) -> tuple[datetime, datetime]:
        """From when to when."""
        starts_at = self.first_at + hour * self.step
        return starts_at, starts_at + timedelta(minutes=self.minutes)


def instant(day: date, clock: time, zone: str) -> datetime | None:
    """That time on the wall there, in UTC; None when there is no such time: the clocks are put forward over it.

    In the hour that comes twice in autumn, the first of the two.
    """
    there = datetime.combine(day, clock.replace(tzinfo=None), ZoneInfo(zone))
    found = there.astimezone(UTC)
    return found if found.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == there.replace(tzinfo=None) else None


def end_of_day(day: date, zone: str) -> datetime:
    """The midnight at which that day ends there, in UTC."""
    return midnight(day + timedelta(days=1), zone)


def is_found(query: str, title: str, words: str) -> bool:
    """True when every word of the query is in the title or the text, in any case; å, ä and ö are letters of their own.

    Nothing is found by the name of who offers: it is not a part of what is searched.
    """
    hay = _plain(f"{title} {words}")
    return all(word in hay for word in _plain(query).split())


def _plain(text: str) -> str:
    """As people compare it: letters put together from parts are the same as whole ones."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
