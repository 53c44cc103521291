"""The pages of rounds: who may open one, what is checked before, and what is decided while it is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from services.scheduling.web.round_page import add_round_page
from services.scheduling.web.rounds import add_rounds
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.privacy import PupilLookedAt
from shared.events.scheduling import TalkState, TalkStated
from tests.talks_stage import Stage, at, statements, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_rounds, add_round_page) as here:
        yield here


def planned(stage: Stage, *classes: str, **fields: Any) -> dict[str, Any]:
    """The form as the page fills it in, with these classes chosen."""
    usual = {
        "kind": "development",
        "title": "November",
        "classes": [stage.group[one] for one in classes or ("6A",)],
        "day_0": "2026-11-24",
        "from_0": "15:00",
        "to_0": "18:00",
        "talk_minutes": 25,
        "pause_minutes": 5,
        "longest_run": 5,
        "early_minutes": 0,
        "answer_by": "2026-11-12T20:00",
        "books_until": "2026-11-22T20:00",
        "books_from": "",
        "video": "on",
        "act": "open",
    }
    return {**usual, **fields}


async def the_round(stage: Stage) -> Any:
    [found] = await stage.rows("select * from round")
    return found


async def decide(stage: Stage, who: str, round_id: UUID, what: str, **fields: Any) -> int:
    return (await stage.post(who, f"/talks/rounds/{round_id}/{what}", fields)).status_code


async def test_a_mentor_opens_a_round_as_the_page_fills_it_in(stage: Stage) -> None:
    page = await stage.get("maja", "/talks/rounds/new")
    assert page.status_code == 200
    assert "6A, 5 pupils" in page.text
    assert "4B" not in page.text
    answer = await stage.post(
        "maja", "/talks/rounds/new", planned(stage, **{f"room_{stage.group['6A']}": "Blå rummet"})
    )
    assert answer.status_code == 303
    its = await the_round(stage)
    assert (its.state, its.title, its.author_id) == (RoundState.WISHES, "November", stage.who["maja"])
    assert its.answer_by == at("20:00", date(2026, 11, 12))
    rows = await stage.rows("select h.host_id, m.name from host h join room m on m.room_id = h.room_id")
    assert [tuple(row) for row in rows] == [(stage.who["maja"], "Blå rummet")]
    assert len(await stage.rows("select * from talk")) == 5
    assert len(await stage.rows("select * from due where kind like 'round_%'")) == 3
    page = await stage.get("maja", answer.headers["location"])
    assert "The round is open" in page.text


async def test_the_preview_says_what_comes_of_it_and_opens_nothing(stage: Stage) -> None:
    answer = await stage.post("rut", "/talks/rounds/new", planned(stage, "6A", "4B", act="check"))
    assert answer.status_code == 200
    assert "What each host has to do" in answer.text
    assert "Maja Mentor" in answer.text
    assert not await stage.rows("select * from round")


async def test_too_many_pupils_are_told_with_what_would_fix_it_and_the_round_can_be_opened(stage: Stage) -> None:
    tight = planned(stage, to_0="16:30", act="check")
    page = await stage.post("maja", "/talks/rounds/new", tight)
    assert page.status_code == 200
    assert "Maja Mentor has 5 talks and 3 times: 2 are left over." in page.text
    assert "Add evenings of the same length: 1." in page.text
    assert (await stage.post("maja", "/talks/rounds/new", {**tight, "act": "open"})).status_code == 303
    its = await the_round(stage)
    assert (
        "2 pupils have no time, whatever is proposed."
        in (await stage.get("maja", f"/talks/rounds/{its.round_id}")).text
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"classes": []}, "Choose at least one class."),
        ({"day_0": "2026-11-31"}, "Write the day as 2026-11-17, and the times as 15:00."),
        ({"day_0": "", "from_0": "", "to_0": ""}, "Choose at least one day."),
        ({"day_0": "2026-12-24"}, "This is a red day (Julafton)."),
        ({"day_0": "2026-11-28"}, "This is a Saturday or a Sunday."),
        ({"books_from": "2026-11-11T08:00"}, "Booking opens before the wishes end."),
        ({"talk_minutes": "many"}, "Minutes, and talks in a row, are whole numbers."),
        ({"answer_by": "soon"}, "Write a day and a time"),
        ({"answer_by": "0001-01-01T00:00"}, "Write a day and a time"),
        ({"day_0": "9999-12-31"}, "This day is more than a year away."),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    stage: Stage, wrong: dict[str, Any], sentence: str
) -> None:
    answer = await stage.post("maja", "/talks/rounds/new", planned(stage, **wrong))
    assert answer.status_code == 400
    assert sentence in answer.text
    assert 'value="November"' in answer.text
    assert not await stage.rows("select * from round")


async def test_nobody_opens_a_round_for_a_class_that_is_not_theirs(stage: Stage) -> None:
    answer = await stage.post("maja", "/talks/rounds/new", planned(stage, "4B"))
    assert answer.status_code == 400
    assert "Choose at least one class." in answer.text
    assert (await stage.post("rolf", "/talks/rounds/new", planned(stage, "6A"))).status_code == 400
    for who in ("anna", "ebba", "tora", "oskar"):
        assert (await stage.get(who, "/talks/rounds/new")).status_code == 404
        assert (await stage.post(who, "/talks/rounds/new", planned(stage, "6A"))).status_code == 404


async def test_who_sees_a_round_and_whose_names(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A", "4B", author_id=stage.who["rut"])
    path = f"/talks/rounds/{round_id}"
    principal, mentor, officer = [(await stage.get(who, path)).text for who in ("rut", "maja", "oskar")]
    assert "Ebba Ek" in principal
    assert "Emil Ek" in principal
    assert "Pia Dold" not in principal  # a mark, not a name
    assert "Protected" in principal
    assert "Ebba Ek" in mentor
    assert "Emil Ek" not in mentor
    assert "Ek" not in officer
    assert "of 10" in officer
    for who in ("anna", "ebba", "mats", "rolf", "tora", "uffe", "unni", "ove"):
        assert (await stage.get(who, path)).status_code == 404, who
    assert (await stage.get("rut", f"/talks/rounds/{uuid4()}")).status_code == 404
    looks = Counter(one.viewer_id for one in await stage.said(PupilLookedAt))
    assert looks == {stage.who["rut"]: 10, stage.who["maja"]: 5}


async def test_only_who_leads_a_round_decides_about_it(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A", "4B", author_id=stage.who["rut"])
    for who in ("maja", "oskar", "anna", "rolf", "unni"):
        for what in ("open", "book", "close", "days"):
            assert await decide(stage, who, round_id, what) == 404, (who, what)
        assert await decide(stage, who, round_id, "hosts", host_id=stage.who["tora"]) == 404
        if who != "maja":
            assert await decide(stage, who, round_id, "presence", host_id=stage.who["maja"]) == 404
    assert (await the_round(stage)).state == RoundState.WISHES


async def test_the_list_shows_rounds_and_who_lacks_a_talk(stage: Stage) -> None:
    from services.scheduling.jobs.coverage import NIGHTS, coverage_handlers

    await NIGHTS.begin(stage.kit)
    await stage.fall_due(coverage_handlers(stage.settings))
    round_id = await stage.round(RoundState.WISHES, "6A")
    await stage.give(round_id, "ebba")
    mentor, principal, officer = [(await stage.get(who, "/talks/rounds")).text for who in ("maja", "rut", "oskar")]
    assert "4 pupils are owed a talk and have none ahead." in mentor
    assert "Ebba" not in mentor
    assert "Filip" in mentor
    assert "9 pupils" in principal
    assert "Talks in November" in officer
    assert "Filip" not in officer
    for who in ("anna", "ebba", "tora"):
        assert (await stage.get(who, "/talks/rounds")).status_code == 404
    assert "Talks in November" not in (await stage.get("unni", "/talks/rounds")).text


async def test_a_host_who_is_busy_has_those_times_closed_and_opened_again(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A", "4B", author_id=stage.who["rut"])
    await stage.give(round_id, "ebba", 1)
    busy = {"host_id": stage.who["maja"], "busy_day": "2026-11-17", "busy_from": "15:00", "busy_to": "16:00"}
    assert await decide(stage, "maja", round_id, "presence", **busy) == 303
    assert [slot.closed for slot in await stage.slots(round_id, "maja")][:3] == [True, False, False]  # a talk stays
    assert not any(slot.closed for slot in await stage.slots(round_id, "malte"))
    [kept] = await stage.rows("select * from presence")
    assert await decide(stage, "malte", round_id, "presence", host_id=stage.who["maja"], remove=kept.presence_id) == 404
    assert await decide(stage, "maja", round_id, "presence", host_id=stage.who["maja"], remove=kept.presence_id) == 303
    assert not any(slot.closed for slot in await stage.slots(round_id, "maja"))
    assert await decide(stage, "maja", round_id, "presence", **{**busy, "busy_to": "14:00"}) == 409


async def test_somebody_else_takes_over_a_hosts_talks(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await stage.give(round_id, "ebba", 1)
    fields = {"host_id": stage.who["tora"], "instead_of": stage.who["maja"]}
    assert await decide(stage, "rut", round_id, "hosts", **fields) == 303
    talk = await stage.talk(round_id, "ebba")
    assert (talk.host_id, talk.state) == (stage.who["tora"], TalkState.BOOKED)
    assert (await stage.talk(round_id, "noor")).host_id == stage.who["tora"]
    assert not await stage.slots(round_id, "maja")
    owners = {row.resource_id for row in await stage.rows("select resource_id from occupancy")}
    assert stage.who["tora"] in owners
    assert stage.who["maja"] not in owners
    assert await decide(stage, "rut", round_id, "hosts", host_id=stage.who["anna"]) == 404
    assert await decide(stage, "rut", round_id, "hosts", host_id=stage.who["mats"]) == 404  # works elsewhere


async def test_a_host_who_is_booked_elsewhere_cannot_take_over(stage: Stage) -> None:
    one, other = await stage.round(RoundState.BOOKING, "6A"), await stage.round(RoundState.BOOKING, "4B")
    await stage.give(one, "ebba", 1)
    await stage.give(other, "hugo", 1)
    fields = {"host_id": stage.who["malte"], "instead_of": stage.who["maja"]}
    answer = await stage.post("rut", f"/talks/rounds/{one}/hosts", fields)
    assert answer.status_code == 409
    assert "booked elsewhere" in answer.text
    assert (await stage.talk(one, "ebba")).host_id == stage.who["maja"]


async def test_another_room_is_told_to_homes_that_have_an_invitation(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", video=False)
    await stage.give(round_id, "ebba", 1)
    assert await decide(stage, "maja", round_id, "hosts", host_id=stage.who["maja"], room="Aulan") == 303
    [told] = [one for one in await stage.said(NotificationRequested) if one.kind is NotificationKind.TALK_MOVED]
    assert told.appointment.place == "Aulan"
    assert told.appointment.sequence == 1


async def test_one_more_evening_and_one_more_host_give_more_times(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A")
    evening = {"day": "2026-11-24", "starts": "15:00", "ends": "16:00"}
    assert await decide(stage, "maja", round_id, "days", **evening) == 303
    assert len(await stage.slots(round_id, "maja")) == 14
    assert await decide(stage, "maja", round_id, "days", **evening) == 409  # nothing new
    assert await decide(stage, "maja", round_id, "days", **{**evening, "day": "2026-11-01"}) == 409
    assert await decide(stage, "maja", round_id, "hosts", host_id=stage.who["tora"]) == 303
    assert len(await stage.slots(round_id, "tora")) == 12


async def test_the_leader_lets_homes_book_and_closes_the_round(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A")
    assert await decide(stage, "maja", round_id, "book") == 303
    its = await the_round(stage)
    assert (its.state, its.books_from) == (RoundState.BOOKING, stage.clock.now())
    assert {one.books_from for one in await stage.said(TalkStated)} == {stage.clock.now()}
    assert await decide(stage, "maja", round_id, "close") == 303
    assert {row.state for row in await stage.rows("select state from talk")} == {TalkState.CANCELLED}


async def test_the_pages_ask_the_database_only_a_few_times(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A", "4B", author_id=stage.who["rut"])
    for path in ("/talks/rounds", "/talks/rounds/new", f"/talks/rounds/{round_id}"):
        for who in ("rut", "maja"):
            sent = statements(stage.kit)
            assert (await stage.get(who, path)).status_code == 200
            asked = [one for one in sent if "insert into" not in one]
            assert len(asked) <= 7, (path, who, asked)  # one of them only lets the look be written
