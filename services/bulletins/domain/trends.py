"""How a class's absence moves from one month to the next, said only where it is the class's and not somebody's. Pure.

Two rules of statistical disclosure control, made for small groups: a threshold (enough pupils with figures in both
months), and dominance (no two pupils carry the statement: it must stand without any two of them, and no two account for
half of what was missed).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import combinations
from uuid import UUID

ENOUGH = 0.02  # share of the planned time: a smaller difference than two percentage points is none
APART = 2  # so many pupils may be taken away, and the statement must still hold
SHARE = 0.5  # more than this of what was missed may not be two pupils' alone


@dataclass(frozen=True)
class Month:
    """A pupil's sums (minutes) since the school year began, as they stood at the end of what is known of a month."""

    pupil_id: UUID
    month: date
    since: date
    until: date
    planned: int
    missed: int


@dataclass(frozen=True)
class Pair:
    """What one pupil was planned for and missed in two months that follow each other."""

    planned_before: int
    missed_before: int
    planned: int
    missed: int


class Trend(StrEnum):
    """What may be said of a class."""

    LESS = "less"  # less absence than the month before
    SAME = "same"
    MORE = "more"


def trend(months: Iterable[Month], inside: set[UUID], today: date, smallest: int) -> Trend | None:
    """How the class's absence in the last whole month was against the one before; None when it may not be said.

    `smallest` is how many pupils must have sums for both months.
    """
    this = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    pairs = pairs_of([one for one in months if one.pupil_id in inside], this)
    if len(pairs) < max(smallest, APART + 1):
        return None
    said = _of(pairs)
    return said if said is not None and _stands(pairs, said) else None


def pairs_of(months: Iterable[Month], this: date) -> list[Pair]:
    """Each pupil's two months: `this` (its first day) and the one before, where both can be told from the sums."""
    by_pupil: dict[UUID, dict[date, Month]] = {}
    for one in months:
        by_pupil.setdefault(one.pupil_id, {})[one.month] = one
    before, earlier = _previous(this), _previous(_previous(this))
    found = []
    for _, theirs in sorted(by_pupil.items(), key=lambda one: str(one[0])):
        late, early = _within(theirs, this, before), _within(theirs, before, earlier)
        if late and early and late[0] > 0 and early[0] > 0:
            found.append(Pair(early[0], early[1], late[0], late[1]))
    return found


def _within(theirs: dict[date, Month], month: date, before: date) -> tuple[int, int] | None:
    """Planned and missed in a month alone. The first month of the school year stands for itself."""
    one, base = theirs.get(month), theirs.get(before)
    if one is None:
        return None
    if one.since >= month:
        return one.planned, one.missed
    if base is None or base.since != one.since:
        return None
    return one.planned - base.planned, one.missed - base.missed


def _of(pairs: Sequence[Pair]) -> Trend | None:
    planned, planned_before = sum(one.planned for one in pairs), sum(one.planned_before for one in pairs)
    if planned <= 0 or planned_before <= 0:
        return None
    change = sum(one.missed for one in pairs) / planned - sum(one.missed_before for one in pairs) / planned_before
    if abs(change) < ENOUGH:
        return Trend.SAME
    return Trend.MORE if change > 0 else Trend.LESS


def _stands(pairs: Sequence[Pair], said: Trend) -> bool:
    """True when the same would be said without any two of them, and no two carry what was missed."""
    if _dominated([one.missed for one in pairs]) or _dominated([one.missed_before for one in pairs]):
        return False
    places = range(len(pairs))
    return all(
        _of([pairs[place] for place in places if place not in away]) is said for away in combinations(places, APART)
    )


def _dominated(missed: Sequence[int]) -> bool:
    whole = sum(missed)
    return whole > 0 and sum(sorted(missed)[-APART:]) > SHARE * whole


def _previous(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)
