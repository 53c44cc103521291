"""Composition root of the scheduling service."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from services.scheduling.consumers import readers
from services.scheduling.jobs import due_handlers
from services.scheduling.jobs.coverage import NIGHTS
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import kit as tables
from services.scheduling.web.front import add_front
from shared.kit import Kit, make_kit
from shared.service import Service
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    settings = SchedulingSettings()
    return app_on(make_kit("scheduling", tables, KitSettings(), settings), settings)


def app_on(kit: Kit, settings: SchedulingSettings) -> FastAPI:
    """The service in this engine room."""
    app = Service(kit, readers(), due_handlers(kit, settings), tasks=[partial(NIGHTS.begin, kit)]).app()
    if kit.settings.session_key:  # without a key for sessions there are no pages, as in tests of the readers alone
        add_front(app, kit, settings)
    return app
