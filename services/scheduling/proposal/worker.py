"""The process that solves: an instance as one JSON document on stdin, JSON lines on stdout.

    python -m services.scheduling.proposal.worker [--seconds 60]

First `{"answer": …}`, the greedy one; then `{"progress": percent, "cost": …, "bound": …}`; last `{"answer": …,
"final": true, "rss_mb": …}`. What is no instance gets `{"error": …}` and exit code 2. It ends when its parent does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import threading
import time
from typing import Any, TextIO

from services.scheduling.proposal.codec import from_json, to_json
from services.scheduling.proposal.model import Instance, Progress
from services.scheduling.proposal.solve import Search

NICE = 5  # whoever waits for a page comes first
LOOK_SECONDS = 1.0


def main(arguments: list[str], told: TextIO, said: TextIO) -> int:
    """Solve what is told on `told`; the exit code."""
    parser = argparse.ArgumentParser(prog="worker", description="Proposes times for talks.")
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args(arguments).seconds
    try:
        instance = from_json(Instance, json.load(told))
    except ValueError as error:
        _say(said, {"error": str(error)})
        return 2
    search = Search(instance, seconds, lambda progress: _tell(said, progress))
    _say(said, {"answer": to_json(search.greedy)})
    answer = search.best()
    _say(said, {"answer": to_json(answer), "final": True, "rss_mb": _rss_mb()})
    return 0


def _tell(said: TextIO, progress: Progress) -> None:
    _say(said, {"progress": progress.percent, "cost": progress.cost, "bound": progress.bound})


def _say(said: TextIO, line: dict[str, Any]) -> None:
    said.write(json.dumps(line, separators=(",", ":")) + "\n")
    said.flush()


def _rss_mb() -> float:
    """The most memory this process had, in MB (Linux counts it in KiB)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _end_with(parent: int) -> None:
    """End this process soon after its parent has ended."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    os.nice(NICE)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    sys.exit(main(sys.argv[1:], sys.stdin, sys.stdout))
