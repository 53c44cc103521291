"""The pages of this service, joined: who is logged in, how often they may ask, and every room's routes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI

from services.scheduling.settings import SchedulingSettings
from services.scheduling.web.adaptations import add_adaptations
from services.scheduling.web.api import api_routes
from services.scheduling.web.away import add_away
from services.scheduling.web.booking import add_booking
from services.scheduling.web.check_in import open_routes
from services.scheduling.web.commitments import add_commitments
from services.scheduling.web.family import add_family
from services.scheduling.web.interpreters import add_interpreters
from services.scheduling.web.meetings import add_meetings
from services.scheduling.web.offers import add_offers
from services.scheduling.web.plan import add_plan
from services.scheduling.web.preparation import add_preparation
from services.scheduling.web.proposals import add_proposals
from services.scheduling.web.record import add_record
from services.scheduling.web.round_page import add_round_page
from services.scheduling.web.rounds import add_rounds
from services.scheduling.web.school_year import add_school_year
from services.scheduling.web.shown import scheduling_face
from services.scheduling.web.talk import add_talk
from services.scheduling.web.thread import add_thread
from services.scheduling.web.wishes import add_wishes
from shared.kit import Kit
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.face import Face
from shared.web.language import language_routes
from shared.web.limits import add_limits
from shared.web.pages import Pages, add_pages
from shared.web.session import add_sessions

HERE = Path(__file__).parent
Room = Callable[[APIRouter, Face, SchedulingSettings], None]
# The pages of one talk come last: what has a name of its own is not to be taken for a talk's id.
ROOMS: tuple[Room, ...] = (
    add_wishes,
    add_family,
    add_booking,
    add_rounds,
    add_round_page,
    add_interpreters,
    add_school_year,
    add_proposals,
    add_away,
    add_meetings,
    add_offers,
    add_thread,
    add_adaptations,
    add_commitments,
    add_preparation,
    add_record,
    add_plan,
    add_talk,
)


def add_front(app: FastAPI, kit: Kit, settings: SchedulingSettings) -> None:
    """Put all pages on the app. Raises SkolbroError without SKOLBRO_SESSION_KEY."""
    pages = Pages(HERE / "templates", kit.settings, zone=settings.zone, home=kit.settings.portal_url)
    add_pages(app, HERE / "static", kit.settings)
    add_limits(app, kit, pages)
    add_sessions(app, kit)
    app.include_router(api_routes(kit))
    app.include_router(open_routes(kit, settings, pages))
    app.include_router(page_routes(kit, settings, pages))
    app.include_router(language_routes(kit.settings))
    add_error_pages(app, pages)


def page_routes(kit: Kit, settings: SchedulingSettings, pages: Pages) -> APIRouter:
    """Every room's routes on one router, all forms checked."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])
    face = scheduling_face(kit, pages)
    for add in ROOMS:
        add(router, face, settings)
    return router
