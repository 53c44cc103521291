"""Composition root of the bulletins service."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from services.bulletins.consumers import readers
from services.bulletins.jobs import due_handlers
from services.bulletins.jobs.plans import NIGHTS
from services.bulletins.settings import BulletinsSettings
from services.bulletins.tables import kit as tables
from services.bulletins.web.front import add_front
from shared.kit import Kit, make_kit
from shared.service import Service
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    settings = BulletinsSettings()
    return app_on(make_kit("bulletins", tables, KitSettings(), settings), settings)


def app_on(kit: Kit, settings: BulletinsSettings) -> FastAPI:
    """The service in this engine room."""
    app = Service(kit, readers(), due_handlers(settings), tasks=[partial(NIGHTS.begin, kit)]).app()
    if kit.settings.session_key:  # without a key for sessions there are no pages, as in tests of the readers alone
        add_front(app, kit, settings)
    return app
