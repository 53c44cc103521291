"""A trial: everything is worked out and counted, but only guests are written to. Switched by officers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from services.notifications.domain.addresses import SIMULATED, usable
from services.notifications.domain.phones import mobile
from services.notifications.settings import NotificationsSettings
from services.notifications.store import guests
from services.notifications.store.guests import Trial, trial_of
from services.notifications.tables import roster
from services.notifications.web.shown import officer
from shared.languages import N_
from shared.web.face import Face, StronglyMe, act
from shared.web.viewing import View, viewing

MOST = 200
NO_ADDRESS = N_("This is neither an e-mail address nor the number of a mobile telephone.")
MANY = N_("There are 200 guests already. Take somebody out first.")
Typed = Annotated[str, Form(max_length=320)]


class Done(StrEnum):
    """What the page says was done."""

    BEGUN = "begun"
    ENDED = "ended"
    INVITED = "invited"
    UNINVITED = "uninvited"


def add_trial(router: APIRouter, face: Face, settings: NotificationsSettings) -> None:
    """`/sending/trial`, for officers with a strong login."""

    @router.get("/sending/trial")
    async def page(request: Request, session: StronglyMe, done: Annotated[Done | None, Query()] = None) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await trial_of(view.db, officer(view))
        return _page(face, request, view, found, done=done)

    @router.post("/sending/trial/begin")
    async def begin(session: StronglyMe) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tenant = officer(view)
            await act(view)
            await guests.begin(view.db, tenant, session.person_id, view.now)
        return RedirectResponse(f"/sending/trial?done={Done.BEGUN}", 303)

    @router.post("/sending/trial/end")
    async def end(session: StronglyMe) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tenant = officer(view)
            await act(view)
            await guests.end(view.db, tenant)
        return RedirectResponse(f"/sending/trial?done={Done.ENDED}", 303)

    @router.post("/sending/trial/guests")
    async def invite(request: Request, session: StronglyMe, address: Typed = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            tenant = officer(view)
            found, kept = await trial_of(view.db, tenant), address_of(address, settings.sms_region)
            full = kept not in found.guests and len(found.guests) >= MOST
            if kept and not full:
                await act(view)
                await guests.invite(view.db, tenant, kept, view.now)
        if kept and not full:
            return RedirectResponse(f"/sending/trial?done={Done.INVITED}", 303)
        return _page(face, request, view, found, 400, error=MANY if kept else NO_ADDRESS, typed=address)

    @router.post("/sending/trial/guests/remove")
    async def uninvite(session: StronglyMe, address: Typed = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            tenant = officer(view)
            await act(view)
            await guests.uninvite(view.db, tenant, address)
        return RedirectResponse(f"/sending/trial?done={Done.UNINVITED}", 303)


def address_of(typed: str, region: str) -> str | None:
    """A guest's address as ways have it: a mail address in small letters, or a telephone number in E.164."""
    line = typed.strip()
    if line.lower().startswith(SIMULATED):
        return None
    mail = usable(line, simulate=False)
    return mail.lower() if mail else mobile(line, region)


def _page(
    face: Face,
    request: Request,
    view: View,
    found: Trial,
    status: int = 200,
    *,
    done: Done | None = None,
    error: str = "",
    typed: str = "",
) -> Response:
    return face.show(request, view, "trial.html", status, trial=found, done=done, error=error, typed=typed)
