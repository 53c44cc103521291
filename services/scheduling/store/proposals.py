"""What a proposal says, and what becomes of it. None of this commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.proposals import UNFINISHED, ProposalState
from services.scheduling.domain.rounds import RoundState
from services.scheduling.tables import (
    Proposal,
    ProposalTalk,
    Room,
    Round,
    Slot,
    Talk,
    roster,
)
from shared.clock import DEFAULT_ZONE
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.roster import SchoolStated

PROPOSAL, PLACES = table_of(Proposal), table_of(ProposalTalk)
ROUND, TALK, SLOT, ROOM = (table_of(one) for one in (Round, Talk, Slot, Room))
AFRESH = {"populate_existing": True}  # what was read earlier in the transaction may have been written since
PLACE_NAMES = ("proposal_id", "talk_id", "slot_id", "interpreter_id", "why_not")


async def rounds_of(session: AsyncSession, round_ids: Iterable[UUID]) -> list[Round]:
    """These rounds, as far as they are within reach."""
    return list(await session.scalars(select(Round).where(ROUND.c.round_id.in_(list(round_ids)))))


async def add_proposal(session: AsyncSession, proposal: Proposal) -> None:
    """Keep a proposal that has just been asked for; others for the same rounds that are not decided are let go."""
    undecided = [*UNFINISHED, ProposalState.READY, ProposalState.FAILED]
    old = PROPOSAL.c.round_ids.overlap(proposal.round_ids), PROPOSAL.c.state.in_(undecided)
    gone = {"state": ProposalState.DISCARDED, "ended_at": proposal.started_at}
    await session.execute(update(PROPOSAL).where(*old).values(gone))
    session.add(proposal)
    await session.flush()


async def alone_with(session: AsyncSession, proposal_id: UUID) -> Proposal | None:
    """The proposal, which nobody else changes until the end of the transaction."""
    mine = select(Proposal).where(PROPOSAL.c.proposal_id == proposal_id)
    return await session.scalar(mine.with_for_update(), execution_options=AFRESH)


async def unfinished(session: AsyncSession, proposal_ids: Sequence[UUID]) -> list[UUID]:
    """Those of these proposals that are still to be worked out."""
    of_these = PROPOSAL.c.proposal_id.in_(proposal_ids), PROPOSAL.c.state.in_(UNFINISHED)
    return list(await session.scalars(select(PROPOSAL.c.proposal_id).where(*of_these)))


async def move_on(session: AsyncSession, proposal_id: UUID, **values: Any) -> None:
    """Change a proposal."""
    await session.execute(update(PROPOSAL).where(PROPOSAL.c.proposal_id == proposal_id).values(values))


async def write_answer(
    session: AsyncSession,
    proposal_id: UUID,
    places: Sequence[tuple[UUID, UUID | None, UUID | None, str | None]],
    **values: Any,
) -> None:
    """Replace what a proposal says by these (talk, slot, interpreter, why not)."""
    await session.execute(delete(PLACES).where(PLACES.c.proposal_id == proposal_id))
    await insert_rows(session, PLACES, PLACE_NAMES, [(proposal_id, *place) for place in places])
    await move_on(session, proposal_id, **values)


async def places_of(session: AsyncSession, proposal_id: UUID) -> list[tuple[ProposalTalk, Talk, bool]]:
    """What a proposal says of each talk, the talk as it is now, and whether its present slot is open."""
    wanted = (
        select(ProposalTalk, Talk, func.coalesce(~SLOT.c.closed, False))
        .join(Talk, TALK.c.talk_id == PLACES.c.talk_id)
        .outerjoin(SLOT, SLOT.c.slot_id == TALK.c.slot_id)
        .where(PLACES.c.proposal_id == proposal_id)
        .order_by(PLACES.c.talk_id)
    )
    rows = await session.execute(wanted, execution_options=AFRESH)
    return [(place, talk, is_open) for place, talk, is_open in rows]


async def rounds_proposed(session: AsyncSession, round_ids: Iterable[UUID]) -> None:
    """These rounds have a proposal that was adopted, unless families book by themselves already."""
    values = {"state": RoundState.PROPOSED, "version": ROUND.c.version + 1}
    collecting = ROUND.c.round_id.in_(list(round_ids)), ROUND.c.state == RoundState.WISHES
    await session.execute(update(ROUND).where(*collecting).values(values))


async def cancels(session: AsyncSession, talk_ids: Sequence[UUID]) -> None:
    """The calendar entries of these talks are about to be taken back: their sequence grows (RFC 5546 3.2.5)."""
    sent = TALK.c.talk_id.in_(talk_ids), TALK.c.invited
    await session.execute(update(TALK).where(*sent).values(sequence=TALK.c.sequence + 1))


async def standing(session: AsyncSession, talk_ids: Sequence[UUID]) -> list[tuple[Talk, str, str | None]]:
    """These talks as they are now, each with the zone of its school and the name of its room."""
    zone = roster.c.state["zone"].astext
    school = (roster.c.event_type == SchoolStated.event_type) & (roster.c.id == TALK.c.school_id)
    wanted = (
        select(Talk, zone, ROOM.c.name)
        .outerjoin(ROOM, ROOM.c.room_id == TALK.c.room_id)
        .outerjoin(roster, school)
        .where(TALK.c.talk_id.in_(talk_ids))
        .order_by(TALK.c.talk_id)
    )
    rows = await session.execute(wanted, execution_options=AFRESH)
    return [(talk, zone or DEFAULT_ZONE, name) for talk, zone, name in rows]


async def declined(session: AsyncSession, talk_ids: Sequence[UUID], why: str) -> None:
    """Note why these talks have no time, a code word."""
    await session.execute(update(TALK).where(TALK.c.talk_id.in_(talk_ids)).values(declined=why))
