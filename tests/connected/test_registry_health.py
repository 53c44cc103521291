"""What a service says about how it is doing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from deploy.embedded.postgres import Postgres
from services.registry.condition import condition_of
from services.registry.domain.kinds import Resource
from services.registry.importer import rows_of
from services.registry.tables import kit as tables
from shared.clock import ManualClock
from shared.events.operations import HealthReported
from shared.health import Health
from tests.connected.registry_stage import Double, Stage, a_double, a_stage, status
from tests.unit.registry.rows import FATHER, MOTHER, TENANT, pupil, responsible

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with a_stage(postgres, clock, "kommunen") as stage:
        yield stage


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with a_double() as double:
        yield double


def health(stage: Stage) -> Health:
    return Health(stage.importer.kit, condition_of([stage.source]))


async def reported(stage: Stage) -> HealthReported:
    [event] = [event for event in await stage.events() if isinstance(event, HealthReported)]
    return event


async def test_it_is_said_once_and_again_after_half_an_hour_or_when_something_changes(
    stage: Stage, clock: ManualClock
) -> None:
    report = health(stage).report
    assert await report()
    first = await reported(stage)
    clock.advance(timedelta(minutes=29))
    assert not await report()
    clock.advance(timedelta(minutes=1))
    assert await report()
    assert (await reported(stage)).version > first.version
    async with stage.importer.kit.sessions.begin() as session:
        await session.execute(insert(tables.dead_letter).values(**a_dead_letter(), parked_at=clock.now()))
    assert await report()
    assert (await reported(stage)).dead_letters == 1
    async with stage.importer.kit.sessions.begin() as session:
        await session.execute(update(tables.dead_letter).values(replayed_at=clock.now()))
    assert await report()
    assert (await reported(stage)).dead_letters == 0


async def test_a_service_without_sources_says_only_its_dead_letters(stage: Stage) -> None:
    assert await Health(stage.importer.kit).report()
    event = await reported(stage)
    assert (event.service, event.sources) == ("registry", ())


async def test_a_source_that_works_is_no_news_and_one_that_breaks_is(
    stage: Stage, double: Double, clock: ManualClock
) -> None:
    report = health(stage).report
    await stage.pull(double)
    assert await report()
    [works] = (await reported(stage)).sources
    assert (works.name, works.tenant_id, works.last_good_at, works.error) == ("kommunen", TENANT, clock.now(), None)
    clock.advance(timedelta(minutes=2))
    await stage.pull(double)
    assert not await report()
    double.script["persons"] = [status(403)]
    clock.advance(timedelta(minutes=2))
    await stage.pull(double)
    assert await report()
    [broken] = (await reported(stage)).sources
    assert (broken.last_run_at, broken.last_good_at) == (clock.now(), clock.now() - timedelta(minutes=2))
    assert broken.error


async def test_it_counts_what_waits_for_a_person(stage: Stage) -> None:
    for responsibles in ([responsible(MOTHER)], [responsible(MOTHER), responsible(FATHER)]):
        rows = rows_of(Resource.PERSONS, [pupil(responsibles=responsibles), {"id": "?"}], stage.origin)
        await stage.importer.take(stage.origin, rows)
    await stage.news()
    await health(stage).report()
    [source] = (await reported(stage)).sources
    assert (source.held, source.quarantined) == (1, 1)


def a_dead_letter() -> dict[str, object]:
    place = {"cluster": "none", "topic": "roster.persons.v1", "partition": 0, "offset": 7}
    return {**place, "headers": b"[]", "reason": "It could not be read."}
