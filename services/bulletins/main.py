"""Composition root of the bulletins service."""

from __future__ import annotations

from fastapi import FastAPI

from services.bulletins.consumers import readers
from services.bulletins.settings import BulletinsSettings
from services.bulletins.tables import kit as tables
from shared.kit import make_kit
from shared.service import Service
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    kit = make_kit("bulletins", tables, KitSettings(), BulletinsSettings())
    return Service(kit, readers()).app()
