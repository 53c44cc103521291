"""Composition root of the absence service."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from services.absence.consumers import readers
from services.absence.jobs import begin_sums, due_handlers
from services.absence.settings import AbsenceSettings
from services.absence.tables import kit as tables
from shared.kit import make_kit
from shared.service import Service
from shared.settings import KitSettings


def create_app() -> FastAPI:
    """Build the service from its settings; uvicorn calls this."""
    settings = AbsenceSettings()
    rules = settings.rules()
    roster, attendance, *others = readers(rules)
    kit = make_kit("absence", tables, KitSettings(), settings)
    # What falls due waits until the corrections that lie in Kafka have been read.
    tasks = [partial(begin_sums, kit, rules)]
    return Service(
        kit, [roster, attendance, *others], due_handlers(rules), gate=attendance.caught_up, tasks=tasks
    ).app()
