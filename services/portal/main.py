"""Composition root of the portal."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from services.portal.audit import Sealer
from services.portal.consumers import readers
from services.portal.jobs import NIGHTS, due_handlers
from services.portal.settings import PortalSettings
from services.portal.tables import kit as tables
from services.portal.web.front import add_front
from shared.kit import Kit, make_kit
from shared.service import Service
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    settings = PortalSettings()
    return app_on(make_kit("portal", tables, KitSettings(), settings), settings)


def app_on(kit: Kit, settings: PortalSettings) -> FastAPI:
    """The service in this engine room."""
    app = Service(
        kit, readers(settings.zone), due_handlers(), tasks=[Sealer(kit).run, partial(NIGHTS.begin, kit)]
    ).app()
    add_front(app, kit, settings)
    return app
