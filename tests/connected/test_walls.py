"""The walls in a real PostgreSQL: what a transaction does not reach is not there for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest
from alembic import command
from sqlalchemy import (
    ARRAY,
    Column,
    Engine,
    Index,
    MetaData,
    Table,
    Uuid,
    create_engine,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, Range
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from deploy.embedded.postgres import Postgres, program
from services.operations import SERVICES
from shared.db.engine import Sessions, connect, reaching, session_factory
from shared.db.migrate import alembic_config, migrate
from shared.db.reach import MACHINE, NOBODY, Reach, reach_as
from shared.db.walls import Wall, put_up, walled
from shared.errors import SkolbroError
from shared.kit import make_kit
from shared.settings import KitSettings, ServiceSettings
from tests.stack import LOGIN, NO_BROKER, Stack, running_postgres

pytestmark = pytest.mark.connected
SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "databases.sh"
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
MINE, THEIRS, NEW = 1, 2, 3
SECURITY = text(
    "select c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner) as owner, "
    "(select count(*) from pg_policy where polrelid = c.oid) as policies "
    "from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
)
ABOVE = text("select rolsuper, rolbypassrls, pg_has_role(rolname, :owner, 'member') from pg_roles where rolname = :me")
FIXED = {bool: False, datetime: NOON, date: NOON.date(), time: NOON.time()}
BY_SIDE: dict[type, Callable[[int], object]] = {
    str: lambda side: f"side {side}",
    int: lambda side: side,
    bytes: lambda side: bytes([side]),
    object: lambda side: {"side": side},  # JSON
}


def an_id(side: int, column: str) -> UUID:
    """The one id that a side has in all columns of this name, so that its rows belong together."""
    return uuid5(UUID(int=side), column)


def value(column: Column[object], side: int) -> object:
    if isinstance(column.type, ARRAY):
        return [an_id(side, column.name) if isinstance(column.type.item_type, Uuid) else f"side {side}"]
    if isinstance(column.type, TSTZRANGE):
        return Range(NOON, NOON + timedelta(hours=1))
    kind = column.type.python_type
    if kind is UUID:
        return an_id(side, column.name)
    return FIXED[kind] if kind in FIXED else BY_SIDE[kind](side)


def row(table: Table, side: int) -> dict[str, object]:
    return {column.name: value(column, side) for column in table.columns if column.identity is None}


def behind(table: Table) -> Wall:
    """The wall that a table is behind in the end: what hangs on another is reached with it."""
    wall: Wall = table.info["wall"]
    above = (table.info["parent"] or "").partition(".")[0]
    return behind(table.metadata.tables[above]) if wall is Wall.PARENT else wall


def person(side: int) -> Reach:
    return Reach(an_id(side, "tenant_id"), (an_id(side, "school_id"),))


@dataclass
class Filled:
    """A service's database with a row of ours and one of theirs in every table."""

    service: str
    metadata: MetaData
    owner: Engine
    pool: AsyncEngine

    @cached_property
    def machine(self) -> Sessions:
        return session_factory(reaching(self.pool, MACHINE))

    @cached_property
    def people(self) -> Sessions:
        return session_factory(self.pool)

    def tables(self, *walls: Wall) -> list[Table]:
        return [table for table in self.metadata.sorted_tables if not walls or table.info["wall"] in walls]

    def held(self) -> dict[str, int]:
        with self.owner.connect() as connection:
            found = {t.name: connection.scalar(select(func.count()).select_from(t)) for t in self.tables()}
        return {name: rows or 0 for name, rows in found.items()}

    async def seen(self, session: AsyncSession) -> dict[str, int]:
        return {t.name: await session.scalar(select(func.count()).select_from(t)) or 0 for t in self.tables()}


def filled(stack: Stack, service: str) -> Filled:
    metadata: MetaData = import_module(f"services.{service}.tables").metadata
    url = stack.fresh_database(MetaData())
    migrate(service, stack.owner_url(url))
    owner = create_engine(stack.owner_url(url), hide_parameters=True)
    with owner.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(insert(table), [row(table, side) for side in (MINE, THEIRS)])
    return Filled(service, metadata, owner, connect(url, 1))


@pytest.fixture(scope="module", params=SERVICES)
async def database(request: pytest.FixtureRequest, postgres: Postgres) -> AsyncIterator[Filled]:
    made = filled(Stack(postgres, NO_BROKER), request.param)
    yield made
    await made.pool.dispose()
    made.owner.dispose()


def refused(what: str = "row-level security|permission denied") -> pytest.RaisesExc[ProgrammingError]:
    return pytest.raises(ProgrammingError, match=what)


async def test_every_table_is_behind_a_wall_that_holds_for_its_owner_and_the_service_owns_none(
    database: Filled,
) -> None:
    with database.owner.connect() as connection:
        tables = {found.relname: found for found in connection.execute(SECURITY) if found.relname != "alembic_version"}
        above = connection.execute(
            ABOVE,
            {"me": LOGIN, "owner": {found.owner for found in tables.values()}.pop()},
        ).one()
    assert set(tables) == {table.name for table in database.tables()}
    for found in tables.values():
        assert found.relrowsecurity, found.relname
        assert found.relforcerowsecurity, found.relname
        assert found.policies, found.relname
        assert found.owner != LOGIN, found.relname
    assert not any(above)


async def test_who_does_not_say_how_far_it_reaches_sees_no_row_of_any_table(database: Filled) -> None:
    assert set(database.held().values()) == {2}
    async with database.people.begin() as session:
        assert set((await database.seen(session)).values()) == {0}
        await reach_as(session, NOBODY)
        assert set((await database.seen(session)).values()) == {0}


async def test_the_machine_sees_every_row(database: Filled) -> None:
    async with database.machine() as session:
        assert await database.seen(session) == database.held()


async def test_a_person_sees_their_own_municipality_and_schools_and_nobody_else_s(database: Filled) -> None:
    async with database.people.begin() as session:
        for side in (MINE, THEIRS):
            await reach_as(session, person(side))
            for table in database.tables():
                rows = (await session.execute(select(table))).mappings().all()
                assert len(rows) == {Wall.MACHINE: 0, Wall.EVERYONE: 2}.get(table.info["wall"], 1), table.name
                for found in rows if len(rows) == 1 else ():
                    ours = row(table, side)
                    assert {name: found[name] for name in ours} == ours


async def test_a_person_with_no_school_sees_nothing_of_any_school(database: Filled) -> None:
    async with database.people.begin() as session:
        await reach_as(session, Reach(an_id(MINE, "tenant_id")))
        seen = await database.seen(session)
    rows = {Wall.SCHOOL: 0, Wall.MACHINE: 0, Wall.TENANT: 1, Wall.APPEND_ONLY: 1, Wall.EVERYONE: 2}
    assert seen == {table.name: rows[behind(table)] for table in database.tables()}


async def test_a_person_writes_nothing_into_what_they_do_not_reach(database: Filled) -> None:
    for table in database.tables():
        async with database.people() as session:
            await reach_as(session, person(MINE))
            with refused():
                await session.execute(insert(table), [row(table, NEW)])


async def test_a_person_changes_and_removes_nothing_of_others_and_gives_nothing_away(database: Filled) -> None:
    for table in database.tables(Wall.TENANT, Wall.SCHOOL):
        key = "tenant_id" if table.info["wall"] is Wall.TENANT else "school_id"
        theirs = table.c[key] == an_id(THEIRS, key)
        async with database.people() as session:
            await reach_as(session, person(MINE))
            changed = await session.execute(update(table).where(theirs).values({key: an_id(MINE, key)}))
            removed = await session.execute(delete(table).where(theirs))
            assert (changed.rowcount, removed.rowcount) == (0, 0)  # type: ignore[attr-defined]
            with refused():
                await session.execute(update(table).values({key: an_id(THEIRS, key)}))
    assert set(database.held().values()) == {2}


async def test_what_is_append_only_is_changed_and_removed_by_nobody_who_works_here(database: Filled) -> None:
    for table in database.tables(Wall.APPEND_ONLY):
        for statement in (update(table).values(tenant_id=uuid4()), delete(table), text(f"truncate {table.name}")):
            async with database.machine() as session:
                with refused("permission denied"):
                    await session.execute(statement)
            async with database.people() as session:
                await reach_as(session, person(MINE))
                with refused("permission denied"):
                    await session.execute(statement)


async def test_what_everybody_may_read_is_written_by_the_machine_alone(database: Filled) -> None:
    for table in database.tables(Wall.EVERYONE):
        for statement in (insert(table).values(row(table, NEW)), update(table).values(row(table, NEW)), delete(table)):
            async with database.people() as session:
                await reach_as(session, person(MINE))
                with refused("permission denied"):
                    await session.execute(statement)
        async with database.machine() as session:
            await session.execute(insert(table), [row(table, NEW)])
            assert (await database.seen(session))[table.name] == 3
            await session.execute(delete(table))
            assert (await database.seen(session))[table.name] == 0


async def test_the_next_transaction_on_the_same_connection_reaches_nothing_of_the_last(database: Filled) -> None:
    backends = set()
    for leave in (AsyncSession.commit, AsyncSession.rollback, AsyncSession.close):
        for sessions, reach in ((database.people, person(MINE)), (database.machine, MACHINE)):
            async with sessions() as session:
                await reach_as(session, reach)
                backends.add(await session.scalar(text("select pg_backend_pid()")))
                assert any((await database.seen(session)).values()) or not database.tables(Wall.TENANT)
                await leave(session)
            async with database.people() as session:
                backends.add(await session.scalar(text("select pg_backend_pid()")))
                assert set((await database.seen(session)).values()) == {0}
    assert len(backends) == 1, "one pooled connection served them all"


async def test_a_wall_that_stands_is_left_alone_and_one_that_was_opened_is_put_up_again(database: Filled) -> None:
    standing = text("select oid from pg_policy order by oid")
    with database.owner.begin() as connection:
        before = connection.scalars(standing).all()
        put_up(connection, database.metadata)
        assert connection.scalars(standing).all() == before
        for opening in ("alter table due disable row level security", "create policy everyone on inbox using (true)"):
            connection.execute(text(opening))
        put_up(connection, database.metadata)
        assert len(connection.scalars(standing).all()) == len(before)
        assert all(found.relrowsecurity for found in connection.execute(SECURITY) if found.relname != "alembic_version")


def test_the_machine_keeps_the_indexes_whose_operators_may_not_look_past_a_wall(postgres: Postgres) -> None:
    metadata, stack = MetaData(), Stack(postgres, NO_BROKER)
    content = Column("content", JSONB, nullable=False)
    Table("note", metadata, content, Index("ix_note", content, postgresql_using="gin"), **walled(Wall.MACHINE))
    engine = create_engine(stack.fresh_database(metadata))
    with engine.begin() as connection:
        connection.execute(text("set local role skolbro_machine"))
        connection.execute(text("set local enable_seqscan = off"))
        plan = connection.scalars(text("explain select from note where content @> '{}'")).all()
    engine.dispose()
    assert "ix_note" in "".join(plan)


async def test_a_table_that_the_database_does_not_have_yet_is_named(postgres: Postgres) -> None:
    metadata: MetaData = import_module("services.absence.tables").metadata
    stack = Stack(postgres, NO_BROKER)
    engine = create_engine(stack.owner_url(stack.fresh_database(MetaData())))
    with engine.connect() as connection, pytest.raises(SkolbroError, match="absence_report"):
        put_up(connection, metadata)
    engine.dispose()


async def test_a_kit_has_one_pool_for_its_own_work_and_for_people_and_lets_go_of_it(postgres: Postgres) -> None:
    tables = import_module("services.absence.tables")
    url = Stack(postgres, NO_BROKER).fresh_database(tables.metadata)
    own = ServiceSettings().model_copy(update={"database_url": url})
    kit = make_kit("absence", tables.kit, KitSettings(), own)
    who = text("select pg_backend_pid(), current_user")
    async with kit.sessions() as session:
        backend, machine = (await session.execute(who)).one()
    async with kit.people() as session:
        assert (await session.execute(who)).one() == (backend, LOGIN)
    assert machine == "skolbro_machine"
    await kit.close()
    with create_engine(Stack(postgres, NO_BROKER).owner_url(url)).connect() as connection:
        alive = text("select count(*) from pg_stat_activity where pid = :pid")
        assert connection.scalar(alive, {"pid": backend}) == 0


def test_a_login_enters_no_other_service_s_database(postgres: Postgres) -> None:
    for name in (own := f"w{uuid4().hex}", other := f"w{uuid4().hex}"):
        postgres.create_database(name)
        postgres.admit(name, name)
    psycopg.connect(postgres.login_url(own, own)).close()
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(postgres.login_url(own, other))


def test_the_containers_owner_is_no_superuser_and_can_migrate_and_the_login_is_behind_the_walls() -> None:
    with running_postgres() as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("drop role skolbro_app, skolbro_machine")
        run_script(server)
        for service in SERVICES:
            url = f"127.0.0.1:{server.port}/{service}"
            owner = f"postgresql+psycopg://{service}_owner:o@{url}"
            make(service, owner)
            with psycopg.connect(f"postgresql://{service}:s@{url}") as connection:
                assert connection.execute("select count(*) from outbox").fetchone() == (0,)
                connection.execute("set local role skolbro_machine")
                assert connection.execute("select count(*) from outbox").fetchone() == (1,)


def run_script(server: Postgres) -> None:
    """As the image does it."""
    there = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGPASSWORD": server.password}
    told = {"POSTGRES_USER": "postgres", "SERVICE_PASSWORD": "s", "OWNER_PASSWORD": "o"}
    path = f"{program('psql').parent}:{os.environ['PATH']}"
    subprocess.run(["/bin/sh", str(SCRIPT)], env={**os.environ, **there, **told, "PATH": path}, check=True, timeout=60)


def make(service: str, owner: str) -> None:
    """Tables and walls made by an owner who is no superuser, and a row that the owner puts in and sees."""
    metadata: MetaData = import_module(f"services.{service}.tables").metadata
    outbox = metadata.tables["outbox"]
    engine = create_engine(owner)
    migrate(service, owner)
    migrate(service, owner)
    with engine.begin() as connection:
        put_up(connection, metadata)
        connection.execute(insert(outbox), [row(outbox, MINE)])
        assert connection.scalar(select(func.count()).select_from(outbox)) == 1
    engine.dispose()


def test_a_service_does_not_touch_what_its_migrations_have_noted(postgres: Postgres) -> None:
    stack = Stack(postgres, NO_BROKER)
    url = stack.fresh_database(MetaData())
    command.upgrade(alembic_config("registry", stack.owner_url(url)), "head")
    metadata = MetaData()
    with create_engine(stack.owner_url(url)).begin() as connection:
        put_up(connection, metadata)
    for statement in ("delete from alembic_version", "update alembic_version set version_num = '0'"):
        with psycopg.connect(url.replace("+psycopg", "")) as login:
            assert login.execute("select count(*) from alembic_version").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login.execute(statement)
