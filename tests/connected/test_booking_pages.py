"""The family's page and booking on it, as people use them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from services.scheduling.web.booking import add_booking
from services.scheduling.web.family import add_family
from shared.clock import ManualClock
from shared.events.scheduling import TalkState
from tests.talks_stage import Stage, statements, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_family, add_booking) as here:
        yield here


def choices(page: str) -> list[str]:
    return re.findall(r'name="choice" type="radio" value="([^"]+)"', page)


async def held(stage: Stage, who: str, choice: str) -> str:
    answer = await stage.post(who, "/talks/hold", choice=choice)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def test_a_family_books_all_children_on_one_evening_from_the_first_page_on(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    first = await stage.get("anna", "/talks")
    assert "/talks/book" in first.text
    page = await stage.get("anna", "/talks/book")
    best = choices(page.text)[0]
    assert best.count(":") == 2  # both children
    where = await held(stage, "anna", best)
    shown = await stage.get("anna", where)
    assert "Ebba" in shown.text
    assert "Emil" in shown.text
    done = await stage.post("anna", where, act="confirm")
    assert done.headers["location"] == "/talks?done=booked"
    again = await stage.post("anna", where, act="confirm")
    assert again.headers["location"] == "/talks?done=booked"
    assert (await stage.get("anna", where)).status_code == 303
    after = await stage.get("anna", "/talks?done=booked")
    assert after.text.count("Booked") >= 3
    days = {(await stage.talk(round_id, one)).starts_at.date() for one in ("ebba", "emil")}  # type: ignore[union-attr]
    assert len(days) == 1


async def test_who_comes_too_late_is_shown_times_for_the_whole_family(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    page = await stage.get("anna", "/talks/book")
    await stage.give(round_id, "filip", 0)
    slot = (await stage.slots(round_id, "maja"))[0].slot_id
    wanted = next(one for one in choices(page.text) if str(slot) in one)
    answer = await stage.post("anna", "/talks/hold", choice=wanted)
    assert answer.status_code == 409
    assert len(choices(answer.text)) == 3
    await held(stage, "anna", choices(answer.text)[0])


async def test_a_hold_can_be_extended_and_let_go(stage: Stage) -> None:
    await stage.round(RoundState.BOOKING, "6A")
    where = await held(stage, "frida", choices((await stage.get("frida", "/talks/book")).text)[0])
    stage.clock.advance(timedelta(minutes=4))
    await stage.post("frida", where, act="extend")
    stage.clock.advance(timedelta(minutes=4))
    assert "Kept for you until" in (await stage.get("frida", where)).text
    await stage.post("frida", where, act="let_go")
    assert not await stage.rows("select * from occupancy")
    assert (await stage.get("frida", where)).status_code == 404


@pytest.mark.parametrize("who", ["frida", "stina", "maja", "ulla", "ebba"])
async def test_another_home_sees_and_changes_nothing(stage: Stage, who: str) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    where = await held(stage, "anna", choices((await stage.get("anna", "/talks/book")).text)[0])
    assert (await stage.get(who, where)).status_code == 404
    for act in ("confirm", "extend", "let_go"):
        assert (await stage.post(who, where, act=act)).status_code == 404
    talk = await stage.give(round_id, "siri", 0)
    for what in ("accept", "cancel", "wait"):
        assert (await stage.post(who, f"/talks/{talk}/{what}")).status_code == 404
        assert (await stage.post(who, f"/talks/{uuid4()}/{what}")).status_code == 404
    assert (await stage.get(who, f"/talks/{talk}/swap")).status_code == 404


async def test_a_proposed_time_is_accepted_or_swapped(stage: Stage) -> None:
    round_id = await stage.round(RoundState.PROPOSED, "6A", "4B")
    ebba = await stage.give(round_id, "ebba", 0, TalkState.PROPOSED)
    emil = await stage.give(round_id, "emil", 2, TalkState.PROPOSED)
    page = (await stage.get("bo", "/talks")).text
    assert page.count("Yes, that works") >= 2
    await stage.post("bo", f"/talks/{ebba}/accept")
    assert (await stage.talk(round_id, "ebba")).state == TalkState.BOOKED
    swap = choices((await stage.get("anna", f"/talks/{emil}/swap")).text)
    slot = UUID(swap[0].split(":")[1])
    assert (await stage.talk(round_id, "emil")).slot_id not in {UUID(one.split(":")[1]) for one in swap}
    near = next(one for one in await stage.slots(round_id, "malte") if one.slot_id == slot)
    assert near.starts_at - (await stage.slots(round_id, "maja"))[0].ends_at < timedelta(minutes=40)
    where = await held(stage, "anna", swap[0])
    await stage.post("anna", where, act="confirm")
    assert (await stage.talk(round_id, "emil")).slot_id == slot


async def test_a_time_is_given_up_and_waited_for(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    talk = await stage.give(round_id, "filip", 0)
    await stage.post("frida", f"/talks/{talk}/cancel")
    assert (await stage.talk(round_id, "filip")).state == TalkState.WANTED
    await stage.post("frida", f"/talks/{talk}/wait", act="join")
    assert "On the waiting list" in (await stage.get("frida", "/talks")).text
    await stage.post("frida", f"/talks/{talk}/wait", act="leave")
    assert not await stage.rows("select * from waiting")


async def test_before_the_hour_the_page_says_when_booking_opens(stage: Stage) -> None:
    opens = stage.clock.now() + timedelta(hours=23)
    await stage.round(RoundState.BOOKING, "6A", books_from=opens)
    assert "Booking opens tomorrow 08:00" in (await stage.get("frida", "/talks")).text
    page = await stage.get("frida", "/talks/book")
    assert "booking opens tomorrow 08:00" in page.text
    assert not choices(page.text)


async def test_what_cannot_be_read_is_said_kindly(stage: Stage) -> None:
    await stage.round(RoundState.BOOKING, "6A")
    for odd in ("", "x", "1:2", f"{uuid4()}:{uuid4()},oops"):
        answer = await stage.post("frida", "/talks/hold", choice=odd)
        assert answer.status_code == 400
        assert choices(answer.text)
    assert (await stage.post("frida", "/talks/hold", choice=f"{uuid4()}:{uuid4()}")).status_code == 404


async def test_mentors_see_the_talks_they_hold_with_room_and_mark(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    for place, pupil in enumerate(("ebba", "pia")):
        await stage.give(round_id, pupil, place)
    stage.clock.advance(timedelta(days=10))
    page = (await stage.get("maja", "/talks")).text
    assert "Ebba Ek" in page
    assert "Room 6A" in page
    assert "Protected" in page
    assert "Ebba" not in (await stage.get("malte", "/talks")).text


async def test_a_pupil_sees_own_talks_and_books_from_18_on(stage: Stage) -> None:
    await stage.round(RoundState.BOOKING, "9C")
    assert "/talks/book" in (await stage.get("alva", "/talks")).text
    assert choices((await stage.get("alva", "/talks/book")).text)
    olle = await stage.get("olle", "/talks")
    assert "No time yet" in olle.text
    assert not choices((await stage.get("olle", "/talks/book")).text)
    assert "Alva" not in (await stage.get("gun", "/talks")).text


async def test_a_talk_apart_is_not_shown_to_the_other_home(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    talk = stage.talk_id(round_id, "ebba")
    async with stage.kit.sessions.begin() as session:
        from sqlalchemy import text

        change = text("update talk set household = 1, guardian_ids = array[cast(:anna as uuid)] where talk_id = :talk")
        await session.execute(change, {"anna": stage.who["anna"], "talk": talk})
    assert "Ebba" in (await stage.get("anna", "/talks")).text
    assert "Ebba" not in (await stage.get("bo", "/talks")).text
    assert (await stage.get("bo", f"/talks/{talk}/swap")).status_code == 404


@pytest.mark.parametrize("path", ["/talks", "/talks/book", "/talks/{talk}/swap", "/talks/hold/{hold}"])
async def test_a_page_is_few_statements(stage: Stage, path: str) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    await stage.round(RoundState.BOOKING, "9C")
    where = await held(stage, "anna", choices((await stage.get("anna", "/talks/book")).text)[0])
    talk = await stage.give(round_id, "emil", 5)
    sent = statements(stage.kit)
    await stage.get("anna", path.format(talk=talk, hold=where.rsplit("/", 1)[1]))
    before_look = sent[: next((n for n, one in enumerate(sent) if "outbox" in one), len(sent) + 1) - 1]
    assert len(before_look) <= 6, sent
