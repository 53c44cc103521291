"""The portal's front: the first page of whoever comes, and every other page behind it."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from services.portal.settings import PortalSettings
from services.portal.tables import roster
from services.portal.web.classes import class_routes
from services.portal.web.demo import demo_routes, welcome
from services.portal.web.elsewhere import elsewhere_routes
from services.portal.web.home import home_routes
from services.portal.web.leaving import leaving_routes
from services.portal.web.live import LivePage, live_routes
from services.portal.web.login import Door, add_door
from services.portal.web.municipality import municipality_routes
from services.portal.web.push import worker_routes
from services.portal.web.schools import school_routes
from services.portal.web.shown import links, portal_face
from shared.kit import Kit
from shared.settings import KitSettings
from shared.web.errors import add_error_pages
from shared.web.language import language_routes
from shared.web.pages import Pages, add_pages
from shared.web.viewing import viewing

HERE = Path(__file__).parent


def add_front(app: FastAPI, kit: Kit, settings: PortalSettings) -> None:
    """Put the door and all pages on the app. Stepping in as somebody exists in a demo on this machine only."""
    demo = is_demo(kit.settings)
    pages = Pages(HERE / "templates", kit.settings.model_copy(update={"demo": demo}), zone=settings.zone)
    add_pages(app, HERE / "static", kit.settings)
    door = add_door(app, kit, settings, pages)
    app.include_router(language_routes(kit.settings))
    app.include_router(first_page(kit, pages, door, demo))
    for routes in (home_routes, class_routes, school_routes):
        app.include_router(routes(kit, pages))
    app.include_router(municipality_routes(kit, settings, pages))
    app.include_router(leaving_routes(kit, pages))
    app.include_router(worker_routes())
    app.include_router(elsewhere_routes(settings))
    if demo:
        app.include_router(demo_routes(door))
        app.include_router(live_routes(LivePage(kit, settings, pages)))
    add_error_pages(app, pages)  # last, so that a fault in the door is answered by a page too


def is_demo(settings: KitSettings) -> bool:
    """True for a demo that only this machine can reach."""
    return settings.demo and settings.host == "127.0.0.1"


def first_page(kit: Kit, pages: Pages, door: Door, demo: bool) -> APIRouter:
    """`/`: the page one comes for, the nearest thing to it, or the way in."""
    router = APIRouter(include_in_schema=False)
    face = portal_face(kit, pages)

    @router.get("/")
    async def first(request: Request) -> Response:
        if request.state.session is None:
            return await welcome(door, request, demo)
        async with viewing(kit, roster, request.state.session) as view:
            where = links(view.standing)
        return RedirectResponse(where[0][0], 303) if where else face.show(request, view, "nothing.html")

    return router
