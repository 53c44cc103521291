"""Composition root of the registry service."""

from __future__ import annotations

from fastapi import FastAPI

from services.registry.condition import condition_of
from services.registry.consumers import readers
from services.registry.hints import Hints
from services.registry.importer import Importer
from services.registry.jobs import SourceJob
from services.registry.settings import RegistrySettings
from services.registry.tables import kit as tables
from services.registry.web.answers import Refused, refuse
from services.registry.web.pages import add_registry_pages
from services.registry.web.push import push_router
from services.registry.web.webhook import webhook_router
from shared.kit import Kit, make_kit
from shared.service import Service
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    settings = RegistrySettings()
    return app_on(make_kit("registry", tables, KitSettings(), settings), settings)


def app_on(kit: Kit, settings: RegistrySettings) -> FastAPI:
    """The service in this engine room."""
    polled = [source for source in settings.sources if source.base_url]
    hints = Hints(source.name for source in polled)
    importer = Importer(kit, settings.names())
    jobs = [SourceJob(source, importer, hints) for source in polled]
    tasks = [job.run for job in jobs]
    app = Service(kit, readers(kit.settings), tasks=tasks, sources=condition_of(settings.sources)).app()
    app.add_exception_handler(Refused, refuse)
    app.include_router(push_router(importer, settings.sources))
    app.include_router(webhook_router(hints, polled))
    if kit.settings.session_key:  # a registry that only takes in rows needs no pages, and so no key for sessions
        add_registry_pages(app, kit, settings)
    return app
