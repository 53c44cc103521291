"""The best proposal: set packing on families' visits, solved by HiGHS. For the worker process only (see `child`).

Two visits of the same people that nobody could make both are left to chance at first and forbidden when they come up:
they hardly ever do, and the rows for all of them would be most of the problem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from services.scheduling.proposal.answers import answer_of, cost_of
from services.scheduling.proposal.columns import Visit, choices
from services.scheduling.proposal.greedy import best_greedy, chosen_by, repaired
from services.scheduling.proposal.ground import Ground
from services.scheduling.proposal.highs import Found, Solver
from services.scheduling.proposal.matrix import Layout
from services.scheduling.proposal.measures import check
from services.scheduling.proposal.model import Answer, Instance, Progress
from services.scheduling.proposal.pairs import Pairs

SOON = 3  # after so many rounds everything is forbidden that could come up
BUILT = 15  # percent of the way when the search begins

OnProgress = Callable[[Progress], None]


def solve(
    instance: Instance,
    seconds: float = 60.0,
    incumbent: Answer | None = None,
    on_progress: OnProgress | None = None,
) -> Answer:
    """The best proposal found in this time; never worse than the greedy one, nor than a valid incumbent.

    `proven` when nothing better exists. `on_progress` is called a few times a second, with rising percents.
    """
    return Search(instance, seconds, on_progress or (lambda _: None)).best(incumbent)


class Search:
    """One instance being solved."""

    def __init__(self, instance: Instance, seconds: float, on_progress: OnProgress) -> None:
        self.began, self.seconds, self.on_progress = time.perf_counter(), seconds, on_progress
        self.instance, self.percent = instance, 0
        self.ground = Ground(instance)
        self.families = choices(self.ground)
        self.greedy = replace(best_greedy(self.ground, self.families), seconds=self._elapsed())

    def best(self, incumbent: Answer | None = None) -> Answer:
        """See `solve`; `greedy` is there before it."""
        greedy = self.greedy
        if not self.families:
            return replace(greedy, proven=True, source="solver", seconds=self._elapsed())
        found, layout = self._solved(greedy)
        known = [greedy] if incumbent is None or check(self.instance, incumbent) else [self._priced(incumbent), greedy]
        best = min([found, *known], key=lambda answer: answer.cost)
        proven = found.proven and best.cost <= found.cost
        size = layout.matrix
        return replace(
            best,
            bound=round(min(found.bound, best.cost), 6),
            proven=proven,
            seconds=self._elapsed(),
            columns=len(size.cost),
            rows=len(size.lower),
        )

    def _solved(self, greedy: Answer) -> tuple[Answer, Layout]:
        """The solver's answer, repaired where its time was over before it was sound."""
        layout = Layout(self.ground, self.families)
        solver, pairs = Solver(layout.matrix), Pairs(self.ground, self.families, layout.matrix.visits)
        start, rounds = layout.columns_of(chosen_by(greedy, self.families)), 0
        self._tell(BUILT, greedy.cost, 0.0)
        while True:
            found = solver.run(self._remaining(), start, lambda cost, bound: self._heard(greedy, cost, bound))
            visits = [layout.matrix.visits[column] for column in found.columns if column < len(layout.matrix.visits)]
            forbidden = list(pairs.broken_rows(visits))
            if not forbidden or rounds > SOON or self._remaining() <= 0:
                break
            forbidden = forbidden if rounds < SOON else list(pairs.all_rows())
            for row in forbidden:
                solver.at_most_one(row)
            rounds += 1
        return self._sound(found, visits, bool(forbidden)), layout

    def _sound(self, found: Found, visits: Sequence[Visit], broken: bool) -> Answer:
        if broken:
            visits = repaired(self.ground, self.families, visits).chosen
        answer = answer_of(self.ground, self.families, visits)
        pruned = any(one.pruned for one in self.families)
        proven = found.optimal and not broken and not pruned
        return replace(answer, source="solver", bound=found.bound, proven=proven)

    def _priced(self, incumbent: Answer) -> Answer:
        return replace(incumbent, cost=cost_of(self.instance, incumbent))

    def _heard(self, greedy: Answer, cost: float, bound: float) -> None:
        best = min(cost, greedy.cost)
        near = max(0.0, min(1.0, bound / best)) if best > 0 else 0.0
        share = max(near, self._elapsed() / max(self.seconds, 0.1))
        self._tell(BUILT + int((99 - BUILT) * min(1.0, share)), best, max(0.0, bound))

    def _tell(self, percent: int, cost: float, bound: float) -> None:
        self.percent = max(self.percent, percent)
        self.on_progress(Progress(self.percent, cost, bound))

    def _elapsed(self) -> float:
        return time.perf_counter() - self.began

    def _remaining(self) -> float:
        return self.seconds - self._elapsed()
