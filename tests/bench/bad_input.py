"""How much of its speed a reader keeps when one record in a hundred is unusable.

`ratio_floor`: the same batches without the bad records, in mixed order in the same run. The aim is 0.95.

    uv run python -m tests.bench.bad_input --json
"""

from __future__ import annotations

import random
import statistics
from typing import Any

from shared.clock import ManualClock
from shared.messaging.reader import Reader
from tests.bench.common import NOON, run, servers
from tests.faults.test_bad_input import keep_effects, share_of_speed
from tests.on_servers import a_kit, fresh_topic

ROUNDS = 5


async def main() -> dict[str, Any]:
    """The median of five rounds."""
    with servers("embedded") as stack:
        topic, event = await fresh_topic(stack)
        reader = Reader("told", [topic], [event], keep_effects(event))
        reader.kit = await a_kit(stack, ManualClock(NOON))
        shares = [await share_of_speed(reader, event, random.Random(seed)) for seed in range(ROUNDS)]
        await reader.kit.close()
    return {
        "ratio_floor": round(statistics.median(shares), 3),
        "least": round(min(shares), 3),
        "most": round(max(shares), 3),
    }


if __name__ == "__main__":
    run(main)
