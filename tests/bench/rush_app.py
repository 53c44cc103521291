"""The scheduling service as it runs, with booking's own routes: what `tests.bench.rush` serves."""

from __future__ import annotations

from fastapi import FastAPI

from services.scheduling.main import create_app as scheduling_app
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import kit as tables
from services.scheduling.web.api import api_routes
from shared.kit import make_kit
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """The service; with its booking routes, should it not have them yet."""
    app = scheduling_app()
    if not any(getattr(route, "path", "").startswith("/talks/api") for route in app.routes):
        kit = make_kit("scheduling", tables, KitSettings(), SchedulingSettings())
        app.include_router(api_routes(kit))
    return app
