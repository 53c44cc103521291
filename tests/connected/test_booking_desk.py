"""Booking: in order, all or nothing, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.booking import Answer, Reply, Request
from services.scheduling.desk import Desk
from services.scheduling.domain.rounds import RoundState
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.scheduling import TalkState
from tests.talks_stage import HERE, Stage, talks_stage

pytestmark = pytest.mark.connected
MINUTES = timedelta(minutes=5)


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock) as here:
        yield here


async def want(stage: Stage, round_id: UUID, pupil: str, mentor: str, number: int) -> tuple[UUID, UUID]:
    return stage.talk_id(round_id, pupil), (await stage.slots(round_id, mentor))[number].slot_id


def ask(stage: Stage, who: str, *wanted: tuple[UUID, UUID], **more: object) -> Request:
    return Request(stage.who[who], HERE, wanted, **more)  # type: ignore[arg-type]


async def test_a_family_books_all_its_children_at_once(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    both = [await want(stage, round_id, "ebba", "maja", 0), await want(stage, round_id, "emil", "malte", 1)]
    answer = await Desk(stage.kit).ask(ask(stage, "anna", *both))
    assert answer.reply is Reply.BOOKED
    assert {(await stage.talk(round_id, one)).state for one in ("ebba", "emil")} == {TalkState.BOOKED}
    kinds = [one.kind for one in await stage.said(NotificationRequested)]
    assert kinds == [NotificationKind.TALK_BOOKED] * 2


async def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    desk, one = Desk(stage.kit), await want(stage, round_id, "ebba", "maja", 0)
    first = await desk.ask(ask(stage, "anna", one, key="k"))
    said = len(await stage.said(NotificationRequested))
    again = await desk.ask(ask(stage, "anna", one, key="k"))
    assert (first.reply, again.reply, first.talk_ids) == (Reply.BOOKED, Reply.AGAIN, again.talk_ids)
    assert len(await stage.said(NotificationRequested)) == said
    assert (await desk.ask(ask(stage, "anna", one))).reply is Reply.AGAIN  # without the key as well


@pytest.mark.parametrize("who", ["frida", "stina", "gun", "maja", "ulla"])
async def test_another_home_can_neither_book_nor_use_the_key(stage: Stage, who: str) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    desk, one = Desk(stage.kit), await want(stage, round_id, "ebba", "maja", 0)
    assert (await desk.ask(ask(stage, who, one))).reply is Reply.NOT_YOURS
    await desk.ask(ask(stage, "anna", one, key="k"))
    assert (await desk.ask(ask(stage, who, one, key="k"))).reply is Reply.NOT_YOURS


async def test_a_pupil_of_age_books_alone_and_a_younger_one_does_not(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "9C")
    desk = Desk(stage.kit)
    alva = await desk.ask(ask(stage, "alva", await want(stage, round_id, "alva", "mats", 0)))
    olle = await desk.ask(ask(stage, "olle", await want(stage, round_id, "olle", "mats", 1)))
    assert (alva.reply, olle.reply) == (Reply.BOOKED, Reply.NOT_YOURS)


async def test_of_many_who_want_one_time_exactly_one_gets_it_and_the_rest_get_others_that_can_be_booked(
    stage: Stage,
) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    desks = [Desk(stage.kit), Desk(stage.kit)]  # as two processes
    homes = {"anna": "ebba", "nadia": "noor", "petra": "pia", "frida": "filip", "greta": "gustav"}
    asked = [ask(stage, who, await want(stage, round_id, pupil, "maja", 2)) for who, pupil in homes.items()]
    answers = await asyncio.gather(*[desks[place % 2].ask(one) for place, one in enumerate(asked)])
    assert sorted(one.reply for one in answers) == [Reply.BOOKED, *[Reply.TAKEN] * 4]
    for request, answer in zip(asked, answers, strict=True):
        if answer.reply is Reply.TAKEN:
            assert len(answer.alternatives) == 3
            await _book_other(desks[0], request, answer)
    assert len(await stage.rows("select * from talk where slot_id is not null")) == 5


async def _book_other(desk: Desk, request: Request, answer: Answer) -> None:
    for other in answer.alternatives:
        wanted = tuple((one.talk_id, one.slot_id) for one in other.slots)
        if (await desk.ask(Request(request.person_id, request.tenant_id, wanted))).reply is Reply.BOOKED:
            return
    pytest.fail("none of the alternatives could be booked")


async def test_alternatives_suit_the_whole_family_on_one_evening(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    await stage.give(round_id, "filip", 0)
    both = [await want(stage, round_id, "ebba", "maja", 0), await want(stage, round_id, "emil", "malte", 1)]
    answer = await Desk(stage.kit).ask(ask(stage, "anna", *both))
    assert answer.reply is Reply.TAKEN
    assert [len(one.slots) for one in answer.alternatives] == [2, 2, 2]
    assert all(len(one.days) == 1 for one in answer.alternatives)
    assert not (await stage.talk(round_id, "emil")).slot_id  # all or nothing


async def test_a_time_that_is_held_is_kept_for_the_family_until_the_hold_is_over(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    desk, one = Desk(stage.kit), await want(stage, round_id, "ebba", "maja", 0)
    held = await desk.ask(ask(stage, "anna", one, keep=MINUTES))
    assert held.reply is Reply.HELD
    other = ask(stage, "frida", await want(stage, round_id, "filip", "maja", 0))
    assert (await desk.ask(other)).reply is Reply.TAKEN
    stage.clock.advance(MINUTES)
    assert (await desk.ask(other)).reply is Reply.BOOKED  # taken over, though nobody had tidied up


async def test_what_is_held_can_be_confirmed_once_and_by_that_home_alone(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A", "4B")
    both = [await want(stage, round_id, "ebba", "maja", 0), await want(stage, round_id, "emil", "malte", 1)]
    desk = Desk(stage.kit)
    hold = (await desk.ask(ask(stage, "anna", *both, keep=MINUTES))).hold
    assert hold
    assert (await desk.ask(ask(stage, "frida", hold=hold.hold_id, key="f"))).reply is Reply.NOT_YOURS
    confirm = ask(stage, "anna", hold=hold.hold_id, key=str(hold.hold_id))
    assert [(await desk.ask(confirm)).reply, (await desk.ask(confirm)).reply] == [Reply.BOOKED, Reply.AGAIN]
    assert not await stage.rows("select * from hold")
    assert not await stage.rows("select * from occupancy where hold_id is not null")


async def test_a_hold_that_was_lost_is_answered_with_other_times(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    desk = Desk(stage.kit)
    hold = (await desk.ask(ask(stage, "anna", await want(stage, round_id, "ebba", "maja", 0), keep=MINUTES))).hold
    assert hold
    stage.clock.advance(MINUTES)
    await desk.ask(ask(stage, "frida", await want(stage, round_id, "filip", "maja", 0)))
    answer = await desk.ask(ask(stage, "anna", hold=hold.hold_id, key="k"))
    assert answer.reply is Reply.TAKEN
    assert answer.alternatives


async def test_a_hold_from_a_clock_that_was_days_ahead_keeps_nobody_out(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    desk = Desk(stage.kit)
    stage.clock.advance(timedelta(days=8))
    await desk.ask(ask(stage, "anna", await want(stage, round_id, "ebba", "maja", 0), keep=MINUTES))
    stage.clock.advance(timedelta(days=-8))
    answer = await desk.ask(ask(stage, "frida", await want(stage, round_id, "filip", "maja", 0)))
    assert answer.reply is Reply.BOOKED


async def test_nobody_books_before_the_hour_but_those_who_may_book_early(stage: Stage) -> None:
    opens = stage.clock.now() + timedelta(minutes=30)
    round_id = await stage.round(RoundState.BOOKING, "6A", books_from=opens, early_minutes=30)
    desk = Desk(stage.kit)
    late = await desk.ask(ask(stage, "frida", await want(stage, round_id, "filip", "maja", 0)))
    assert (late.reply, late.opens_at) == (Reply.NOT_OPEN, opens)
    early = await desk.ask(ask(stage, "anna", await want(stage, round_id, "ebba", "maja", 0)))
    assert early.reply is Reply.BOOKED  # her children go to two schools


async def test_two_tabs_leave_the_talk_with_one_time(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    desk = Desk(stage.kit)
    tabs = [ask(stage, who, await want(stage, round_id, "ebba", "maja", n)) for who, n in (("anna", 0), ("bo", 4))]
    answers = await asyncio.gather(*[desk.ask(one) for one in tabs])
    assert [one.reply for one in answers] == [Reply.BOOKED, Reply.BOOKED]
    assert len(await stage.rows("select * from occupancy")) == 5


async def test_an_interpreter_of_the_language_comes_along(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    interpreter = await speaks(stage, "ar", "nadia", round_id, hours=(0, 1))
    desk = Desk(stage.kit)
    answer = await desk.ask(ask(stage, "nadia", await want(stage, round_id, "noor", "maja", 1)))
    assert answer.reply is Reply.BOOKED
    assert (await stage.talk(round_id, "noor")).interpreter_id == interpreter
    assert await stage.rows("select * from occupancy where resource_id = :id", id=interpreter)


async def speaks(stage: Stage, language: str, who: str, round_id: UUID, hours: tuple[int, int]) -> UUID:
    """A guardian needs an interpreter, and there is one for these hours after the first slot begins."""
    from services.scheduling import tables as t
    from shared.ids import new_id

    first = (await stage.slots(round_id, "maja"))[0].starts_at
    interpreter = new_id()
    async with stage.kit.sessions.begin() as session:
        need = t.Need(person_id=stage.who[who], tenant_id=HERE, interpreter=language, answered_at=stage.clock.now())
        session.add(need)
        session.add(t.Interpreter(interpreter_id=interpreter, tenant_id=HERE, name="Tolken", languages=[language]))
        await session.flush()
        starts, ends = (first + timedelta(hours=hour) for hour in hours)
        session.add(t.InterpreterBlock(block_id=new_id(), interpreter_id=interpreter, starts_at=starts, ends_at=ends))
    return interpreter


async def test_a_family_that_needs_more_time_gets_two_slots_in_a_row(stage: Stage) -> None:
    from services.scheduling import tables as t

    round_id = await stage.round(RoundState.BOOKING, "6A")
    async with stage.kit.sessions.begin() as session:
        who, now = stage.who["frida"], stage.clock.now()
        session.add(t.Need(person_id=who, tenant_id=HERE, more_time=True, answered_at=now))
    desk, slots = Desk(stage.kit), await stage.slots(round_id, "maja")
    await desk.ask(ask(stage, "frida", await want(stage, round_id, "filip", "maja", 1)))
    assert (await stage.talk(round_id, "filip")).ends_at == slots[2].ends_at
    other = await desk.ask(ask(stage, "greta", await want(stage, round_id, "gustav", "maja", 2)))
    assert other.reply is Reply.TAKEN
