"""HiGHS with one 0/1 problem. Only the worker process imports this: the solver is large, and busy for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from services.scheduling.proposal.matrix import Matrix

SMALLEST_STEP = 1 / 15  # costs are whole multiples of it (a minute of waiting), so a smaller gap is no gap
HEARTBEAT = 0.2  # seconds between two calls of `heard`

Heard = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Found:
    """The columns that are 1 (none when nothing was found), what they cost, the bound, and whether they are optimal."""

    columns: tuple[int, ...]
    cost: float
    bound: float
    optimal: bool


class Solver:
    """One problem, which may get further rows and be solved again."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix, self.model = matrix, _model(matrix)
        self.rows: list[tuple[int, ...]] = []

    def at_most_one(self, columns: Iterable[int]) -> None:
        """From now on at most one of these columns."""
        self.rows.append(tuple(sorted(set(columns))))

    def run(self, seconds: float, start: Sequence[int], heard: Heard) -> Found:
        """Look for the best for so many seconds, beginning with the columns `start`; `heard` is told (cost, bound)."""
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in _options(seconds).items():
            solver.setOptionValue(name, value)
        solver.passModel(self.model)
        for row in self.rows:
            solver.addRow(-highspy.kHighsInf, 1.0, len(row), np.array(row, np.int32), np.ones(len(row)))
        _begin_with(solver, start, len(self.matrix.cost))
        solver.cbMipInterrupt.subscribe(_throttled(heard, self.matrix.offset))
        solver.run()
        return self._found(solver)

    def _found(self, solver: highspy.Highs) -> Found:
        info, offset = solver.getInfo(), self.matrix.offset
        optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return Found((), 0.0, info.mip_dual_bound + offset, False)
        values = np.array(solver.getSolution().col_value)
        chosen = tuple(int(number) for number in np.flatnonzero(values > 0.5))
        bound = info.objective_function_value if optimal else info.mip_dual_bound
        return Found(chosen, info.objective_function_value + offset, bound + offset, optimal)


def _options(seconds: float) -> dict[str, bool | float]:
    return {
        "output_flag": False,
        "time_limit": max(0.1, seconds),
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 0.99 * SMALLEST_STEP,
    }


def _model(matrix: Matrix) -> highspy.HighsLp:
    model, size = highspy.HighsLp(), len(matrix.cost)
    model.num_col_, model.num_row_ = size, len(matrix.lower)
    model.col_cost_ = np.array(matrix.cost)
    model.col_lower_, model.col_upper_ = np.zeros(size), np.ones(size)
    model.row_lower_, model.row_upper_ = np.array(matrix.lower), np.array(matrix.upper)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.array(matrix.starts, np.int32)
    model.a_matrix_.index_ = np.array(matrix.index, np.int32)
    model.a_matrix_.value_ = np.array(matrix.value)
    model.integrality_ = [highspy.HighsVarType.kInteger] * size
    return model


def _begin_with(solver: highspy.Highs, columns: Sequence[int], size: int) -> None:
    start = highspy.HighsSolution()
    values = np.zeros(size)
    values[list(columns)] = 1.0
    start.col_value = list(values)
    start.value_valid = True
    solver.setSolution(start)


def _throttled(heard: Heard, offset: float) -> Callable[[highspy.highs.HighsCallbackEvent], None]:
    last = time.monotonic()

    def on_event(event: highspy.highs.HighsCallbackEvent) -> None:
        nonlocal last
        if time.monotonic() - last >= HEARTBEAT:
            last = time.monotonic()
            heard(event.data_out.mip_primal_bound + offset, event.data_out.mip_dual_bound + offset)

    return on_event
