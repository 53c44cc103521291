"""What a family's time is worth, how far it is between two talks, and what a long wait is.

The weights are those that were measured: 0 at a time the family would like, 2 on another time of such a day, 5 on
another day, 1 for every 15 minutes of waiting, 40 for every further time they must come, 200 for a talk that gets none
(and 40 more where the family comes for other talks too: it will have to come once more).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from services.scheduling.proposal.model import Family, Instance, Window, instant

SAME_DAY, OTHER_DAY = 2.0, 5.0
WAIT_MINUTES = 15.0  # minutes of waiting that cost 1
MOVED = 1.0
ONCE_MORE = 40.0
LEFT_OUT = 200.0
VULNERABLE = 1.25  # a vulnerable family's talk left out costs this much more


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody is at a talk: when, at which school, or by video wherever they are."""

    starts: int
    ends: int
    school_id: str
    video: bool = False


class Rules:
    """The distances, waits and days of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.zone = ZoneInfo(instance.zone)
        self.ways = {(a, b): minutes for a, b, minutes in instance.ways} | {
            (b, a): minutes for a, b, minutes in instance.ways
        }
        self.day = lru_cache(maxsize=None)(self._day)

    def _day(self, at: int) -> date:
        """The local day of a minute."""
        return instant(at).astimezone(self.zone).date()

    def way(self, earlier: Stay, later: Stay) -> int:
        """Minutes needed from one talk to the next; no way leads to or from a screen, but one walks home to it."""
        if earlier.school_id == later.school_id or earlier.video or later.video:
            return 0 if earlier.video else self.instance.walk
        return self.ways.get((earlier.school_id, later.school_id), self.instance.travel)

    def clash(self, one: Stay, other: Stay) -> bool:
        """True when nobody can be at both."""
        first, then = (one, other) if one.starts <= other.starts else (other, one)
        return then.starts < first.ends + self.way(first, then)

    def longest_wait(self, earlier: Stay, later: Stay) -> int:
        """How many minutes between two talks are still one visit."""
        between = earlier.school_id != later.school_id and not (earlier.video or later.video)
        return self.instance.longest_wait_between if between else self.instance.longest_wait

    def joined(self, earlier: Stay, later: Stay) -> bool:
        """True when the second follows the first closely enough to be the same visit."""
        return later.starts - earlier.ends <= self.longest_wait(earlier, later)

    def visits(self, stays: Iterable[Stay]) -> tuple[int, int]:
        """How many times a family comes on a day for these talks, and the minutes it waits within those visits."""
        in_order = sorted(stays, key=lambda stay: stay.starts)
        times, waited = min(1, len(in_order)), 0
        for earlier, later in pairwise(in_order):
            if self.joined(earlier, later):
                waited += max(0, later.starts - earlier.ends)
            else:
                times += 1
        return times, waited


def inside(starts: int, ends: int, windows: Sequence[Window]) -> bool:
    """True when one of these windows (merged) holds the whole stretch."""
    return any(window.starts <= starts and ends <= window.ends for window in windows)


def dislike(rules: Rules, starts: int, ends: int, glad: Sequence[Window]) -> float:
    """What a time costs that is not one of those the family would like best."""
    if not glad or inside(starts, ends, glad):
        return 0.0
    day = rules.day(starts)
    return SAME_DAY if any(rules.day(window.starts) == day for window in glad) else OTHER_DAY


def left_out(family: Family) -> float:
    """What it costs when one of the family's talks gets no time; they will have to come for it once more."""
    several = len(family.talks) + len(family.fixed) > 1
    return (LEFT_OUT + (ONCE_MORE if several else 0.0)) * (VULNERABLE if family.weighs_more else 1.0)
