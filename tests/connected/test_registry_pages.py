"""The pages on which a registrar decides, as a browser asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from deploy.embedded.postgres import Postgres
from services.registry.domain.kinds import Resource
from services.registry.importer import rows_of
from services.registry.settings import RegistrySettings, Source
from services.registry.store.quarantine import State
from services.registry.web.answers import Refused, refuse
from services.registry.web.pages import add_registry_pages
from services.registry.web.push import push_router
from shared.clock import ManualClock
from shared.events.privacy import PupilLookedAt
from shared.events.roster import GuardianshipsStated
from shared.ids import tenant_id
from shared.web.session import STEP_UP, Sessions
from tests.connected.registry_stage import Stage, a_double, a_stage, status
from tests.unit.registry.rows import FATHER, MOTHER, PUPIL, SCHOOL, TENANT, grown_up, organisation, pupil, responsible

pytestmark = pytest.mark.connected
OFFICE = UUID("88888888-8888-4888-8888-888888888888")
OFFICER = UUID("99999999-9999-4999-8999-999999999999")
PORTAL = "http://portal.example"
BOTH = [responsible(MOTHER), responsible(FATHER)]


@dataclass
class Desk:
    """A registry with its pages, and browsers in front of it."""

    stage: Stage
    app: FastAPI
    sessions: Sessions

    def browser(
        self, person_id: UUID | None = OFFICER, tenant: UUID = TENANT, level: str = STEP_UP
    ) -> httpx.AsyncClient:
        """Somebody who is logged in (None: nobody)."""
        headers = {"accept": "text/html", "accept-language": "en"}
        if person_id:
            session = self.sessions.begin(person_id, tenant, "e-id", "high", level=level)
            headers["cookie"] = f"{self.sessions.cookie}={self.sessions.seal(session)}"
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://registry", headers=headers)

    async def see(self, path: str = "/registry/quarantine", **who: Any) -> httpx.Response:
        async with self.browser(**who) as browser:
            return await browser.get(path)

    async def decide(self, entry_id: UUID, decision: str, forged: bool = False, **who: Any) -> httpx.Response:
        """Press a button on the page, or send the form without its token."""
        async with self.browser(**who) as browser:
            session = self.sessions.read(browser.headers["cookie"].partition("=")[2])
            assert session is not None
            token = {} if forged else {"csrf": self.sessions.csrf(session)}
            data = {"decision": decision, "note": "seen the papers", **token}
            return await browser.post(f"/registry/quarantine/{entry_id}", data=data)

    async def take(self, resource: Resource, *raw: Any, town: str = "kommunen") -> None:
        origin = self.stage.importer.origin(Source(name=town))
        await self.stage.importer.take(origin, rows_of(resource, raw, origin))

    async def hire(self, person_id: UUID, role: str, at: UUID, town: str = "kommunen") -> None:
        await self.take(Resource.PERSONS, grown_up(person_id, givenName="Rut", familyName="Alm"), town=town)
        duty = {"id": str(uuid4()), "person": str(person_id), "dutyAt": str(at), "dutyRole": role}
        await self.take(Resource.DUTIES, duty, town=town)


@pytest.fixture
async def desk(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Desk]:
    async with a_stage(postgres, clock, "kommunen", "grannen") as stage:
        kit = stage.importer.kit
        more = {"session_key": SecretStr("s" * 40), "portal_url": PORTAL}
        kit.settings = kit.settings.model_copy(update=more)
        settings = RegistrySettings(sources=(stage.source, Source(name="grannen")), registrar_roles=("Rektor",))
        app = FastAPI()
        add_registry_pages(app, kit, settings)
        desk = Desk(stage, app, Sessions(kit.settings))
        office = organisation(id=str(OFFICE), organisationType="Huvudman", displayName="Kommunen")
        await desk.take(Resource.ORGANISATIONS, organisation(), office)
        await desk.hire(OFFICER, "Övrig arbetsledning", OFFICE)
        await desk.take(Resource.PERSONS, pupil(responsibles=BOTH[:1]), grown_up(), grown_up(FATHER, givenName="Finn"))
        await desk.take(Resource.PERSONS, pupil(responsibles=BOTH))
        await stage.news()
        yield desk


async def the_entry(desk: Desk) -> UUID:
    [entry] = await desk.stage.waiting()
    return entry.id


async def looks(desk: Desk) -> list[tuple[UUID, UUID, str]]:
    said = [event for event in await desk.stage.events() if isinstance(event, PupilLookedAt)]
    return [(look.viewer_id, look.pupil_id, look.what) for look in said]


async def test_a_registrar_sees_who_would_be_let_in_and_the_look_is_said(desk: Desk) -> None:
    page = await desk.see()
    assert page.status_code == 200
    assert "Somebody new would answer for a pupil" in page.text
    assert "Alva Ek" in page.text
    assert "Finn Ek" in page.text
    assert "has custody" in page.text
    assert "Rut Alm" in page.text
    assert 'name="csrf"' in page.text
    assert await looks(desk) == [(OFFICER, PUPIL, "quarantine")]


async def test_the_days_of_a_right_are_written_as_people_there_count_them(desk: Desk) -> None:
    until = responsible(FATHER, startDate="2026-12-01", endDate="2027-06-30")
    await desk.take(Resource.PERSONS, pupil(responsibles=[BOTH[0], until]))
    page = " ".join((await desk.see()).text.split())
    assert "has custody, from Tuesday 1 December 2026, to the end of Wednesday 30 June 2027" in page


async def test_a_registrar_lets_it_through_and_it_is_said_who_did(desk: Desk) -> None:
    answer = await desk.decide(entry := await the_entry(desk), "release")
    assert (answer.status_code, answer.headers["location"]) == (303, "/registry/quarantine?done=released")
    said = await desk.stage.events()
    [ties] = [event for event in said if isinstance(event, GuardianshipsStated)]
    assert [tie.guardian_id for tie in ties.ties] == [MOTHER, FATHER]
    done = [event.what for event in said if isinstance(event, PupilLookedAt)]
    assert done == ["quarantine released"]
    assert await desk.stage.waiting() == []
    again = await desk.decide(entry, "release")
    assert again.headers["location"] == "/registry/quarantine?done=gone"
    assert "Nothing waits" in (await desk.see()).text


async def test_a_registrar_keeps_it_out_with_a_note_that_the_next_one_reads(desk: Desk) -> None:
    await desk.decide(await the_entry(desk), "refuse")
    [entry] = await desk.stage.waiting()
    assert (entry.state, entry.decided_by, entry.note) == (State.REFUSED, str(OFFICER), "seen the papers")
    page = (await desk.see("/registry/quarantine?done=refused")).text
    assert "stays out" in page
    assert "seen the papers" in page
    assert "Keep it out" not in page


@pytest.mark.parametrize(
    ("role", "at", "status"),
    [
        ("Rektor", SCHOOL, 200),  # by REGISTRY_REGISTRAR_ROLES
        ("Lärare", SCHOOL, 404),
        ("Övrig arbetsledning", SCHOOL, 404),
        ("Skoladministratör", OFFICE, 200),
        ("Annan personal", OFFICE, 404),
    ],
)
async def test_who_is_a_registrar_is_read_from_their_post(desk: Desk, role: str, at: UUID, status: int) -> None:
    somebody = uuid4()
    await desk.hire(somebody, role, at)
    assert (await desk.see(person_id=somebody)).status_code == status
    assert (await desk.see("/registry/sources", person_id=somebody)).status_code == status


@pytest.mark.parametrize(("person", "town"), [(MOTHER, "kommunen"), (UUID(int=7), "kommunen"), (OFFICER, "grannen")])
async def test_for_everybody_else_the_pages_are_not_there_and_nothing_is_decided(
    desk: Desk, person: UUID, town: str
) -> None:
    who: dict[str, Any] = {"person_id": person, "tenant": tenant_id(town)}
    assert (await desk.see(**who)).status_code == 404
    assert (await desk.see("/registry/sources", **who)).status_code == 404
    for decision in ("release", "refuse"):
        assert (await desk.decide(await the_entry(desk), decision, **who)).status_code == 404
    assert [one.state for one in await desk.stage.waiting()] == [State.WAITING]


async def test_one_municipalitys_registrar_does_not_see_anothers(desk: Desk) -> None:
    place, registrar = uuid4(), uuid4()
    await desk.take(Resource.ORGANISATIONS, organisation(id=str(place), organisationType="Huvudman"), town="grannen")
    await desk.hire(registrar, "Skoladministratör", place, town="grannen")
    there: dict[str, Any] = {"person_id": registrar, "tenant": tenant_id("grannen")}
    page = await desk.see(**there)
    assert (page.status_code, "Nothing waits" in page.text, "Alva" in page.text) == (200, True, False)
    sources = await desk.see("/registry/sources", **there)
    assert ("grannen" in sources.text, "kommunen" in sources.text) == (True, False)
    answer = await desk.decide(await the_entry(desk), "release", **there)
    assert answer.headers["location"].endswith("done=gone")
    assert [one.state for one in await desk.stage.waiting()] == [State.WAITING]


async def test_nobody_decides_about_themselves(desk: Desk) -> None:
    await desk.hire(FATHER, "Skoladministratör", OFFICE)
    assert "somebody else must decide" in (await desk.see(person_id=FATHER)).text
    answer = await desk.decide(await the_entry(desk), "release", person_id=FATHER)
    assert answer.headers["location"].endswith("done=own")
    assert [one.state for one in await desk.stage.waiting()] == [State.WAITING]


async def test_a_form_that_we_did_not_give_decides_nothing(desk: Desk) -> None:
    answer = await desk.decide(await the_entry(desk), "release", forged=True)
    assert answer.status_code == 403
    assert [one.state for one in await desk.stage.waiting()] == [State.WAITING]


async def test_whoever_is_not_logged_in_is_sent_to_log_in_and_a_weak_login_to_a_stronger_one(desk: Desk) -> None:
    nobody, weak = await desk.see(person_id=None), await desk.see(level="login")
    assert (nobody.status_code, weak.status_code) == (303, 303)
    assert nobody.headers["location"].startswith(f"{PORTAL}/login?next=%2Fregistry%2Fquarantine")
    assert weak.headers["location"].startswith(f"{PORTAL}/step-up?next=%2Fregistry%2Fquarantine")


async def test_a_protected_identity_is_a_mark_and_never_a_name(desk: Desk) -> None:
    await desk.take(Resource.PERSONS, pupil(responsibles=BOTH, securityMarking="Sekretessmarkering"))
    await desk.take(Resource.PERSONS, pupil(responsibles=BOTH))
    page = (await desk.see()).text
    assert "Protected identity" in page
    assert "Finn" not in page  # whoever would answer for the child says whose child it is
    assert "A protected identity would be taken away" in page
    assert "Alva" not in page


async def test_many_entries_come_on_several_pages(desk: Desk) -> None:
    children = [str(uuid4()) for _ in range(30)]
    for responsibles in (BOTH[:1], BOTH):
        await desk.take(Resource.PERSONS, *(pupil(id=child, responsibles=responsibles) for child in children))
    first, second = (await desk.see()).text, (await desk.see("/registry/quarantine?page=2")).text
    assert (first.count("Let it through"), second.count("Let it through")) == (25, 6)
    assert "31 changes wait." in first
    assert 'rel="prev"' in second


async def test_the_page_of_registries_says_what_works_and_why_rows_are_held(desk: Desk) -> None:
    async with a_double() as double:
        double.not_offered |= {"organisations", "duties"}
        registrar = grown_up(OFFICER, givenName="Rut", familyName="Alm")
        family = [pupil(responsibles=BOTH), grown_up(), grown_up(FATHER, givenName="Finn")]
        double.lists["persons"] = [*family, registrar, pupil(id=str(uuid4()), birthDate="2015-02-29")]
        await desk.stage.pull(double)
        works = (await desk.see("/registry/sources")).text
        double.script["persons"] = [status(403)]
        await desk.stage.pull(double)
    assert "Works" in works
    assert "Does not work" not in works
    assert "birthDate" in works
    assert "Alva" not in works
    assert "Does not work" in (await desk.see("/registry/sources")).text


async def test_people_are_held_to_their_limits_and_a_registry_that_pushes_is_not(desk: Desk) -> None:
    kit = desk.stage.importer.kit
    kit.settings = kit.settings.model_copy(update={"requests_per_minute": 1, "visits_per_minute": 1})
    app = FastAPI()
    add_registry_pages(app, kit, RegistrySettings())
    app.add_exception_handler(Refused, refuse)
    app.include_router(push_router(desk.stage.importer, ()))
    desk.app = app
    async with desk.browser(None) as machine:
        pushed = [(await machine.post("/attendances", json=[])).status_code for _ in range(3)]
    seen = [(await desk.see("/registry/sources")).status_code for _ in range(3)]
    assert pushed == [403, 403, 403]  # the wrong token, and heard each time
    assert seen == [200, 429, 429]
