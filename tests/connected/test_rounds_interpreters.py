"""Interpreters: who is on the list, when they are booked, and what happens to the talks of one who cannot come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.placing import Choice
from services.scheduling.domain.rounds import RoundState
from services.scheduling.placing import place
from services.scheduling.tables import Interpreter, InterpreterBlock, Need
from services.scheduling.web.interpreters import add_interpreters
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.scheduling import TalkState
from shared.ids import derived_id
from tests.talks_stage import TUESDAY, Stage, at, statements, talks_stage

pytestmark = pytest.mark.connected
AMAL, BADR, SAGAL = (derived_id(name) for name in ("amal", "badr", "sagal"))


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_interpreters) as here:
        yield here


async def booked(stage: Stage, interpreter: UUID, name: str, *languages: str, ends: str = "18:00") -> UUID:
    """Somebody who interprets on Tuesday evening; the stretch's id."""
    block = derived_id("block", interpreter)
    async with stage.kit.sessions.begin() as session:
        session.add(
            Interpreter(interpreter_id=interpreter, tenant_id=stage.tenant, name=name, languages=list(languages))
        )
        await session.flush()
        begins, over = at("15:00", TUESDAY), at(ends, TUESDAY)
        session.add(InterpreterBlock(block_id=block, interpreter_id=interpreter, starts_at=begins, ends_at=over))
    return block


async def with_interpreter(stage: Stage) -> UUID:
    """A round in which Noor's talk is booked with Amal, because Nadia needs Arabic. Its id."""
    round_id = await stage.round(RoundState.BOOKING, "6A")
    slot = (await stage.slots(round_id, "maja"))[2]
    async with stage.kit.sessions.begin() as session:
        need = Need(person_id=stage.who["nadia"], tenant_id=stage.tenant, interpreter="ar", answered_at=slot.starts_at)
        session.add(need)
        await session.flush()
        choice = Choice(stage.talk_id(round_id, "noor"), slot.slot_id, AMAL)
        await place(session, [choice], TalkState.BOOKED, stage.clock.now())
    return round_id


async def test_another_interpreter_of_the_language_takes_over_at_the_same_time(stage: Stage) -> None:
    block = await booked(stage, AMAL, "Amal", "ar", "fa")
    await booked(stage, BADR, "Badr", "ar")
    await booked(stage, SAGAL, "Sagal", "so")
    round_id = await with_interpreter(stage)
    answer = await stage.post("oskar", f"/talks/interpreters/blocks/{block}/cancel")
    assert answer.headers["location"].endswith("took=1&lost=0")
    talk = await stage.talk(round_id, "noor")
    assert (talk.interpreter_id, talk.state, talk.starts_at) == (BADR, TalkState.BOOKED, at("16:00", TUESDAY))
    assert "1 talk has another interpreter." in (await stage.get("oskar", answer.headers["location"])).text
    assert (await stage.post("oskar", f"/talks/interpreters/blocks/{block}/cancel")).status_code == 404  # once


@pytest.mark.parametrize("other", [("so", "18:00"), ("ar", "16:00"), None])
async def test_without_another_one_the_talk_loses_its_time_and_the_home_is_told(stage: Stage, other: Any) -> None:
    block = await booked(stage, AMAL, "Amal", "ar")
    if other:
        await booked(stage, BADR, "Badr", other[0], ends=other[1])  # speaks something else, or is gone by then
    round_id = await with_interpreter(stage)
    answer = await stage.post("rut", f"/talks/interpreters/blocks/{block}/cancel")
    assert answer.headers["location"].endswith("took=0&lost=1")
    talk = await stage.talk(round_id, "noor")
    assert (talk.state, talk.starts_at, talk.declined) == (TalkState.WANTED, None, "interpreter")
    assert not await stage.rows("select * from occupancy")
    kinds = [one.kind for one in await stage.said(NotificationRequested)]
    assert kinds == [NotificationKind.TALK_CANCELLED]


async def test_a_stretch_that_another_one_of_the_same_person_holds_too_changes_nothing(stage: Stage) -> None:
    block = await booked(stage, AMAL, "Amal", "ar")
    round_id = await with_interpreter(stage)
    fields = {"day": "2026-11-17", "starts": "15:30", "ends": "17:00"}
    assert (await stage.post("oskar", f"/talks/interpreters/{AMAL}/blocks", fields)).status_code == 303
    answer = await stage.post("oskar", f"/talks/interpreters/blocks/{block}/cancel")
    assert answer.headers["location"].endswith("took=0&lost=0")
    assert (await stage.talk(round_id, "noor")).interpreter_id == AMAL


async def test_principals_and_officers_keep_the_list_and_mentors_read_it(stage: Stage) -> None:
    new = {"name": "Amal", "languages": "ar, FA; so ar not-a-language-at-all-really"}
    assert (await stage.post("rut", "/talks/interpreters", new)).status_code == 303
    [row] = await stage.rows("select * from interpreter")
    assert (row.name, row.languages) == ("Amal", ["ar", "fa", "so"])
    day = {"day": "2026-11-17", "starts": "15:00", "ends": "17:00"}
    path = f"/talks/interpreters/{row.interpreter_id}/blocks"
    assert (await stage.post("rut", path, day)).status_code == 303
    page = (await stage.get("maja", "/talks/interpreters")).text
    assert "Arabic (ar)" in page
    assert "Add an interpreter" not in page
    for who in ("maja", "anna", "tora"):
        assert (await stage.post(who, "/talks/interpreters", new)).status_code == 404
        assert (await stage.post(who, path, day)).status_code == 404
    assert (await stage.post("ove", path, day)).status_code == 404  # of another municipality
    assert "Amal" not in (await stage.get("ove", "/talks/interpreters")).text
    assert (await stage.get("anna", "/talks/interpreters")).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends": "14:00"},
        {"day": "2026-10-01"},
        {"day": "never"},
        {"starts": ""},
        {"day": str(date(2026, 11, 1))},
    ],
)
async def test_times_that_make_no_sense_are_refused_with_a_sentence(stage: Stage, wrong: dict[str, str]) -> None:
    await booked(stage, AMAL, "Amal", "ar")
    fields = {"day": "2026-11-17", "starts": "15:00", "ends": "17:00", **wrong}
    answer = await stage.post("rut", f"/talks/interpreters/{AMAL}/blocks", fields)
    assert answer.status_code == 400
    assert "Write a day ahead" in answer.text
    assert len(await stage.rows("select * from interpreter_block")) == 1


@pytest.mark.parametrize("wrong", [{"name": " "}, {"languages": "?"}, {"name": "x" * 90}])
async def test_a_name_and_a_language_are_needed(stage: Stage, wrong: dict[str, str]) -> None:
    answer = await stage.post("rut", "/talks/interpreters", {"name": "Amal", "languages": "ar", **wrong})
    assert answer.status_code == 400
    assert not await stage.rows("select * from interpreter")


async def test_the_page_asks_the_database_only_a_few_times(stage: Stage) -> None:
    await booked(stage, AMAL, "Amal", "ar")
    sent = statements(stage.kit)
    assert (await stage.get("rut", "/talks/interpreters")).status_code == 200
    assert len(sent) <= 6, sent
