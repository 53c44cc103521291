"""A time that becomes free is offered to the family it helps most, and then to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling import placing
from services.scheduling import tables as t
from services.scheduling.booking import Reply, Request
from services.scheduling.desk import Desk
from services.scheduling.domain.rounds import RoundState
from services.scheduling.jobs.waiting import waiting_handlers
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.scheduling import TalkState
from tests.talks_stage import HERE, Stage, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock) as here:
        yield here


async def waits(stage: Stage, round_id: UUID, who: str, pupil: str, minutes: int = 0) -> None:
    talk = await stage.talk(round_id, pupil)
    async with stage.kit.sessions.begin() as session:
        session.add(
            t.Waiting(
                talk_id=talk.talk_id,
                round_id=round_id,
                school_id=talk.school_id,
                person_id=stage.who[who],
                since=stage.clock.now() - timedelta(minutes=minutes),
            )
        )


async def let_go(stage: Stage, round_id: UUID, pupil: str) -> None:
    async with stage.kit.sessions.begin() as session:
        ids, now = [stage.talk_id(round_id, pupil)], stage.clock.now()
        await placing.unplace(session, ids, TalkState.WANTED, now, why="declined")
    await due(stage)


async def due(stage: Stage) -> None:
    await stage.fall_due(waiting_handlers(stage.settings))


async def offered(stage: Stage) -> list[NotificationRequested]:
    said = await stage.said(NotificationRequested)
    return [one for one in said if one.kind is NotificationKind.TALK_OFFERED]


async def test_it_is_offered_to_who_has_none_and_then_to_the_next(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await stage.give(round_id, "ebba", 0)
    await stage.give(round_id, "gustav", 5)
    await waits(stage, round_id, "greta", "gustav", minutes=99)  # has a time and wants a better one
    await waits(stage, round_id, "frida", "filip")
    await let_go(stage, round_id, "ebba")
    assert [one.pupil_id for one in await offered(stage)] == [stage.who["filip"]]
    stage.clock.advance(timedelta(hours=stage.settings.offer_hours))
    await due(stage)
    assert [one.pupil_id for one in await offered(stage)] == [stage.who["filip"], stage.who["gustav"]]
    stage.clock.advance(timedelta(hours=stage.settings.offer_hours))
    await due(stage)
    assert not await stage.rows("select * from occupancy where hold_id is not null")  # free for all again


async def test_who_takes_the_offer_is_off_the_list_and_the_old_time_is_offered_on(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await stage.give(round_id, "ebba", 0)
    await stage.give(round_id, "gustav", 5)
    await waits(stage, round_id, "greta", "gustav")
    await let_go(stage, round_id, "ebba")
    hold = (await stage.rows("select hold_id from hold"))[0].hold_id
    await waits(stage, round_id, "frida", "filip")
    answer = await Desk(stage.kit).ask(Request(stage.who["greta"], HERE, hold=hold, key=str(hold)))
    assert answer.reply is Reply.BOOKED
    await due(stage)
    slots = await stage.slots(round_id, "maja")
    assert (await stage.talk(round_id, "gustav")).slot_id == slots[0].slot_id
    assert [row.offered_slot_id for row in await stage.rows("select * from waiting")] == [slots[5].slot_id]


async def test_an_offer_is_kept_from_everybody_else(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await stage.give(round_id, "ebba", 0)
    await waits(stage, round_id, "frida", "filip")
    await let_go(stage, round_id, "ebba")
    slot = (await stage.slots(round_id, "maja"))[0].slot_id
    wanted = ((stage.talk_id(round_id, "gustav"), slot),)
    assert (await Desk(stage.kit).ask(Request(stage.who["greta"], HERE, wanted))).reply is Reply.TAKEN


async def test_a_hold_nobody_confirms_ends_and_its_time_is_offered(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    slot = (await stage.slots(round_id, "maja"))[0].slot_id
    desk, minutes = Desk(stage.kit), timedelta(minutes=5)
    await desk.ask(Request(stage.who["anna"], HERE, ((stage.talk_id(round_id, "ebba"), slot),), keep=minutes))
    await waits(stage, round_id, "frida", "filip")
    stage.clock.advance(minutes)
    await due(stage)
    assert [row.offered_slot_id for row in await stage.rows("select * from waiting")] == [slot]


async def test_the_home_is_reminded_once_two_days_before_and_of_the_time_it_has_then(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    slots = await stage.slots(round_id, "maja")
    desk = Desk(stage.kit)
    for slot in (slots[0], slots[8]):
        await desk.ask(Request(stage.who["frida"], HERE, ((stage.talk_id(round_id, "filip"), slot.slot_id),)))
    await stage.forward(18, waiting_handlers(stage.settings))
    said = await stage.said(NotificationRequested)
    reminders = [one for one in said if one.kind is NotificationKind.TALK_REMINDER]
    assert len(reminders) == 1
    ahead = slots[8].starts_at - reminders[0].requested_at
    assert timedelta(hours=20) < ahead <= timedelta(hours=48)
