"""A whole round is proposed from what families have said, adopted, and proposed again around what they agreed to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling import tables as t
from services.scheduling.domain.proposals import ProposalState
from services.scheduling.domain.rounds import RoundState
from services.scheduling.jobs.proposals import Proposer
from services.scheduling.placing import confirm
from services.scheduling.proposal.child import SolverFailed, Told
from services.scheduling.proposal.model import Answer, Instance, Placed
from services.scheduling.web.proposals import add_proposals
from services.scheduling.web.wishes import add_wishes
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.scheduling import TalkState, TalkStated
from shared.messaging.outbox import say
from tests.talks_stage import THURSDAY, TUESDAY, Stage, at, statements, talks_stage

pytestmark = pytest.mark.connected


@dataclass
class Round:
    """The stage with a service that works proposals out."""

    stage: Stage
    proposer: Proposer

    async def propose(self, who: str, round_id: UUID, *others: UUID) -> UUID:
        """Ask for a proposal and wait until it is worked out."""
        proposal_id = await self.ask(who, round_id, *others)
        await self.work()
        return proposal_id

    async def ask(self, who: str, round_id: UUID, *others: UUID) -> UUID:
        """Ask for a proposal."""
        answer = await self.stage.post(who, f"/talks/rounds/{round_id}/proposals", {"with": list(others)})
        assert answer.status_code == 303, answer.text
        return UUID(answer.headers["location"].rpartition("/")[2])

    async def work(self) -> None:
        """Do what is due, with the real worker process."""
        await self.stage.fall_due(self.proposer.handlers())
        await self.proposer.settled()

    async def adopt(self, who: str, proposal_id: UUID) -> int:
        """Adopt it from its page."""
        return (await self.stage.post(who, f"/talks/proposals/{proposal_id}/adopt")).status_code

    async def state(self, proposal_id: UUID) -> str:
        """The proposal's state."""
        [row] = await self.stage.rows("select state from proposal where proposal_id = :id", id=proposal_id)
        return str(row.state)

    async def times(self, round_id: UUID) -> dict[str, datetime]:
        """When each pupil's talks are, by name; the second household's with a 2 behind it."""
        names = {one: name for name, one in self.stage.who.items()}
        rows = await self.stage.rows("select * from talk where round_id = :r and starts_at is not null", r=round_id)
        return {names[row.pupil_id] + ("" if row.household < 2 else "2"): row.starts_at for row in rows}

    async def told(self, kind: NotificationKind) -> list[NotificationRequested]:
        """What was asked to be told."""
        return [one for one in await self.stage.said(NotificationRequested) if one.kind is kind]


@pytest.fixture
async def round_(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Round]:
    async with talks_stage(postgres, clock, add_wishes, add_proposals) as stage:
        settings = stage.settings.model_copy(update={"solve_seconds": 10})
        yield Round(stage, Proposer(stage.kit, settings))


def local(moment: datetime) -> str:
    """When that is on the wall, in Stockholm in November."""
    return f"{moment + timedelta(hours=1):%d %H:%M}"


def gladly(clock: str, day: object = TUESDAY) -> dict[str, str]:
    """The answer that somebody would like to come in that part of the day, of three."""
    return {f"t{int(at(clock, day).timestamp())}": "gladly"}  # type: ignore[arg-type]


async def test_from_wishes_to_a_proposal_to_times_that_homes_accept(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A", "4B")
    no_tuesday = {f"t{int(at(clock).timestamp()) + 15 * 86400}": "cannot" for clock in ("15:00", "16:00", "17:00")}
    await stage.post("anna", "/talks/wishes", {**no_tuesday, **gladly("16:00", THURSDAY)})
    proposal_id = await round_.propose("rut", round_id)
    page = (await stage.get("rut", f"/talks/proposals/{proposal_id}")).text
    assert "This is the best there is" in page
    assert "Every talk has a time" in page
    assert not await round_.told(NotificationKind.TALK_PROPOSED)
    assert await round_.times(round_id) == {}

    assert await round_.adopt("rut", proposal_id) == 303
    times = await round_.times(round_id)
    assert len(times) == 10
    assert {local(times["ebba"]), local(times["emil"])} == {"19 16:00", "19 16:30"}
    assert len(await round_.told(NotificationKind.TALK_PROPOSED)) == 10
    assert {one.state for one in await stage.said(TalkStated)} == {TalkState.PROPOSED}
    assert await round_.state(proposal_id) == ProposalState.ADOPTED
    assert [row.state for row in await stage.rows("select state from round")] == [RoundState.PROPOSED]

    async with stage.kit.sessions.begin() as session:
        said = await confirm(session, [stage.talk_id(round_id, "ebba")], stage.clock.now())
        await say(session, t.kit, said, stage.clock.now())
    assert (await stage.talk(round_id, "ebba")).state == TalkState.BOOKED


async def test_siblings_come_on_one_evening_one_after_the_other_also_at_two_schools_with_time_for_the_way(
    round_: Round,
) -> None:
    north = await round_.stage.round(RoundState.WISHES, "6A", "4B")
    south = await round_.stage.round(RoundState.WISHES, "9C")
    proposal_id = await round_.propose("oskar", north, south)
    assert await round_.adopt("oskar", proposal_id) == 303
    times = await round_.times(north) | await round_.times(south)
    assert len(times) == 15
    ebba, emil, olle = times["ebba"], times["emil"], times["olle"]
    assert ebba.date() == emil.date() == olle.date()
    assert abs(ebba - emil) == timedelta(minutes=30)
    assert min(abs(olle - ebba), abs(olle - emil)) >= timedelta(minutes=25 + 30)
    assert abs(times["stig"] - times["siri"]) == timedelta(minutes=30)


async def test_what_a_family_has_booked_stays_when_the_round_is_proposed_again(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    await round_.adopt("rut", await round_.propose("rut", round_id))
    before = await round_.times(round_id)
    async with stage.kit.sessions.begin() as session:
        await confirm(session, [stage.talk_id(round_id, "gustav")], stage.clock.now())
    again = await round_.propose("rut", round_id)
    page = (await stage.get("rut", f"/talks/proposals/{again}")).text
    assert "As it stands" in page
    await round_.adopt("rut", again)
    after = await round_.times(round_id)
    assert after == before  # and nobody is moved for nothing
    assert (await stage.talk(round_id, "gustav")).state == TalkState.BOOKED
    assert len(await round_.told(NotificationKind.TALK_PROPOSED)) == 5


async def test_a_booking_made_while_the_proposal_lay_there_wins_and_the_other_family_gets_another_time(
    round_: Round,
) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    await stage.post("frida", "/talks/wishes", gladly("15:00"))
    proposal_id = await round_.propose("rut", round_id)
    rows = await stage.rows("select * from proposal_talk p join slot s using (slot_id) order by s.starts_at")
    first = rows[0]
    names = {one: name for name, one in stage.who.items()}
    holder = next(row for row in await stage.rows("select * from talk") if row.talk_id == first.talk_id)
    other = "gustav" if names[holder.pupil_id] != "gustav" else "filip"
    place = [one.slot_id for one in await stage.slots(round_id, "maja")].index(first.slot_id)
    await stage.give(round_id, other, place)
    assert await round_.adopt("rut", proposal_id) == 303
    times = await round_.times(round_id)
    assert len(times) == 5
    assert len(set(times.values())) == 5
    assert times[other] == first.starts_at
    assert (await stage.talk(round_id, other)).state == TalkState.BOOKED


async def test_a_worker_that_is_killed_is_started_once_more(round_: Round) -> None:
    round_id = await round_.stage.round(RoundState.WISHES, "6A")
    proposal_id = await round_.ask("rut", round_id)
    await round_.stage.fall_due(round_.proposer.handlers())
    child = await _child()
    os.kill(child, signal.SIGKILL)
    await round_.proposer.settled()
    assert await round_.state(proposal_id) == ProposalState.READY
    assert await round_.adopt("rut", proposal_id) == 303


async def _child() -> int:
    """The process id of the worker, as soon as there is one."""
    for _ in range(500):
        if found := _workers():
            return found[0]
        await asyncio.sleep(0.01)
    raise AssertionError("there was no worker")


def _workers() -> list[int]:
    children = [one for file in Path("/proc/self/task").glob("*/children") for one in file.read_text().split()]
    return [int(one) for one in children if "proposal.worker" in Path(f"/proc/{one}/cmdline").read_text()]


async def test_a_service_that_is_killed_in_the_middle_takes_it_up_again(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    proposal_id = await round_.ask("rut", round_id)
    await stage.fall_due(round_.proposer.handlers())
    for task in round_.proposer.running.values():
        task.cancel()
    await asyncio.sleep(0.05)
    assert await round_.state(proposal_id) == ProposalState.WAITING
    stage.clock.advance(timedelta(minutes=5))
    round_.proposer = Proposer(stage.kit, round_.proposer.settings)
    await round_.work()
    assert await round_.state(proposal_id) == ProposalState.READY


async def test_a_worse_answer_never_replaces_a_better_one_and_one_that_fails_leaves_the_last(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")

    async def worse(instance: Instance, _: float) -> AsyncIterator[Told]:
        slots = [slot for host in instance.hosts for slot in host.slots]
        talks = [talk.talk_id for family in instance.families for talk in family.talks]
        placed = tuple(Placed(talk, slot.slot_id) for talk, slot in zip(talks, slots, strict=False))
        yield Told(answer=Answer(placed, cost=5))
        yield Told(answer=Answer((), cost=900))
        raise SolverFailed("out of memory")

    round_.proposer.propose = worse
    proposal_id = await round_.propose("rut", round_id)
    assert await round_.state(proposal_id) == ProposalState.READY
    [row] = await stage.rows("select count(*) as n from proposal_talk where slot_id is not null")
    assert row.n == 5


async def test_a_proposal_nothing_could_be_found_for_says_so_and_changes_nothing(round_: Round) -> None:
    async def broken(_: Instance, seconds: float) -> AsyncIterator[Told]:
        if seconds:
            raise SolverFailed("no memory")
        yield Told()

    round_.proposer.propose = broken
    round_id = await round_.stage.round(RoundState.WISHES, "6A")
    proposal_id = await round_.propose("rut", round_id)
    assert await round_.state(proposal_id) == ProposalState.FAILED
    assert "It could not be worked out" in (await round_.stage.get("rut", f"/talks/proposals/{proposal_id}")).text
    assert await round_.adopt("rut", proposal_id) == 409


async def test_a_proposal_that_is_discarded_ends_the_search_and_tells_nobody(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    stopped = asyncio.Event()

    async def endless(_: Instance, __: float) -> AsyncIterator[Told]:
        try:
            yield Told(answer=Answer((), cost=900))
            await asyncio.sleep(3600)
        finally:
            stopped.set()

    round_.proposer.propose = endless
    proposal_id = await round_.ask("rut", round_id)
    await stage.fall_due(round_.proposer.handlers())
    await asyncio.sleep(0.2)
    assert (await stage.post("rut", f"/talks/proposals/{proposal_id}/discard")).status_code == 303
    await asyncio.wait_for(round_.proposer.settled(), 10)
    assert stopped.is_set()
    assert await round_.state(proposal_id) == ProposalState.DISCARDED
    assert await round_.adopt("rut", proposal_id) == 409
    assert not await stage.said(NotificationRequested)


async def test_separated_guardians_have_talks_of_their_own_and_each_comes_once(round_: Round) -> None:
    stage = round_.stage
    days = [(TUESDAY, "15:00", "19:00"), (THURSDAY, "15:00", "19:00")]
    round_id = await stage.round(RoundState.WISHES, "6A", "4B", separate_talks=True, days=days)
    await stage.post("anna", "/talks/wishes", apart="on")
    await round_.adopt("rut", await round_.propose("rut", round_id))
    rows = await stage.rows(
        "select * from talk where pupil_id = any(:ids) and household > 0 order by starts_at",
        ids=[stage.who["ebba"], stage.who["emil"]],
    )
    assert len(rows) == 4
    for guardian in ("anna", "bo"):
        mine = [row.starts_at for row in rows if row.guardian_ids == [stage.who[guardian]]]
        assert mine[1] - mine[0] <= timedelta(minutes=60)
        assert mine[0].date() == mine[1].date()
    by_pupil = {row.pupil_id: [one.starts_at for one in rows if one.pupil_id == row.pupil_id] for row in rows}
    assert all(len(set(times)) == 2 for times in by_pupil.values())


async def test_a_talk_the_family_has_at_another_school_already_draws_the_next_one_to_the_same_evening(
    round_: Round,
) -> None:
    stage = round_.stage
    north, south = await stage.round(RoundState.WISHES, "6A"), await stage.round(RoundState.WISHES, "9C")
    place = [local(one.starts_at) for one in await stage.slots(south, "mats")].index("19 16:00")
    await stage.give(south, "olle", place)
    await round_.adopt("rut", await round_.propose("rut", north))
    ebba = (await round_.times(north))["ebba"]
    assert local(ebba) in ("19 15:00", "19 17:00")  # 25 minutes, and half an hour for the way
    assert (await stage.talk(south, "olle")).state == TalkState.BOOKED


async def test_a_family_that_is_told_of_no_time_is_told_once(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A", days=[(TUESDAY, "15:00", "17:00")])
    for _ in range(2):
        await round_.adopt("rut", await round_.propose("rut", round_id))
    assert len(await round_.told(NotificationKind.TALK_NEW_EVENING)) == 1
    assert len(await round_.told(NotificationKind.TALK_PROPOSED)) == 4


async def test_a_family_whose_time_is_taken_and_for_whom_there_is_no_other_is_told_so(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A", days=[(TUESDAY, "15:00", "17:30")])
    await round_.adopt("rut", await round_.propose("rut", round_id))
    times = await round_.times(round_id)
    proposal_id = await round_.propose("rut", round_id)
    ill = min(times, key=lambda one: times[one])
    slot = next(one for one in await stage.slots(round_id, "maja") if one.starts_at == times[ill])
    async with stage.kit.sessions.begin() as session:
        (await session.get_one(t.Slot, slot.slot_id)).closed = True
    await round_.adopt("rut", proposal_id)
    assert (await stage.talk(round_id, ill)).state == TalkState.WANTED
    assert [one.pupil_id for one in await round_.told(NotificationKind.TALK_NEW_EVENING)] == [stage.who[ill]]


async def test_proposals_so_far_are_listed_and_a_new_one_lets_the_undecided_go(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    await stage.round(RoundState.WISHES, "9C", title="Talks at the other school")
    first = await round_.propose("rut", round_id)
    await round_.propose("rut", round_id)
    page = (await stage.get("rut", f"/talks/rounds/{round_id}/proposals")).text
    assert "Discarded" in page
    assert "5 / 5" in page
    assert await round_.state(first) == ProposalState.DISCARDED
    assert "other school" not in page
    assert "Talks at the other school" in (await stage.get("oskar", f"/talks/rounds/{round_id}/proposals")).text


async def test_when_nobody_has_answered_everybody_gets_a_time_all_the_same(round_: Round) -> None:
    round_id = await round_.stage.round(RoundState.WISHES, "9C")
    await round_.adopt("rolf", await round_.propose("rolf", round_id))
    assert len(await round_.times(round_id)) == 5


async def test_who_gets_no_time_is_named_with_the_reason_and_what_would_fix_it(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A", days=[(TUESDAY, "15:00", "16:30")])
    proposal_id = await round_.propose("rut", round_id)
    page = (await stage.get("rut", f"/talks/proposals/{proposal_id}")).text
    assert "2 talks have no time" in page
    assert "Every time at which the family can come is taken" in page
    assert "Open more times" in page
    await round_.adopt("rut", proposal_id)
    told = await round_.told(NotificationKind.TALK_NEW_EVENING)
    assert len(told) == 2
    assert all(one.appointment is None for one in told)


async def test_an_interpreter_is_given_and_without_one_the_page_says_so(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    await stage.post("nadia", "/talks/wishes", interpreter="so")
    without = await round_.propose("rut", round_id)
    assert "no interpreter is free then" in (await stage.get("rut", f"/talks/proposals/{without}")).text
    amina = uuid4()
    async with stage.kit.sessions.begin() as session:
        session.add(t.Interpreter(interpreter_id=amina, tenant_id=stage.tenant, name="Amina", languages=["so"]))
        await session.flush()
        session.add(
            t.InterpreterBlock(
                block_id=uuid4(), interpreter_id=amina, starts_at=at("16:00", THURSDAY), ends_at=at("17:00", THURSDAY)
            )
        )
    await round_.adopt("rut", await round_.propose("rut", round_id))
    talk = await stage.talk(round_id, "noor")
    assert talk.interpreter_id == amina
    assert local(talk.starts_at or at("00:00")) in ("19 16:00", "19 16:30")


async def test_who_needs_more_time_has_two_times_in_a_row(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    await stage.post("frida", "/talks/wishes", more_time="on")
    await round_.adopt("rut", await round_.propose("rut", round_id))
    talk = await stage.talk(round_id, "filip")
    assert (talk.ends_at or at("00:00")) - (talk.starts_at or at("00:00")) == timedelta(minutes=55)
    assert len(set((await round_.times(round_id)).values())) == 5


async def test_only_those_in_charge_propose_see_and_adopt(round_: Round) -> None:
    stage = round_.stage
    north, south = await stage.round(RoundState.WISHES, "6A"), await stage.round(RoundState.WISHES, "9C")
    proposal_id = await round_.propose("rut", north)
    for who in ("anna", "ebba", "malte", "tora", "rolf", "unni", "ove"):
        assert (await stage.get(who, f"/talks/proposals/{proposal_id}")).status_code == 404
        assert (await stage.get(who, f"/talks/rounds/{north}/proposals")).status_code == 404
        assert (await stage.post(who, f"/talks/rounds/{north}/proposals")).status_code == 404
        assert await round_.adopt(who, proposal_id) == 404
        assert (await stage.post(who, f"/talks/proposals/{proposal_id}/discard")).status_code == 404
    assert (await stage.post("rut", f"/talks/rounds/{north}/proposals", {"with": [south]})).status_code == 404
    assert (await stage.get("rut", f"/talks/proposals/{uuid4()}")).status_code == 404
    assert await round_.state(proposal_id) == ProposalState.READY
    assert await round_.adopt("maja", proposal_id) == 303  # she opened it


async def test_names_are_for_those_who_teach_the_pupil_and_a_mark_shows_protected_ones(round_: Round) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    proposal_id = await round_.propose("rut", round_id)
    path = f"/talks/proposals/{proposal_id}?host={stage.who['maja']}"
    principal, officer = (await stage.get("rut", path)).text, (await stage.get("oskar", path)).text
    assert "Ebba Ek" in principal
    assert "Protected" in principal
    assert "Ebba Ek" not in officer
    assert "A pupil in 6A" in officer


@pytest.mark.parametrize("path", ["/talks/rounds/{round}/proposals", "/talks/proposals/{proposal}"])
async def test_the_pages_take_at_most_six_statements(round_: Round, path: str) -> None:
    stage = round_.stage
    round_id = await stage.round(RoundState.WISHES, "6A")
    proposal_id = await round_.propose("rut", round_id)
    sent = statements(stage.kit)
    answer = await stage.get("rut", path.format(round=round_id, proposal=proposal_id))
    assert answer.status_code == 200
    assert len(sent) <= 6, sent
