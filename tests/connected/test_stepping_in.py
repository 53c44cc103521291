"""Stepping in as an invented person: only in a demo, only as somebody who is there, and saying so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.portal import tables
from services.portal.settings import PortalSettings
from services.portal.store.suggesting import Kind, suggestions
from services.portal.tables import roster
from shared.clock import ManualClock
from shared.events.roster import (
    Assignment,
    ContactStated,
    Guardianship,
    GuardianshipsStated,
    PersonStated,
    Relation,
    SchoolStated,
    StaffStated,
)
from shared.ids import tenant_id
from shared.kit import Kit
from tests.conftest import SCHOOL_MORNING
from tests.connected.door_stage import PORTAL, TOWN, Stage, provider, settings_of
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
TENANT = tenant_id(TOWN)
TODAY = date(2026, 11, 23)
CHILD, ADULT = date(2014, 3, 1), date(2008, 11, 23)


@pytest.fixture(scope="module")
async def kit(postgres: Postgres) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, ManualClock(SCHOOL_MORNING))
    yield kit
    await kit.engine.dispose()


@pytest.fixture
async def stage(kit: Kit) -> Stage:
    settings_of(kit, demo=True)
    stage = Stage(kit, "", PortalSettings())
    await stage.clear()
    return stage


async def somebody(stage: Stage, name: str, born: date | None = None, *schools: UUID, active: bool = True) -> UUID:
    person_id = uuid4()
    given, family = name.split(" ")
    await stage.hear(
        PersonStated(person_id=person_id, version=1, tenant_id=TENANT, born=born, school_ids=schools, active=active),
        ContactStated(person_id=person_id, version=1, tenant_id=TENANT, given_name=given, family_name=family),
    )
    return person_id


async def tie(stage: Stage, pupil: UUID, *ties: Guardianship) -> None:
    await stage.hear(GuardianshipsStated(pupil_id=pupil, version=1, tenant_id=TENANT, ties=ties))


def answers(guardian: UUID, relation: Relation = Relation.GUARDIAN, ends: date | None = None) -> Guardianship:
    return Guardianship(guardian_id=guardian, relation=relation, ends=ends)


async def school(stage: Stage, kind: str = "school") -> UUID:
    school_id = uuid4()
    await stage.hear(SchoolStated(school_id=school_id, version=1, tenant_id=TENANT, name="Björkskolan", kind=kind))
    return school_id


async def post(stage: Stage, person: UUID, school_id: UUID, role: str, *assigned: str) -> None:
    assignments = tuple(Assignment(group_id=uuid4(), role=one) for one in assigned)
    stated = {"post_id": uuid4(), "version": 1, "tenant_id": TENANT, "school_id": school_id}
    await stage.hear(StaffStated(**stated, person_id=person, role=role, assignments=assignments))


async def suggested(stage: Stage) -> dict[str, list[str]]:
    async with stage.kit.sessions() as db:
        found = await suggestions(db, roster, TODAY)
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.role_text, []).append(one.name)
    return names


async def test_every_kind_of_person_is_found_and_nobody_is_called_what_they_are_not(stage: Stage) -> None:
    north, south, office = await school(stage), await school(stage), await school(stage, "municipality")
    mother, father = await somebody(stage, "Mona Berg"), await somebody(stage, "Far Utan")
    single, former = await somebody(stage, "Siv Ek"), await somebody(stage, "Fd Vård")
    one, two = await somebody(stage, "Ett Berg", CHILD, north), await somebody(stage, "Två Berg", CHILD, south)
    three, grown = await somebody(stage, "Tre Ek", CHILD, south), await somebody(stage, "Vuxen Ek", ADULT, south)
    await tie(stage, one, answers(mother), answers(father, Relation.PARENT))
    await tie(stage, two, answers(mother), answers(former, ends=TODAY))
    await tie(stage, three, answers(single))
    await tie(stage, grown, answers(single))
    mentor, head, officer = [await somebody(stage, name) for name in ("Mia Mentor", "Rut Rektor", "Olle Office")]
    await post(stage, mentor, north, "Lärare", "Mentor")
    await post(stage, head, north, "Rektor")
    await post(stage, officer, office, "Övrig arbetsledning")
    await post(stage, await somebody(stage, "Borta Rektor", active=False), north, "Rektor")
    assert await suggested(stage) == {
        Kind.TWO_SCHOOLS.role_text: ["Mona Berg"],
        Kind.ONE_CHILD.role_text: ["Siv Ek"],
        Kind.NO_CUSTODY.role_text: ["Far Utan"],
        Kind.YOUNG_PUPIL.role_text: [
            name for _, name in sorted([(one, "Ett Berg"), (two, "Två Berg"), (three, "Tre Ek")])
        ],
        Kind.ADULT_PUPIL.role_text: ["Vuxen Ek"],
        Kind.MENTOR.role_text: ["Mia Mentor"],
        Kind.PRINCIPAL.role_text: ["Rut Rektor"],
        Kind.MUNICIPALITY.role_text: ["Olle Office"],
    }


async def test_one_steps_in_from_the_first_page_and_by_name_and_is_confirmed_by_a_button(stage: Stage) -> None:
    mother = await somebody(stage, "Mona Berg")
    child = await somebody(stage, "Ett Berg", CHILD, await school(stage))
    await tie(stage, child, answers(mother))
    browser = stage.browser()
    assert str(mother) in (await browser.get("/")).text
    assert str(mother) in (await browser.get("/demo/people?name=mona%20b")).text
    stepped = await browser.client.post("/demo/step-in", data={"person_id": str(mother), "next": "/preferences"})
    assert stepped.headers["location"] == "/preferences"
    session = browser.session()
    assert (session.person_id, session.tenant_id, session.demo, session.acr) == (mother, TENANT, True, "demo")
    sent = await browser.get("/sensitive")
    assert sent.headers["location"] == f"{PORTAL}/step-up?next=%2Fsensitive"
    assert 'action="/demo/step-up"' in (await browser.get(sent.headers["location"])).text
    confirmed = await browser.post("/demo/step-up", next="/sensitive")
    assert confirmed.headers["location"] == "/sensitive"
    assert (await browser.get("/sensitive")).status_code == 200
    assert browser.session().session_id != session.session_id
    assert (await browser.post("/logout")).status_code == 200


async def test_letters_of_a_pattern_are_only_letters_when_one_searches_for_a_name(stage: Stage) -> None:
    mona = await somebody(stage, "Mona Berg")
    for pattern in ("%25%25", "__", "M_na", "%5C%5C"):
        assert str(mona) not in (await stage.browser().get(f"/demo/people?name={pattern}")).text


async def test_nobody_steps_in_as_somebody_who_is_not_there_or_from_another_site(stage: Stage) -> None:
    mona, gone = await somebody(stage, "Mona Berg"), await somebody(stage, "Borta Berg", active=False)
    client = stage.browser().client
    for person in (gone, uuid4()):
        assert (await client.post("/demo/step-in", data={"person_id": str(person)})).status_code == 404
    evil = {"origin": "https://evil.example"}
    assert (await client.post("/demo/step-in", data={"person_id": str(mona)}, headers=evil)).status_code == 403
    assert client.cookies.get("skolbro") is None


async def test_without_the_demo_the_routes_do_not_exist_and_its_sessions_are_nobody(stage: Stage) -> None:
    mona = await somebody(stage, "Mona Berg")
    browser = stage.browser()
    await browser.client.post("/demo/step-in", data={"person_id": str(mona)})
    settings_of(stage.kit, demo=False)
    serious = Stage(stage.kit, "", PortalSettings(providers=(provider("https://id.example"),)))
    visitor = serious.browser(str(browser.cookie()))
    assert (await visitor.get("/preferences")).status_code == 303
    assert (await visitor.get("/demo/people")).status_code == 404
    assert (await visitor.client.post("/demo/step-in", data={"person_id": str(mona)})).status_code == 404
    first = await visitor.get("/")
    assert "/login/e-id?next=/" in first.text
    assert str(mona) not in first.text
