"""Does a result cost more in a large municipality than in a small one? CPU per result at three sizes.

uv run python -m tests.bench.scale --json
"""

from __future__ import annotations

import contextlib
import gc
from typing import Any

import psutil

from shared.messaging.broker import create_topics
from tests.bench.absence import MISSING, ours
from tests.bench.common import people, produce, results, run, servers

SIZES = (5_000, 20_000, 80_000)
RESULTS = 80_000


def server_cpu(pid: int) -> float:
    """CPU seconds used so far by PostgreSQL and all its processes, those that have ended too."""
    server = psutil.Process(pid)
    times = [server.cpu_times()]
    for child in server.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended just now, and is in the server's own sum
            times.append(child.cpu_times())
    ended = times[0].children_user + times[0].children_system
    return float(sum(t.user + t.system for t in times) + ended)


async def cost(size: int) -> float:
    """Microseconds of CPU per result, in the service and in PostgreSQL together."""
    pupils = people(size)
    events = results(pupils, RESULTS, MISSING)
    with servers("embedded") as stack:
        await create_topics(stack.settings)
        await produce(stack.settings, events)
        gc.collect()
        gc.freeze()
        loaded: list[float] = []
        _, cpu, _ = await ours(stack, pupils, RESULTS, lambda: loaded.append(server_cpu(stack.postgres.child.pid)))
        database = server_cpu(stack.postgres.child.pid) - loaded[0]
    gc.unfreeze()
    return (cpu + database) / RESULTS * 1e6


async def main() -> dict[str, Any]:
    """Every size twice, the cheaper run counting: the machine's noise only ever adds."""
    costs = {size: min([await cost(size) for _ in range(2)]) for size in SIZES}
    return {
        "cost_us": {str(size): round(value, 1) for size, value in costs.items()},
        "cost_ratio": round(costs[SIZES[-1]] / costs[SIZES[0]], 2),
    }


if __name__ == "__main__":
    run(main)
