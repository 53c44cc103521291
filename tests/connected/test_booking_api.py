"""Booking for programs: the same rules, in JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from services.scheduling.web.api import api_routes
from services.scheduling.web.family import add_family
from shared.clock import ManualClock
from tests.talks_stage import Stage, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_family) as here:
        here.app.include_router(api_routes(here.kit))
        yield here


async def book(
    stage: Stage, who: str, *wanted: tuple[UUID, UUID], key: str | None = None, **headers: str
) -> httpx.Response:
    body = {"choices": [{"talk_id": str(talk), "slot_id": str(slot)} for talk, slot in wanted]}
    async with stage.client(who) as browser:
        more = {"idempotency-key": key} if key else {}
        return await browser.post("/talks/api/bookings", json=body, headers={**more, **headers})


async def want(stage: Stage, round_id: UUID, pupil: str, number: int, mentor: str = "maja") -> tuple[UUID, UUID]:
    return stage.talk_id(round_id, pupil), (await stage.slots(round_id, mentor))[number].slot_id


async def test_of_many_posts_for_one_time_exactly_one_is_created(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    homes = {"anna": "ebba", "nadia": "noor", "petra": "pia", "frida": "filip", "greta": "gustav"}
    wanted = {who: await want(stage, round_id, pupil, 3) for who, pupil in homes.items()}
    answers = await asyncio.gather(*[book(stage, who, one) for who, one in list(wanted.items()) * 4])
    talks = {body["talk_ids"][0] for one in answers if one.status_code < 300 and (body := one.json())}
    assert len(talks) == 1
    assert [one.status_code for one in answers].count(201) == 1
    assert {one.status_code for one in answers} == {200, 201, 409}
    assert all(len(one.json()["alternatives"]) == 3 for one in answers if one.status_code == 409)


async def test_the_same_key_again_is_200_with_the_same_talks_and_404_for_anybody_else(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    one = await want(stage, round_id, "ebba", 0)
    first, again = [await book(stage, "anna", one, key="a-key") for _ in range(2)]
    assert (first.status_code, again.status_code, first.json()) == (201, 200, again.json())
    assert (await book(stage, "frida", one, key="a-key")).status_code == 404
    assert (await book(stage, "frida", one)).status_code == 404
    assert (await book(stage, "frida", (uuid4(), uuid4()))).json() == (await book(stage, "frida", one)).json()


async def test_before_the_hour_it_says_when(stage: Stage) -> None:
    opens = stage.clock.now() + timedelta(seconds=1)
    round_id = await stage.round(RoundState.BOOKING, "6A", books_from=opens)
    one = await want(stage, round_id, "filip", 0)
    answer = await book(stage, "frida", one)
    assert (answer.status_code, answer.json()["opens_at"]) == (403, opens.isoformat())
    stage.clock.advance(timedelta(seconds=1))
    assert (await book(stage, "frida", one)).status_code == 201


async def test_it_takes_the_token_of_the_session_from_our_own_pages_only(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    one = await want(stage, round_id, "ebba", 0)
    assert (await book(stage, "anna", one, **{"x-csrf": "guessed"})).status_code == 403
    assert (await book(stage, "anna", one, origin="https://elsewhere.example")).status_code == 403
    async with stage.client(None) as nobody:
        assert (await nobody.post("/talks/api/bookings", json={})).status_code in (303, 401)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{"talk_id": "x"}]}, [], "text"])
async def test_what_cannot_be_read_is_422(stage: Stage, body: Any) -> None:
    async with stage.client("anna") as browser:
        assert (await browser.post("/talks/api/bookings", json=body)).status_code == 422
        twice = {"choices": [{"talk_id": str(UUID(int=1)), "slot_id": str(uuid4())}] * 2}
        assert (await browser.post("/talks/api/bookings", json=twice)).status_code == 422


async def test_what_is_free_is_told_to_who_may_book_it(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await stage.give(round_id, "filip", 0)
    path = f"/talks/api/free?talk_id={stage.talk_id(round_id, 'ebba')}"
    slots = await stage.slots(round_id, "maja")
    times = (await stage.get("anna", path)).json()["times"]
    assert [one["slot_id"] for one in times] == [str(one.slot_id) for one in slots[1:]]
    for who in ("frida", "stina", "ebba", "ulla"):
        assert (await stage.get(who, path)).status_code == 404
