"""The stage of the talks itself: a round in a state, talks with their times, people at their browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from shared.clock import ManualClock
from shared.events.scheduling import TalkState
from tests.talks_stage import Stage, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock) as here:
        yield here


async def test_a_round_is_there_with_its_slots_and_talks(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    assert [len(await stage.slots(round_id, mentor)) for mentor in ("maja", "malte")] == [12, 12]
    talk = await stage.talk(round_id, "ebba")
    assert (talk.state, set(talk.guardian_ids)) == (TalkState.WANTED, {stage.who["anna"], stage.who["bo"]})


async def test_a_talk_that_was_given_a_time_occupies_all_it_uses(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await stage.give(round_id, "ebba", 2)
    slots = await stage.slots(round_id, "maja")
    assert (await stage.talk(round_id, "ebba")).slot_id == slots[2].slot_id
    assert len(await stage.rows("select * from occupancy")) == 5  # host, room, pupil, both guardians


async def test_nobody_who_is_not_logged_in_gets_in(stage: Stage) -> None:
    assert (await stage.get(None, "/talks/rounds")).status_code in (303, 401, 404)
