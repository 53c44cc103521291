"""A child process that is started, watched and stopped by its own pid, and that never outlives its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 8.0


class StartFailed(RuntimeError):
    """A child process did not come up; the text says which, why, and where its log is."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_busy(port: int) -> bool:
    """True when something already listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _die_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, so that a kill -9 leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One child process with a log file of its own.

    `user` is the system user to run as (PostgreSQL refuses to run as root); None keeps ours.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the process; its output goes to the log file. Does not wait until it is ready."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(  # a child of ours, never a shell
                self.command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=None if self.env is None else {**os.environ, **self.env},
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                start_new_session=True,  # a Ctrl-C in the terminal reaches us, and we stop the children in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no locks
            )

    @property
    def pid(self) -> int:
        """The process id; raises StartFailed when it was never started."""
        if self.process is None:
            raise StartFailed(f"{self.name} was not started.")
        return self.process.pid

    def running(self) -> bool:
        """True while the process lives."""
        return self.process is not None and self.process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Block until `ready()` is true. Raises StartFailed when the process ends first or time runs out."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.running():
                code = self.process.returncode if self.process else None
                raise StartFailed(f"{self.name} ended at once (exit {code}). Its last words are in {self.log}.")
            if ready():
                return
            time.sleep(0.02)
        raise StartFailed(f"{self.name} was not ready within {seconds:.0f} s. See {self.log}.")

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask the process to end, wait, and kill it if it will not. Safe to call twice."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
