"""What is agreed: noted and reworded by the school, done by whoever promised, fulfilled or stopped by the school."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling import talking
from services.scheduling.domain.commitments import ANSWERS, STATUSES, Move, after, has_promised, may_move
from services.scheduling.domain.talks import OPEN, OVER, Part
from services.scheduling.domain.thread import Agreed
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import commitments as store
from services.scheduling.tables import roster
from services.scheduling.web.desk import Story, claimed, story
from services.scheduling.web.promises import LONGEST, Typed, promise_of
from services.scheduling.web.talk import show_talk
from shared.events.scheduling import CommitmentStatus
from shared.languages import N_
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

CLOSED = N_("Nothing can be agreed in a talk that did not take place. Nothing is kept; your words are below.")
MEANWHILE = N_("This has changed since you opened the page, so nothing was done. Look at it as it is now.")
REWORDED = N_("This was changed while you wrote, so nothing of yours is kept yet. Both texts are below.")
MOVES = {
    Move.DONE: (N_("It is done"), ""),
    Move.FULFILLED: (N_("Fulfilled"), ""),
    Move.AGAIN: (N_("It goes on"), "second"),
    Move.STOPPED: (N_("Stop it"), "alarm"),
}


def add_commitments(router: APIRouter, face: Face, settings: SchedulingSettings) -> None:
    """`/talks/commitments/{commitment_id}` and `/talks/{talk_id}/commitments`."""
    _add_its_life(router, face, settings)
    _add_its_words(router, face)
    _add_new_ones(router, face, settings)


def _add_its_life(router: APIRouter, face: Face, settings: SchedulingSettings) -> None:
    """A commitment's page and its buttons."""

    @router.get("/talks/commitments/{commitment_id}")
    async def commitment_page(request: Request, session: Me, commitment_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tale, one = await _mine(view, commitment_id)
            await done(face, view, what="commitment", pupils=[tale.pupil.person_id])
        return _show(request, face, view, tale, one)

    @router.post("/talks/commitments/{commitment_id}")
    async def move(
        request: Request, session: Me, commitment_id: UUID, what: Annotated[Move, Form()], seen: Annotated[int, Form()]
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tale, one = await _mine(view, commitment_id)
            _allowed(tale, one, what)
            await act(view)
            kept = await store.commitment(view.db, commitment_id)
            said = kept and await talking.move(view.db, kept, what, seen, one.held_at, view.now, settings)
            tale, one = await _mine(view, commitment_id)
            await done(face, view, said or (), "commitment changed", [tale.pupil.person_id])
        if said is None:
            return _show(request, face, view, tale, one, 409, trouble=MEANWHILE)
        return RedirectResponse(f"/talks/commitments/{commitment_id}", 303)


def _add_its_words(router: APIRouter, face: Face) -> None:
    """What is promised, worded otherwise."""

    @router.post("/talks/commitments/{commitment_id}/words")
    async def reword(
        request: Request,
        session: Me,
        commitment_id: UUID,
        seen: Annotated[int, Form()],
        typed: Annotated[Typed, Form()],
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tale, one = await _mine(view, commitment_id)
            if not _may_reword(tale, one):
                raise HTTPException(404)
            desk = await claimed(view, one.talk_id)
            promise, trouble = promise_of(desk, typed, keep=one)
            said = promise and await talking.reword(
                view.db, desk.facts, commitment_id, seen, promise, view.now, desk.zone
            )
            tale, one = await _mine(view, commitment_id)
            await done(face, view, said or (), "commitment changed", [tale.pupil.person_id])
        if said is None:
            status = 400 if trouble else 409
            return _show(request, face, view, tale, one, status, trouble=trouble or REWORDED, typed=typed)
        return RedirectResponse(f"/talks/commitments/{commitment_id}", 303)


def _add_new_ones(router: APIRouter, face: Face, settings: SchedulingSettings) -> None:
    """What is promised in a talk."""

    @router.post("/talks/{talk_id}/commitments")
    async def agree(request: Request, session: Me, talk_id: UUID, typed: Annotated[Typed, Form()]) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await claimed(view, talk_id)
            if desk.part is not Part.SCHOOL:
                raise HTTPException(404)
            promise, trouble = promise_of(desk, typed)
            trouble = trouble if desk.state in OPEN | OVER else CLOSED
            said = (
                await talking.agree(view.db, desk.facts, promise, view.now, desk.zone, settings)
                if (promise and not trouble)
                else []
            )
            await done(face, view, said, "commitment noted", [desk.facts.talk.pupil_id])
        if trouble:
            return show_talk(request, face, view, desk, 400, trouble=trouble, typed=typed)
        return RedirectResponse(f"/talks/{talk_id}#agreed", 303)


async def _mine(view: View, commitment_id: UUID) -> tuple[Story, Agreed]:
    """The commitment and its thread. Raises 404 when the reader may not see it."""
    tale = await story(view, commitment_id=commitment_id)
    one = next((one for one in tale.agreed if one.commitment_id == commitment_id), None)
    if one is None:
        raise HTTPException(404)
    return tale, one


def _allowed(tale: Story, one: Agreed, what: Move) -> None:
    promised = has_promised(one.owner, one.promised_by, one.pupil_id, tale.me)
    if tale.part is Part.READER or not may_move(what, school=tale.part is Part.SCHOOL, promised=promised):
        raise HTTPException(404)


def _moves(tale: Story, one: Agreed) -> list[Move]:
    """What the reader can do with it now."""
    found = []
    for what in MOVES:
        try:
            _allowed(tale, one, what)
        except HTTPException:
            continue
        found += [what] if after(what, one.status) else []
    return found


def _may_reword(tale: Story, one: Agreed) -> bool:
    """The school rewords what still goes on, in a talk that it may open."""
    still = one.status in (CommitmentStatus.PROPOSED, CommitmentStatus.ONGOING)
    return tale.part is Part.SCHOOL and still and one.talk_id in tale.mine


def _show(
    request: Request, face: Face, view: View, tale: Story, one: Agreed, status: int = 200, **more: Any
) -> Response:
    moves = [(what, *MOVES[what]) for what in _moves(tale, one)]
    usual = {"trouble": None, "typed": None, "moves": moves, "may_reword": _may_reword(tale, one)}
    words = {"statuses": STATUSES, "answers": ANSWERS, "folk": tale.folk, "longest": LONGEST}
    return face.show(request, view, "commitment.html", status, tale=tale, one=one, **{**words, **usual, **more})
