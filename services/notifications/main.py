"""Composition root of the notifications service. A process sends for the lanes in `NOTIFICATIONS_LANES`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from fastapi import FastAPI

from services.notifications.bounces import Bounces
from services.notifications.channels.roads import make_roads
from services.notifications.consumers import Readers, readers
from services.notifications.gate import RosterGate
from services.notifications.jobs import Sender, composer_of
from services.notifications.ladder import due_handlers
from services.notifications.mailings.sender import MailingSender
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import kit as tables
from services.notifications.web.front import add_front
from shared.due.worker import Gate, always_open
from shared.events.notify import Lane
from shared.kit import Kit, make_kit
from shared.service import Service
from shared.settings import KitSettings

Task = Callable[[], Awaitable[None]]
KINDLY = 5  # of 19: how far a process that only sends mailings steps back


def make_service(kit: Kit, settings: NotificationsSettings) -> Service:
    """The readers, and for each lane a sender that waits until the roster is up to date.

    What there is once only belongs to the process with the urgent lane: it climbs the ladder and takes what comes back.
    """
    mine = readers(settings.lanes)
    gate = RosterGate(kit, mine.roster)
    senders = [_sender(kit, settings, lane, gate) for lane in Lane if lane in settings.lanes]
    if not _is_first(settings):
        return Service(kit, mine.all(), tasks=senders)
    tasks = [*senders, Bounces(kit, settings).run]
    return Service(kit, mine.all(), due=due_handlers(), gate=_all_read(mine), tasks=tasks)


def app_on(kit: Kit, settings: NotificationsSettings) -> FastAPI:
    """The service in this engine room; with pages where the urgent lane is, and a key for sessions."""
    app = make_service(kit, settings).app()
    if kit.settings.session_key and _is_first(settings):
        add_front(app, kit, settings)
    return app


def _is_first(settings: NotificationsSettings) -> bool:
    return Lane.URGENT in settings.lanes


def _sender(kit: Kit, settings: NotificationsSettings, lane: Lane, gate: Gate) -> Task:
    """The sender of one lane, with an engine room and connections of its own."""
    room = kit.beside(settings.lane_pool)
    roads = make_roads(room, settings, lane)
    if lane is Lane.BULK:
        return MailingSender(room, settings, roads, gate).run
    return Sender(room, settings, lane, roads, composer_of(room, settings), gate).run


def _all_read(mine: Readers) -> Gate:
    """Nobody is asked again while we may simply not have heard yet that they have read, or that it is taken back."""
    urgent, reads = mine.lanes.get(Lane.URGENT), mine.reads
    if urgent is None or reads is None:
        return always_open

    async def gate() -> bool:
        return await reads.caught_up() and await urgent.caught_up()

    return gate


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this. Raises ValueError when a secret is missing."""
    settings = NotificationsSettings()
    if settings.lanes == (Lane.BULK,):
        os.nice(KINDLY)  # where a machine is shared, whoever must know now is told first
    return app_on(make_kit("notifications", tables, KitSettings(), settings), settings)
