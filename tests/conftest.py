"""Fixtures every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.clock import ManualClock
from tests.stack import Stack, running_stack

SCHOOL_MORNING = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A real PostgreSQL and a real broker, shared by the whole run."""
    with running_stack() as running:
        yield running


@pytest.fixture
def clock() -> ManualClock:
    """Monday 23 November 2026, 08:00 in Stockholm."""
    return ManualClock(SCHOOL_MORNING)
