"""Letters on paper: asked for, printed by whoever is in charge of the school, and judged again at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import SecretStr
from pypdf import PdfReader
from sqlalchemy import event as listening
from sqlalchemy import text

import services.notifications.web
from deploy.embedded.postgres import Postgres
from services.notifications.channels.letters import LetterRoad
from services.notifications.channels.protocol import Parcel
from services.notifications.consumers import ROSTER
from services.notifications.domain.replies import Outcome, outcome_of
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import addressee, delivery, letter, mailing, metadata, notification, roster
from services.notifications.tables import kit as tables
from services.notifications.web import letters
from services.notifications.web.letters import add_letters, micros
from services.notifications.web.shown import notifications_face
from services.registry.domain.kinds import Resource
from services.registry.importer import rows_of
from shared.clock import ManualClock
from shared.events.envelope import Event, Received
from shared.events.people import PreferencesStated
from shared.events.privacy import PupilLookedAt
from shared.events.roster import (
    Assignment,
    ContactStated,
    GroupStated,
    Guardianship,
    GuardianshipsStated,
    Marking,
    PersonStated,
    PostalAddress,
    Relation,
    SchoolStated,
    StaffStated,
)
from shared.ids import new_id, tenant_id
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.roster.projection import roster_reader
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.pages import Pages, add_pages
from shared.web.session import STEP_UP, Sessions, add_sessions
from tests.connected.registry_stage import Stage as RegistryStage
from tests.connected.registry_stage import a_stage
from tests.stack import kit_off_kafka
from tests.unit.registry.rows import FATHER, MOTHER, grown_up, pupil, responsible

pytestmark = pytest.mark.connected
NINE = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
HERE, ELSEWHERE = tenant_id("Brohamn"), tenant_id("Fjordby")
PEOPLE = ("ebba", "noor", "pia", "anna", "nadia", "petra", "rut", "rolf", "maja", "oskar", "unni")
AT_HOME = {
    "anna": PostalAddress(street="Storgatan 5", postal_code="11234", locality="Brohamn", country="Sverige"),
    "petra": PostalAddress(street="Gömda vägen 1", postal_code="11235", locality="Brohamn"),
}
TEXTS = [
    {"language": "sv", "subject": "Höstens bulletin", "text": "Vi har varit i skogen.\n\nHälsningar", "html": ""},
    {"language": "ar", "subject": "نشرة الخريف", "text": "كنا في الغابة", "html": ""},
]


@dataclass
class Stage:
    """Two schools of Brohamn and one elsewhere: Ebba, Noor and Pia (protected) with one guardian each."""

    kit: Kit
    app: FastAPI = field(default_factory=FastAPI)
    who: dict[str, UUID] = field(default_factory=lambda: {name: uuid4() for name in PEOPLE})
    school: dict[str, UUID] = field(default_factory=lambda: {n: uuid4() for n in ("north", "south", "office", "far")})
    version: int = 1

    @property
    def clock(self) -> ManualClock:
        return cast(ManualClock, self.kit.clock)

    async def state(self, *events: Event) -> None:
        """Let the registry say this."""
        self.version += 1
        said = [one.model_copy(update={"version": self.version}) for one in events]
        received = [Received(one, str(new_id()).encode(), None, one.topic, 0, 0) for one in said]
        async with self.kit.sessions.begin() as session:
            await roster_reader(roster, *ROSTER).handle(session, Batch(received, self.clock.now()))

    def person(self, name: str, *schools: str, marking: Marking = Marking.NONE, **more: Any) -> list[Event]:
        tenant, who = ELSEWHERE if name == "unni" else HERE, self.who[name]
        ids = tuple(self.school[one] for one in schools)
        born = date(2014, 3, 1) if schools else None
        contact: dict[str, Any] = {"given_name": name.title(), "family_name": "Ek", "address": AT_HOME.get(name)}
        return [
            PersonStated(person_id=who, version=1, tenant_id=tenant, born=born, marking=marking, school_ids=ids),
            ContactStated(**{"person_id": who, "version": 1, "tenant_id": tenant, **contact, **more}),
        ]

    def ties(self, pupil: str, *guardians: str) -> GuardianshipsStated:
        given = tuple(Guardianship(guardian_id=self.who[one], relation=Relation.GUARDIAN) for one in guardians)
        return GuardianshipsStated(pupil_id=self.who[pupil], version=1, tenant_id=HERE, ties=given)

    def post(self, name: str, role: str, school: str, group: UUID | None = None) -> StaffStated:
        tenant = ELSEWHERE if school == "far" else HERE
        parts = (Assignment(group_id=group, role="Mentor"),) if group else ()
        return StaffStated(
            post_id=uuid4(), version=1, tenant_id=tenant, school_id=self.school[school],
            person_id=self.who[name], role=role, assignments=parts,
        )  # fmt: skip

    async def begin(self) -> None:
        """The municipality as it is."""
        kinds = {"north": "Björkskolan", "south": "Lindskolan", "office": "Brohamn", "far": "Fjordskolan"}
        places = [
            SchoolStated(
                school_id=self.school[one], version=1, tenant_id=ELSEWHERE if one == "far" else HERE, name=name,
                kind="municipality" if one == "office" else "school",
            )
            for one, name in kinds.items()
        ]  # fmt: skip
        group = uuid4()
        people = [
            e for name in ("anna", "nadia", "petra", "rut", "rolf", "maja", "oskar", "unni") for e in self.person(name)
        ]
        pupils = [*self.person("ebba", "north"), *self.person("noor", "north")]
        await self.state(*places, *people, *pupils, *self.person("pia", "north", marking=Marking.MARKED))
        await self.state(self.ties("ebba", "anna"), self.ties("noor", "nadia"), self.ties("pia", "petra"))
        await self.state(
            GroupStated(
                group_id=group, version=1, tenant_id=HERE, school_id=self.school["north"], name="6A", kind="Klass"
            ),
            self.post("rut", "Rektor", "north"),
            self.post("rolf", "Rektor", "south"),
            self.post("maja", "Lärare", "north", group),
            self.post("oskar", "Skoladministratör", "office"),
            self.post("unni", "Rektor", "far"),
        )

    # Letters ---------------------------------------------------------------------------------------------------

    async def hand_over(self, person: str, delivery_id: UUID | None) -> Outcome:
        """As the sender does, when nothing else reaches somebody."""
        road = LetterRoad(self.kit)
        async with road.line() as line:
            return outcome_of(await line.send(Parcel(str(self.who[person]), b"", 0, delivery_id=delivery_id)))

    async def notice(self, pupil: str, person: str, school: str = "north", **more: Any) -> UUID:
        """A notice of absence that this person is to have on paper; its delivery."""
        one, about, now = uuid4(), uuid4(), self.clock.now()
        asked = {
            "notification_id": about, "kind": "absence_notice", "school_id": self.school[school],
            "pupil_id": self.who[pupil], "day": now.date(), "lesson_count": 1, "requested_at": now,
            "received_at": now, "status": "sending",
        }  # fmt: skip
        async with self.kit.sessions.begin() as session:
            await session.execute(notification.insert().values({**asked, **more}))
            await session.execute(
                delivery.insert().values(
                    delivery_id=one, notification_id=about, person_id=self.who[person], why="x", status="sending",
                    tries=0, may_have_arrived=False, moved_at=now,
                )
            )  # fmt: skip
        assert await self.hand_over(person, one) is Outcome.ACCEPTED
        return one

    async def bulletin(self, person: str, *pupils: str) -> UUID:
        """A bulletin that this person is to have on paper."""
        one, about, now = uuid4(), uuid4(), self.clock.now()
        async with self.kit.sessions.begin() as session:
            await session.execute(
                mailing.insert().values(
                    mailing_id=about, tenant_id=HERE, school_id=self.school["north"], kind="bulletin", about_id=uuid4(),
                    group_ids=[], day=now.date(), path="/bulletins/x", must_read=True, texts=TEXTS, requested_at=now,
                    send_at=now, status="sending",
                )
            )  # fmt: skip
            await session.execute(
                addressee.insert().values(
                    mailing_id=about, person_id=self.who[person], delivery_id=one, why="x", status="sending",
                    pupil_ids=[str(self.who[pupil]) for pupil in pupils], moved_at=now,
                )
            )  # fmt: skip
        assert await self.hand_over(person, one) is Outcome.ACCEPTED
        return one

    async def waiting(self) -> list[UUID]:
        async with self.kit.sessions() as session:
            rows = await session.execute(letter.select().where(letter.c.printed_at.is_(None)))
            return [row.letter_id for row in rows]

    # People at their browsers --------------------------------------------------------------------------------------

    def client(self, who: str | None) -> httpx.AsyncClient:
        sessions = Sessions(self.kit.settings)
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://letters")
        browser.headers["accept-language"] = "en"
        if who:
            tenant = ELSEWHERE if who == "unni" else HERE
            session = sessions.begin(self.who[who], tenant, "test", "strong", level=STEP_UP)
            browser.cookies.set(sessions.cookie, sessions.seal(session))
            browser.headers["x-csrf"] = sessions.csrf(session)
        return browser

    async def get(self, who: str | None, path: str = "/sending/letters") -> httpx.Response:
        async with self.client(who) as browser:
            return await browser.get(path)

    async def do(self, who: str, what: str, school: str = "north", at: datetime | None = None) -> httpx.Response:
        more = {} if at is None else {"at": str(micros(at))}
        async with self.client(who) as browser:
            form = {"csrf": browser.headers["x-csrf"], "school": str(self.school[school]), **more}
            return await browser.post(f"/sending/letters/{what}", data=form)

    async def printed(self, who: str = "rut", at: datetime | None = None) -> list[str]:
        """The pages of the file that was taken out last."""
        answer = await self.do(who, "pdf", at=at or self.clock.now())
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/pdf"
        return [page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages]

    async def looks(self) -> list[PupilLookedAt]:
        outbox = tables.outbox
        async with self.kit.sessions() as session:
            rows = await session.execute(outbox.select().where(outbox.c.event_type == PupilLookedAt.event_type))
            return [PupilLookedAt.model_validate_json(row.value) for row in rows]


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    clock.instant = NINE
    kit = kit_off_kafka(postgres, "notifications", metadata, tables, clock)
    kit.settings = kit.settings.model_copy(update={"session_key": SecretStr("a key of the tests that is long enough")})
    one = Stage(kit)
    web = Path(services.notifications.web.__file__).parent
    pages = Pages(web / "templates", kit.settings)
    add_pages(one.app, web / "static", kit.settings)
    add_sessions(one.app, kit)
    router = APIRouter(dependencies=[Depends(form_checked)])
    settings = NotificationsSettings(message_id_secret=SecretStr("secret"))
    add_letters(router, notifications_face(kit, pages), settings)
    one.app.include_router(router)
    add_error_pages(one.app, pages)
    await one.begin()
    yield one
    await kit.close()


async def test_the_same_delivery_is_one_letter_and_one_that_is_not_known_is_none(stage: Stage) -> None:
    one = await stage.notice("ebba", "anna")
    assert await stage.hand_over("anna", one) is Outcome.ACCEPTED
    assert await stage.waiting() == [one]
    assert await stage.hand_over("anna", uuid4()) is Outcome.REFUSED
    assert await stage.hand_over("anna", None) is Outcome.REFUSED
    assert await stage.waiting() == [one]


async def test_a_letter_is_taken_out_printed_put_back_and_taken_out_again(stage: Stage) -> None:
    await stage.notice("ebba", "anna")
    assert "1 letter waits." in (await stage.get("rut")).text
    answer = await stage.do("rut", "print")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sending/letters?done=printed")
    assert await stage.waiting() == []
    first = stage.clock.now()
    [page] = await stage.printed()
    assert "Anna Ek" in page
    assert "Storgatan 5" in page
    assert "112 34 Brohamn" in page
    assert "SVERIGE" not in page
    assert "Björkskolan" in page
    assert "2 november 2026" in page
    shown = (await stage.get("rut")).text
    assert "No letter waits." in shown
    assert f'value="{micros(first)}"' in shown
    stage.clock.advance(timedelta(minutes=5))
    assert (await stage.do("rut", "again", at=first)).headers["location"].endswith("again")
    assert len(await stage.waiting()) == 1
    await stage.do("oskar", "print")
    assert await stage.printed() == [page]
    assert (await stage.do("rut", "pdf", at=first)).status_code == 404


async def test_each_look_at_a_pupils_letter_leaves_a_trace(stage: Stage) -> None:
    await stage.notice("ebba", "anna")
    await stage.do("rut", "print")
    assert not await stage.looks()
    await stage.printed()
    [look] = await stage.looks()
    assert (look.viewer_id, look.pupil_id, look.what) == (stage.who["rut"], stage.who["ebba"], "letters")


async def test_only_those_in_charge_of_the_school_see_and_do_anything(stage: Stage) -> None:
    await stage.notice("ebba", "anna")
    await stage.do("rut", "print")
    at = stage.clock.now()
    await stage.notice("ebba", "anna")
    for who in ("maja", "anna", "nadia"):
        assert (await stage.get(who)).status_code == 404
    for who in ("maja", "anna", "rolf", "unni"):
        for what, when in (("print", None), ("pdf", at), ("again", at)):
            answer = await stage.do(who, what, at=when)
            unknown = await stage.do(who, what, "far" if who != "unni" else "south", at=when)
            assert answer.status_code == unknown.status_code == 404, (who, what)
            assert "Ek" not in answer.text
    assert "Björkskolan" not in (await stage.get("rolf")).text
    assert "Björkskolan" not in (await stage.get("unni")).text
    assert "Björkskolan" in (await stage.get("oskar")).text
    assert len(await stage.waiting()) == 1
    assert (await stage.get(None)).status_code in (302, 303)


async def test_a_form_from_elsewhere_prints_nothing(stage: Stage) -> None:
    await stage.notice("ebba", "anna")
    async with stage.client("rut") as browser:
        answer = await browser.post("/sending/letters/print", data={"school": str(stage.school["north"])})
    assert answer.status_code == 403
    assert len(await stage.waiting()) == 1


async def test_the_address_is_the_one_of_the_moment_when_it_is_printed(stage: Stage) -> None:
    await stage.notice("ebba", "anna")
    await stage.do("rut", "print")
    moved = PostalAddress(street="Nya gatan 9", postal_code="999 99", locality="Annanstans")
    await stage.state(*stage.person("anna", address=moved))
    [page] = await stage.printed()
    assert "Nya gatan 9" in page
    assert "Storgatan" not in page


async def test_whoever_has_lost_the_right_gets_no_letter_however_late_that_is(stage: Stage) -> None:
    await stage.notice("ebba", "anna")
    await stage.do("rut", "print")
    await stage.state(stage.ties("ebba"))
    assert (await stage.do("rut", "pdf", at=stage.clock.now())).status_code == 404
    late = await stage.notice("ebba", "anna")
    assert (await stage.do("rut", "print")).headers["location"].endswith("nothing")
    assert late not in await stage.waiting()


async def test_what_the_school_took_back_is_not_printed(stage: Stage) -> None:
    await stage.notice("ebba", "anna", retracted=True)
    assert (await stage.do("rut", "print")).headers["location"].endswith("nothing")
    assert await stage.waiting() == []


async def test_homes_without_an_address_are_named_and_their_letters_wait(stage: Stage) -> None:
    await stage.notice("noor", "nadia")
    page = (await stage.get("rut")).text
    assert "No postal address" in page
    assert "Nadia Ek" in page
    assert "No letter waits." in page
    await stage.do("rut", "print")
    assert len(await stage.waiting()) == 1
    await stage.state(*stage.person("nadia", address=AT_HOME["anna"]))
    assert (await stage.do("rut", "print")).headers["location"].endswith("printed")


async def test_no_letter_to_a_home_in_hiding_is_printed_here_nor_is_it_named(stage: Stage) -> None:
    await stage.notice("pia", "petra")
    await stage.bulletin("petra", "pia")
    page = (await stage.get("rut")).text
    assert "2 letters go by the municipality's own way." in page
    assert "Petra" not in page
    assert "Gömda" not in page
    assert "Pia" not in page
    assert (await stage.do("rut", "print")).headers["location"].endswith("nothing")
    assert len(await stage.waiting()) == 2


async def test_somebody_who_goes_into_hiding_after_the_letter_was_taken_out_is_left_out_of_the_file(
    stage: Stage,
) -> None:
    await stage.notice("ebba", "anna")
    await stage.do("rut", "print")
    await stage.state(*stage.person("ebba", "north", marking=Marking.PROTECTED))
    answer = await stage.do("rut", "pdf", at=stage.clock.now())
    assert answer.status_code == 404
    assert "Storgatan" not in answer.text
    page = (await stage.get("rut")).text  # not lost: it waits for the other way
    assert "1 letter goes by the municipality's own way." in page
    assert "Download the file" not in page


async def test_letters_that_cannot_be_printed_do_not_stand_in_the_way_of_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "MOST", 2)
    for child, guardian in (("noor", "nadia"), ("pia", "petra"), ("pia", "petra"), ("ebba", "anna")):
        await stage.notice(child, guardian)
        stage.clock.advance(timedelta(seconds=1))
    assert (await stage.do("rut", "print")).headers["location"].endswith("printed")
    [page] = await stage.printed()
    assert "Anna Ek" in page


async def test_a_bulletin_comes_in_the_homes_language_when_there_is_a_text_in_it(stage: Stage) -> None:
    await stage.bulletin("anna", "ebba")
    await stage.do("rut", "print")
    [page] = await stage.printed()
    assert "Höstens bulletin" in page
    assert "Vi har varit i skogen." in page
    wish = PreferencesStated(person_id=stage.who["anna"], version=1, tenant_id=HERE, language="ar")
    await stage.state(wish)
    [page] = await stage.printed()
    assert "[…]" in page
    assert "skogen" not in page


async def test_the_letters_of_many_homes_are_one_file_in_which_each_begins_anew(stage: Stage) -> None:
    await stage.state(*stage.person("nadia", address=AT_HOME["anna"]))
    for child, guardian in (("ebba", "anna"), ("noor", "nadia"), ("pia", "petra")):
        await stage.notice(child, guardian)
        stage.clock.advance(timedelta(seconds=1))
    await stage.do("rut", "print")
    first, second = await stage.printed()
    assert "Anna Ek" in first
    assert "Nadia Ek" in second
    assert "Petra" not in first + second


async def test_the_page_needs_few_statements_however_many_letters_wait(stage: Stage) -> None:
    for _ in range(12):
        await stage.notice("ebba", "anna")
    said: list[str] = []
    engine = stage.kit.engine.sync_engine
    pool = stage.kit.people.kw["bind"].sync_engine
    for one in {engine, pool}:
        listening.listen(one, "before_cursor_execute", lambda *args: said.append(args[2]))
    assert "12 letters wait." in (await stage.get("rut")).text
    assert len(said) <= 6, said


async def test_what_was_printed_long_ago_is_not_listed(stage: Stage) -> None:
    await stage.notice("ebba", "anna")
    await stage.do("rut", "print")
    stage.clock.advance(timedelta(days=31))
    assert "Download the file" not in (await stage.get("rut")).text
    async with stage.kit.sessions() as session:
        assert await session.scalar(text("select printed_by from letter")) == stage.who["rut"]


# Where addresses come from -------------------------------------------------------------------------------------------


HOME = {"type": "Folkbokföring", "streetAddress": "Solrosgatan 36", "postalCode": "112 34", "locality": "Stockholm"}


async def take(registry: RegistryStage, *raw: dict[str, Any]) -> list[ContactStated]:
    """Let the registry service read these persons; what it says of how to reach people."""
    await registry.importer.take(registry.origin, rows_of(Resource.PERSONS, raw, registry.origin))
    return [one for one in await registry.events() if isinstance(one, ContactStated)]


async def test_a_reference_that_marks_somebody_takes_their_address_back_at_once_and_for_good(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with a_stage(postgres, clock) as registry:
        mother, father = grown_up(MOTHER, addresses=[HOME]), grown_up(FATHER, addresses=[HOME])
        first = await take(registry, pupil(), mother, father)
        assert [one.address.street for one in first if one.address] == ["Solrosgatan 36"] * 2
        marked = responsible(MOTHER)
        marked["person"]["securityMarking"] = "Sekretessmarkering"
        [hidden] = await take(registry, pupil(responsibles=[marked]))
        before = next(one for one in first if one.person_id == MOTHER)
        assert (hidden.person_id, hidden.address, hidden.emails) == (MOTHER, None, before.emails)
        assert hidden.version > before.version
        assert await take(registry, mother, father) == []  # “Ingen” again: waits for a person, and states nothing
        async with registry.importer.kit.sessions() as session:
            left = await session.scalar(text("select count(*) from record where payload::text like '%Solrosgatan%'"))
        assert left == 1  # the father's
