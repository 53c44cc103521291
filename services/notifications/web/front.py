"""The pages of this service, joined: who is logged in, how often they may ask, and every room's routes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI

from services.notifications.settings import NotificationsSettings
from services.notifications.web.callbacks import callback_routes
from services.notifications.web.letters import add_letters
from services.notifications.web.shown import notifications_face
from services.notifications.web.status import add_status
from services.notifications.web.trial import add_trial
from services.notifications.web.wordings import add_wordings
from shared.kit import Kit
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.face import Face
from shared.web.language import language_routes
from shared.web.limits import add_limits
from shared.web.pages import Pages, add_pages
from shared.web.session import add_sessions

HERE = Path(__file__).parent
Room = Callable[[APIRouter, Face, NotificationsSettings], None]
ROOMS: tuple[Room, ...] = (add_status, add_trial, add_wordings, add_letters)


def add_front(app: FastAPI, kit: Kit, settings: NotificationsSettings) -> None:
    """Put all pages and the providers' callbacks on the app. Raises SkolbroError without SKOLBRO_SESSION_KEY."""
    pages = Pages(HERE / "templates", kit.settings, zone=settings.zone, home=kit.settings.portal_url)
    add_pages(app, HERE / "static", kit.settings)
    add_limits(app, kit, pages)
    add_sessions(app, kit)
    app.include_router(callback_routes(kit, settings))
    app.include_router(page_routes(kit, settings, pages))
    app.include_router(language_routes(kit.settings))
    add_error_pages(app, pages)


def page_routes(kit: Kit, settings: NotificationsSettings, pages: Pages) -> APIRouter:
    """Every room's routes on one router, all forms checked."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])
    face = notifications_face(kit, pages)
    for add in ROOMS:
        add(router, face, settings)
    return router
