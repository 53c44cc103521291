"""Bulk writes: the newest version wins in whatever order and batches things come."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Engine, Table, Text, create_engine, select, text

from deploy.embedded.postgres import Postgres
from shared.db.bulk import insert_rows, insert_statement, newer_wins, rows_as_arrays
from shared.db.engine import connect, new_metadata, session_factory

pytestmark = pytest.mark.connected
NAMES = ("id", "version", "value")
METADATA = new_metadata()
STATE = Table(
    "state",
    METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("value", Text, nullable=False),
)
UPSERT = insert_statement(STATE, NAMES, newer_wins(STATE, ("id",), NAMES))
States = list[tuple[int, int]]


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    name = f"t{uuid4().hex}"
    postgres.create_database(name)
    return postgres.url(name, "postgresql+psycopg")


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def in_batches(states: States, chance: random.Random) -> Iterator[States]:
    """Cut into batches, in which a key comes once, as a handler would."""
    batch: dict[int, int] = {}
    for key, version in states:
        if key in batch or chance.random() < 0.3:
            yield list(batch.items())
            batch = {}
        batch[key] = version
    yield list(batch.items())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 8)), min_size=1, max_size=40), st.randoms())
def test_whatever_the_order_and_the_batches_the_newest_version_is_what_remains(
    engine: Engine, states: States, chance: random.Random
) -> None:
    chance.shuffle(states)
    written: States = []
    with engine.begin() as connection:
        connection.execute(text("truncate state"))
        for batch in in_batches(states, chance):
            rows = [(key, version, f"{key}.{version}") for key, version in batch]
            if rows:
                fresh = connection.execute(UPSERT, rows_as_arrays(NAMES, rows)).all()
                written += [(row.id, dict(batch)[row.id]) for row in fresh]
        left = {row.id: (row.version, row.value) for row in connection.execute(select(STATE))}
    newest = {key: max(version for k, version in states if k == key) for key, _ in states}
    assert left == {key: (version, f"{key}.{version}") for key, version in newest.items()}
    assert len(written) == len(set(written)), "no version has its effect twice"


async def test_many_rows_go_in_as_one_statement(engine: Engine, database: str) -> None:
    pool = connect(database, 2)
    rows: Sequence[tuple[int, int, str]] = [(number, 1, "x") for number in range(10_000, 15_000)]
    async with asyncio.timeout(10), session_factory(pool).begin() as session:
        assert await insert_rows(session, STATE, NAMES, []) == []
        assert await insert_rows(session, STATE, NAMES, rows) == []
        total = (await session.execute(text("select count(*) from state where id >= 10000"))).scalar()
    await pool.dispose()
    assert total == 5_000
