"""How long the demo takes to its first live page, cold and warm, what it keeps resident, how soon it stops.

`ratio_floor`: the warm start against the floor of an interpreter that only imports the services, in the same run.

    uv run python -m tests.bench.demo --json
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.embedded.forked import FIRST_PORT
from tests.bench.common import run

SERVICES = ("registry", "absence", "scheduling", "bulletins", "notifications", "portal")
SHOWS_SCHOOLS = "School by school"
SETTLE_SECONDS = 45


async def started(data: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """Start the demo; return it and the seconds until the live page shows the schools."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "services.cli", "demo", "--data", str(data), "--port", str(port)]
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    async with httpx.AsyncClient(trust_env=False) as client:
        while demo.poll() is None:
            try:
                if SHOWS_SCHOOLS in (await client.get(f"http://127.0.0.1:{port}/", timeout=2)).text:
                    return demo, time.perf_counter() - began
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError(f"The demo ended with {demo.returncode}.")


def resident_mb(pid: int) -> float:
    """Memory of the process and all below it, each shared page counted once in proportion (PSS)."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(one.memory_full_info().pss for one in family) / 2**20)


def stopped(demo: subprocess.Popen[bytes]) -> float:
    """Press Ctrl-C and wait; the seconds that takes."""
    began = time.perf_counter()
    demo.send_signal(signal.SIGINT)
    demo.wait(30)
    return time.perf_counter() - began


def floor() -> float:
    """Seconds that one interpreter takes only to import what the demo runs."""
    began = time.perf_counter()
    lines = "; ".join(f"import services.{name}.main" for name in SERVICES)
    subprocess.run([sys.executable, "-c", lines], check=True)
    return time.perf_counter() - began


async def main() -> dict[str, Any]:
    """Cold, then a second start on the same data."""
    folder = Path(tempfile.mkdtemp(prefix="skolbro-bench-"))
    folder.chmod(0o755)
    port = FIRST_PORT
    try:
        demo, cold = await started(folder, port)
        await asyncio.sleep(SETTLE_SECONDS)
        memory = resident_mb(demo.pid)
        stop = stopped(demo)
        demo, warm = await started(folder, port)
        stopped(demo)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "cold_s": round(cold, 1),
        "warm_s": round(warm, 1),
        "stop_s": round(stop, 1),
        "resident_mb": round(memory),
        "ratio_floor": round(warm / floor(), 1),
    }


if __name__ == "__main__":
    run(main)
