"""The engine and its sessions; the only place that makes them."""

from __future__ import annotations

from typing import Any, cast

from psycopg.types.array import ListBinaryDumper
from sqlalchemy import MetaData, Table, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from shared.db.reach import Reach, say_reach

Sessions = async_sessionmaker[AsyncSession]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# Serialization failure, deadlock, server shutting down or starting up, out of connections.
PASSING_SQLSTATES = ("40001", "40P01", "57P01", "57P02", "57P03", "53300")


def new_metadata() -> MetaData:
    """A service's own table collection, so that no service's migrations can see another's tables."""
    return MetaData(naming_convention=NAMING)


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a SQLModel class, for bulk statements."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def connect(url: str, pool: int) -> AsyncEngine:
    """An engine that keeps `pool` connections and checks one before use; 0 keeps none, for a command that asks once.

    Its errors do not quote rows. Its transactions reach nothing until they say how far (`reaching`, `reach_as`).
    """
    kept = {"pool_size": pool, "max_overflow": 2, "pool_pre_ping": True, "pool_recycle": 1800}
    engine = create_async_engine(url, hide_parameters=True, **(kept if pool else {"poolclass": NullPool}))
    event.listen(engine.sync_engine, "connect", _binary_arrays)
    event.listen(engine.sync_engine, "begin", say_reach)
    return engine


def reaching(engine: AsyncEngine, reach: Reach) -> AsyncEngine:
    """The same connections, each transaction beginning with this reach."""
    return engine.execution_options(reach=reach)


def _binary_arrays(connection: Any, _: object) -> None:
    """Send lists in binary form: as text, quoting each element costs more than the rest of a bulk write."""
    connection.driver_connection.adapters.register_dumper(list, ListBinaryDumper)


def session_factory(engine: AsyncEngine) -> Sessions:
    """Sessions whose `begin()` block commits when it is left without an error."""
    return async_sessionmaker(engine, expire_on_commit=False)


def is_passing(error: Exception) -> bool:
    """True when the database's error may be gone in a moment, so that the same work should be tried again."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if state is None:
            return isinstance(error, OperationalError | InterfaceError)
        return state in PASSING_SQLSTATES or state.startswith("08")
    return isinstance(error, OSError | TimeoutError)
