"""The audit trail: what is added is sealed, and whatever the owner of the database does to it afterwards is found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner, Result

from deploy.embedded.postgres import Postgres
from services.cli import app
from services.portal.audit import Chain, Expected, Sealer, verify
from services.portal.store import audit
from services.portal.store.audit import Look
from services.portal.store.wall import End, health
from services.portal.tables import kit as tables
from services.portal.tables import metadata
from shared.clock import ManualClock
from shared.events.privacy import PupilLookedAt
from shared.kit import Kit
from tests.stack import NO_BROKER, Stack, kit_off_kafka

pytestmark = pytest.mark.connected
HERE, THERE = uuid4(), uuid4()


@dataclass
class Stage:
    """A portal's audit trail, and the hand of the database's owner."""

    kit: Kit
    stack: Stack
    clock: ManualClock

    async def look(self, tenant_id: UUID = HERE, times: int = 1, what: str = "home") -> None:
        async with self.kit.sessions.begin() as session:
            await audit.note(session, [Look(tenant_id, uuid4(), uuid4(), what)] * times, self.clock.now())

    async def seal(self) -> int:
        return await Sealer(self.kit).round()

    async def check(self, *expected: Expected) -> dict[UUID, Chain]:
        async with self.kit.sessions() as session:
            return {chain.tenant_id: chain for chain in await verify(session, expected)}

    def as_owner(self, statement: str, **values: object) -> int:
        engine = create_engine(self.stack.owner_url(self.kit.own.database_url))
        with engine.begin() as connection:
            done = connection.execute(text(statement), values).rowcount
        engine.dispose()
        return done


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = kit_off_kafka(postgres, "portal", metadata, tables, clock)
    yield Stage(kit, Stack(postgres, NO_BROKER), clock)
    await kit.close()


@pytest.fixture
async def sealed(stage: Stage) -> Stage:
    """Five entries here and two elsewhere, sealed."""
    for number in range(5):
        await stage.look(what=f"page {number}")
        stage.clock.advance(timedelta(seconds=1))
    await stage.look(THERE, times=2)
    assert await stage.seal() == 7
    return stage


def kinds(chain: Chain) -> list[tuple[int, str]]:
    return [(finding.number, finding.kind) for finding in chain.findings]


async def test_each_municipality_has_an_unbroken_chain_of_its_own(sealed: Stage) -> None:
    chains = await sealed.check()
    assert {tenant: chain.number for tenant, chain in chains.items()} == {HERE: 5, THERE: 2}
    assert all(chain.intact and not chain.findings for chain in chains.values())
    async with sealed.kit.sessions() as session:
        assert (await health(session, HERE)).chain == End(number=5, at=sealed.clock.now() - timedelta(seconds=1))
        assert (await health(session, uuid4())).chain == End()


async def test_an_entry_is_sealed_once_and_nothing_is_done_when_there_is_nothing(sealed: Stage) -> None:
    assert await sealed.seal() == 0
    assert (await sealed.check())[HERE].number == 5


async def test_what_a_slow_transaction_commits_late_is_sealed_in_the_next_round(stage: Stage) -> None:
    async with stage.kit.sessions() as slow:
        await audit.note(slow, [Look(HERE, uuid4(), None, "slow")], stage.clock.now())
        stage.clock.advance(timedelta(seconds=20))
        await stage.look()
        assert await stage.seal() == 1
        await slow.commit()
    sealer = Sealer(
        stage.kit,
    )
    sealer.rounds = 1
    assert await sealer.round() == 1, "the usual, short look finds it"
    chain = (await stage.check())[HERE]
    assert chain.number == 2
    assert not chain.findings


async def test_two_sealers_do_not_meet(stage: Stage) -> None:
    await stage.look(times=3)
    async with stage.kit.sessions.begin() as one, stage.kit.sessions.begin() as other:
        assert await audit.seal(one, None) == 3
        assert await audit.seal(other, None) == 0
    assert (await stage.check())[HERE].intact


async def test_an_entry_that_was_changed_is_found_by_its_number(sealed: Stage) -> None:
    assert sealed.as_owner("update audit_entry set viewer_id = gen_random_uuid() where what = 'page 2'") == 1
    chains = await sealed.check()
    assert kinds(chains[HERE]) == [(3, "changed")]
    assert not chains[HERE].intact
    assert chains[THERE].intact


async def test_an_entry_that_was_removed_is_found(sealed: Stage) -> None:
    assert sealed.as_owner("delete from audit_entry where what = 'page 1'") == 1
    assert kinds((await sealed.check())[HERE]) == [(2, "removed")]


async def test_an_entry_removed_with_its_seal_is_found(sealed: Stage) -> None:
    sealed.as_owner("delete from audit_seal where number = 3 and tenant_id = :here", here=HERE)
    sealed.as_owner("delete from audit_entry where what = 'page 2'")
    assert kinds((await sealed.check())[HERE]) == [(3, "missing")]


async def test_numbers_moved_together_over_a_gap_are_found(sealed: Stage) -> None:
    sealed.as_owner("delete from audit_seal where number = 3 and tenant_id = :here", here=HERE)
    sealed.as_owner("delete from audit_entry where what = 'page 2'")
    for number in (4, 5):
        sealed.as_owner(
            "update audit_seal set number = number - 1 where number = :n and tenant_id = :here", n=number, here=HERE
        )
    assert kinds((await sealed.check())[HERE]) == [(3, "changed")]


async def test_an_entry_that_was_added_with_an_earlier_time_is_told(sealed: Stage) -> None:
    sealed.clock.advance(timedelta(hours=2))
    await sealed.look()
    await sealed.seal()
    columns = "gen_random_uuid(), :here, '2026-11-23 07:00:02Z', gen_random_uuid(), gen_random_uuid(), 'page 2', null"
    sealed.as_owner(f"insert into audit_entry values ({columns})", here=HERE)
    assert await sealed.seal() == 1
    chain = (await sealed.check())[HERE]
    assert kinds(chain) == [(7, "late")]
    assert "added afterwards" in chain.findings[0].sentence


async def test_an_end_that_was_cut_off_is_found_by_an_earlier_statement_only(sealed: Stage) -> None:
    before = (await sealed.check())[HERE]
    told = Expected(HERE, before.number, before.digest)
    assert (await sealed.check(told))[HERE].intact
    sealed.as_owner("delete from audit_entry where what in ('page 3', 'page 4')")
    sealed.as_owner("delete from audit_seal where number > 3 and tenant_id = :here", here=HERE)
    assert (await sealed.check())[HERE].intact
    assert kinds((await sealed.check(told))[HERE]) == [(4, "cut off")]


async def test_a_chain_that_was_worked_out_anew_is_found_by_an_earlier_statement(sealed: Stage) -> None:
    before = (await sealed.check())[HERE]
    sealed.as_owner("update audit_entry set viewer_id = gen_random_uuid() where what = 'page 2'")
    sealed.as_owner("delete from audit_seal")
    await sealed.seal()
    assert (await sealed.check())[HERE].intact
    found = (await sealed.check(Expected(HERE, before.number, before.digest)))[HERE]
    assert kinds(found) == [(5, "rewritten")]


async def test_a_chain_that_is_gone_altogether_is_found(sealed: Stage) -> None:
    told = Expected(THERE, 2, bytes(32))
    sealed.as_owner("delete from audit_seal where tenant_id = :there", there=THERE)
    assert kinds((await sealed.check(told))[THERE]) == [(1, "cut off")]


@pytest.mark.parametrize("act", ["update audit_entry set what = 'x'", "delete from audit_seal"])
async def test_the_service_itself_cannot_change_or_remove_anything(sealed: Stage, act: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with sealed.kit.sessions.begin() as session:
            await session.execute(text(act))


async def test_a_look_another_service_says_twice_is_one_entry(stage: Stage) -> None:
    looked = PupilLookedAt(
        look_id=uuid4(), tenant_id=HERE, viewer_id=uuid4(), pupil_id=uuid4(), what="quarantine", at=stage.clock.now()
    )
    for _ in range(2):
        async with stage.kit.sessions.begin() as session:
            await audit.note_elsewhere(session, [looked])
    assert await stage.seal() == 1


def verified(monkeypatch: pytest.MonkeyPatch, stage: Stage, *options: str) -> Result:
    monkeypatch.setenv("PORTAL_DATABASE_URL", stage.kit.own.database_url)
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner().invoke(app, ["audit", "verify", *options])


async def test_the_command_prints_what_to_write_down_and_takes_it_back(
    sealed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = await asyncio.to_thread(verified, monkeypatch, sealed)
    assert shown.exit_code == 0, shown.output
    [told] = [line for line in shown.output.splitlines() if line.startswith(f"{HERE}:5:")]
    again = await asyncio.to_thread(verified, monkeypatch, sealed, "--expect", told, "--json")
    assert again.exit_code == 0
    assert {chain["number"] for chain in json.loads(again.output)} == {5, 2}
    sealed.as_owner("delete from audit_seal where number = 5 and tenant_id = :here", here=HERE)
    cut = await asyncio.to_thread(verified, monkeypatch, sealed, "--expect", told, "--json")
    assert cut.exit_code == 1
    [here] = [chain for chain in json.loads(cut.output) if chain["tenant"] == str(HERE)]
    assert [finding["kind"] for finding in here["findings"]] == ["cut off"]
    wrong = await asyncio.to_thread(verified, monkeypatch, sealed, "--expect", "nonsense")
    assert wrong.exit_code == 1
