"""Proposes times for a whole school, and for three, in the worker process; next to first come, first served.

`seconds` is from starting the process to its last line, `solve_s` the solver's own, `cpu_s` the process's processor
time, `greedy_s` until the first answer. Shares are percents (see `measures`); `fcfs_…` is the mean over five orders of
arrival in which each child is booked at the family's favourite free time, `near_…` where siblings are booked near each
other, `bundle_…` where the pages offer the whole family's times at once. `worse` names each measure of the proposal
that is below one of the three.

    uv run python -m tests.bench.timetable --json [NAME …]
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

from services.scheduling.proposal.child import Told, propose
from services.scheduling.proposal.measures import Measures, check, measure
from services.scheduling.proposal.model import Instance
from tests.bench.arrivals import Booking, bundle, first_come, naive, near
from tests.bench.common import run
from tests.bench.instances.generate import PLANS, generate

NAMES = ("school-046", "school-092", "three-schools-046", "three-schools-092")
ORDERS, SECONDS = 5, 60
POLICIES: Mapping[str, Booking] = {"fcfs": naive, "near": near, "bundle": bundle}
MORE = ("placed", "one_evening", "usable_gap", "preferred", "interpreter_placed")  # more of it is better
ROUNDED = 0.05  # measures are rounded to a tenth


def figures(measures: Measures) -> dict[str, float]:
    """What families get, as shares in percent and minutes."""
    groups = {group.name: group for group in measures.groups}
    interpreted = groups["interpreter"]
    return {
        "placed": measures.placed_share,
        "one_evening": measures.one_evening,
        "usable_gap": measures.usable_gap,
        "mean_wait_min": measures.mean_wait_min,
        "preferred": measures.preferred,
        "interpreter_placed": round(100 * interpreted.placed / max(1, interpreted.talks), 1),
    }


def arrivals(instance: Instance, booking: Booking) -> dict[str, float]:
    """The mean of the measures over the orders of arrival."""
    runs = [figures(measure(instance, answer)) for answer in first_come(instance, booking, ORDERS)]
    return {name: round(statistics.mean(run[name] for run in runs), 1) for name in runs[0]}


async def one(name: str) -> dict[str, Any]:
    """One instance: solved, checked, measured and compared."""
    instance, plan = generate(PLANS[name]), PLANS[name]
    began, spent, first, last = time.perf_counter(), _children_cpu(), 0.0, Told()
    async for told in propose(instance, SECONDS):
        first, last = first or time.perf_counter() - began, told
    seconds, cpu, answer = time.perf_counter() - began, _children_cpu() - spent, last.answer
    if answer is None or check(instance, answer):
        raise RuntimeError(f"{name}: {check(instance, answer)[:3] if answer else 'no answer'}")
    ours, others = figures(measure(instance, answer)), {p: arrivals(instance, b) for p, b in POLICIES.items()}
    talks, slots = sum(len(f.talks) for f in instance.families), sum(len(h.slots) for h in instance.hosts)
    found = {"instance": name, "pupils": plan.pupils, "schools": plan.schools, "talks": talks}
    found |= {"load": round(talks / slots, 2), "seconds": round(seconds, 2), "solve_s": round(answer.seconds, 2)}
    found |= {"cpu_s": round(cpu, 2), "greedy_s": round(first, 2), "proven": answer.proven}
    found |= {"gap": round(answer.gap, 4), "rss_mb": last.rss_mb, "columns": answer.columns, "rows": answer.rows}
    found |= {"cost": round(answer.cost, 1), **ours}
    found |= {f"{policy}_{key}": value for policy, their in others.items() for key, value in their.items()}
    return found | {"worse": worse(ours, others)}


def worse(ours: Mapping[str, float], others: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The measures that are worse than in one of the ways to book, a text for each."""
    return [
        f"{key} {ours[key]} against {their[key]} ({policy})"
        for policy, their in others.items()
        for key in (*MORE, "mean_wait_min")
        if (their[key] - ours[key]) * (-1 if key == "mean_wait_min" else 1) > ROUNDED
    ]


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


async def main() -> dict[str, Any]:
    """Every instance in turn."""
    names = [name for name in sys.argv[1:] if name in PLANS] or NAMES
    return {"bench": "timetable", "instances": [await one(name) for name in names]}


if __name__ == "__main__":
    run(main)
