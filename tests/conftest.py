"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from deploy.embedded.postgres import Postgres
from shared.clock import ManualClock
from shared.observe.logging import configure_logging
from tests.brokers import KINDS, NoKafka, running_broker
from tests.stack import Stack, running_postgres

SCHOOL_MORNING = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Log as a service does, but only what went wrong."""
    configure_logging("tests", "error")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for the whole run."""
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="session", params=KINDS)
def stack(
    request: pytest.FixtureRequest, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A real PostgreSQL with each broker in turn: the embedded one and Apache Kafka (`-k embedded`, `-k kafka`).

    Where no Apache Kafka can be had its half is skipped and says what is missing; in CI it fails instead.
    """
    try:
        with running_broker(request.param, tmp_path_factory.mktemp("broker")) as broker:
            yield Stack(postgres, broker)
    except NoKafka as missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))


@pytest.fixture
def clock() -> ManualClock:
    """Monday 23 November 2026, 08:00 in Stockholm."""
    return ManualClock(SCHOOL_MORNING)
