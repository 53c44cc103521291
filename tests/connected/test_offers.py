"""Offers of guardians' experience: found without a name, asked for, and answered by who made them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.web.offers import add_offers
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.roster import Marking
from tests.portal_stage import ties
from tests.talks_stage import BORN, HERE, Stage, statements, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_offers) as here:
        yield here


def plain(page: httpx.Response) -> str:
    """The words of a page, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


async def offered(stage: Stage, who: str, *schools: str, **more: Any) -> UUID:
    """An offer of this guardian; the id of the last one."""
    fields = {"title": "Båtbyggare", "words": "Jag kan visa hur man bygger en båt.", **more}
    places = [stage.school[one] for one in schools or ("north",)]
    answer = await stage.post(who, "/offers", {**fields, "school": places})
    assert answer.status_code == 303, plain(answer)
    stage.clock.advance(timedelta(minutes=1))
    rows = await stage.rows("select offer_id from offer where person_id = :me order by made_at", me=stage.who[who])
    return UUID(str(rows[-1].offer_id))


async def asked(stage: Stage, who: str, offer: UUID, words: str = "Could you come to 6A in May?") -> UUID:
    assert (await stage.post(who, f"/offers/{offer}/ask", words=words)).status_code == 303
    rows = await stage.rows(
        "select asked_id from offer_asked where offer_id = :offer and author_id = :who order by asked_at",
        offer=offer,
        who=stage.who[who],
    )
    return UUID(str(rows[-1].asked_id))


async def finds(stage: Stage, who: str, query: str = "") -> bool:
    async with stage.client(who) as browser:
        page = await browser.get("/offers", params={"q": query})
    assert page.status_code == 200
    return "Båtbyggare" in page.text


async def test_teachers_of_the_school_find_it_by_words_and_nobody_else_sees_it(stage: Stage) -> None:
    offer = await offered(stage, "anna")
    for who in ("maja", "malte", "rut"):
        assert await finds(stage, who, "BYGGER båt")
        assert (await stage.get(who, f"/offers/{offer}")).status_code == 200
    assert not await finds(stage, "maja", "bat")
    assert not await finds(stage, "maja", "båt flygplan")
    for who in ("mats", "rolf", "bo", "frida", "ebba", "tora", "oskar", "uffe", "ulla", "stina"):
        assert not await finds(stage, who)
        assert (await stage.get(who, f"/offers/{offer}")).status_code == 404, who


async def test_no_name_is_shown_or_searched_before_the_guardian_says_yes(stage: Stage) -> None:
    offer = await offered(stage, "anna")
    asked_id = await asked(stage, "maja", offer)
    for path in ("/offers", f"/offers/{offer}"):
        assert "Anna" not in (await stage.get("maja", path)).text
    assert not await finds(stage, "malte", "Anna")
    await stage.post("anna", f"/offers/{offer}/answer", asked_id=asked_id, given="no")
    page = plain(await stage.get("maja", f"/offers/{offer}"))
    assert "not this time" in page
    assert "Anna" not in page


@pytest.mark.parametrize(("given", "mail"), [("yes", False), ("yes_mail", True), ("yes_phone", False)])
async def test_a_yes_shows_who_asked_what_the_guardian_allows_and_others_nothing(
    stage: Stage, given: str, mail: bool
) -> None:
    offer = await offered(stage, "anna")
    asked_id = await asked(stage, "maja", offer)
    [said] = await stage.said(NotificationRequested)
    assert (said.kind, said.to_id, said.path) == (
        NotificationKind.OFFER_ASKED,
        stage.who["anna"],
        f"/offers/{offer}",
    )
    assert "Maja Mentor" in plain(await stage.get("anna", f"/offers/{offer}"))
    await stage.post("anna", f"/offers/{offer}/answer", asked_id=asked_id, given=given)
    page = plain(await stage.get("maja", f"/offers/{offer}"))
    assert "Name Anna Ek" in page
    assert ("anna@hem.example" in page) is mail
    for who in ("malte", "rut"):
        assert "Anna" not in (await stage.get(who, f"/offers/{offer}")).text
    await stage.post("anna", f"/offers/{offer}/answer", asked_id=asked_id, given="no")
    assert "Anna" not in (await stage.get("maja", f"/offers/{offer}")).text


async def test_a_protected_guardian_is_never_named(stage: Stage) -> None:
    offer = await offered(stage, "petra")
    asked_id = await asked(stage, "maja", offer)
    page = plain(await stage.get("petra", f"/offers/{offer}"))
    assert "My name is not shown" in page
    assert "e-mail address" not in page
    await stage.post("petra", f"/offers/{offer}/answer", asked_id=asked_id, given="yes_mail")
    page = plain(await stage.get("maja", f"/offers/{offer}"))
    assert "Protected" in page
    assert "Petra" not in page
    assert "petra@" not in page


async def test_the_guardian_of_a_protected_pupil_is_not_named_either(stage: Stage) -> None:
    offer = await offered(stage, "anna")
    asked_id = await asked(stage, "maja", offer)
    await stage.post("anna", f"/offers/{offer}/answer", asked_id=asked_id, given="yes_mail")
    await stage.hear(*stage.person_stated("emil", "north", born=BORN["4B"], marking=Marking.PROTECTED, version=2))
    assert "Anna" not in (await stage.get("maja", f"/offers/{offer}")).text


async def test_an_offer_for_two_schools_is_withdrawn_at_one_of_them(stage: Stage) -> None:
    await offered(stage, "anna", "north", "south")
    assert await finds(stage, "maja")
    assert await finds(stage, "mats")
    [south] = await stage.rows("select offer_id from offer where school_id = :s", s=stage.school["south"])
    assert (await stage.post("anna", f"/offers/{south.offer_id}/withdraw")).status_code == 303
    assert not await finds(stage, "mats")
    assert (await stage.get("mats", f"/offers/{south.offer_id}")).status_code == 404
    assert (await stage.post("mats", f"/offers/{south.offer_id}/ask", words="Please")).status_code == 404
    assert await finds(stage, "maja")
    await stage.post("anna", f"/offers/{south.offer_id}/again")
    assert await finds(stage, "mats")


async def test_nobody_offers_at_a_school_where_they_answer_for_no_pupil(stage: Stage) -> None:
    places: dict[str, Any] = {"title": "Boat", "words": "Words"}
    assert (await stage.post("bo", "/offers", {**places, "school": [stage.school["south"]]})).status_code == 400
    for who in ("stina", "gun", "maja", "alva", "ebba", "oskar"):
        answer = await stage.post(who, "/offers", {**places, "school": [stage.school["north"]]})
        assert answer.status_code == 404, who
    assert not await stage.rows("select * from offer")


async def test_it_is_gone_when_the_family_has_left_the_school(stage: Stage) -> None:
    await offered(stage, "frida")
    assert await finds(stage, "maja")
    await stage.hear(ties(HERE, stage.who["filip"], version=2))
    assert not await finds(stage, "maja")


async def test_a_teacher_asks_once_until_there_is_an_answer(stage: Stage) -> None:
    offer = await offered(stage, "anna")
    await asyncio.gather(*(stage.post("maja", f"/offers/{offer}/ask", words="Please") for _ in range(5)))
    [row] = await stage.rows("select asked_id from offer_asked")
    assert len(await stage.said(NotificationRequested)) == 1
    await stage.post("anna", f"/offers/{offer}/answer", asked_id=row.asked_id, given="no")
    await asked(stage, "maja", offer)
    await asked(stage, "malte", offer)
    assert len(await stage.said(NotificationRequested)) == 3


async def test_only_the_owner_answers_changes_and_withdraws(stage: Stage) -> None:
    offer = await offered(stage, "anna")
    asked_id = await asked(stage, "maja", offer)
    other = await offered(stage, "frida")
    for who in ("maja", "bo", "rut", "ulla"):
        for act in ("answer", "edit", "withdraw", "again"):
            fields = {"asked_id": asked_id, "given": "yes_mail", "title": "x", "words": "y"}
            assert (await stage.post(who, f"/offers/{offer}/{act}", fields)).status_code == 404, (who, act)
    crossed = await stage.post("frida", f"/offers/{other}/answer", asked_id=asked_id, given="yes")
    assert crossed.status_code == 404
    assert (await stage.post("anna", f"/offers/{offer}/ask", words="Myself")).status_code == 404
    [row] = await stage.rows("select answer from offer_asked")
    assert row.answer is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": " "}, "Please write a title"),
        ({"words": ""}, "Please write a title"),
        ({"title": "x" * 121}, "This is too long"),
        ({"school": []}, "Choose at least one school."),
    ],
)
async def test_what_is_lacking_is_said_and_what_was_written_stays(
    stage: Stage, fields: dict[str, Any], sentence: str
) -> None:
    typed = {"title": "Boat", "words": "Words that stay", "school": [stage.school["north"]], **fields}
    answer = await stage.post("anna", "/offers", typed)
    assert answer.status_code == 400
    assert sentence in plain(answer)
    assert "Words that stay" in answer.text or not fields.get("words", "x")


async def test_an_offer_is_changed_and_a_question_without_words_is_not_sent(stage: Stage) -> None:
    offer = await offered(stage, "anna")
    await stage.post("anna", f"/offers/{offer}/edit", title="Båtbyggare och <b>snickare</b>", words="Trä\nTjära")
    page = await stage.get("maja", f"/offers/{offer}")
    assert "&lt;b&gt;snickare&lt;/b&gt;" in page.text
    assert "Trä\nTjära" in page.text
    assert (await stage.post("maja", f"/offers/{offer}/ask", words=" ")).status_code == 400
    assert (await stage.post("maja", f"/offers/{offer}/ask", words="x" * 1001)).status_code == 400
    assert not await stage.said(NotificationRequested)


@pytest.mark.parametrize("who", ["anna", "maja", "rut", "alva", "oskar", "petra"])
async def test_a_page_asks_the_database_at_most_six_times(stage: Stage, who: str) -> None:
    await offered(stage, "anna", "north")
    offer = await offered(stage, "anna", "south")
    await asked(stage, "mats", offer)
    asked_for = statements(stage.kit)
    for path in ("/offers", "/offers?q=b%C3%A5t", f"/offers/{offer}"):
        asked_for.clear()
        await stage.get(who, path)
        assert len(asked_for) <= 6, (path, asked_for)
