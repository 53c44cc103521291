"""No page without a visit: whatever a service shows to a browser is in `visits.py`, or stands here with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr

from services.bulletins import tables as bulletins_tables
from services.bulletins.settings import BulletinsSettings
from services.bulletins.web import front as bulletins
from services.notifications import tables as notifications_tables
from services.notifications.settings import NotificationsSettings
from services.notifications.web import front as notifications
from services.portal import tables as portal_tables
from services.portal.settings import PortalSettings
from services.portal.web import front as portal
from services.scheduling import tables as scheduling_tables
from services.scheduling.settings import SchedulingSettings
from services.scheduling.web import front as scheduling
from shared.kit import Kit, make_kit
from shared.settings import KitSettings
from tests.browser.visits import VISITS

NO_PAGE = {
    "/login/{provider}": "leads to somebody else's page",
    "/draft": "what was written when a login ran out, shown once",
    "/calendar/{secret}.ics": "for calendars",
    "/class/{group_id}": "the visit `class` is led there",
    "/school/{school_id}/duties": "the visit `duties` follows a link there",
    "/school/{school_id}/duties.csv": "a table for a spreadsheet",
    "/municipality/wall/changes": "for the page's script",
    "/live/changes": "for the page's script",
    "/sw.js": "a script",
    "/talks/api/free": "for machines",
    "/talks/hold/{hold_id}": "the visit `hold` is led there",
    "/talks/{talk_id}/share": "test_talks.py comes there by its button",
    "/talks/{talk_id}/plan.pdf": "a PDF",
    "/bulletins/classes": "leads to the class's own page; a list for who has several, which nobody of the demo has",
    "/bulletins/{bulletin_id}/pdf": "a PDF",
    "/bulletins/{bulletin_id}/files/{attachment_id}": "a picture or a document",
    "/dialogue/files/{file_id}": "a picture or a document",
    "/sending/status.json": "for machines",
}


def _kit(service: str, tables: object, own: object) -> Kit:
    """An engine room that is never started: nothing is connected until something is asked."""
    said = KitSettings().model_copy(update={"session_key": SecretStr("k" * 40), "demo": True})
    return make_kit(service, tables.kit, said, own)  # type: ignore[attr-defined,arg-type]


def _apps() -> Iterator[FastAPI]:
    for name, tables, own, front in (
        ("bulletins", bulletins_tables, BulletinsSettings(), bulletins),
        ("notifications", notifications_tables, NotificationsSettings(), notifications),
        ("portal", portal_tables, PortalSettings(), portal),
        ("scheduling", scheduling_tables, SchedulingSettings(), scheduling),
    ):
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        front.add_front(app, _kit(name, tables, own), own)
        yield app


def _pages(app: FastAPI) -> Iterator[str]:
    for one in iter_route_contexts(app.routes):
        if isinstance(one.original_route, APIRoute) and "GET" in (one.methods or ()):
            yield one.path or ""


ROUTES = [path for app in _apps() for path in _pages(app)]
OPENED = [one.path.partition("?")[0] for one in VISITS] + [f"{start}x" for one in VISITS for start in one.links]


@pytest.mark.parametrize("path", ROUTES)
def test_every_page_has_a_visit(path: str) -> None:
    pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
    found = [one for one in OPENED if pattern.fullmatch(one)]
    assert bool(found) != (path in NO_PAGE), f"{path}: give it a Visit in tests/browser/visits.py"
