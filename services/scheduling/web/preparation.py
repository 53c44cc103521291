"""Before the talk: each side writes for itself, and shows it to the others when it wants to. That is asked twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling.domain.rounds import Side
from services.scheduling.domain.talks import SIDES, Part, answered, may_prepare
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.talks import show_preparation, write_preparation
from services.scheduling.tables import roster
from services.scheduling.talking import shown
from services.scheduling.web.desk import Desk, claimed, opened
from services.scheduling.web.talk import frame
from shared.languages import N_
from shared.web.face import Face, Me, done
from shared.web.viewing import View, viewing

LONGEST = 8000  # characters of one answer
MEANWHILE = N_(
    "Somebody has written here since you opened the page, so nothing of yours is kept yet. Both texts are below: "
    "put together what is to be kept, and save again."
)
CLOSED = N_("The talk is over, so this was not kept. Your words are below; take what you need into the plan.")
TOO_LONG = N_("An answer is too long to be read in a talk. Nothing is kept yet; shorten it and save again.")


def add_preparation(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/{talk_id}/prepare` and `/talks/{talk_id}/share`."""
    _add_writing(router, face)
    _add_showing(router, face)


def _add_writing(router: APIRouter, face: Face) -> None:
    """Write one's own side."""

    @router.get("/talks/{talk_id}/prepare")
    async def prepare_page(request: Request, session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await opened(view, talk_id)
            side_of(desk)
            await done(face, view, what="talk preparation", pupils=[desk.facts.talk.pupil_id])
        if not may_prepare(desk.part, desk.state):
            return RedirectResponse(f"/talks/{talk_id}", 303)
        return _form(request, face, view, desk)

    @router.post("/talks/{talk_id}/prepare")
    async def write(
        request: Request,
        session: Me,
        talk_id: UUID,
        seen: Annotated[int, Form()],
        act: Annotated[str, Form()] = "save",
    ) -> Response:
        typed = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
        async with viewing(face.kit, roster, session) as view:
            desk = await claimed(view, talk_id)
            trouble = await _write(view, desk, typed, seen)
            await done(face, view, what="talk preparation", pupils=[desk.facts.talk.pupil_id])
        if trouble:
            status = 400 if trouble is TOO_LONG else 409
            return _form(request, face, view, desk, status, typed=typed, trouble=trouble)
        return RedirectResponse(f"/talks/{talk_id}/share" if act == "show" else f"/talks/{talk_id}", 303)


def _add_showing(router: APIRouter, face: Face) -> None:
    """Show it to the others: read it once more, and say that it is so."""

    @router.get("/talks/{talk_id}/share")
    async def sure(request: Request, session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await opened(view, talk_id)
            mine = desk.prepared(side_of(desk))
            await done(face, view, what="talk preparation", pupils=[desk.facts.talk.pupil_id])
        if mine is None or mine.shown_at or not may_prepare(desk.part, desk.state):
            return RedirectResponse(f"/talks/{talk_id}", 303)
        return _form(request, face, view, desk, sharing=True)

    @router.post("/talks/{talk_id}/share")
    async def show(request: Request, session: Me, talk_id: UUID, seen: Annotated[int, Form()]) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await claimed(view, talk_id)
            side, now = side_of(desk), view.now
            open_still = may_prepare(desk.part, desk.state)
            it_is = open_still and await show_preparation(view.db, talk_id, side, seen, now)
            said = shown(desk.facts, now, desk.zone) if it_is and desk.part is Part.SCHOOL else []
            await done(face, view, said, "talk shared", [desk.facts.talk.pupil_id])
        mine = desk.prepared(side)
        if it_is or mine is None or mine.shown_at or not open_still:
            return RedirectResponse(f"/talks/{talk_id}", 303)
        return _form(request, face, view, desk, 409, sharing=True)


def side_of(desk: Desk) -> Side:
    """The side on which the reader prepares. Raises 404 for those who only read."""
    if desk.part not in SIDES:
        raise HTTPException(404)
    return SIDES[desk.part]


async def _write(view: View, desk: Desk, typed: Mapping[str, str], seen: int) -> str | None:
    """Keep what was typed; answers the sentence that says why not."""
    side = side_of(desk)
    codes = [question.code for _, question in frame(desk)["agenda"].questions(side)]
    answers = answered(codes, typed)
    if not may_prepare(desk.part, desk.state):
        return CLOSED
    if any(len(words) > LONGEST for words in answers.values()):
        return TOO_LONG
    talk_id = desk.facts.talk.talk_id
    kept = await write_preparation(view.db, talk_id, side, answers, seen, desk.me, view.now)
    return None if kept else MEANWHILE


def _form(request: Request, face: Face, view: View, desk: Desk, status: int = 200, **more: Any) -> Response:
    side = side_of(desk)
    mine = desk.prepared(side)
    context = {"mine": mine, "questions": list(frame(desk)["agenda"].questions(side))}
    usual = {"typed": mine.answers if mine else {}, "trouble": None, "sharing": False}
    usual["may_save"] = may_prepare(desk.part, desk.state)
    return face.show(request, view, "prepare.html", status, **{**frame(desk), **context, **usual, **more})
