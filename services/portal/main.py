"""Composition root of the portal."""

from __future__ import annotations

from fastapi import FastAPI

from services.portal.consumers import readers
from services.portal.settings import PortalSettings
from services.portal.tables import kit as tables
from services.portal.web.routes import STATIC, LivePage, closed_routes, live_routes
from shared.kit import make_kit
from shared.service import Service
from shared.settings import KitSettings
from shared.web.pages import add_pages


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    settings, shared = PortalSettings(), KitSettings()
    kit = make_kit("portal", tables, shared, settings)
    app = Service(kit, readers(settings.zone)).app()
    add_pages(app, STATIC)
    shows = shared.demo and shared.host == "127.0.0.1"
    app.include_router(live_routes(LivePage(kit, settings)) if shows else closed_routes())
    return app
