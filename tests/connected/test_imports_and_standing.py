"""From a registry's rows to what a grown-up sees: no sequence of imports gives anybody a view that no person released.

The whole road without the broker: SS 12000 rows through the registry's importer (and its quarantine, and a registrar's
decisions) into the outbox, from there into the portal's copy of the roster, and everybody's standing after each step.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.portal import tables as portal
from services.portal.consumers import ROSTER
from services.registry.domain.kinds import Resource
from services.registry.importer import rows_of
from shared.clock import ManualClock
from shared.db.reach import Reach, reach_as
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Erased, Event, Received
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.roster.projection import roster_reader
from shared.roster.standing import standing_of
from tests.connected.registry_stage import Stage, a_stage
from tests.stack import kit_off_kafka
from tests.unit.registry.rows import FATHER, MOTHER, PUPIL, TENANT, grown_up, organisation, pupil, responsible

pytestmark = pytest.mark.connected
GROWN_UPS = (MOTHER, FATHER)
BORN = (date(2014, 3, 1), date(2008, 11, 23))  # the second comes of age today
Right = tuple[UUID, date | None]  # a grown-up, and the last day in force


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with a_stage(postgres, clock) as stage:
        yield stage


@pytest.fixture
async def reader(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "portal", portal.metadata, portal.kit, clock)
    yield kit
    await kit.close()


async def begin_anew(stage: Stage, reader: Kit) -> None:
    async with stage.importer.kit.sessions.begin() as session:
        for table in ("record", "held", "quarantine", "outbox"):
            await session.execute(text(f"delete from {table}"))
    async with reader.sessions.begin() as session:
        for table in ("roster", "roster_link"):
            await session.execute(text(f"delete from {table}"))


async def carry(stage: Stage, reader: Kit) -> None:
    """What the registry says reaches the portal, everything twice."""
    said = await stage.news()
    received = [
        Received(_event(row), str(uuid4()).encode(), None, row.topic, 0, place)
        for place, row in enumerate([*said, *said])
    ]
    async with reader.sessions.begin() as session:
        await roster_reader(portal.roster, *ROSTER).handle(session, Batch(received, reader.clock.now()))


def _event(row: Any) -> Event:
    if row.value is None:
        return Erased(erased_type=row.event_type, erased_key=row.key)
    return CATALOGUE[row.event_type].model_validate_json(row.value)


async def who_sees(reader: Kit) -> set[UUID]:
    """The grown-ups whose home page shows the pupil now."""
    found = set()
    for person_id in GROWN_UPS:
        async with reader.people.begin() as session:
            await reach_as(session, Reach(TENANT))
            standing = await standing_of(session, portal.roster, person_id, TENANT, reader.clock.now())
        if standing and PUPIL in standing.children:
            found.add(person_id)
    return found


async def take(stage: Stage, resource: Resource, *rows: dict[str, Any]) -> None:
    await stage.importer.take(stage.origin, rows_of(resource, rows, stage.origin))


def row_of(stated: list[Right], born: date, active: bool) -> dict[str, Any]:
    ties = [responsible(who, **({"endDate": ends.isoformat()} if ends else {})) for who, ends in stated]
    return pupil(
        responsibles=ties, birthDate=born.isoformat(), personStatus="Aktiv" if active else "Utflyttad", meta=None
    )


TODAY = date(2026, 11, 23)
ENDS = st.sampled_from([None, TODAY - timedelta(days=1), TODAY + timedelta(days=30)])
NAMED = st.sampled_from([(), GROWN_UPS[:1], GROWN_UPS[1:], GROWN_UPS])
RIGHTS = st.tuples(NAMED, ENDS, ENDS).map(lambda drawn: list(zip(drawn[0], drawn[1:], strict=False)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_sequence_of_imports_gives_a_view_that_no_person_released(
    stage: Stage, reader: Kit, data: st.DataObject
) -> None:
    await begin_anew(stage, reader)
    await take(stage, Resource.ORGANISATIONS, organisation())
    await take(stage, Resource.PERSONS, *[grown_up(one) for one in GROWN_UPS])
    first = data.draw(RIGHTS.filter(bool))
    await take(stage, Resource.PERSONS, row_of(first, BORN[0], active=True))
    await carry(stage, reader)
    seeing = await who_sees(reader)
    assert seeing == {who for who, ends in first if ends is None or ends >= TODAY}
    for _ in range(data.draw(st.integers(1, 5))):
        released = data.draw(st.booleans())
        before = seeing
        if released:
            waiting = [entry.id for entry in await stage.waiting()]
            await stage.decisions.release(data.draw(st.permutations(waiting)), "the registrar")
        else:
            stated, born, active = data.draw(RIGHTS), data.draw(st.sampled_from(BORN)), data.draw(st.booleans())
            await take(stage, Resource.PERSONS, row_of(stated, born, active))
        await carry(stage, reader)
        seeing = await who_sees(reader)
        if not released:
            lawful = (
                {who for who, ends in stated if ends is None or ends >= TODAY} if born == BORN[0] and active else set()
            )
            assert seeing <= before, "an import gave somebody a view"
            assert seeing <= lawful, "a right that the registry took back was still there"


async def test_a_registrar_who_releases_lets_the_new_guardian_see(stage: Stage, reader: Kit) -> None:
    await begin_anew(stage, reader)
    await take(stage, Resource.ORGANISATIONS, organisation())
    await take(stage, Resource.PERSONS, *[grown_up(one) for one in GROWN_UPS])
    await take(stage, Resource.PERSONS, row_of([(MOTHER, None)], BORN[0], active=True))
    await take(stage, Resource.PERSONS, row_of([(MOTHER, None), (FATHER, None)], BORN[0], active=True))
    await carry(stage, reader)
    assert await who_sees(reader) == {MOTHER}
    await stage.decisions.release([entry.id for entry in await stage.waiting()], "the registrar")
    await carry(stage, reader)
    assert await who_sees(reader) == {MOTHER, FATHER}
