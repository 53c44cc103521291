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
from services.bulletins import consumers as bulletins_consumers
from services.notifications import consumers as notifications_consumers
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
from shared.events.people import ConsentBasis, ConsentStated, PreferencesStated
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
CHOOSE = text(
    "insert into preference (person_id, tenant_id, version, email, choices) "
    "values (:person, :tenant, 1, true, cast(:choices as jsonb))"
)


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


# Bulletins, conversations and what was sent: lists of ids in JSON, and words of several people in one thread.
LEFT = {"outbox", "roster"}  # lists that the registry restates


def readers_of(service: str) -> Sequence[Reader]:
    """The readers of one of the services of this part."""
    return {"bulletins": bulletins_consumers.readers(), "notifications": notifications_consumers.readers().all()}[
        service
    ]


def said_in(world: World, about: UUID) -> tuple[str, ...]:
    """What was written in conversations about this pupil."""
    threads = {one.id for one in world.letters.things["thread"] if one.more["about"] == about}
    kinds = ("thread", "message")
    things = [one for kind in kinds for one in world.letters.things[kind] if one.more.get("thread", one.id) in threads]
    return tuple(token for one in things for token in one.tokens)


async def test_all_that_bulletins_and_conversations_know_of_a_pupil_goes_with_the_pupil(world: World) -> None:
    """A mailing that somebody else got stays, and says no more whom it was about."""
    kit, child = world.kits["bulletins"], world.who["child_1"]
    mine, others = said_in(world, child), said_in(world, world.who["child_2"])
    assert set(await found_in(kit, *mine)) == {"message"}
    assert {"reach", "thread", "party", "owed", "known_talk", "roster"} <= set(await found_in(kit, str(child)))
    kept = await found_in(kit, *others)
    assert kept
    await erase(kit, privacy(readers_of("bulletins")), child)
    assert await found_in(kit, *mine) == {}
    assert set(await found_in(kit, str(child))) <= LEFT
    assert await found_in(kit, *others) == kept, "a brother's stays"


async def test_what_a_guardian_wrote_and_read_goes_with_them_and_what_others_wrote_stays(world: World) -> None:
    kit, guardian = world.kits["bulletins"], world.who["guardian_b"]
    own = [one for one in world.letters.things["feedback"] if guardian in one.may["own"]]
    theirs = said_in(world, world.who["child_1"])
    before = await found_in(kit, *theirs)
    await erase(kit, privacy(readers_of("bulletins")), guardian)
    assert set(await found_in(kit, str(guardian))) <= LEFT
    assert await found_in(kit, *marks(guardian)) == {}
    assert await found_in(kit, *[token for one in own for token in one.tokens]) == {}
    after = await found_in(kit, *theirs)
    assert 0 < after["message"] < before["message"], "what the guardian wrote, and nothing else"


async def test_of_a_teacher_who_is_erased_the_school_keeps_its_record_under_a_bare_id(world: World) -> None:
    """Bulletins and messages are the school's; who wrote them is an id of nobody (docs/privacy.md)."""
    kit, mentor = world.kits["bulletins"], world.who["mentor"]
    bulletins = [token for one in world.letters.things["bulletin"] for token in one.tokens]
    before = await found_in(kit, *bulletins)
    await erase(kit, privacy(readers_of("bulletins")), mentor)
    assert await found_in(kit, *marks(mentor)) == {}
    assert set(await found_in(kit, str(mentor))) <= LEFT | {"bulletin", "message", "activity"}
    assert await found_in(kit, *bulletins) == before


async def test_of_what_was_sent_nothing_names_a_pupil_or_a_guardian_who_is_erased(world: World) -> None:
    kit, child, guardian = world.kits["notifications"], world.who["child_1"], world.who["other_guardian"]
    address = marks(guardian)[2]
    async with kit.sessions.begin() as session:
        guest = {"tenant_id": world.here.tenant, "address": address.lower(), "added_at": kit.clock.now()}
        await session.execute(insert(kit.tables.outbox.metadata.tables["guest"]).values(**guest))
    assert {"addressee", "notification", "letter"} <= set(await found_in(kit, str(child)))
    assert {"addressee", "letter"} <= set(await found_in(kit, str(guardian)))
    await erase(kit, privacy(readers_of("notifications")), child, guardian)
    for one in (child, guardian):
        assert set(await found_in(kit, str(one))) <= LEFT
        assert await found_in(kit, *marks(one)) == {}, "an address among the guests of a trial goes too"


async def test_what_a_guardian_chose_for_a_child_goes_with_the_child_and_is_said_anew(world: World) -> None:
    kit, child, other, guardian = (world.here.kit, *(world.who[one] for one in ("child_1", "child_2", "guardian_a")))
    chosen = [{"subject": "bulletins", "how": "off", "pupil_id": str(one)} for one in (child, other)]
    async with kit.sessions.begin() as session:
        row = {"person": guardian, "tenant": world.here.tenant, "choices": json.dumps(chosen)}
        await session.execute(CHOOSE, row)
    said = await erase(kit, privacy(portal_consumers.readers()), child)
    [stated] = [one.event for one in said if isinstance(one.event, PreferencesStated) and not one.tombstone]
    assert [one.pupil_id for one in stated.choices] == [other]
    assert stated.version > 1
    assert "preference" not in await found_in(kit, str(child))


async def test_the_export_hands_out_what_bulletins_and_sending_keep_about_a_person(world: World) -> None:
    child, guardian, mentor = (world.who[one] for one in ("child_1", "guardian_a", "mentor"))
    pupil = await export(world.kits["bulletins"], child, readers_of("bulletins"))
    assert {"thread", "message", "owed", "known_talk", "bulletin a home was sent"} <= set(pupil)
    home = await export(world.kits["bulletins"], guardian, readers_of("bulletins"))
    assert {"party", "message", "message_file"} <= set(home)
    work = await export(world.kits["bulletins"], mentor, readers_of("bulletins"))
    assert {"bulletin written", "diary written", "party"} <= set(work)
    sent = await export(world.kits["notifications"], child, readers_of("notifications"))
    assert {"addressee", "letter", "notification", "mailing"} <= set(sent)
    assert not any(str(guardian) in json.dumps(row) for row in sent["mailing"]), "who else got it is theirs"
    assert {"addressee", "letter"} <= set(
        await export(world.kits["notifications"], guardian, readers_of("notifications"))
    )


async def export(
    kit: Kit, person_id: UUID, readers: Sequence[Reader] | None = None
) -> Mapping[str, list[dict[str, Any]]]:
    """What a service (the scheduling service, when no readers are given) hands out about somebody."""
    now = kit.clock.now()
    asked = PrivacyRequested(request_id=uuid4(), wish=PrivacyWish.EXPORT, person_id=person_id, requested_at=now)
    received: list[Received[Event]] = [Received(asked, str(uuid4()).encode(), None, asked.topic, 0, 0)]
    async with kit.sessions.begin() as session:
        reader = privacy(readers or scheduling_consumers.readers())
        [said] = await reader.handle(session, Batch(received, now))
    assert isinstance(said.event, PrivacyAnswered)
    assert said.event.content
    return unpacked(said.event.content)
