"""Services as processes forked from one that has imported everything.

Six interpreters that each import the same libraries take six times the memory and, on a small machine, six times
as long. Forked, a service is there in a fraction of a second, also after it was killed, and the pages that
nobody writes to are shared (measured on a fresh service: 27 MB of its own instead of 82).
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from deploy.embedded.process import StartFailed, die_with_parent

PR_SET_NAME = 15
SERVICES = ("portal", "registry", "absence", "scheduling", "bulletins", "notifications")
# One service runs twice, on one database: what is bulky has a process, and so a processor, of its own, and a bulletin
# to a whole city never holds up a notice about one child.
LANES = {"notifications": ("urgent", "normal"), "notifications-bulk": ("bulk",)}
PROCESSES = (*SERVICES, *(name for name in LANES if name not in SERVICES))
FIRST_PORT = 8000  # the portal's; the other processes are on those after it
COMMAND = "services.cli"  # what a forked process finds as its main program and would import again
HEAVY = ("uvicorn", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on")
FREEZE = "deploy.embedded.freeze"
GRACEFUL_SECONDS = 2  # a browser on the live page must not hold up the stop
CONTEXT = multiprocessing.get_context("forkserver")


def service_of(process: str) -> str:
    """The service that a process runs: `notifications-bulk` runs `notifications`."""
    return process.partition("-")[0]


def get_ready() -> None:
    """Begin to import the services in the background, so that forking them takes no time later."""
    CONTEXT.set_forkserver_preload([*HEAVY, *[f"services.{name}.main" for name in SERVICES], COMMAND, FREEZE])
    forkserver.ensure_running()


@dataclass
class ForkedService:
    """One process of a service, served by uvicorn on 127.0.0.1:port, its output in a log file."""

    called: str  # one of PROCESSES
    port: int
    env: Mapping[str, str]
    log: Path
    process: ForkServerProcess | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """What to call it to a person."""
        return f"The service {self.called}"

    @property
    def pid(self) -> int:
        """The process id; raises StartFailed when it was never started."""
        if self.process is None or self.process.pid is None:
            raise StartFailed(f"{self.name} was not started.")
        return self.process.pid

    def start(self) -> None:
        """Start the process. Does not wait until it is ready."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        arguments = (self.called, self.port, dict(self.env), str(self.log))
        self.process = CONTEXT.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()

    def running(self) -> bool:
        """True while the process lives."""
        return self.process is not None and self.process.is_alive()

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self.process is not None and self.running():
            self.process.terminate()

    def kill(self) -> None:
        """End the process at once, as a power cut would (kill -9)."""
        if self.process is not None and self.running():
            self.process.kill()

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end at most so long; True when it has ended (or never began)."""
        if self.process is not None:
            self.process.join(seconds)
        return not self.running()


def _serve(called: str, port: int, env: Mapping[str, str], log: str) -> None:
    """What the new process does."""
    import uvicorn

    os.setsid()  # a Ctrl-C in the terminal reaches the parent, which stops the services in order
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent()  # with the process it is forked from, and below also with the one that asked for it
    threading.Thread(target=_end_with_the_stack, daemon=True).start()
    _be_called(f"skolbro-{called}")
    os.environ.update(env)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(out, number)
    uvicorn.run(
        f"services.{service_of(called)}.main:create_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def _end_with_the_stack() -> None:
    """End in order when the process that started the stack is gone, however it went."""
    stack = multiprocessing.parent_process()
    if stack is not None:
        stack.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _be_called(name: str) -> None:
    """The name in `ps -A` and `top` (15 characters on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)
