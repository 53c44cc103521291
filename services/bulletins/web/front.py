"""The pages of this service, joined: who is logged in, how often they may ask, and every room's routes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI

from services.bulletins.settings import BulletinsSettings
from services.bulletins.web.approval import add_approval
from services.bulletins.web.archive import add_archive
from services.bulletins.web.bulletin import add_bulletin
from services.bulletins.web.bulletin_homes import add_bulletin_homes
from services.bulletins.web.classes import add_classes
from services.bulletins.web.compose import add_compose
from services.bulletins.web.dialogue import add_dialogue
from services.bulletins.web.dialogue_opening import add_opening
from services.bulletins.web.feedback import add_feedback
from services.bulletins.web.information import add_information
from services.bulletins.web.participation import add_participation
from services.bulletins.web.plan import add_plan
from services.bulletins.web.preview import add_preview
from services.bulletins.web.read_link import open_routes
from services.bulletins.web.sending import add_sending
from services.bulletins.web.shown import bulletins_face
from shared.kit import Kit
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.face import Face
from shared.web.language import language_routes
from shared.web.limits import add_limits
from shared.web.pages import Pages, add_pages
from shared.web.session import add_sessions

HERE = Path(__file__).parent
Room = Callable[[APIRouter, Face, BulletinsSettings], None]
# One bulletin's own page comes last: what has a name of its own is not to be taken for a bulletin's id.
ROOMS: tuple[Room, ...] = (
    add_plan,
    add_classes,
    add_compose,
    add_preview,
    add_approval,
    add_sending,
    add_participation,
    add_information,
    add_feedback,
    add_opening,
    add_dialogue,
    add_archive,
    add_bulletin_homes,
    add_bulletin,
)


def add_front(app: FastAPI, kit: Kit, settings: BulletinsSettings) -> None:
    """Put all pages on the app. Raises SkolbroError without SKOLBRO_SESSION_KEY."""
    pages = Pages(HERE / "templates", kit.settings, zone=settings.zone, home=kit.settings.portal_url)
    add_pages(app, HERE / "static", kit.settings)
    add_limits(app, kit, pages)
    add_sessions(app, kit)
    app.include_router(open_routes(kit, settings, pages))
    app.include_router(page_routes(kit, settings, pages))
    app.include_router(language_routes(kit.settings))
    add_error_pages(app, pages)


def page_routes(kit: Kit, settings: BulletinsSettings, pages: Pages) -> APIRouter:
    """Every room's routes on one router, all forms checked."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])
    face = bulletins_face(kit, pages)
    for add in ROOMS:
        add(router, face, settings)
    return router
