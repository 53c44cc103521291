"""The benchmark of the bulk lane, small: real processes, a broker, a mail server, and nothing lost or doubled."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

pytestmark = pytest.mark.connected


async def test_two_processes_of_the_service_reach_everyone_once_from_an_event_on_the_topic() -> None:
    arguments = ["-m", "tests.bench.bulletin", "--json", "--people", "400"]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(180):
        printed, _ = await process.communicate()
    found = json.loads(printed.splitlines()[-1])
    assert (found["people"], found["lost"], found["duplicates"]) == (400, 0, 0)
    assert found["rss_mb"] <= 300
    assert found["floor_per_s"] > 0
