"""The proposal as a 0/1 problem: a column for every visit, rows for what can be used once only.

`free[cell]` makes a host's time an equality: either one visit uses it or it is free. A break is then one of a few such
literals being true, which is far smaller than a sum over all visits (and was three times smaller when measured).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from services.scheduling.proposal.board import run_limit
from services.scheduling.proposal.columns import Choices, Visit
from services.scheduling.proposal.ground import Ground, Option
from services.scheduling.proposal.model import HostTime, Window
from services.scheduling.proposal.rules import ONCE_MORE, left_out


@dataclass
class Matrix:
    """Columns and rows as HiGHS takes them. The first columns are the visits, in the order of `visits`."""

    visits: list[Visit] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    index: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    offset: float = 0.0

    def row(self, lower: float, upper: float) -> int:
        """A new row; its number."""
        self.lower.append(lower)
        self.upper.append(upper)
        return len(self.lower) - 1

    def column(self, cost: float, rows: Iterable[int]) -> int:
        """A new 0/1 column that counts once in each of these rows; its number."""
        self.cost.append(cost)
        self.index += rows
        self.value += [1.0] * (len(self.index) - len(self.value))
        self.starts.append(len(self.index))
        return len(self.cost) - 1


@dataclass
class Points:
    """A room's or a team's rows: at each time at which a talk could begin, so many at once."""

    times: list[int]
    rows: list[int]

    def during(self, option: Option) -> list[int]:
        """The rows that a talk at this time counts in."""
        return self.rows[bisect_left(self.times, option.stay.starts) : bisect_left(self.times, option.stay.ends)]


class Layout:
    """Which row is whose."""

    def __init__(self, ground: Ground, families: Sequence[Choices]) -> None:
        self.ground, self.families, self.matrix = ground, families, Matrix()
        self.talks = {
            (one.number, place): self.matrix.row(1, 1) for one in families for place in range(len(one.open_talks))
        }
        self.hosts = {host: HostRows(self.matrix, ground, host, times) for host, times in _by_host(ground).items()}
        self.rooms: dict[str, Points] = {}
        self.teams: dict[int, Points] = {}
        self._points()
        self._fill()

    def columns_of(self, visits: Iterable[Visit]) -> list[int]:
        """The columns that are 1 when just these visits are made."""
        wanted, chosen = {id(visit) for visit in visits}, []
        used: set[int] = set()
        for number, visit in enumerate(self.matrix.visits):
            if id(visit) in wanted:
                chosen.append(number)
                used.update(self.matrix.index[self.matrix.starts[number] : self.matrix.starts[number + 1]])
        for number in range(len(self.matrix.visits), len(self.matrix.cost)):
            first = self.matrix.index[self.matrix.starts[number]]
            if first not in used:
                chosen.append(number)
        return chosen

    def _points(self) -> None:
        rooms: dict[str, set[int]] = defaultdict(set)
        teams: dict[int, set[int]] = defaultdict(set)
        for one in self.families:
            for visit in one.visits:
                for place, option in visit.stops:
                    room = self.ground.shared_room(one.open_talks[place])
                    if room:
                        rooms[room].add(option.stay.starts)
                    if option.team >= 0:
                        teams[option.team].add(option.stay.starts)
        self.rooms = {room: self._rows(times, 1) for room, times in rooms.items()}
        self.teams = {team: self._rows(times, len(self.ground.teams[team].members)) for team, times in teams.items()}

    def _rows(self, times: set[int], most: int) -> Points:
        return Points(sorted(times), [self.matrix.row(-inf, most) for _ in times])

    def _fill(self) -> None:
        matrix = self.matrix
        for one in self.families:
            for visit in one.visits:
                matrix.visits.append(visit)
                matrix.column(visit.cost, self._rows_of(one, visit))
        for one in self.families:
            for place in range(len(one.open_talks)):
                matrix.column(left_out(one.family), [self.talks[one.number, place]])
            matrix.offset -= ONCE_MORE if one.first_is_free else 0.0
        for host in self.hosts.values():
            host.add_free(matrix)

    def _rows_of(self, one: Choices, visit: Visit) -> Iterator[int]:
        for place, option in visit.stops:
            talk = one.open_talks[place]
            yield self.talks[one.number, place]
            yield from self.hosts[talk.host_id].rows_of(option)
            if room := self.ground.shared_room(talk):
                yield from self.rooms[room].during(option)
            if option.team >= 0:
                yield from self.teams[option.team].during(option)


class HostRows:
    """One host's times: a row for each, rows where times overlap, and a row for every run that would be too long."""

    def __init__(self, matrix: Matrix, ground: Ground, host: str, times: Sequence[HostTime]) -> None:
        pinned = {Window(one.stay.starts, one.stay.ends) for one in ground.hosting.get(host, ())}
        all_times = {Window(slot.starts, slot.ends) for time in times for slot in time.slots}
        cells = sorted(cell for cell in all_times if not any(_meet(cell, one) for one in pinned))
        longest, rest = run_limit(times)
        runs = list(_runs(sorted({*cells, *pinned}), longest, rest)) if longest else []
        broken = {cell for run in runs for cell in run}
        self.cells = {cell: matrix.row(1 if cell in broken else -inf, 1) for cell in cells}
        self.breaks: dict[Window, list[int]] = defaultdict(list)
        self._runs_end(matrix, runs)
        self.points = self._overlaps(matrix, cells)

    def rows_of(self, option: Option) -> Iterator[int]:
        """The rows a talk at this time counts in."""
        for slot in option.slots:
            yield self.cells[Window(slot.starts, slot.ends)]
        if self.points:
            yield from self.points.during(option)

    def add_free(self, matrix: Matrix) -> None:
        """The literals that say that a time is free, where a break depends on it."""
        for cell, rows in self.breaks.items():
            matrix.column(0.0, [self.cells[cell], *rows])

    def _runs_end(self, matrix: Matrix, runs: Iterable[tuple[Window, ...]]) -> None:
        for run in runs:
            open_cells = [cell for cell in run if cell in self.cells]
            row = matrix.row(1, inf) if open_cells else -1
            for cell in open_cells:
                self.breaks[cell].append(row)

    def _overlaps(self, matrix: Matrix, cells: Sequence[Window]) -> Points | None:
        if not any(_meet(a, b) for a, b in pairwise(cells)):
            return None
        times = sorted({cell.starts for cell in cells})
        return Points(times, [matrix.row(-inf, 1) for _ in times])


def _runs(cells: Sequence[Window], longest: int, rest: int) -> Iterator[tuple[Window, ...]]:
    """Every chain of one talk more than may follow each other without a break."""
    behind = {cell: [one for one in cells if cell.ends <= one.starts < cell.ends + rest] for cell in cells}
    chains: list[tuple[Window, ...]] = [(cell,) for cell in cells]
    for _ in range(longest):
        chains = [(*chain, one) for chain in chains for one in behind[chain[-1]]]
    yield from chains


def _by_host(ground: Ground) -> dict[str, list[HostTime]]:
    found: dict[str, list[HostTime]] = defaultdict(list)
    for time in ground.instance.hosts:
        found[time.host_id].append(time)
    return found


def _meet(one: Window, other: Window) -> bool:
    return one.starts < other.ends and other.starts < one.ends
