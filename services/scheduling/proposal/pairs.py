"""Talks that the same person comes to, or comes to and holds: at which of their times nobody could do both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from services.scheduling.proposal.columns import Choices, Visit
from services.scheduling.proposal.ground import Ground, Option
from services.scheduling.proposal.model import TalkWanted

Key = tuple[int, int]  # family, place among its open talks


class Pairs:
    """Finds visits that exclude each other through a person. Within one visit nothing can."""

    def __init__(self, ground: Ground, families: Sequence[Choices], visits: Sequence[Visit]) -> None:
        self.ground, self.visits = ground, visits
        self.talks: dict[Key, TalkWanted] = {
            (one.number, place): talk for one in families for place, talk in enumerate(one.open_talks)
        }
        self.columns: dict[Key, list[tuple[int, Option]]] = defaultdict(list)
        for number, visit in enumerate(visits):
            for place, option in visit.stops:
                self.columns[visit.family, place].append((number, option))

    def broken_rows(self, chosen: Iterable[Visit]) -> Iterator[list[int]]:
        """Rows that forbid what these visits do wrong, for all talks and times of the families concerned."""
        at = {(visit.family, place): (visit, option) for visit in chosen for place, option in visit.stops}
        concerned: set[int] = set()
        for one, other in self._sharing(at):
            (visit, option), (other_visit, other_option) = at[one], at[other]
            if visit is not other_visit and self.ground.rules.clash(option.stay, other_option.stay):
                concerned |= {visit.family, other_visit.family}
        for one, other in sorted(self._sharing(key for key in self.talks if key[0] in concerned)):
            yield from self._rows(one, other)

    def all_rows(self) -> Iterator[list[int]]:
        """Rows for all talks that share a person."""
        for one, other in sorted(self._sharing(self.talks)):
            yield from self._rows(one, other)

    def _sharing(self, keys: Iterable[Key]) -> set[tuple[Key, Key]]:
        """The pairs of talks with a person in common; two talks of one host cannot be at once anyway."""
        coming, holding = defaultdict(list), defaultdict(list)
        for key in keys:
            holding[self.talks[key].host_id].append(key)
            for person in self.talks[key].people:
                coming[person].append(key)
        found = {pair for several in coming.values() for pair in combinations(sorted(several), 2)}
        for person in coming.keys() & holding.keys():
            found |= {(min(a, b), max(a, b)) for a in coming[person] for b in holding[person] if a != b}
        return found

    def _rows(self, one: Key, other: Key) -> Iterator[list[int]]:
        """For each time of the one talk: that time, or one of the other's that excludes it, but in different visits."""
        both = {number for number, _ in self.columns[one]} & {number for number, _ in self.columns[other]}
        times = {option.stay for _, option in self.columns[one]}
        for stay in sorted(times, key=lambda at: at.starts):
            here = [number for number, option in self.columns[one] if option.stay == stay and number not in both]
            there = [
                number
                for number, option in self.columns[other]
                if number not in both and self.ground.rules.clash(stay, option.stay)
            ]
            if here and there:
                yield here + there
