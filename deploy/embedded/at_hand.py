"""Where a command of one machine finds the servers: those that run on the data folder, or a database of its own.

What the environment says always wins; this only fills in what it leaves open.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.postgres import start_postgres
from shared.db.migrate import migrate

RUNNING = "running.json"


def tell(data: Path, environment: Mapping[str, str]) -> None:
    """Write down how to reach the servers that run on this data; only its owner can read it (it has passwords)."""
    file = data / RUNNING
    file.touch(mode=0o600)
    file.write_text(json.dumps({"pid": os.getpid(), **environment}), encoding="utf-8")


def forget(data: Path) -> None:
    """The servers have stopped."""
    (data / RUNNING).unlink(missing_ok=True)


def join_running(data: Path) -> bool:
    """Use the servers that run on this data, when some do. Returns whether they do."""
    try:
        told = json.loads((data / RUNNING).read_text(encoding="utf-8"))
        os.kill(told.pop("pid"), 0)
    except (OSError, ValueError):
        return False
    for name, value in told.items():
        os.environ.setdefault(name, value)
    return True


@contextmanager
def database(data: Path, service: str) -> Iterator[None]:
    """A service's database for as long as a command takes: the one named in the environment or running, else our own.

    What the command leaves in the outbox is published when the services run on this data the next time.
    """
    setting = f"{service.upper()}_DATABASE_URL"
    if setting in os.environ or join_running(data):
        yield
        return
    postgres = start_postgres(data / "pg")
    try:
        postgres.create_database(service)
        postgres.admit(service, service)
        migrate(service, postgres.url(service, "postgresql+psycopg"))
        os.environ[setting] = postgres.login_url(service, service, "postgresql+psycopg")
        yield
    finally:
        postgres.stop()
