"""The visits a family could make: every feasible tuple of times for some of its talks on one day, with its cost.

A visit is what the solver chooses: one 0/1 column. A family that comes once has one visit with all its talks; split
families have several. What a visit costs and which waits it allows is in `rules`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from services.scheduling.proposal.ground import Ground, Option
from services.scheduling.proposal.model import Family, TalkWanted
from services.scheduling.proposal.rules import ONCE_MORE, WAIT_MINUTES, Stay

MOST_OF_A_DAY = 20_000  # visits of one family on one day; beyond it only shorter ones are looked at
MOST_OF_A_FAMILY = 2_000  # beyond it only the cheapest that begin at the same time with the same talks

Stop = tuple[int, Option]  # a talk, by its place among the family's open talks, at a time


@dataclass(frozen=True, slots=True)
class Visit:
    """A family comes on a day for these talks at these times."""

    family: int
    stops: tuple[Stop, ...]
    cost: float

    @property
    def talks(self) -> frozenset[int]:
        """The places of its talks."""
        return frozenset(place for place, _ in self.stops)


@dataclass(frozen=True, slots=True)
class Choices:
    """What one family could do. `comes_anyway`: for a talk that stands. `pruned`: not every visit is here."""

    number: int
    family: Family
    open_talks: tuple[TalkWanted, ...]
    visits: list[Visit]
    comes_anyway: bool
    pruned: bool = False

    @property
    def first_is_free(self) -> bool:
        """True when each visit is priced, but coming once is not to cost anything."""
        return len(self.open_talks) > 1 and not self.comes_anyway


def choices(ground: Ground) -> list[Choices]:
    """What every family with a talk to be placed could do, in the order of the instance."""
    found = []
    for number, family in enumerate(ground.instance.families):
        open_talks = tuple(talk for talk in family.talks if talk.pinned is None)
        if open_talks:
            found.append(_choices_of(ground, number, family, open_talks))
    return found


def _choices_of(ground: Ground, number: int, family: Family, open_talks: tuple[TalkWanted, ...]) -> Choices:
    days: dict[date, list[Stop]] = defaultdict(list)
    standing: dict[date, list[Stay]] = defaultdict(list)
    for stay in ground.standing(family):
        standing[ground.rules.day(stay.starts)].append(stay)
    for place, talk in enumerate(open_talks):
        for option in ground.options(family, talk):
            days[ground.rules.day(option.stay.starts)].append((place, option))
    comes_anyway = bool(standing)
    if len(open_talks) == 1 and not comes_anyway:
        alone = [Visit(number, (stop,), stop[1].cost) for stops in days.values() for stop in stops]
        return Choices(number, family, open_talks, alone, False)
    visits, pruned = [], False
    for day in sorted(days):
        chains, cut = _chains(ground, sorted(days[day], key=lambda stop: stop[1].stay.starts), standing[day])
        visits += [_visit(ground, number, chain, standing[day]) for chain in chains]
        pruned |= cut
    kept = _thinned(visits)
    return Choices(number, family, open_talks, kept, comes_anyway, pruned or len(kept) < len(visits))


def _visit(ground: Ground, number: int, chain: Sequence[Stop], standing: Sequence[Stay]) -> Visit:
    """The chain with its price: the times themselves, the waits, and each time they come beyond what they do anyway."""
    without, waited_without = ground.rules.visits(standing)
    times, waited = ground.rules.visits([*standing, *(option.stay for _, option in chain)])
    dislike = sum(option.cost for _, option in chain)
    cost = dislike + (waited - waited_without) / WAIT_MINUTES + ONCE_MORE * (times - without)
    return Visit(number, tuple(chain), cost)


def _chains(ground: Ground, stops: Sequence[Stop], standing: Sequence[Stay]) -> tuple[list[tuple[Stop, ...]], bool]:
    """Talks of one visit in order of time, first every single one, then one longer in each round; and whether cut."""
    found: list[tuple[Stop, ...]] = [(stop,) for stop in stops]
    longer: list[tuple[tuple[Stop, ...], int]] = [((stop,), place) for place, stop in enumerate(stops)]
    while longer:
        longer = [
            ((*chain, stops[place]), place)
            for chain, last in longer
            for place in _next(ground, stops, chain, last, standing)
        ]
        if len(found) + len(longer) > MOST_OF_A_DAY:
            return found, True
        found += [chain for chain, _ in longer]
    return found, False


def _next(
    ground: Ground, stops: Sequence[Stop], chain: tuple[Stop, ...], last: int, standing: Sequence[Stay]
) -> Iterator[int]:
    """The stops that can follow the last one in the same visit."""
    rules, here, done = ground.rules, chain[-1][1].stay, {place for place, _ in chain}
    farthest = max(rules.instance.longest_wait, rules.instance.longest_wait_between)
    for place in range(last + 1, len(stops)):
        talk, there = stops[place][0], stops[place][1].stay
        if not standing and there.starts > here.ends + farthest:
            return
        if talk in done or any(rules.clash(stop.stay, there) for _, stop in chain):
            continue
        between = [stay for stay in standing if here.starts <= stay.starts < there.starts]
        if rules.visits([here, *between, there])[0] == 1 if between else rules.joined(here, there):
            yield place


def _thinned(visits: list[Visit]) -> list[Visit]:
    """All of them, or for a family with very many the two cheapest for the same talks from the same time on."""
    if len(visits) <= MOST_OF_A_FAMILY:
        return visits
    alike: dict[tuple[frozenset[int], int], list[Visit]] = defaultdict(list)
    for visit in sorted(visits, key=lambda one: one.cost):
        group = alike[visit.talks, visit.stops[0][1].stay.starts]
        if len(group) < 2:
            group.append(visit)
    return [visit for group in alike.values() for visit in group]
