"""Composition root of the scheduling service."""

from __future__ import annotations

from fastapi import FastAPI

from services.scheduling.consumers import readers
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import kit as tables
from shared.kit import make_kit
from shared.service import Service
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    kit = make_kit("scheduling", tables, KitSettings(), SchedulingSettings())
    return Service(kit, readers()).app()
