"""Writing a bulletin: begun from the class's half-year, saved in several languages, by whoever is a mentor today."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.bulletins.web.compose import add_compose
from services.bulletins.web.preview import add_preview
from services.bulletins.web.sending import add_sending
from shared.clock import ManualClock
from shared.events.roster import ContactStated
from tests.bulletins_stage import Stage, bulletins_stage
from tests.talks_stage import statements

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, add_compose, add_preview, add_sending) as here:
        yield here


def plain(page: httpx.Response) -> str:
    """The words of a page, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


async def begun(stage: Stage, who: str = "maja", *classes: str, **more: Any) -> UUID:
    """A draft of this person; its id."""
    groups = [stage.group[one] for one in classes or ("6A",)]
    answer = await stage.post(who, "/bulletins/new", {"kind": "bulletin", "class": groups, **more})
    assert answer.status_code == 303, plain(answer)
    return UUID(answer.headers["location"].split("/")[2])


async def version_of(stage: Stage, bulletin: UUID) -> int:
    rows = await stage.rows("select version from bulletin where bulletin_id = :id", id=bulletin)
    return int(rows[0].version)


async def save(stage: Stage, who: str, bulletin: UUID, **fields: Any) -> httpx.Response:
    """Save these words: subject_sv and so on."""
    typed: dict[str, Any] = {"version": await version_of(stage, bulletin), "language": ["sv"]}
    typed |= {"subject-sv": "Vecka 45", "learning-sv": "Vi läser om *floder*.", "activities-sv": "- Utflykt på fredag"}
    return await stage.post(who, f"/bulletins/{bulletin}/edit", {**typed, **fields})


async def test_a_mentor_begins_for_their_class_and_finds_a_draft_of_it(stage: Stage) -> None:
    bulletin = await begun(stage)
    page = await stage.get("maja", f"/bulletins/{bulletin}/edit")
    assert page.status_code == 200
    assert "6A" in page.text
    assert 'name="learning-sv"' in page.text
    row = (await stage.rows("select * from bulletin where bulletin_id = :id", id=bulletin))[0]
    assert (row.state, row.kind, row.author_id) == ("draft", "bulletin", stage.who["maja"])
    listed = await stage.get("maja", "/bulletins/new")
    assert f"/bulletins/{bulletin}/edit" in listed.text


async def test_nobody_begins_for_a_class_that_is_not_theirs(stage: Stage) -> None:
    for who in ("malte", "mats", "tora", "rut", "oskar", "anna", "ebba", "uffe", "petra"):
        answer = await stage.post(who, "/bulletins/new", {"kind": "bulletin", "class": stage.group["6A"]})
        assert answer.status_code in (400, 404), who
    assert not await stage.rows("select from bulletin")
    both = {"kind": "bulletin", "class": [stage.group["6A"], stage.group["4B"]]}
    assert (await stage.post("maja", "/bulletins/new", both)).status_code == 404


async def test_only_the_mentors_of_its_class_open_a_draft(stage: Stage) -> None:
    bulletin = await begun(stage)
    for who in ("malte", "mats", "tora", "oskar", "anna", "bo", "ebba", "uffe", "unni", "rolf"):
        for path in ("edit", "preview"):
            assert (await stage.get(who, f"/bulletins/{bulletin}/{path}")).status_code == 404, (who, path)
        for path in ("edit", "preview", "check", "files", "discard", "send", "take-back", "withdraw"):
            answer = await stage.post(who, f"/bulletins/{bulletin}/{path}", version=1)
            assert answer.status_code == 404, (who, path)
    assert (await stage.get("rut", f"/bulletins/{bulletin}/edit")).status_code == 404
    assert (await stage.get("rut", f"/bulletins/{bulletin}/preview")).status_code == 200
    assert (await stage.get("maja", f"/bulletins/{uuid4()}/edit")).status_code == 404


async def test_what_is_typed_is_saved_in_every_language_with_the_schools_own_first(stage: Stage) -> None:
    bulletin = await begun(stage)
    answer = await save(stage, "maja", bulletin, act="add", add="ar")
    assert answer.headers["location"].endswith("#in-ar")
    arabic = {"language": ["ar", "sv"], "subject-ar": "الأسبوع", "learning-ar": "نص", "activities-ar": "رحلة"}
    assert (await save(stage, "maja", bulletin, **arabic)).status_code == 303
    texts = "select language, subject, parts from bulletin_text where bulletin_id = :id order by place"
    rows = await stage.rows(texts, id=bulletin)
    assert [row.language for row in rows] == ["sv", "ar"]
    assert rows[0].parts == {"learning": "Vi läser om *floder*.", "activities": "- Utflykt på fredag"}
    page = await stage.get("maja", f"/bulletins/{bulletin}/edit")
    assert 'dir="rtl"' in page.text
    assert (await save(stage, "maja", bulletin, act="drop:ar", **arabic)).status_code == 303
    assert len(await stage.rows("select from bulletin_text where bulletin_id = :id", id=bulletin)) == 1


async def test_what_two_mentors_write_at_once_is_never_lost(stage: Stage) -> None:
    await stage.hear(stage.post_stated("tora", "north", "6A", post_id=uuid4()))
    bulletin = await begun(stage)
    seen = await version_of(stage, bulletin)
    assert (await save(stage, "tora", bulletin, **{"learning-sv": "Toras ord"})).status_code == 303
    late = await save(stage, "maja", bulletin, version=seen, **{"learning-sv": "Majas ord"})
    assert late.status_code == 409
    assert "Majas ord" in late.text
    assert "Toras ord" in late.text
    shown = re.search(r'name="version" value="(\d+)"', late.text)
    assert shown
    assert int(shown[1]) == await version_of(stage, bulletin)
    again = await save(stage, "maja", bulletin, version=shown[1], **{"learning-sv": "Majas och Toras ord"})
    assert again.status_code == 303


async def test_the_same_words_sent_twice_are_no_conflict(stage: Stage) -> None:
    bulletin = await begun(stage)
    seen = await version_of(stage, bulletin)
    both = await asyncio.gather(*[save(stage, "maja", bulletin, version=seen) for _ in range(2)])
    assert [one.status_code for one in both] == [303, 303]
    assert await version_of(stage, bulletin) == seen + 1


async def test_saving_by_itself_answers_with_the_version(stage: Stage) -> None:
    bulletin = await begun(stage)
    async with stage.client("maja") as browser:
        fields = {"csrf": browser.headers["x-csrf"], "version": "1", "language": "sv", "subject-sv": "Hej"}
        fields |= {"learning-sv": "a", "activities-sv": "b"}
        path = f"/bulletins/{bulletin}/edit"
        answer = await browser.post(path, data=fields, headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["version"]) == (200, 2)
        stale = await browser.post(path, data={**fields, "subject-sv": "Hå"}, headers={"accept": "application/json"})
        assert stale.status_code == 409


async def test_the_preview_shows_the_words_as_they_are_typed_and_keeps_nothing(stage: Stage) -> None:
    bulletin = await begun(stage)
    words = {"learning-sv": "Vi läser **mer** <script>alert(1)</script> {{7*7}}"}
    fragment = await stage.post("maja", f"/bulletins/{bulletin}/preview", {"language": "sv", "version": 1, **words})
    assert fragment.status_code == 200
    assert "<strong>mer</strong>" in fragment.text
    assert "<script" not in fragment.text
    assert "{{7*7}}" in fragment.text
    assert await version_of(stage, bulletin) == 1


async def test_the_editor_says_whom_it_reaches_in_which_languages(stage: Stage) -> None:
    bulletin = await begun(stage)
    page = plain(await stage.get("maja", f"/bulletins/{bulletin}/edit"))
    assert "5 homes" in page
    assert "No message yet" in page


async def test_a_page_asks_the_database_few_things(stage: Stage) -> None:
    bulletin = await begun(stage)
    asked = statements(stage.kit)
    for path in ("/bulletins/new", f"/bulletins/{bulletin}/edit", f"/bulletins/{bulletin}/preview"):
        asked.clear()
        assert (await stage.get("maja", path)).status_code == 200
        assert len(asked) <= 6, (path, asked)


async def test_a_draft_of_a_mentor_who_left_is_the_class_s(stage: Stage) -> None:
    bulletin = await begun(stage)
    post = await stage.post_of("maja")
    await stage.hear(stage.post_stated(None, "north", post_id=post, version=2))
    await stage.hear(stage.post_stated("tora", "north", "6A", post_id=uuid4()))
    assert (await stage.get("maja", f"/bulletins/{bulletin}/edit")).status_code == 404
    assert (await stage.get("tora", f"/bulletins/{bulletin}/edit")).status_code == 200
    assert (await save(stage, "tora", bulletin)).status_code == 303


async def test_a_principal_begins_what_the_whole_school_informs_about(stage: Stage) -> None:
    asked = {"kind": "information", "school": stage.school["north"], "topic": "goals"}
    form = await stage.get("rut", f"/bulletins/new?kind=information&topic=goals&school={stage.school['north']}")
    assert re.search(rf'value="{stage.school["north"]}" checked', form.text)
    answer = await stage.post("rut", "/bulletins/new", asked)
    assert answer.status_code == 303
    bulletin = UUID(answer.headers["location"].split("/")[2])
    page = await stage.get("rut", f"/bulletins/{bulletin}/edit")
    assert "The whole of Björkskolan" in plain(page)
    assert 'name="body-sv"' in page.text
    for who in ("maja", "malte", "rolf", "oskar"):
        assert (await stage.get(who, f"/bulletins/{bulletin}/edit")).status_code == 404, who
        assert (await stage.post(who, "/bulletins/new", asked)).status_code in (400, 404), who


async def test_a_draft_can_be_thrown_away_and_only_a_draft(stage: Stage) -> None:
    bulletin = await begun(stage)
    assert (await stage.post("maja", f"/bulletins/{bulletin}/discard")).status_code == 303
    assert not await stage.rows("select from bulletin")
    assert (await stage.get("maja", f"/bulletins/{bulletin}/edit")).status_code == 404


async def test_it_counts_what_the_homes_had_in_the_last_seven_days(stage: Stage) -> None:
    bulletin, before = await begun(stage), await begun(stage)
    reach = (
        "insert into reach (bulletin_id, person_id, pupil_ids, status, at) "
        "values (:id, :who, '[]', 'delivered', cast(:at as timestamptz))"
    )
    async with stage.machine() as session:
        for who, days in (("anna", 1), ("bo", 2), ("greta", 3), ("frida", 8)):
            at = (stage.now - timedelta(days=days)).isoformat()
            await session.execute(text(reach), {"id": before, "who": stage.who[who], "at": at})
    page = plain(await stage.get("maja", f"/bulletins/{bulletin}/edit"))
    assert "1 message at most, 0.4 on average" in page  # two of five homes; what one of two parents got counts once


async def test_languages_are_counted_by_home_and_offered(stage: Stage) -> None:
    for who, language in (("nadia", "ar"), ("nils", "ar"), ("frida", "en")):
        told = {"given_name": who.title(), "family_name": "X", "language": language}
        await stage.hear(ContactStated(person_id=stage.who[who], version=9, tenant_id=stage.tenant, **told))
    bulletin = await begun(stage)
    page = plain(await stage.get("maja", f"/bulletins/{bulletin}/edit"))
    assert "1 home reads Arabic" in page
    assert "1 home reads English" in page
