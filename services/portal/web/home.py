"""The first page of a home: all children at all schools, or a pupil's own day."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.portal.domain.family import pupils_of
from services.portal.domain.home import home
from services.portal.store.families import home_facts
from services.portal.tables import roster
from services.portal.web.calendar import add_calendar
from services.portal.web.consents import add_consents
from services.portal.web.looks import add_looks
from services.portal.web.notices import add_notices
from services.portal.web.push import add_push
from services.portal.web.shown import portal_face, trace
from services.portal.web.wishes import add_wishes
from shared.clock import local_date
from shared.kit import Kit
from shared.web.csrf import form_checked
from shared.web.face import Face, Me
from shared.web.pages import Pages
from shared.web.viewing import viewing


def home_routes(kit: Kit, pages: Pages) -> APIRouter:
    """Every page of a home: today, messages, settings, calendar, consents, and who looked."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])
    face = portal_face(kit, pages)
    for add in (add_home, add_notices, add_wishes, add_consents, add_calendar, add_looks, add_push):
        add(router, face)
    return router


def add_home(router: APIRouter, face: Face) -> None:
    """`/home`."""

    @router.get("/home")
    async def first_page(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            pupils = pupils_of(view.standing, view.now)
            facts = await home_facts(view.db, pupils, session.person_id)
            await trace(view, "home", [one.pupil_id for one in pupils])
        page = home(pupils, facts, session.person_id, view.now)
        return face.show(request, view, "home.html", family=page, today=local_date(view.now, view.standing.zone))
