"""One machine: what dies comes back, what is stopped is gone, and a busy port is said in one line."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.embedded.forked import PROCESSES, SERVICES
from deploy.embedded.process import Child, PortBusy, StartFailed, free_port, require_free, stop_together
from deploy.embedded.stack import Keeper, Stack, free_ports

pytestmark = pytest.mark.connected
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]
SKOLBRO = Path(sys.executable).with_name("skolbro")


async def until(done: object, seconds: float = 20) -> None:
    assert callable(done)
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="skolbro-test-") as made:
        os.chmod(made, 0o755)  # noqa: S103 - PostgreSQL runs as a user of its own when we are root
        yield Path(made)


@pytest.fixture(scope="module")
async def stack(folder: Path) -> AsyncIterator[Stack]:
    running = Stack(folder, free_ports())
    running.start_servers()
    await running.start_services({"SKOLBRO_LOG_LEVEL": "warning"})
    yield running
    running.stop()


async def test_all_processes_of_the_six_services_are_ready(stack: Stack) -> None:
    async with httpx.AsyncClient() as client:
        for name in PROCESSES:
            answer = await client.get(f"http://127.0.0.1:{stack.ports[name]}/health/ready")
            assert answer.json()["ready"], name
    assert len({keeper.child.pid for keeper in stack.keepers.values()}) == len(PROCESSES)
    assert (stack.data / "logs" / "absence.log").exists()


async def test_a_killed_service_comes_back_at_once_and_ready(stack: Stack) -> None:
    keeping = asyncio.create_task(stack.keep())
    keeper = stack.keepers["absence"]
    first = keeper.child.pid
    os.kill(first, signal.SIGKILL)
    began = time.monotonic()
    await until(lambda: keeper.restarts == 1 and keeper.child.running())
    assert time.monotonic() - began < 3
    assert keeper.child.pid != first
    await stack.until_ready("absence")
    keeping.cancel()


async def test_stopping_leaves_no_process_and_takes_less_than_ten_seconds(stack: Stack) -> None:
    server = stack.postgres
    assert server is not None
    pids = [keeper.child.pid for keeper in stack.keepers.values()]
    pids += [child.pid for child in psutil.Process(server.child.pid).children()] + [server.child.pid]
    began = time.monotonic()
    stack.stop()
    assert time.monotonic() - began < 10
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    stack.stop()


async def test_one_that_keeps_ending_is_started_again_more_and_more_slowly(tmp_path: Path) -> None:
    keeper = Keeper(Child("A short life", [sys.executable, "-c", ""], tmp_path / "log"))
    keeper.child.start()
    keeping = asyncio.create_task(keeper.keep())
    await asyncio.sleep(2.5)
    keeping.cancel()
    assert 2 <= keeper.restarts <= 4


def test_children_stop_together_and_the_stubborn_one_is_killed(tmp_path: Path) -> None:
    children = [Child("One", SLEEPER, tmp_path / "1"), Child("Stubborn", STUBBORN, tmp_path / "2")]
    for child in children:
        child.start()
    children[1].wait_until(lambda: "up" in (tmp_path / "2").read_text(), 5)
    began = time.monotonic()
    stop_together(children, 1)
    assert 0.9 < time.monotonic() - began < 3
    assert not any(child.running() for child in children)


def test_a_child_that_ends_before_it_is_ready_is_said_with_its_log(tmp_path: Path) -> None:
    child = Child("The broker", [sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log")
    child.start()
    with pytest.raises(StartFailed, match=r"The broker ended at once \(exit 3\)"):
        child.wait_until(lambda: False, 5)


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def test_a_busy_port_is_named(busy_port: int) -> None:
    with pytest.raises(PortBusy, match=f"Port {busy_port} is in use by another program"):
        require_free([free_port(), busy_port])


@pytest.mark.parametrize("command", ["up", "demo"])
def test_the_command_says_a_busy_port_in_one_line_and_ends_with_1(busy_port: int, tmp_path: Path, command: str) -> None:
    run = [str(SKOLBRO), command, "--port", str(busy_port), "--data", str(tmp_path / "data")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == f"Port {busy_port} is in use by another program; stop it or use --port"
    assert done.stdout == ""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_however_the_command_ends_nothing_of_it_is_left(folder: Path, how: signal.Signals) -> None:
    port = free_first_port()
    run = [str(SKOLBRO), "up", "--port", str(port), "--data", str(folder / how.name)]
    command = psutil.Popen(run, stderr=subprocess.PIPE, text=True)
    line = await asyncio.to_thread(command.stderr.readline)
    assert line.startswith(f"Skolbro is up: http://127.0.0.1:{port}")
    family = command.children(recursive=True)
    command.send_signal(how)
    assert len(family) > 20
    _, left = await asyncio.to_thread(psutil.wait_procs, [command, *family], 10)
    assert not left
    assert command.returncode == (-how if how is signal.SIGKILL else 0)


def free_first_port() -> int:
    """A port with enough free ones above it."""
    while True:
        first = free_port()
        try:
            require_free(range(first, first + len(SERVICES)))
        except PortBusy:
            continue
        return first
