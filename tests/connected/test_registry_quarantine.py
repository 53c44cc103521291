"""What would let more people know waits in the database until a person decides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.demo.actions import Join
from services.demo.actions import Stage as DemoStage
from services.demo.day import plan_day, replay
from services.demo.records import Records
from services.demo.records import Resource as DemoResource
from services.demo.ss12000 import load
from services.registry.commands import import_folder
from services.registry.domain.kinds import Resource
from services.registry.domain.ledger import Outcome
from services.registry.domain.report import Fate
from services.registry.domain.widening import What
from services.registry.importer import rows_of
from services.registry.store.quarantine import State
from shared.clock import ManualClock
from shared.events.roster import GuardianshipsStated, LoginStated
from shared.ids import login_digest, tenant_id
from tests.connected.registry_stage import Stage, a_stage, with_login_key
from tests.unit.demo.world import MONDAY, small_municipality
from tests.unit.registry.rows import FATHER, MOTHER, PUPIL, grown_up, meta, pupil, responsible

pytestmark = pytest.mark.connected
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "ss12000-sample"
KOMMUNEN = tenant_id("kommunen")
MOTHERS, BOTH = [responsible(MOTHER)], [responsible(MOTHER), responsible(FATHER)]


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with a_stage(postgres, clock, "kommunen", "friskolan") as stage:
        yield stage


async def take(stage: Stage, *people: Any) -> list[Fate]:
    return await stage.importer.take(stage.origin, rows_of(Resource.PERSONS, people, stage.origin))


async def guardians(stage: Stage) -> list[list[UUID]]:
    """The guardians in each list that was said since this was last asked."""
    lists = [event for event in await stage.events() if isinstance(event, GuardianshipsStated)]
    return [[tie.guardian_id for tie in event.ties] for event in lists]


async def widened(stage: Stage) -> UUID:
    """The mother was known, and then the father is added; returns the entry's id."""
    await take(stage, pupil(responsibles=MOTHERS))
    await stage.news()
    await take(stage, pupil(responsibles=BOTH))
    [entry] = await stage.waiting()
    return entry.id


async def test_a_guardian_who_is_added_is_told_to_nobody_until_a_person_releases_it(
    stage: Stage, clock: ManualClock
) -> None:
    await take(stage, pupil(responsibles=MOTHERS))
    await stage.news()
    [fate] = await take(stage, pupil(responsibles=BOTH))
    assert (fate.outcome, fate.reason) == (Outcome.UNCHANGED, "")
    assert await stage.news() == []
    [entry] = await stage.waiting()
    assert (entry.what, entry.pupil_id, entry.person_id) == (What.NEW_TIE, PUPIL, FATHER)
    assert (entry.tenant_id, entry.source, entry.first_seen) == (KOMMUNEN, "kommunen", clock.now())
    decided = await stage.decisions.release([entry.id], "the registrar", "seen the court order")
    assert [one.id for one in decided.done] == [entry.id]
    assert await guardians(stage) == [[MOTHER, FATHER]]
    assert await stage.waiting() == []
    async with stage.importer.kit.sessions() as session:
        row = (await session.execute(text("select state, decided_by, note from quarantine"))).one()
    assert tuple(row) == ("released", "the registrar", "seen the court order")


async def test_the_same_import_again_is_the_same_entry_and_one_that_is_seen_last_now(
    stage: Stage, clock: ManualClock
) -> None:
    entry_id = await widened(stage)
    since = clock.now()
    clock.advance(timedelta(hours=1))
    await take(stage, pupil(responsibles=BOTH))
    [entry] = await stage.waiting()
    assert (entry.id, entry.first_seen) == (entry_id, since)
    async with stage.importer.kit.sessions() as session:
        assert await session.scalar(text("select last_seen from quarantine")) == clock.now()


async def test_what_is_refused_stays_out_as_long_as_the_same_is_stated(stage: Stage) -> None:
    await stage.decisions.refuse([await widened(stage)], "the registrar")
    await take(stage, pupil(responsibles=BOTH))
    [entry] = await stage.waiting()
    assert entry.state is State.REFUSED
    assert await guardians(stage) == []
    await take(stage, pupil(responsibles=[responsible(MOTHER), responsible(FATHER, endDate="2027-06-30")]))
    [other] = await stage.waiting()
    assert (other.state, other.id != entry.id) == (State.WAITING, True)


async def test_a_refusal_can_be_taken_back(stage: Stage) -> None:
    entry_id = await widened(stage)
    await stage.decisions.refuse([entry_id], "the registrar")
    await stage.decisions.release([entry_id], "the registrar")
    assert await guardians(stage) == [[MOTHER, FATHER]]


async def test_what_the_source_withdraws_waits_no_more_and_waits_anew_when_it_comes_back(stage: Stage) -> None:
    entry_id = await widened(stage)
    await stage.decisions.refuse([entry_id], "the registrar")
    await take(stage, pupil(responsibles=MOTHERS))
    assert await stage.waiting() == []
    gone = await stage.decisions.release([entry_id], "the registrar")
    assert (gone.done, gone.gone) == ((), (entry_id,))
    await take(stage, pupil(responsibles=BOTH))
    assert [one.state for one in await stage.waiting()] == [State.WAITING]
    assert await guardians(stage) == []


async def test_one_who_was_released_taken_out_and_added_again_waits_again(stage: Stage) -> None:
    entry_id = await widened(stage)
    await stage.decisions.release([entry_id], "the registrar")
    await take(stage, pupil(responsibles=MOTHERS))
    await take(stage, pupil(responsibles=BOTH))
    assert [(one.id, one.state, one.decided_by) for one in await stage.waiting()] == [(entry_id, State.WAITING, None)]
    assert await guardians(stage) == [[MOTHER, FATHER], [MOTHER]]


async def test_narrowing_in_the_same_row_is_said_at_once(stage: Stage) -> None:
    await take(stage, pupil(responsibles=MOTHERS))
    await stage.news()
    await take(stage, pupil(responsibles=[responsible(FATHER)]))
    assert await guardians(stage) == [[]]
    assert [one.person_id for one in await stage.waiting()] == [FATHER]


async def test_a_first_import_of_many_families_in_pieces_and_twice_over_fills_nothing(stage: Stage) -> None:
    children = [uuid4() for _ in range(40)]
    rows = [pupil(id=str(child), responsibles=BOTH if n % 2 else None) for n, child in enumerate(children)]
    parents = [
        grown_up(one, _embedded={"responsibleFor": [responsible(child) for child in children]})
        for one in (MOTHER, FATHER)
    ]
    for _ in range(2):
        await take(stage, *rows[:20], parents[0], *rows[20:])
        await take(stage, parents[1])
    assert await stage.waiting() == []


async def test_a_grown_ups_row_does_not_lose_what_waits_of_another(stage: Stage, clock: ManualClock) -> None:
    def row(one: UUID, *children: UUID) -> dict[str, Any]:
        return grown_up(one, _embedded={"responsibleFor": [responsible(child) for child in children]})

    child = pupil()
    del child["responsibles"]
    await take(stage, child, row(MOTHER, PUPIL))
    clock.advance(timedelta(days=2))
    await take(stage, row(FATHER, PUPIL))
    await take(stage, row(MOTHER, PUPIL))
    assert [one.person_id for one in await stage.waiting()] == [FATHER]
    await take(stage, row(FATHER))
    assert await stage.waiting() == []


async def test_a_pupil_who_is_deleted_and_sent_again_gets_back_what_there_was(stage: Stage) -> None:
    await widened(stage)
    await stage.importer.erase("kommunen", Resource.PERSONS, [PUPIL])
    assert await stage.waiting() == []
    await stage.news()
    await take(stage, pupil(responsibles=BOTH))
    assert await guardians(stage) == [[MOTHER]]
    assert [one.person_id for one in await stage.waiting()] == [FATHER]


async def test_every_event_of_the_roster_says_whose_registry_stated_it(stage: Stage) -> None:
    await take(stage, pupil(), grown_up())
    said = await stage.events()
    assert len(said) == 5
    assert {getattr(event, "tenant_id", None) for event in said} == {KOMMUNEN}


async def test_logins_are_said_as_digests_and_the_number_is_kept_nowhere(stage: Stage) -> None:
    with_login_key(stage, "k" * 32)
    row = pupil(
        birthDate=None,
        civicNo={"value": "140301-TF42"},
        eduPersonPrincipalNames=["alva@elev.example"],
        emails=[{"value": "Alva@skolan.example", "type": "Skola elev"}, {"value": "a@hem.example", "type": "Privat"}],
    )
    await take(stage, row, pupil(id="unreadable", civicNo={"value": "140301-TF43"}))
    [said] = [event for event in await stage.events() if isinstance(event, LoginStated)]
    expected = [("civic_no", "20140301TF42"), ("eppn", "alva@elev.example"), ("email", "alva@skolan.example")]
    assert set(said.identifiers) == {login_digest(b"k" * 32, KOMMUNEN, *one) for one in expected}
    async with stage.importer.kit.sessions() as session:
        kept = await session.scalar(text("select string_agg(payload::text, '') from record"))
        waits = await session.scalar(text("select payload from held"))
    assert "TF4" not in kept
    assert b"TF4" not in waits
    await take(stage, {**row, "civicNo": None, "eduPersonPrincipalNames": [], "emails": [], "meta": meta("2026-11-22")})
    [gone] = [event for event in await stage.events() if isinstance(event, LoginStated)]
    assert gone.identifiers == ()


async def test_without_a_key_no_login_is_said(stage: Stage) -> None:
    await take(stage, pupil(civicNo={"value": "20140301TF42"}))
    assert not [event for event in await stage.events() if isinstance(event, LoginStated)]


async def test_a_registry_cannot_state_digests_of_its_own(stage: Stage) -> None:
    with_login_key(stage, "k" * 32)
    await take(stage, pupil(_logins=["00" * 32]))
    assert not [
        event for event in await stage.events() if isinstance(event, LoginStated) and "00" * 32 in event.identifiers
    ]


async def test_the_demos_day_puts_exactly_its_one_joining_guardian_into_the_quarantine(stage: Stage) -> None:
    whole = small_municipality(120)
    demo, plan = DemoStage(whole, Records()), plan_day(whole, MONDAY)
    load(whole, demo.records)
    for _ in range(2):
        await import_all(stage, demo.records)
    assert await stage.waiting() == []
    replay(plan, demo, plan.closes)
    await import_all(stage, demo.records)
    [entry] = await stage.waiting()
    [join] = [action for action in plan.actions if isinstance(action, Join)]
    assert (entry.what, entry.pupil_id) == (What.NEW_TIE, join.pupil_id)
    assert entry.person_id == whole.pupils[join.pupil_id].ties[1].adult_id


async def import_all(stage: Stage, kept: Records) -> None:
    for resource in (Resource.ORGANISATIONS, Resource.PERSONS, Resource.GROUPS, Resource.DUTIES, Resource.ACTIVITIES):
        bodies = [one.body for one in kept.all(DemoResource(resource.value))]
        await stage.importer.take(stage.origin, rows_of(resource, bodies, stage.origin))


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the reference material is not on this machine")
async def test_a_real_registrys_first_output_puts_nothing_into_the_quarantine(stage: Stage) -> None:
    for _ in range(2):
        await import_folder(stage.importer, stage.source, SAMPLE, complete=True)
    assert await stage.waiting() == []
