"""Composition root of the notifications service."""

from __future__ import annotations

from fastapi import FastAPI

from services.notifications.channels.email import EmailChannel
from services.notifications.channels.simulated import SimulatedChannel
from services.notifications.consumers import readers
from services.notifications.jobs import Sender
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import kit as tables
from shared.kit import Kit, make_kit
from shared.service import Service
from shared.settings import KitSettings


def make_service(kit: Kit, settings: NotificationsSettings) -> Service:
    """The readers, and a sender that waits until the roster is up to date."""
    people, *others = readers()
    sender = Sender(kit, settings, EmailChannel(settings), SimulatedChannel(kit.clock), gate=people.caught_up)
    return Service(kit, [people, *others], tasks=[sender.run])


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this. Raises ValueError when a secret is missing."""
    settings = NotificationsSettings()
    return make_service(make_kit("notifications", tables, KitSettings(), settings), settings).app()
