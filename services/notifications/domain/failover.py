"""Which provider takes the next text message, and how the shares move when one of them is unwell.

The rules are GOV.UK Notify's: points move a few at a time, so that a provider that is slow for a moment is not
deserted, and none is flooded; and they drift back when it has been quiet. Shares always come to 100 points.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

WHOLE = 100
STEP = 10  # points that move at a time
MOST_ERRORS = 50  # in ERROR_WINDOW; more of them and points move away
ERROR_WINDOW = timedelta(seconds=60)
SLOW_SHARE = 0.15
SLOW_WINDOW = timedelta(minutes=15)
FEWEST = 20  # messages by which slowness can be judged
BETWEEN = timedelta(minutes=1)  # no two moves come closer than this
BETWEEN_FOR_SLOW = timedelta(minutes=5)  # nor two for slowness, nor two steps back
QUIET = timedelta(minutes=15)  # after the last loss, before the first step back


@dataclass(frozen=True, slots=True)
class Share:
    """One provider's share: `weight` of 100 points now, `rest` when all is well.

    `shifted_at` is when points were last taken from it, to spare it or to give back what it had got.
    """

    name: str
    rest: int
    weight: int
    shifted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Minute:
    """What one provider did in one minute (its beginning, UTC). `slow` of those `taken` took longer than they may."""

    name: str
    minute: datetime
    taken: int = 0
    failed: int = 0
    slow: int = 0


def at_rest(wanted: Mapping[str, int]) -> dict[str, int]:
    """The shares at rest as points of 100, rounded so that they come to 100. All alike when nobody has any."""
    if not wanted:
        return {}
    parts = wanted if any(wanted.values()) else dict.fromkeys(wanted, 1)
    total, found, given, so_far = sum(parts.values()), {}, 0, 0
    for name, part in sorted(parts.items()):
        so_far += part
        found[name] = WHOLE * so_far // total - given
        given += found[name]
    return found


def joined(rest: Mapping[str, int], kept: Collection[Share]) -> list[Share]:
    """The configured providers with what is kept of them; all at rest when they are not those that were kept."""
    known = {share.name: share for share in kept}
    if known.keys() == rest.keys() and sum(share.weight for share in kept) == WHOLE:
        return [replace(known[name], rest=points) for name, points in sorted(rest.items())]
    return [Share(name, points, points) for name, points in sorted(rest.items())]


def moved(shares: Sequence[Share], minutes: Collection[Minute], now: datetime) -> list[Share]:
    """The shares as they are to be now: at most one move, away from who is unwell, else back towards rest."""
    since = _since_last(shares, now)
    if since < BETWEEN:
        return list(shares)
    failing = {share.name for share in shares if errors(share.name, minutes, now) > MOST_ERRORS}
    if failing:
        return _away(shares, failing, now)
    if since < BETWEEN_FOR_SLOW:
        return list(shares)
    if slow := _slow(shares, minutes, now):
        return _away(shares, slow, now)
    return _back(shares, now)


def chosen(shares: Sequence[Share], dice: float, without: Collection[str] = ()) -> str | None:
    """One of the providers, drawn by weight; `dice` is in [0, 1). None when none is left.

    Those without points are drawn only when no other is left.
    """
    open_to = [share for share in shares if share.name not in without]
    total = sum(share.weight for share in open_to)
    if not total:
        return open_to[int(dice * len(open_to))].name if open_to else None
    mark = dice * total
    for share in open_to:
        mark -= share.weight
        if mark < 0:
            return share.name
    return max(open_to, key=lambda share: share.weight).name


def errors(name: str, minutes: Collection[Minute], now: datetime) -> float:
    """How many failed in the last 60 seconds, by counters of whole minutes: of the one before, the part still near."""
    this = now.replace(second=0, microsecond=0)
    near = 1 - (now - this) / ERROR_WINDOW
    shares = {this: 1.0, this - timedelta(minutes=1): near}
    return sum(one.failed * shares.get(one.minute, 0.0) for one in minutes if one.name == name)


def _slow(shares: Sequence[Share], minutes: Collection[Minute], now: datetime) -> set[str]:
    """Those that are slow; nobody when all that have anything to do are, because then it is not the provider."""
    judged = {share.name: part for share in shares if (part := _slowness(share.name, minutes, now)) is not None}
    slow = {name for name, part in judged.items() if part >= SLOW_SHARE}
    return set() if slow == judged.keys() and len(slow) > 1 else slow


def _slowness(name: str, minutes: Collection[Minute], now: datetime) -> float | None:
    mine = [one for one in minutes if one.name == name and now - SLOW_WINDOW < one.minute <= now]
    taken = sum(one.taken for one in mine)
    return sum(one.slow for one in mine) / taken if taken >= FEWEST else None


def _away(shares: Sequence[Share], unwell: Collection[str], now: datetime) -> list[Share]:
    """Take a step from the unwell one that has most, for the well one that is furthest below its rest."""
    losing = max((s for s in shares if s.name in unwell), key=lambda s: s.weight)
    well = [share for share in shares if share.name not in unwell]
    points = min(STEP, losing.weight)
    if not well or not points:
        return list(shares)
    return _step(shares, losing, max(well, key=lambda share: share.rest - share.weight), points, now)


def _back(shares: Sequence[Share], now: datetime) -> list[Share]:
    """One step towards rest, for a provider that has lost nothing for a while."""
    waiting = [s for s in shares if s.weight < s.rest and (s.shifted_at is None or now - s.shifted_at >= QUIET)]
    if not waiting:
        return list(shares)
    gaining = max(waiting, key=lambda share: share.rest - share.weight)
    losing = max(shares, key=lambda share: share.weight - share.rest)
    points = min(STEP, gaining.rest - gaining.weight, losing.weight - losing.rest)
    return _step(shares, losing, gaining, points, now)


def _step(shares: Sequence[Share], losing: Share, gaining: Share, points: int, now: datetime) -> list[Share]:
    after = {
        losing.name: replace(losing, weight=losing.weight - points, shifted_at=now),
        gaining.name: replace(gaining, weight=gaining.weight + points),
    }
    return [after.get(share.name, share) for share in shares]


def _since_last(shares: Sequence[Share], now: datetime) -> timedelta:
    last = [share.shifted_at for share in shares if share.shifted_at]
    return now - max(last) if last else timedelta.max
