"""A mentor falls ill: only those talks move, the page says at once who needs a new evening, and then they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.proposals import ProposalState
from services.scheduling.domain.rounds import RoundState
from services.scheduling.jobs.proposals import Proposer
from services.scheduling.web.away import add_away
from services.scheduling.web.proposals import add_proposals
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.scheduling import TalkState
from tests.talks_stage import THURSDAY, TUESDAY, Stage, statements, talks_stage

pytestmark = pytest.mark.connected
PUPILS = ("ebba", "noor", "pia", "filip", "gustav")


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_away, add_proposals) as opened:
        yield opened


async def booked(stage: Stage, thursday: str = "18:00", state: TalkState = TalkState.BOOKED) -> UUID:
    """6A's talks: four on Tuesday, from 15:00 on, and the last one on Thursday at 15:00."""
    days = [(TUESDAY, "15:00", "18:00"), (THURSDAY, "15:00", thursday)]
    round_id = await stage.round(RoundState.PROPOSED, "6A", "4B", days=days)
    for place, pupil in enumerate(PUPILS[:4]):
        await stage.give(round_id, pupil, place, state)
    await stage.give(round_id, PUPILS[4], 6, state)
    await stage.give(round_id, "hugo", 0, state)  # 4B, with another mentor
    return round_id


async def is_away(stage: Stage, round_id: UUID, who: str = "rut", **fields: object) -> UUID:
    """The principal presses the button; the proposal that comes of it."""
    given = {"host_id": stage.who["maja"], "day": TUESDAY, "do": "away", **fields}
    answer = await stage.post(who, f"/talks/rounds/{round_id}/away", given)
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["location"].rpartition("/")[2])


async def told(stage: Stage, kind: NotificationKind) -> list[NotificationRequested]:
    return [one for one in await stage.said(NotificationRequested) if one.kind is kind]


async def test_an_ill_mentors_talks_move_to_the_other_evening_and_nobody_elses_do(stage: Stage) -> None:
    round_id = await booked(stage)
    before = {pupil: await stage.talk(round_id, pupil) for pupil in (*PUPILS, "hugo")}
    proposal_id = await is_away(stage, round_id)
    page = (await stage.get("rut", f"/talks/proposals/{proposal_id}")).text
    assert "4 talks get a new time" in page
    assert "new evening" not in page.split("Decide")[0]
    assert not await stage.said(NotificationRequested)  # nobody is told before it is decided

    assert (await stage.post("rut", f"/talks/proposals/{proposal_id}/adopt")).status_code == 303
    after = {pupil: await stage.talk(round_id, pupil) for pupil in (*PUPILS, "hugo")}
    assert {after[one].starts_at for one in ("gustav", "hugo")} == {before[one].starts_at for one in ("gustav", "hugo")}
    for pupil in PUPILS[:4]:
        assert after[pupil].state == TalkState.BOOKED
        assert after[pupil].starts_at.date() == THURSDAY  # type: ignore[union-attr]
    moved = await told(stage, NotificationKind.TALK_MOVED)
    assert {one.pupil_id for one in moved} == {stage.who[one] for one in PUPILS[:4]}
    assert all(one.appointment and one.appointment.sequence == 1 for one in moved)
    assert len(await stage.said(NotificationRequested)) == 4


async def test_when_there_is_no_room_the_page_says_at_once_how_many_need_a_new_evening_and_what_would_fix_it(
    stage: Stage,
) -> None:
    round_id = await booked(stage, thursday="16:00")
    proposal_id = await is_away(stage, round_id)
    page = (await stage.get("rut", f"/talks/proposals/{proposal_id}")).text
    assert "3 families need a new evening" in page
    for fix in ("A substitute holds the evening", "also by video", "A spare evening"):
        assert fix in page
    await stage.post("rut", f"/talks/proposals/{proposal_id}/adopt")
    without = await told(stage, NotificationKind.TALK_NEW_EVENING)
    assert len(without) == 3
    for one in without:
        assert one.appointment
        assert one.appointment.cancelled
        assert one.appointment.sequence == 1  # a cancelling with the old sequence would be ignored (RFC 5546)
    assert len(await told(stage, NotificationKind.TALK_MOVED)) == 1
    assert not await told(stage, NotificationKind.TALK_CANCELLED)
    states = [(await stage.talk(round_id, pupil)).state for pupil in PUPILS]
    assert sorted(states) == ["booked", "booked", "wanted", "wanted", "wanted"]
    assert not await stage.rows(
        "select from occupancy o join talk t using (talk_id) where t.state = 'wanted' or t.slot_id is null"
    )


async def test_the_worker_improves_what_is_there_and_stops_when_it_is_adopted(stage: Stage) -> None:
    round_id = await booked(stage)
    proposal_id = await is_away(stage, round_id)
    proposer = Proposer(stage.kit, stage.settings)
    await stage.fall_due(proposer.handlers())
    await proposer.settled()
    [row] = await stage.rows("select state from proposal where proposal_id = :id", id=proposal_id)
    assert row.state == ProposalState.READY


async def test_only_the_talks_in_the_stretch_move_when_somebody_is_away_for_an_hour(stage: Stage) -> None:
    round_id = await booked(stage)
    proposal_id = await is_away(stage, round_id, starts="15:00", ends="16:00")
    await stage.post("rut", f"/talks/proposals/{proposal_id}/adopt")
    assert len(await told(stage, NotificationKind.TALK_MOVED)) == 2
    closed = [slot.starts_at for slot in await stage.slots(round_id, "maja") if slot.closed]
    assert len(closed) == 2


async def test_a_time_that_was_only_proposed_is_proposed_anew(stage: Stage) -> None:
    round_id = await booked(stage, state=TalkState.PROPOSED)
    proposal_id = await is_away(stage, round_id)
    await stage.post("rut", f"/talks/proposals/{proposal_id}/adopt")
    assert len(await told(stage, NotificationKind.TALK_PROPOSED)) == 4
    assert (await stage.talk(round_id, "ebba")).state == TalkState.PROPOSED


async def test_when_nobody_had_a_talk_then_the_times_are_closed_and_that_is_all(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A")
    fields = {"host_id": stage.who["maja"], "day": TUESDAY, "do": "away"}
    answer = await stage.post("rut", f"/talks/rounds/{round_id}/away", fields)
    assert answer.headers["location"].endswith("/away?closed=true")
    assert sum(slot.closed for slot in await stage.slots(round_id, "maja")) == 6
    assert not await stage.rows("select from proposal")
    assert "nobody needs a new time" in (await stage.get("rut", answer.headers["location"])).text


async def test_a_substitute_takes_over_the_evening_and_every_talk_keeps_its_time(stage: Stage) -> None:
    round_id = await booked(stage)
    before = {pupil: await stage.talk(round_id, pupil) for pupil in PUPILS}
    fields = {"host_id": stage.who["maja"], "day": TUESDAY, "do": "substitute", "substitute_id": stage.who["tora"]}
    answer = await stage.post("rut", f"/talks/rounds/{round_id}/away", fields)
    assert answer.status_code == 303, answer.text
    after = {pupil: await stage.talk(round_id, pupil) for pupil in PUPILS}
    for pupil in PUPILS:
        was, now = before[pupil], after[pupil]
        assert (was.starts_at, was.ends_at, was.room_id, was.state) == (
            now.starts_at,
            now.ends_at,
            now.room_id,
            now.state,
        )
    assert {after[one].host_id for one in PUPILS[:4]} == {stage.who["tora"]}
    assert after["gustav"].host_id == stage.who["maja"]
    assert not await stage.said(NotificationRequested)
    assert len(await stage.rows("select from occupancy where resource_id = :tora", tora=stage.who["tora"])) == 4


async def test_who_holds_other_talks_then_cannot_step_in(stage: Stage) -> None:
    round_id = await booked(stage)
    fields = {"host_id": stage.who["maja"], "day": TUESDAY, "do": "substitute", "substitute_id": stage.who["malte"]}
    answer = await stage.post("rut", f"/talks/rounds/{round_id}/away", fields)
    assert answer.status_code == 409
    assert "They hold other talks then" in answer.text
    assert (await stage.talk(round_id, "ebba")).host_id == stage.who["maja"]
    assert not any(slot.closed for slot in await stage.slots(round_id, "maja"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts": "16:00", "ends": "15:00"},
        {"starts": "16:00"},
        {"starts": "x", "ends": "y"},
        {"day": "2026-12-24"},
        {"host_id": "nobody"},
        {"do": "substitute", "substitute_id": "me"},
        {"do": "substitute", "substitute_id": str(uuid4())},
    ],
)
async def test_what_makes_no_sense_is_said_and_changes_nothing(stage: Stage, wrong: dict[str, str]) -> None:
    round_id = await booked(stage)
    fields = {"host_id": stage.who["maja"], "day": TUESDAY, "do": "away", **wrong}
    answer = await stage.post("rut", f"/talks/rounds/{round_id}/away", fields)
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert not any(slot.closed for slot in await stage.slots(round_id, "maja"))


async def test_only_those_in_charge_say_that_a_host_is_away(stage: Stage) -> None:
    round_id = await booked(stage)
    fields = {"host_id": stage.who["maja"], "day": TUESDAY, "do": "away"}
    for who in ("anna", "ebba", "malte", "tora", "rolf", "unni"):
        assert (await stage.get(who, f"/talks/rounds/{round_id}/away")).status_code == 404
        assert (await stage.post(who, f"/talks/rounds/{round_id}/away", fields)).status_code == 404
    assert not any(slot.closed for slot in await stage.slots(round_id, "maja"))
    assert (await stage.get("oskar", f"/talks/rounds/{round_id}/away")).status_code == 200


async def test_the_page_takes_at_most_six_statements(stage: Stage) -> None:
    round_id = await booked(stage)
    sent = statements(stage.kit)
    page = await stage.get("rut", f"/talks/rounds/{round_id}/away")
    assert "Maja Mentor" in page.text
    assert "Tora Lärare" in page.text
    assert len(sent) <= 6, sent


async def test_a_talk_that_has_begun_is_not_moved_any_more(stage: Stage) -> None:
    round_id = await booked(stage)
    begun = (await stage.talk(round_id, "ebba")).starts_at
    assert begun
    stage.clock.instant = begun + timedelta(minutes=40)
    proposal_id = await is_away(stage, round_id)
    await stage.post("rut", f"/talks/proposals/{proposal_id}/adopt")
    assert (await stage.talk(round_id, "ebba")).starts_at == begun
