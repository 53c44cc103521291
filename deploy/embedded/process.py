"""A child process that is started, watched and stopped by its own pid, and that never outlives its parent."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 8.0
BELOW_OUTGOING = (20_000, 32_000)
DICE = random.SystemRandom()  # a test that fixes the dice must not fix the ports
GIVEN: set[int] = set()


class StartFailed(RuntimeError):
    """A child process did not come up; the text says which, why, and where its log is."""


class PortBusy(StartFailed):
    """A port that was asked for belongs to another program; the text is one line for a person."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago and that this process has not been given before.

    It lies below those the system gives to outgoing connections, or one of them could take it meanwhile.
    """
    while True:
        port = DICE.randrange(*BELOW_OUTGOING)
        if port not in GIVEN and _can_listen(port):
            GIVEN.add(port)
            return port


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def port_is_busy(port: int) -> bool:
    """True when something already listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_free(ports: Iterable[int]) -> None:
    """Raise PortBusy for the first of these ports that somebody else listens on."""
    for port in ports:
        if port_is_busy(port):
            raise PortBusy(f"Port {port} is in use by another program; stop it or use --port")


def die_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, so that a kill -9 leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Stoppable(Protocol):
    """What can be asked to end, and made to."""

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        ...

    def kill(self) -> None:
        """End at once (kill -9)."""
        ...

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end at most so long; True when it has come."""
        ...


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
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call, no locks
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

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self.process is not None and self.running():
            self.process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """End the process at once, as a power cut would (kill -9)."""
        if self.process is not None and self.running():
            self.process.kill()

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end at most so long; True when it has ended (or never began)."""
        try:
            return self.process is None or self.process.wait(seconds) is not None
        except subprocess.TimeoutExpired:
            return False

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask the process to end, wait, and kill it if it will not. Safe to call twice."""
        stop_together([self], seconds)


def stop_together(children: Sequence[Stoppable], seconds: float = STOP_SECONDS) -> None:
    """Ask all to end at once, wait for all until the time is up, and kill those that are left."""
    deadline = time.monotonic() + seconds
    for child in children:
        child.ask_to_stop()
    for child in children:
        if not child.ended_within(max(0.0, deadline - time.monotonic())):
            child.kill()
            child.ended_within(STOP_SECONDS)
