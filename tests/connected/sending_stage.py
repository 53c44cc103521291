"""A stage for the notifications service's own pages: the municipality of the talks' stage, in its database.

The same people by the same names (see `tests.talks_stage`): Oskar is the officer here, Ove elsewhere, Rut a principal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from fastapi import APIRouter, Depends, FastAPI
from pydantic import SecretStr

from deploy.embedded.postgres import Postgres
from services.notifications.consumers import ROSTER
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import kit as tables
from services.notifications.tables import metadata, roster
from services.notifications.web import front
from services.notifications.web.shown import notifications_face
from services.scheduling.settings import SchedulingSettings
from shared.clock import ManualClock
from shared.events.envelope import Event
from shared.events.roster import StaffStated
from shared.kit import Kit
from shared.roster.projection import roster_reader
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.pages import Pages, add_pages
from shared.web.session import add_sessions
from tests.hearing import hear_by
from tests.stack import kit_off_kafka
from tests.talks_stage import (
    KEY,
    NAMES,
    NINE,
    SCHOOL_OF,
    THERE,
    Stage,
    _classes,
    _families,
    _people,
    _places,
    _staff,
)

SETTINGS = NotificationsSettings(message_id_secret=SecretStr("test"))


@asynccontextmanager
async def sending_stage(postgres: Postgres, clock: ManualClock, *rooms: front.Room) -> AsyncIterator[Stage]:
    """The stage, with the pages of these rooms open (none given: all that the service has)."""
    clock.instant = NINE
    kit = kit_off_kafka(postgres, "notifications", metadata, tables, clock)
    kit.settings = kit.settings.model_copy(update={"session_key": SecretStr(KEY)})
    stage = Stage(kit, SchedulingSettings())
    stage.who = {name: uuid4() for name in (*NAMES, *THERE)}
    stage.school = {name: uuid4() for name in ("north", "south", "office", "far", "far_office")}
    stage.group = {name: uuid4() for name in SCHOOL_OF}
    stage.app = _open(kit, rooms or front.ROOMS)
    world = [*_places(stage), *_people(stage), *_families(stage), *_classes(stage), *_staff(stage)]
    kinds: set[type[Event]] = {*ROSTER, StaffStated}
    await hear_by(kit, [roster_reader(roster, *kinds)], *world)
    try:
        yield stage
    finally:
        await kit.close()


def _open(kit: Kit, rooms: tuple[front.Room, ...]) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    pages = Pages(front.HERE / "templates", kit.settings, home=kit.settings.portal_url)
    add_error_pages(app, pages)
    add_pages(app, front.HERE / "static", kit.settings)
    add_sessions(app, kit)
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])
    face = notifications_face(kit, pages)
    for add in rooms:
        add(router, face, SETTINGS)
    app.include_router(router)
    return app
