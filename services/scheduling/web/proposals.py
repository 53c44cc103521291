"""The whole round as the computer proposes it: how far it is, what it is worth, who has no time, and the decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy import Row
from starlette.responses import RedirectResponse, Response

from services.scheduling.domain.proposals import ADOPTABLE, UNFINISHED, Occasion, ProposalState, Reason, reason
from services.scheduling.domain.rounds import RoundState
from services.scheduling.errors import Crowded
from services.scheduling.proposing import NotOpen, adopt, start_proposal
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import proposal_pages as pages
from services.scheduling.store import proposals as store
from services.scheduling.tables import Proposal, Round, roster
from shared.events.roster import ContactStated, Marking, PersonStated
from shared.languages import N_
from shared.roster.standing import Standing
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

RUNNING = (RoundState.WISHES, RoundState.PROPOSED, RoundState.BOOKING)
STATES = {
    ProposalState.WAITING: ("wait", N_("Being worked out")),
    ProposalState.READY_GREEDY: ("wait", N_("Ready, and still getting better")),
    ProposalState.READY: ("good", N_("Ready")),
    ProposalState.ADOPTED: ("good", N_("Adopted")),
    ProposalState.DISCARDED: ("quiet", N_("Discarded")),
    ProposalState.FAILED: ("alarm", N_("Could not be worked out")),
}


@dataclass(frozen=True)
class Line:
    """One talk of a proposal, as far as the reader may see whose it is. `name` None: they may not."""

    talk_id: UUID
    pupil_id: UUID
    name: str | None
    protected: bool
    group: str
    host_id: UUID | None
    host: str
    starts_at: datetime | None
    ends_at: datetime | None
    interpreter: str | None
    reason: Reason | None
    times: Sequence[tuple[datetime, datetime]]
    changed: bool


@dataclass(frozen=True)
class HostSum:
    """One host's part in a proposal."""

    host_id: UUID | None
    name: str
    placed: int
    left: int
    days: Mapping[date, int]


def may_run(standing: Standing, school_id: UUID, author_id: UUID) -> bool:
    """Who decides about a round: its school's principal, the municipality, and the mentor who opened it."""
    own = author_id == standing.person.person_id
    taught = {group.school_id for group in standing.mentor_groups.values()}
    return standing.in_charge_of(school_id) or (own and school_id in taught)


def runs(view: View, rounds: Iterable[Round]) -> bool:
    """True when the reader decides about every one of these rounds (and there is one)."""
    every = list(rounds)
    return bool(every) and all(may_run(view.standing, one.school_id, one.author_id) for one in every)


def add_proposals(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/rounds/{round_id}/proposals` and `/talks/proposals/{proposal_id}`."""
    _add_list(router, face)
    _add_decisions(router, face)

    @router.get("/talks/proposals/{proposal_id}")
    async def proposal_page(
        request: Request, session: Me, proposal_id: UUID, host: Annotated[UUID | None, Query()] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            return await _show(face, request, view, proposal_id, host)


def _add_list(router: APIRouter, face: Face) -> None:
    @router.get("/talks/rounds/{round_id}/proposals")
    async def list_page(request: Request, session: Me, round_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await _listed(view, round_id)
        others = [one for one in found.others if may_run(view.standing, one["school_id"], one["author_id"])]
        return face.show(
            request,
            view,
            "proposals.html",
            found=found,
            others=others,
            states=STATES,
            schools=view.standing.schools,
            open=found.round.state in RUNNING,
        )

    @router.post("/talks/rounds/{round_id}/proposals")
    async def start(
        session: Me, round_id: UUID, with_: Annotated[list[UUID] | None, Form(alias="with")] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            ids = list(dict.fromkeys([round_id, *(with_ or [])]))
            rounds = await store.rounds_of(view.db, ids)
            if len(rounds) != len(ids) or not runs(view, rounds):
                raise HTTPException(404)
            if any(one.state not in RUNNING for one in rounds):
                return RedirectResponse(f"/talks/rounds/{round_id}/proposals", 303)
            await act(view)
            started = await start_proposal(view.db, ids, session.person_id, view.now, Occasion.ROUND)
        face.kit.due_planned.set()
        return RedirectResponse(f"/talks/proposals/{started}", 303)


async def _listed(view: View, round_id: UUID) -> pages.Listed:
    found = await pages.listed(view.db, round_id)
    if found is None or not runs(view, [found.round]):
        raise HTTPException(404)
    return found


def _add_decisions(router: APIRouter, face: Face) -> None:
    @router.post("/talks/proposals/{proposal_id}/adopt")
    async def adopt_it(request: Request, session: Me, proposal_id: UUID) -> Response:
        try:
            async with viewing(face.kit, roster, session) as view:
                await _ruled(view, proposal_id)
                await act(view)
                adopted = await adopt(view.db, proposal_id, view.now)
                await done(face, view, adopted.said)
        except (NotOpen, Crowded):
            return await _again(face, request, session, proposal_id)
        face.kit.due_planned.set()
        return RedirectResponse(f"/talks/proposals/{proposal_id}", 303)

    @router.post("/talks/proposals/{proposal_id}/discard")
    async def discard(request: Request, session: Me, proposal_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await _ruled(view, proposal_id)
            await act(view)
            proposal = await store.alone_with(view.db, proposal_id)
            decided = proposal is None or proposal.state in (ProposalState.ADOPTED, ProposalState.DISCARDED)
            if not decided:
                await store.move_on(view.db, proposal_id, state=ProposalState.DISCARDED, ended_at=view.now)
        if decided or proposal is None:
            return await _again(face, request, session, proposal_id)
        return RedirectResponse(f"/talks/rounds/{proposal.round_id}/proposals", 303)


async def _again(face: Face, request: Request, session: Me, proposal_id: UUID) -> Response:
    """The page once more, saying that somebody has decided meanwhile."""
    async with viewing(face.kit, roster, session) as view:
        return await _show(face, request, view, proposal_id, None, status=409)


async def _ruled(view: View, proposal_id: UUID) -> tuple[Proposal, list[Round]]:
    """The proposal and its rounds, for who decides about all of them. Raises 404 for anybody else."""
    found = await pages.ruled(view.db, proposal_id)
    if found is None or len(found[1]) != len(found[0].round_ids) or not runs(view, found[1]):
        raise HTTPException(404)
    return found


async def _show(
    face: Face, request: Request, view: View, proposal_id: UUID, host: UUID | None, status: int = 200
) -> Response:
    proposal, rounds = await _ruled(view, proposal_id)
    lines = [_line(view.standing, row) for row in await pages.rows_of(view.db, proposal_id)]
    left = [one for one in lines if one.reason]
    shown = [one for one in lines if host is not None and one.host_id == host]
    named = [one.pupil_id for one in (*left, *shown) if one.name]
    await done(face, view, what="talk proposal", pupils=named)
    zone = view.standing.schools[rounds[0].school_id].zone
    return face.show(
        request,
        view,
        "proposal.html",
        status,
        proposal=proposal,
        rounds=rounds,
        kind=STATES[ProposalState(proposal.state)][0],
        state=STATES[ProposalState(proposal.state)][1],
        running=proposal.state in UNFINISHED,
        adoptable=proposal.state in ADOPTABLE,
        away=proposal.why == Occasion.AWAY,
        figures=proposal.measures.get("now"),
        before=proposal.measures.get("before"),
        proven=proposal.measures.get("proven"),
        families_left=proposal.measures.get("families_left", 0),
        changes=sum(one.changed for one in lines),
        left=left,
        hosts=_sums(lines, ZoneInfo(zone)),
        shown=shown,
        host=host,
        schools=view.standing.schools,
        school_zone=zone,
        refused=status == 409,
    )


def _line(standing: Standing, row: Row[Any]) -> Line:
    pupil = PersonStated.model_validate(row.pupil) if row.pupil else None
    known = pupil is not None and standing.teaches(pupil) and row.contact
    times = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in row.times or []]
    return Line(
        talk_id=row.talk_id,
        pupil_id=row.pupil_id,
        name=ContactStated.model_validate(row.contact).full_name if known else None,
        protected=pupil is not None and pupil.marking is not Marking.NONE,
        group=row.group_name or "",
        host_id=row.host_id,
        host=ContactStated.model_validate(row.host).full_name if row.host else "",
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        interpreter=row.interpreter,
        reason=reason(row.why_not),
        times=times,
        changed=row.slot_id is not None and row.slot_id != row.now_slot,
    )


def _sums(lines: Iterable[Line], zone: ZoneInfo) -> list[HostSum]:
    of: dict[UUID | None, list[Line]] = {}
    for one in lines:
        of.setdefault(one.host_id, []).append(one)
    found = []
    for host_id, mine in of.items():
        days: dict[date, int] = {}
        for one in mine:
            if one.starts_at:
                day = one.starts_at.astimezone(zone).date()
                days[day] = days.get(day, 0) + 1
        placed = sum(one.starts_at is not None for one in mine)
        left = sum(one.reason is not None for one in mine)
        found.append(HostSum(host_id, mine[0].host, placed, left, dict(sorted(days.items()))))
    return sorted(found, key=lambda one: one.name)
