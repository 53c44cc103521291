"""A round as the computer proposes it: from what the database knows to an instance, and from an answer to times.

Everything is written in the machine's transaction; others commit it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.assembly import answered_at_once, assemble
from services.scheduling.domain import proposals as rules
from services.scheduling.domain.placing import Choice
from services.scheduling.domain.proposals import ADOPTABLE, FINAL_TALKS, Occasion, ProposalState, Reason
from services.scheduling.domain.wishes import Window as Span
from services.scheduling.errors import Clash
from services.scheduling.outgoing import about_talk, appointment
from services.scheduling.placing import place, unplace
from services.scheduling.proposal.greedy import solve_greedy
from services.scheduling.proposal.model import Answer
from services.scheduling.store import away as hosts
from services.scheduling.store import proposals as store
from services.scheduling.store.facts import gather
from services.scheduling.tables import Proposal, ProposalTalk, Talk
from services.scheduling.tables import kit as tables
from shared.due.plan import plan
from shared.errors import Permanent
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.scheduling import TalkState
from shared.ids import new_id

KIND = "proposal"  # what falls due: somebody works a proposal out
NEW_EVENING = "new_evening"  # why a talk has no time: the home has been told that there will be another evening
TRIES = 5  # times that were taken in the meantime are let go so often, one after the other


class NotOpen(Permanent):
    """The proposal cannot be adopted: it is not there yet, or it was decided about before."""

    def __init__(self) -> None:
        super().__init__("This proposal has been decided about already, or it is not there yet. Nothing was changed.")


@dataclass
class Adopted:
    """What adopting a proposal led to. `lost` talks could not have the time that was proposed, and have none."""

    said: list[Outgoing] = field(default_factory=list)
    placed: set[UUID] = field(default_factory=set)
    without: set[UUID] = field(default_factory=set)
    lost: set[UUID] = field(default_factory=set)


async def start_proposal(
    session: AsyncSession, round_ids: Sequence[UUID], author_id: UUID, now: datetime, why: Occasion
) -> UUID:
    """Ask for a proposal for these rounds together; a worker makes it soon. Its id.

    Undecided proposals for any of them are discarded. Raises NotOpen when there is no such round.
    """
    rounds = {one.round_id: one for one in await store.rounds_of(session, round_ids)}
    known = [one for one in dict.fromkeys(round_ids) if one in rounds]
    if not known:
        raise NotOpen
    first = rounds[known[0]]
    proposal = Proposal(
        proposal_id=new_id(),
        tenant_id=first.tenant_id,
        school_id=first.school_id,
        round_id=first.round_id,
        round_ids=known,
        author_id=author_id,
        state=ProposalState.WAITING,
        why=why,
        measures={},
        started_at=now,
    )
    await store.add_proposal(session, proposal)
    await plan(session, tables, KIND, [(proposal.proposal_id, now, None)])
    return proposal.proposal_id


async def answer_at_once(session: AsyncSession, proposal_id: UUID, now: datetime) -> None:
    """Write the first answer to a proposal that is wanted this minute; the worker looks for a better one."""
    proposal = await store.alone_with(session, proposal_id)
    if proposal is None:
        raise NotOpen
    facts = await gather(session, proposal.round_ids, Occasion(proposal.why), now)
    answer, said = await asyncio.to_thread(answered_at_once, facts)
    await store.write_answer(session, proposal_id, places(answer), state=ProposalState.READY_GREEDY, measures=said)


# From an answer to times -------------------------------------------------------------------------------------

Place = tuple[UUID, UUID | None, UUID | None, str | None]


def places(answer: Answer) -> list[Place]:
    """What an answer says, as it is kept: (talk, slot, interpreter, why not)."""
    found: list[Place] = [
        (UUID(one.talk_id), UUID(one.slot_id), UUID(one.interpreter_id) if one.interpreter_id else None, None)
        for one in answer.placed
    ]
    return found + [(UUID(one.talk_id), None, None, str(Reason(one.why, one.fix))) for one in answer.left]


async def adopt(session: AsyncSession, proposal_id: UUID, now: datetime) -> Adopted:
    """Give every talk the time that is proposed for it, and say so to the homes.

    What families have accepted or booked meanwhile stays. A talk whose time is not there any more gets another one if
    there is one, without moving others. Raises NotOpen.
    """
    proposal = await store.alone_with(session, proposal_id)
    if proposal is None or proposal.state not in ADOPTABLE:
        raise NotOpen
    occasion, longer = Occasion(proposal.why), set(proposal.measures.get("longer", ()))
    rows = await store.places_of(session, proposal_id)
    open_ = [(place, talk, stands) for place, talk, stands in rows if _moves(occasion, talk, now, stands=stands)]
    done = Adopted()
    left = [talk for place, talk, _ in open_ if place.slot_id is None]
    await _let_go(session, done, left, now, proposal_id)
    wanted = [
        (_choice(place, longer), _state(talk))
        for place, talk, stands in open_
        if place.slot_id is not None and _differs(place, talk, stands=stands)
    ]
    await _place_all(session, done, wanted, {talk.talk_id: talk for _, talk, _ in rows}, now)
    if done.lost:
        await _once_more(session, done, proposal, now)
    await store.rounds_proposed(session, proposal.round_ids)
    await store.move_on(session, proposal_id, state=ProposalState.ADOPTED, ended_at=now)
    return done


def _moves(occasion: Occasion, talk: Talk, now: datetime, *, stands: bool) -> bool:
    if talk.state in FINAL_TALKS:
        return False
    begun = talk.starts_at is not None and talk.starts_at <= now
    return not rules.stays(occasion, TalkState(talk.state), pinned=talk.pinned, open_slot=stands, begun=begun)


def _differs(place: ProposalTalk, talk: Talk, *, stands: bool) -> bool:
    return (place.slot_id, place.interpreter_id) != (talk.slot_id, talk.interpreter_id) or not stands


def _choice(place: ProposalTalk, longer: Collection[str]) -> Choice:
    return Choice(place.talk_id, place.slot_id or place.talk_id, place.interpreter_id, str(place.talk_id) in longer)


def _state(talk: Talk) -> TalkState:
    """What was booked stays booked when the school has to move it; all else is proposed."""
    return TalkState.BOOKED if talk.state == TalkState.BOOKED else TalkState.PROPOSED


async def _place_all(
    session: AsyncSession,
    done: Adopted,
    wanted: Sequence[tuple[Choice, TalkState]],
    talks: dict[UUID, Talk],
    now: datetime,
) -> None:
    """Place all but those whose time somebody else has taken; these lose what they had and are noted as lost."""
    for _ in range(TRIES):
        still = [(choice, state) for choice, state in wanted if choice.talk_id not in done.lost]
        try:
            async with session.begin_nested():
                said = []
                for state in (TalkState.PROPOSED, TalkState.BOOKED):
                    if these := [choice for choice, its in still if its is state]:
                        said += await place(session, these, state, now)
        except Clash as clash:
            ours = {choice.talk_id for choice, _ in still}
            more = ours & clash.talk_ids or ours
            done.lost |= more
            had = [one for one in more if talks[one].slot_id is not None and talks[one].state != TalkState.BOOKED]
            done.said += await unplace(session, had, TalkState.WANTED, now, why="taken", tell=False) if had else []
        else:
            done.said += said
            done.placed |= {choice.talk_id for choice, _ in still}
            return
    done.lost |= {choice.talk_id for choice, _ in wanted} - done.placed


async def _once_more(session: AsyncSession, done: Adopted, proposal: Proposal, now: datetime) -> None:
    """Look for another time for the talks that lost theirs, everything else staying where it is."""
    facts = await gather(session, proposal.round_ids, Occasion.AWAY, now)
    facts.lost = frozenset(done.lost)
    answer = await asyncio.to_thread(lambda: solve_greedy(assemble(facts)))
    talks = {one.talk_id: one for one in facts.talks}
    found = [
        Choice(UUID(one.talk_id), UUID(one.slot_id), _uuid(one.interpreter_id), bool(one.also)) for one in answer.placed
    ]
    again = [(one, _state(talks[one.talk_id])) for one in found if one.talk_id in done.lost]
    second = Adopted()
    await _place_all(session, second, again, talks, now)
    done.said += second.said
    done.placed |= second.placed
    done.lost -= second.placed
    left = [talks[one] for one in sorted(done.lost, key=str) if one in talks]
    await _let_go(session, done, left, now, proposal.proposal_id)


async def _let_go(session: AsyncSession, done: Adopted, left: Sequence[Talk], now: datetime, mark: UUID) -> None:
    """These talks have no time: what they had is free, and the home is told that there will be another evening.

    Who has been told so before and has had no time since is not told again.
    """
    news = [one for one in left if one.slot_id is not None or one.declined != NEW_EVENING]
    done.without |= {one.talk_id for one in left}
    if not news:
        return
    ids = [talk.talk_id for talk in news]
    await store.cancels(session, ids)
    entries = await store.standing(session, ids)
    for talk, zone, place_ in entries:
        entry = appointment(talk, zone, place_, cancelled=True) if talk.invited else None
        kind = NotificationKind.TALK_NEW_EVENING
        done.said.append(about_talk(kind, talk, now, mark=mark, zone=zone, appointment=entry))
    had = [talk.talk_id for talk in news if talk.slot_id is not None]
    if had:
        done.said += await unplace(session, had, TalkState.WANTED, now, why=NEW_EVENING, tell=False)
    await store.declined(session, ids, NEW_EVENING)


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


# A host who is not there -------------------------------------------------------------------------------------


async def away(
    session: AsyncSession, round_id: UUID, host_id: UUID, span: Span, author_id: UUID, now: datetime
) -> UUID | None:
    """A host is not there in a stretch of time: no talks then, and a proposal for those who had one. None: nobody had.

    Nobody is told before the proposal is adopted; until then their talks stand where they are, in closed times.
    """
    await hosts.close(session, round_id, host_id, span, now)
    if not await hosts.stranded(session, round_id, now):
        return None
    proposal_id = await start_proposal(session, [round_id], author_id, now, Occasion.AWAY)
    await answer_at_once(session, proposal_id, now)
    return proposal_id


async def step_in(
    session: AsyncSession, round_id: UUID, host_id: UUID, substitute_id: UUID, span: Span, now: datetime
) -> list[Outgoing]:
    """Somebody else holds a host's talks in a stretch of time: every talk keeps its time.

    Homes are not told of a change of nothing they must do. Raises Clash when the substitute is taken then.
    """
    slots = await hosts.hand_over(session, round_id, host_id, substitute_id, span, now)
    talks = await hosts.in_slots(session, slots)
    said: list[Outgoing] = []
    for state in (TalkState.PROPOSED, TalkState.BOOKED):
        these = [
            Choice(talk.talk_id, slots[talk.slot_id], talk.interpreter_id)
            for talk in talks
            if talk.slot_id in slots and talk.state == state
        ]
        said += await place(session, these, state, now, tell=False) if these else []
    await hosts.close(session, round_id, host_id, span, now)
    return said
