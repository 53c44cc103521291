"""What erasing one person means for those around them: who stays is told without them, and nobody gains by it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text

from deploy.embedded.postgres import Postgres
from services.portal import consumers as portal_consumers
from services.portal.store.audit import Look, note
from services.portal.tables import audit_entry, roster
from services.portal.tables import kit as portal_tables
from services.portal.tables import metadata as portal_metadata
from services.registry import consumers as registry_consumers
from services.registry.domain.kinds import Resource
from services.registry.importer import rows_of
from services.scheduling import consumers as scheduling_consumers
from shared.clock import ManualClock
from shared.events.envelope import Event, Outgoing, Received
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.privacy import PrivacyAnswered, PrivacyRequested, PrivacyWish
from shared.events.roster import GroupStated, GuardianshipsStated
from shared.kit import Kit
from shared.messaging.dead_letters import encode_headers
from shared.messaging.outbox import say
from shared.messaging.reader import Batch, Reader
from shared.rights.privacy import unpacked
from tests.connected.attack_stage import World, a_world, marks
from tests.connected.registry_stage import Stage, a_stage
from tests.portal_stage import TEN
from tests.stack import kit_off_kafka
from tests.unit.registry.rows import FATHER, MOTHER, PUPIL, SCHOOL, grown_up, meta, organisation, pupil, responsible

pytestmark = pytest.mark.connected
GROUP = uuid4()


def privacy(readers: Sequence[Reader]) -> Reader:
    [found] = [reader for reader in readers if reader.name == "privacy"]
    return found


async def erase(kit: Kit, reader: Reader, *ids: UUID) -> list[Outgoing]:
    """Let a service do its part as its reader would; what it says."""
    now = kit.clock.now()
    asked = [
        PrivacyRequested(request_id=uuid4(), wish=PrivacyWish.ERASE, person_id=one, requested_at=now) for one in ids
    ]
    received: list[Received[Event]] = [Received(one, str(uuid4()).encode(), None, one.topic, 0, 0) for one in asked]
    async with kit.sessions.begin() as session:
        said = list(await reader.handle(session, Batch(received, now)))
        await say(session, kit.tables, said, now)
    return said


async def take(stage: Stage, resource: Resource, *raw: object) -> list[str]:
    fates = await stage.importer.take(stage.origin, rows_of(resource, raw, stage.origin))
    return [fate.outcome.value for fate in fates]


def a_group() -> dict[str, object]:
    members = [{"person": {"id": str(PUPIL)}, "startDate": "2024-08-15"}]
    named = {"id": str(GROUP), "meta": meta(), "displayName": "6A", "groupType": "Klass"}
    return {**named, "organisation": {"id": str(SCHOOL)}, "groupMemberships": members}


async def test_a_guardian_who_is_erased_is_left_out_of_the_childs_list_and_no_import_puts_them_back(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with a_stage(postgres, clock) as stage:
        child = pupil(responsibles=[responsible(MOTHER), responsible(FATHER)])
        await take(stage, Resource.ORGANISATIONS, organisation())
        await take(stage, Resource.PERSONS, child, grown_up(MOTHER), grown_up(FATHER))
        await take(stage, Resource.GROUPS, a_group())
        await stage.news()
        kit = stage.importer.kit
        said = await erase(kit, privacy(registry_consumers.readers(kit.settings)), MOTHER)
        gone = {type(one.event).__name__ for one in said if one.tombstone}
        assert {"PersonStated", "ContactStated"} <= gone
        [ties] = [one.event for one in said if isinstance(one.event, GuardianshipsStated) and not one.tombstone]
        assert [tie.guardian_id for tie in ties.ties] == [FATHER]
        [answer] = [one.event for one in said if isinstance(one.event, PrivacyAnswered)]
        assert answer.service == "registry"
        assert answer.rows >= 3
        assert str(MOTHER) not in " ".join(str(one.event) for one in said if not one.tombstone)
        await stage.news()
        assert await take(stage, Resource.PERSONS, child) == ["unchanged"], "what was stated without her is the truth"
        assert await take(stage, Resource.PERSONS, grown_up(MOTHER)) == ["held"]
        assert await stage.news() == []


async def test_a_pupil_who_is_erased_is_left_out_of_the_group(postgres: Postgres, clock: ManualClock) -> None:
    async with a_stage(postgres, clock) as stage:
        await take(stage, Resource.ORGANISATIONS, organisation())
        await take(stage, Resource.PERSONS, pupil(), grown_up(MOTHER))
        await take(stage, Resource.GROUPS, a_group())
        kit = stage.importer.kit
        said = await erase(kit, privacy(registry_consumers.readers(kit.settings)), PUPIL)
        [group] = [one.event for one in said if isinstance(one.event, GroupStated)]
        assert group.members == ()
        assert await take(stage, Resource.GROUPS, a_group()) == ["unchanged"]


async def test_a_consent_ends_with_whoever_gave_it_and_the_audit_trail_stays(
    postgres: Postgres, clock: ManualClock
) -> None:
    kit = kit_off_kafka(postgres, "portal", portal_metadata, portal_tables, clock)
    mother, father, aunt, child, tenant = (uuid4() for _ in range(5))
    kept_by = {"pupil_id": child, "person_id": aunt, "basis": ConsentBasis.GUARDIANS, "starts": date(2026, 8, 1)}
    consents = [
        ConsentStated(consent_id=uuid4(), version=1, tenant_id=tenant, given_by=signers, **kept_by)
        for signers in ((mother, father), (father,))
    ]
    async with kit.sessions.begin() as session:
        for one in consents:
            values = {"id": one.consent_id, "version": 1, "tenant_id": tenant, "state": one.model_dump(mode="json")}
            await session.execute(insert(roster).values(event_type=one.event_type, **values))
        await note(session, [Look(tenant, mother, child, "home"), Look(tenant, father, mother, "home")], clock.now())
    said = await erase(kit, privacy(portal_consumers.readers()), mother)
    ended = [one.event.key() for one in said if isinstance(one.event, ConsentStated) and one.tombstone]
    assert ended == [str(consents[0].consent_id)]
    async with kit.sessions() as session:
        assert list(await session.scalars(select(roster.c.id))) == [consents[1].consent_id]
        assert len(list(await session.scalars(select(audit_entry.c.entry_id)))) == 2
    await kit.close()


async def test_a_dead_letter_goes_when_only_a_header_names_the_person_and_others_stay(
    postgres: Postgres, clock: ManualClock
) -> None:
    kit = kit_off_kafka(postgres, "portal", portal_metadata, portal_tables, clock)
    person, other = uuid4(), uuid4()
    usual = {"cluster": "a", "topic": "t", "partition": 0, "reason": "?", "parked_at": clock.now(), "value": b"{}"}
    async with kit.sessions.begin() as session:
        for offset, one in enumerate((person, other)):
            headers = encode_headers([("ce_subject", f"x{one}".encode())])
            await session.execute(insert(portal_tables.dead_letter).values(**usual, offset=offset, headers=headers))
    await erase(kit, privacy(portal_consumers.readers()), person)
    async with kit.sessions() as session:
        assert list(await session.scalars(select(portal_tables.dead_letter.c.offset))) == [1]
    await kit.close()


# What the scheduling service keeps: the town of the attack stage, in which every free text is a string of its own.


@pytest.fixture
async def world(postgres: Postgres) -> AsyncIterator[World]:
    made = await a_world(postgres, ManualClock(TEN))
    yield made
    await made.close()


async def found_in(kit: Kit, *wanted: str) -> dict[str, int]:
    """In how many rows of which tables one of these strings stands."""
    said = "exists (select from unnest(cast(:all as text[])) w where strpos(t::text, w) > 0)"
    naming = f"select count(*) from {{}} t where {said}"
    async with kit.sessions() as session:
        counts = {
            name: await session.scalar(text(naming.format(f'"{name}"')), {"all": list(wanted)})
            for name in kit.tables.outbox.metadata.tables
        }
    return {name: count for name, count in counts.items() if count}


def about(world: World, pupil: UUID) -> tuple[str, ...]:
    """Every string that was planted about this pupil: what was said, prepared, agreed, and noted apart."""
    kinds = ("coming", "held", "commitment", "adaptation")
    things = [one for kind in kinds for one in world.town.things[kind]]
    return tuple(t for one in things for t in one.tokens if pupil in (one.more.get("pupil"), one.id))


async def test_all_that_talks_left_of_a_pupil_goes_with_the_pupil_and_nothing_else(world: World) -> None:
    kit, child = world.kits["scheduling"], world.who["child_1"]
    mine, others = about(world, child), about(world, world.who["child_2"])
    before = await found_in(kit, *mine)
    assert set(before) == {"preparation", "record", "commitment", "adaptation"}
    kept = await found_in(kit, *others)
    await erase(kit, privacy(scheduling_consumers.readers()), child)
    assert await found_in(kit, *mine) == {}
    assert set(await found_in(kit, str(child))) <= {"outbox", "hold", "roster"}
    assert await found_in(kit, *others) == kept, "a sister's stays"


async def test_what_a_guardian_said_and_offered_goes_with_them_and_the_child_s_plan_stays(world: World) -> None:
    """What somebody else wrote of them in free text is not found: nothing there says by an id who is meant."""
    kit, guardian = world.kits["scheduling"], world.who["stranger"]
    tokens = [t for one in world.town.things["offer"] if guardian in one.acts["own"] for t in one.tokens]
    async with kit.sessions.begin() as session:
        words = {"title": marks(guardian)[0], "id": next(one.id for one in world.town.things["round"])}
        await session.execute(text("update round set title = :title where round_id = :id"), words)
    plan = await found_in(kit, *about(world, world.who["stranger_child"]))
    await erase(kit, privacy(scheduling_consumers.readers()), guardian)
    assert await found_in(kit, *tokens) == {}
    left = set(await found_in(kit, str(guardian))) - {"outbox", "roster"}  # lists that the registry restates
    assert not left, "a bare id of nobody in the child's own records"
    assert set(await found_in(kit, *marks(guardian))) == {"round"}, "a name that somebody typed elsewhere"
    assert await found_in(kit, *about(world, world.who["stranger_child"])) == plan


async def test_the_export_hands_out_what_talks_keep_about_a_person(world: World) -> None:
    kit, pupil, guardian = world.kits["scheduling"], world.who["child_2"], world.who["guardian_a"]
    about_pupil = await export(kit, pupil)
    tables = {"talk", "preparation", "record", "commitment", "check_in", "adaptation", "absence_sum", "coverage"}
    assert tables <= set(about_pupil)
    said = json.dumps(about_pupil)
    assert all(one in said for one in about(world, pupil))
    assert not any(one in said for one in about(world, world.who["stranger_child"]))
    assert {"wish", "need", "hold", "waiting"} <= set(await export(kit, guardian))


async def export(kit: Kit, person_id: UUID) -> Mapping[str, list[dict[str, Any]]]:
    """What the scheduling service hands out about somebody."""
    now = kit.clock.now()
    asked = PrivacyRequested(request_id=uuid4(), wish=PrivacyWish.EXPORT, person_id=person_id, requested_at=now)
    received: list[Received[Event]] = [Received(asked, str(uuid4()).encode(), None, asked.topic, 0, 0)]
    async with kit.sessions.begin() as session:
        [said] = await privacy(scheduling_consumers.readers()).handle(session, Batch(received, now))
    assert isinstance(said.event, PrivacyAnswered)
    assert said.event.content
    return unpacked(said.event.content)
