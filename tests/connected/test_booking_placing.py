"""Giving talks their times: nobody and nothing is ever in two places at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling import placing
from services.scheduling.domain.placing import Choice
from services.scheduling.domain.rounds import RoundState
from services.scheduling.errors import Clash
from shared.clock import ManualClock
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.scheduling import TalkState, TalkStated
from tests.talks_stage import Stage, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock) as here:
        yield here


async def chosen(stage: Stage, round_id: object, pupil: str, mentor: str, number: int) -> Choice:
    slots = await stage.slots(round_id, mentor)  # type: ignore[arg-type]
    return Choice(stage.talk_id(round_id, pupil), slots[number].slot_id)  # type: ignore[arg-type]


async def place(stage: Stage, *choices: Choice, state: TalkState = TalkState.BOOKED) -> list[Outgoing]:
    async with stage.kit.sessions.begin() as session:
        return await placing.place(session, choices, state, stage.clock.now())


def asked(said: list[Outgoing]) -> list[NotificationRequested]:
    return [one.event for one in said if isinstance(one.event, NotificationRequested)]


async def test_a_booked_talk_has_its_time_and_room_and_its_home_is_invited(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    said = await place(stage, await chosen(stage, round_id, "ebba", "maja", 3))
    talk, slot = await stage.talk(round_id, "ebba"), (await stage.slots(round_id, "maja"))[3]
    assert (talk.slot_id, talk.starts_at, talk.state) == (slot.slot_id, slot.starts_at, TalkState.BOOKED)
    assert [one.kind for one in asked(said)] == [NotificationKind.TALK_BOOKED]
    entry = asked(said)[0].appointment
    assert (entry.place if entry else None) == "Room 6A"
    assert [one.event.state for one in said if isinstance(one.event, TalkStated)] == [TalkState.BOOKED]


async def test_a_second_talk_does_not_get_a_time_that_is_taken(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await place(stage, await chosen(stage, round_id, "ebba", "maja", 3))
    with pytest.raises(Clash) as clash:
        await place(stage, await chosen(stage, round_id, "noor", "maja", 3))
    assert clash.value.talk_ids == {stage.talk_id(round_id, "noor")}
    assert stage.who["maja"] in clash.value.resources


async def test_two_talks_can_change_places(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await place(stage, *[await chosen(stage, round_id, *one) for one in (("ebba", "maja", 0), ("noor", "maja", 5))])
    said = await place(
        stage, *[await chosen(stage, round_id, *one) for one in (("ebba", "maja", 5), ("noor", "maja", 0))]
    )
    assert {one.kind for one in asked(said)} == {NotificationKind.TALK_MOVED}
    assert {one.appointment.sequence for one in asked(said) if one.appointment} == {1}
    assert len(await stage.rows("select * from occupancy")) == 10


async def test_a_guardian_is_not_at_two_schools_without_time_to_travel(stage: Stage) -> None:
    north = await stage.round(RoundState.BOOKING, "6A")
    south = await stage.round(RoundState.BOOKING, "9C")
    await place(stage, await chosen(stage, north, "ebba", "maja", 0))
    with pytest.raises(Clash):
        await place(stage, await chosen(stage, south, "olle", "mats", 1))
    await place(stage, await chosen(stage, south, "olle", "mats", 2))


async def test_of_many_who_place_at_once_one_gets_the_time_and_nothing_locks_up(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    names = ["ebba", "noor", "pia", "filip", "gustav"]
    wanted = [await chosen(stage, round_id, one, "maja", 2) for one in names]
    found = await asyncio.gather(*[place(stage, one) for one in wanted * 3], return_exceptions=True)
    kept = [one for one in found if not isinstance(one, BaseException)]
    assert all(isinstance(one, Clash) for one in found if isinstance(one, BaseException))
    assert len(await stage.rows("select * from talk where slot_id is not null")) == 1
    assert kept


async def test_a_talk_that_loses_its_time_frees_all_and_its_calendar_entry_is_taken_back(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    await place(stage, await chosen(stage, round_id, "ebba", "maja", 3))
    async with stage.kit.sessions.begin() as session:
        ids = [stage.talk_id(round_id, "ebba")]
        said = await placing.unplace(session, ids, TalkState.WANTED, stage.clock.now(), why="declined")
    entry = asked(said)[0].appointment
    assert entry
    assert (entry.cancelled, entry.sequence) == (True, 1)
    assert not await stage.rows("select * from occupancy")
    again = await place(stage, await chosen(stage, round_id, "ebba", "maja", 4))
    entry = asked(again)[0].appointment
    assert entry
    assert entry.sequence == 2


async def test_a_proposed_talk_is_booked_where_it_stands_when_the_home_accepts(stage: Stage) -> None:
    round_id = await stage.round(RoundState.PROPOSED, "6A")
    said = await place(stage, await chosen(stage, round_id, "ebba", "maja", 3), state=TalkState.PROPOSED)
    assert [(one.kind, one.appointment) for one in asked(said)] == [(NotificationKind.TALK_PROPOSED, None)]
    async with stage.kit.sessions.begin() as session:
        said = await placing.confirm(session, [stage.talk_id(round_id, "ebba")], stage.clock.now())
    assert [one.kind for one in asked(said)] == [NotificationKind.TALK_BOOKED]
    talk = await stage.talk(round_id, "ebba")
    assert (talk.state, talk.pinned, talk.invited) == (TalkState.BOOKED, True, True)
