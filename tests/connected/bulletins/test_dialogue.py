"""Conversations between home, pupil and school: named, equal, left alone in the evening."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.jobs.dialogue import dialogue_handlers
from services.bulletins.web.dialogue import add_dialogue
from services.bulletins.web.dialogue_opening import add_opening
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.roster import Guardianship, GuardianshipsStated, Relation
from tests.bulletins_stage import Stage, bulletins_stage
from tests.talks_stage import statements

pytestmark = pytest.mark.connected
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, add_opening, add_dialogue) as here:
        yield here


def plain(page: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


async def opened(
    stage: Stage, who: str = "anna", pupil: str = "ebba", to: tuple[str, ...] = ("maja",), **more: Any
) -> UUID:
    """A conversation somebody has begun; its id."""
    fields = {"subject": "learning", "words": "Hur går det i matematik?", **more}
    stage.clock.advance(timedelta(seconds=1))  # so that the last one is the last one
    answer = await stage.post(
        who, "/dialogue", {**fields, "pupil_id": stage.who[pupil], "party": [stage.who[one] for one in to]}
    )
    assert answer.status_code == 303, plain(answer)
    rows = await stage.rows("select thread_id from thread order by opened_at desc, thread_id limit 1")
    return UUID(str(rows[0].thread_id))


async def told(stage: Stage) -> list[NotificationRequested]:
    found = await stage.said(NotificationRequested)
    await stage.forget_said()
    return found


async def reply(stage: Stage, who: str, thread: UUID, words: str = "Det går bra.", **more: Any) -> httpx.Response:
    return await stage.post(who, f"/dialogue/{thread}", words=words, **more)


async def reads(stage: Stage, who: str, thread: UUID, words: str) -> bool:
    page = await stage.get(who, f"/dialogue/{thread}")
    return page.status_code == 200 and words in plain(page)


async def test_a_guardian_writes_the_mentor_reads_and_answers_and_each_is_told_once(stage: Stage) -> None:
    thread = await opened(stage)
    [one] = await told(stage)
    assert (one.to_id, one.pupil_id) == (stage.who["maja"], None)
    assert (one.kind, one.path) == (NotificationKind.DIALOGUE_MESSAGE, f"/dialogue/{thread}")
    assert "1 new message" in plain(await stage.get("maja", "/dialogue"))
    assert await reads(stage, "maja", thread, "Hur går det i matematik?")
    assert "new message" not in plain(await stage.get("maja", "/dialogue"))
    await reply(stage, "maja", thread)
    [back] = await told(stage)
    assert (back.to_id, back.pupil_id) == (stage.who["anna"], stage.who["ebba"])
    assert await reads(stage, "anna", thread, "Det går bra.")


async def test_the_pupil_and_the_teacher_may_begin_one_as_well(stage: Stage) -> None:
    mine = await opened(stage, "ebba", "ebba")
    assert await reads(stage, "maja", mine, "Hur går det")
    theirs = await opened(stage, "maja", "ebba", ("ebba", "anna", "bo"))
    for one in ("ebba", "anna", "bo"):
        assert await reads(stage, one, theirs, "Hur går det")


async def test_nobody_who_is_not_named_reads_along(stage: Stage) -> None:
    thread = await opened(stage)
    for other in ("bo", "ebba", "stina", "nadia", "malte", "uffe"):
        assert (await stage.get(other, f"/dialogue/{thread}")).status_code == 404
        assert (await reply(stage, other, thread)).status_code == 404
        assert (await stage.post(other, f"/dialogue/{thread}/ask-in", party=stage.who[other])).status_code == 404
        assert "Learning" not in plain(await stage.get(other, "/dialogue"))


async def test_only_those_around_the_pupil_can_be_named(stage: Stage) -> None:
    thread = await opened(stage, to=("maja", "nadia", "malte", "stina", "uffe"))
    parties = {row.person_id for row in await stage.rows("select person_id from party where thread_id = :t", t=thread)}
    assert parties == {stage.who["anna"], stage.who["maja"]}


@pytest.mark.parametrize(("who", "pupil"), [("stina", "ebba"), ("nadia", "ebba"), ("malte", "ebba"), ("gun", "alva")])
async def test_nobody_begins_one_about_a_pupil_who_is_not_theirs(stage: Stage, who: str, pupil: str) -> None:
    fields = {"subject": "learning", "words": "Hej", "party": stage.who["maja"], "pupil_id": stage.who[pupil]}
    assert (await stage.post(who, "/dialogue", fields)).status_code == 404
    assert (await stage.get(who, f"/dialogue/new?pupil={stage.who[pupil]}")).status_code == 404


async def test_who_has_lost_the_right_reads_no_more_and_is_not_told_by_their_own_id(stage: Stage) -> None:
    thread = await opened(stage)
    await told(stage)
    ties = (Guardianship(guardian_id=stage.who["bo"], relation=Relation.GUARDIAN),)
    await stage.hear(GuardianshipsStated(pupil_id=stage.who["ebba"], version=9, tenant_id=stage.tenant, ties=ties))
    assert (await stage.get("anna", f"/dialogue/{thread}")).status_code == 404
    await reply(stage, "maja", thread)
    [one] = await told(stage)
    assert one.pupil_id == stage.who["ebba"]  # so that the right is asked again when it is sent


async def test_a_mentor_who_works_there_no_more_reads_no_more(stage: Stage) -> None:
    thread = await opened(stage)
    post = await stage.post_of("maja")
    await stage.hear(stage.post_stated("maja", "north", "6A", post_id=post, version=9, ends=date(2026, 11, 1)))
    assert (await stage.get("maja", f"/dialogue/{thread}")).status_code in (404, 410)


async def test_what_is_written_in_the_evening_waits_for_the_morning_and_can_be_taken_back(stage: Stage) -> None:
    stage.at("21:00")
    thread = await opened(stage)
    assert not await told(stage)
    assert not await reads(stage, "maja", thread, "Hur går det")
    assert await reads(stage, "anna", thread, "Hur går det")
    [row] = await stage.rows("select message_id, held_until from message")
    assert row.held_until == stage.at("07:00", date(2026, 11, 3))
    stage.at("22:00")
    taken = await stage.post("anna", f"/dialogue/{thread}/messages/{row.message_id}/take-back")
    assert taken.headers["location"].endswith("taken_back")
    stage.at("07:00", date(2026, 11, 3))
    await stage.due(dialogue_handlers(stage.settings))
    assert not await told(stage)


async def test_in_the_morning_the_others_are_told_once(stage: Stage) -> None:
    stage.at("21:00")
    thread = await opened(stage)
    stage.at("07:00", date(2026, 11, 3))
    assert await stage.due(dialogue_handlers(stage.settings)) == 1
    assert [one.to_id for one in await told(stage)] == [stage.who["maja"]]
    assert await reads(stage, "maja", thread, "Hur går det")
    assert await stage.due(dialogue_handlers(stage.settings)) == 0


@pytest.mark.parametrize(("day", "hour"), [(date(2027, 3, 28), 5), (date(2026, 10, 25), 6)])
async def test_the_morning_comes_at_seven_on_the_wall_also_when_the_clocks_change(
    stage: Stage, day: date, hour: int
) -> None:
    stage.at("21:00", day - timedelta(days=1))
    await opened(stage)
    [row] = await stage.rows("select held_until from message")
    assert row.held_until.hour == hour


async def test_what_is_urgent_goes_at_once_but_a_home_has_only_so_many(stage: Stage) -> None:
    stage.at("21:00")
    thread = await opened(stage, urgent="true")
    [one] = await told(stage)
    assert one.kind is NotificationKind.DIALOGUE_URGENT
    assert (await reply(stage, "anna", thread, urgent="true")).status_code == 303
    refused = await reply(stage, "anna", thread, "Och en till", urgent="true")
    assert refused.status_code == 400
    assert "Call the school" in plain(refused)
    assert "Och en till" in refused.text  # what was typed is kept
    for _ in range(4):
        assert (await reply(stage, "maja", thread, urgent="true")).status_code == 303


async def test_who_is_asked_in_reads_only_what_comes_after(stage: Stage) -> None:
    thread = await opened(stage)
    stage.clock.advance(timedelta(minutes=5))
    assert (await stage.post("anna", f"/dialogue/{thread}/ask-in", party=stage.who["bo"])).status_code == 303
    stage.clock.advance(timedelta(minutes=5))
    await reply(stage, "maja", thread, "Hon är duktig.")
    assert await reads(stage, "bo", thread, "Hon är duktig.")
    assert not await reads(stage, "bo", thread, "Hur går det i matematik")


async def test_who_leaves_is_told_no_more(stage: Stage) -> None:
    thread = await opened(stage, "maja", "ebba", ("anna", "bo"))
    await told(stage)
    await stage.post("bo", f"/dialogue/{thread}/leave")
    await reply(stage, "maja", thread)
    assert [one.to_id for one in await told(stage)] == [stage.who["anna"]]
    assert (await stage.get("bo", f"/dialogue/{thread}")).status_code == 404


async def test_an_ended_conversation_is_open_again_when_somebody_writes(stage: Stage) -> None:
    thread = await opened(stage)
    await stage.post("maja", f"/dialogue/{thread}/close")
    assert "ended" in plain(await stage.get("anna", "/dialogue"))
    await reply(stage, "anna", thread)
    assert "ended" not in plain(await stage.get("anna", "/dialogue"))


async def test_a_protected_pupils_name_is_in_no_list_and_no_head(stage: Stage) -> None:
    thread = await opened(stage, "petra", "pia")
    name = (await stage.rows("select state ->> 'given_name' as n from roster where id = :p and state ? 'given_name'",
                             p=stage.who["pia"]))[0].n  # fmt: skip
    for who in ("petra", "maja"):
        assert name not in plain(await stage.get(who, "/dialogue"))
        assert name not in plain(await stage.get(who, f"/dialogue/{thread}"))


async def test_a_document_travels_with_a_message_and_only_its_readers_get_it(stage: Stage) -> None:
    fields = {"subject": "practical", "words": "Se bilagan.", "pupil_id": stage.who["ebba"], "party": stage.who["maja"]}
    answer = await stage.post("anna", "/dialogue", fields, files={"files": ("plan.pdf", PDF, "application/pdf")})
    assert answer.status_code == 303, plain(answer)
    [row] = await stage.rows("select file_id from message_file")
    got = await stage.get("maja", f"/dialogue/files/{row.file_id}")
    assert (got.status_code, got.content) == (200, PDF)
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"].startswith("attachment")
    for other in ("bo", "nadia", "uffe"):
        assert (await stage.get(other, f"/dialogue/files/{row.file_id}")).status_code == 404
    assert (await stage.get("anna", f"/dialogue/files/{uuid4()}")).status_code == 404


async def test_a_program_dressed_as_a_document_is_refused_with_a_reason(stage: Stage) -> None:
    fields = {"subject": "practical", "words": "Se bilagan.", "pupil_id": stage.who["ebba"], "party": stage.who["maja"]}
    answer = await stage.post("anna", "/dialogue", fields, files={"files": ("plan.pdf", b"MZ\x90", "application/pdf")})
    assert answer.status_code == 400
    assert "Se bilagan." in answer.text
    assert not await stage.rows("select 1 from message")


@pytest.mark.parametrize("fields", [{"words": ""}, {"subject": "gossip"}, {"words": "x" * 4001}])
async def test_what_cannot_be_sent_is_shown_again_with_its_reason(stage: Stage, fields: dict[str, str]) -> None:
    typed = {"subject": "learning", "words": "Hej", "pupil_id": stage.who["ebba"], "party": stage.who["maja"]}
    answer = await stage.post("anna", "/dialogue", {**typed, **fields})
    assert answer.status_code == 400
    assert "Nothing is sent yet" in plain(answer)


async def test_what_somebody_writes_is_words_and_nothing_else(stage: Stage) -> None:
    thread = await opened(stage, words="<script>alert(1)</script> {{7*7}}")
    page = await stage.get("maja", f"/dialogue/{thread}")
    assert "<script>alert" not in page.text
    assert "{{7*7}}" in page.text


async def test_pages_of_conversations_ask_little_of_the_database(stage: Stage) -> None:
    thread = await opened(stage)
    sent = statements(stage.kit)
    for path in ("/dialogue", f"/dialogue/{thread}", f"/dialogue/new?pupil={stage.who['ebba']}"):
        sent.clear()
        assert (await stage.get("anna", path)).status_code == 200
        asked = [one for one in sent if not one.startswith("insert")]  # the look that is left behind is not a question
        assert len(asked) <= 6, (path, asked)
