"""The principal reads a bulletin before it leaves, where the school has decided so: approved, or back with words."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.bulletins import sending
from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.settings import BulletinsSettings
from services.bulletins.tables import roster
from services.bulletins.web.composing import Desk, around, on_desk, plain
from services.bulletins.web.preview import MEANWHILE, Done, preview_page
from shared.languages import N_
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

WORDS_LONG = 2_000
WORDS_NEEDED = N_("Please say in a few words what should be changed.")
NAMED = N_("It names somebody who must not be named, so it cannot leave. Please give it back.")


def add_approval(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/bulletins/{id}/approve` and `/bulletins/{id}/return`."""

    @router.post("/bulletins/{bulletin_id}/approve")
    async def approve(request: Request, bulletin_id: UUID, session: Me, version: Annotated[int, Form()]) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await _approves(view, bulletin_id)
            if _waits(desk):
                circle = await around(view, desk.full, settings, look=True)
                trouble = MEANWHILE if desk.full.bulletin.version != version else None
                trouble = trouble or (NAMED if sending.stops(desk.full, circle.known) else None)
                if trouble:
                    return await preview_page(face, request, view, desk, settings, 409, trouble=trouble)
                me, zone = view.standing.person.person_id, circle.school.zone
                await act(view)
                said = await sending.approve(view.db, bulletin_id, version, me, view.now, settings, zone)
                await done(face, view, said)
                face.kit.due_planned.set()
        return RedirectResponse(f"/bulletins/{bulletin_id}/preview?done={Done.APPROVED}", 303)

    @router.post("/bulletins/{bulletin_id}/return")
    async def give_back(
        request: Request, bulletin_id: UUID, session: Me, words: Annotated[str, Form()] = ""
    ) -> Response:
        said = plain(words, WORDS_LONG).strip()
        async with viewing(face.kit, roster, session) as view:
            desk = await _approves(view, bulletin_id)
            if _waits(desk):
                if not said:
                    return await preview_page(face, request, view, desk, settings, 400, trouble=WORDS_NEEDED)
                me, zone = view.standing.person.person_id, view.standing.zone
                await act(view)
                await done(face, view, await sending.give_back(view.db, bulletin_id, me, said, view.now, zone))
        return RedirectResponse(f"/bulletins/{bulletin_id}/preview?done={Done.RETURNED}", 303)


def _waits(desk: Desk) -> bool:
    return desk.full.state is BulletinState.TO_APPROVE


async def _approves(view: View, bulletin_id: UUID) -> Desk:
    """A bulletin of a school whose principal this person is. Raises 404 for everybody else, its author among them."""
    desk = await on_desk(view, bulletin_id)
    if not desk.approves:
        raise HTTPException(404)
    return desk
