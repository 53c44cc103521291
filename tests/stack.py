"""Real servers for tests: PostgreSQL and a broker, started once a session and stopped by their own pid."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from sqlalchemy import MetaData, create_engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from deploy.embedded.broker import Broker, start_broker
from deploy.embedded.postgres import Postgres, start_postgres
from deploy.embedded.process import Child
from shared.clock import Clock
from shared.db.walls import put_up
from shared.kit import Kit, make_kit
from shared.messaging.broker import cluster_id
from shared.messaging.tables import KitTables
from shared.settings import KitSettings, ServiceSettings

LOGIN = "skolbro_test"
NO_BROKER = Broker(Child("no broker", [], Path()), "127.0.0.1:1")


@dataclass
class Stack:
    """A database server and a broker."""

    postgres: Postgres
    broker: Broker

    @cached_property
    def settings(self) -> KitSettings:
        """The kit's settings for this stack."""
        return self.broker.settings().model_copy(update={"log_level": "warning"})

    def fresh_database(self, metadata: MetaData) -> str:
        """A new database with these tables behind their walls, ready for a service; returns its login's URL."""
        name = f"t{uuid4().hex}"
        self.postgres.create_database(name, like=_template(self.postgres, metadata))
        self.postgres.admit(LOGIN, name)
        return self.postgres.login_url(LOGIN, name, "postgresql+psycopg")

    def empty_database(self, metadata: MetaData) -> str:
        """A database like `fresh_database`'s that another test is done with, emptied; a new one when there is none."""
        idle = IDLE[self._place(metadata)]
        while idle:
            url = idle.pop()
            if _emptied(self.owner_url(url), metadata):
                return url
        return self.fresh_database(metadata)

    def give_back(self, url: str, metadata: MetaData) -> None:
        """A test is done with this database, and nobody is connected to it any more."""
        idle = IDLE[self._place(metadata)]
        if url not in idle:
            idle.append(url)

    def _place(self, metadata: MetaData) -> tuple[str, MetaData]:
        return self.postgres.url("postgres"), metadata

    def owner_url(self, url: str) -> str:
        """The same database for who owns its tables and sees over the walls."""
        there = make_url(url)
        return self.postgres.url(str(there.database), there.drivername)


TEMPLATES: dict[tuple[str, MetaData], str] = {}
IDLE: defaultdict[tuple[str, MetaData], list[str]] = defaultdict(list)


def _emptied(url: str, metadata: MetaData) -> bool:
    """Empty every table, as a tenth of the time of making a database. False when somebody is still at work in it."""
    counted = [table for table in metadata.sorted_tables if any(column.identity for column in table.c)]
    names = ", ".join(f'"{table.name}"' for table in counted)
    deletes = [f'delete from "{table.name}"' for table in reversed(metadata.sorted_tables)]
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("set local lock_timeout = '1s'")
            connection.exec_driver_sql(";".join(deletes))
            if names:
                connection.exec_driver_sql(f"truncate {names} restart identity cascade")
    except DBAPIError:
        return False
    return True


def _template(postgres: Postgres, metadata: MetaData) -> str:
    """A database of this server with these tables behind their walls, to be copied: half the time of making another."""
    place = postgres.url("postgres"), metadata
    if place not in TEMPLATES:
        name = f"template{uuid4().hex}"
        postgres.create_database(name)
        engine = create_engine(postgres.url(name, "postgresql+psycopg"))
        with engine.begin() as connection:
            metadata.create_all(connection)
            put_up(connection, metadata)
        engine.dispose()
        TEMPLATES[place] = name
    return TEMPLATES[place]


async def kit_on(
    stack: Stack, service: str, metadata: MetaData, tables: KitTables, clock: Clock, own: ServiceSettings | None = None
) -> Kit:
    """A service's engine room on a fresh database. The service name gets a suffix so that groups never meet."""
    own = own or ServiceSettings()
    own = own.model_copy(update={"database_url": stack.fresh_database(metadata)})
    kit = make_kit(f"{service}-{uuid4().hex[:6]}", tables, stack.settings, own)
    kit.clock = clock
    kit.cluster = await cluster_id(stack.settings)
    return kit


def kit_off_kafka(postgres: Postgres, service: str, metadata: MetaData, tables: KitTables, clock: Clock) -> Kit:
    """An engine room on a fresh database for tests that need no broker: what is said stays in the outbox."""
    stack = Stack(postgres, NO_BROKER)
    url = stack.empty_database(metadata)
    kit = make_kit(service, tables, KitSettings(), ServiceSettings().model_copy(update={"database_url": url}))
    kit.clock, kit.cluster = clock, "none"
    close = kit.close

    async def close_and_give_back() -> None:
        await close()
        stack.give_back(url, metadata)

    kit.close = close_and_give_back  # type: ignore[method-assign]
    return kit


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """PostgreSQL for as long as the block lasts. Without fsync: a power cut is not what is tested."""
    with tempfile.TemporaryDirectory(prefix="skolbro-test-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - PostgreSQL runs as a user of its own when we are root
        postgres = start_postgres(Path(folder) / "pg", fsync="off")
        try:
            yield postgres
        finally:
            postgres.stop()


@contextmanager
def running_stack(broker: Broker | None = None) -> Iterator[Stack]:
    """PostgreSQL and the given broker (or the embedded one) for as long as the block lasts."""
    with running_postgres() as postgres, tempfile.TemporaryDirectory(prefix="skolbro-test-") as folder:
        kafka = broker or start_broker(Path(folder))
        try:
            yield Stack(postgres, kafka)
        finally:
            kafka.stop()
