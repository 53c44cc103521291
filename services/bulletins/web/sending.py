"""Sending: now or later, taken back while it waits, withdrawn when it has left."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.bulletins import leaks, sending
from services.bulletins.domain.bulletins import OPEN, OUT, BulletinState, leaves_at
from services.bulletins.domain.leaks import unanswered
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import bulletins as store
from services.bulletins.store.bulletins import Full
from services.bulletins.store.circle import Circle
from services.bulletins.tables import roster
from services.bulletins.web.composing import around, judged, on_desk, wanted_at, writes
from services.bulletins.web.preview import MEANWHILE, Done, lacks_of, needs_approval, preview_page
from shared.languages import N_
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

LACKING = N_("It cannot leave yet. Please see what is missing.")
FOUND = N_("It cannot leave yet. Please look at what the leak check found.")
GONE = N_("It is too late: it has left. You can withdraw it instead.")


def add_sending(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/bulletins/{id}/send`, `/bulletins/{id}/take-back`, `/bulletins/{id}/withdraw`."""

    @router.post("/bulletins/{bulletin_id}/send")
    async def send(
        request: Request,
        bulletin_id: UUID,
        session: Me,
        version: Annotated[int, Form()],
        when: Annotated[str, Form()] = "",
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await writes(view, bulletin_id)
            circle = await around(view, desk.full, settings, look=True)
            wanted, wrong = wanted_at(when, circle.school.zone, view.now)
            trouble = wrong or _trouble(desk.full, circle, version)
            if trouble and desk.full.state in OPEN:
                status = 409 if trouble == MEANWHILE else 400
                typed = {"when": when}
                return await preview_page(face, request, view, desk, settings, status, trouble=trouble, typed=typed)
            await act(view)
            said = await _sent(face, view, bulletin_id, version, wanted, circle, settings)
        return RedirectResponse(f"/bulletins/{bulletin_id}/preview" + (f"?done={said}" if said else ""), 303)

    for add in (_add_take_back, _add_withdraw):
        add(router, face, settings)


async def _sent(
    face: Face,
    view: View,
    bulletin_id: UUID,
    version: int,
    wanted: datetime | None,
    circle: Circle,
    settings: BulletinsSettings,
) -> Done | None:
    """Ask the principal, or let it be scheduled; what the page says. A second click finds it done."""
    full = await store.load(view.db, bulletin_id, hold=True)
    if full is None:
        raise HTTPException(404)
    if full.state not in OPEN:
        return {BulletinState.TO_APPROVE: Done.ASKED, BulletinState.SCHEDULED: Done.SCHEDULED}.get(full.state)
    if full.bulletin.version != version:
        return None
    zone = circle.school.zone
    if needs_approval(judged(view.standing, full), circle):
        await done(face, view, await sending.ask(view.db, bulletin_id, wanted, view.now, zone))
        return Done.ASKED
    await sending.schedule(
        view.db, full, leaves_at(view.now, wanted, zone, settings.send_from, settings.send_until), view.now
    )
    face.kit.due_planned.set()
    return Done.SCHEDULED


def _trouble(full: Full, circle: Circle, version: int) -> str | None:
    if full.bulletin.version != version:
        return MEANWHILE
    if lacks_of(full, circle):
        return LACKING
    return FOUND if unanswered(leaks.findings(full, circle.known), full.bulletin.waived) else None


def _add_take_back(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    @router.post("/bulletins/{bulletin_id}/take-back")
    async def take_back(request: Request, bulletin_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await writes(view, bulletin_id)
            if desk.full.state in OUT:
                return await preview_page(face, request, view, desk, settings, 409, trouble=GONE)
            await act(view)
            await sending.take_back(view.db, bulletin_id, view.now)
        return RedirectResponse(f"/bulletins/{bulletin_id}/edit?done={Done.BACK}", 303)


def _add_withdraw(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    @router.post("/bulletins/{bulletin_id}/withdraw")
    async def withdraw(bulletin_id: UUID, session: Me) -> Response:
        """Its mentors can, and the principal, who answers for what the school says."""
        async with viewing(face.kit, roster, session) as view:
            await on_desk(view, bulletin_id)
            await act(view)
            await done(face, view, await sending.withdraw(view.db, bulletin_id, view.now))
        return RedirectResponse(f"/bulletins/{bulletin_id}/preview?done={Done.WITHDRAWN}", 303)
