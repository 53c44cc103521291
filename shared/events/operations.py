"""How a service is doing, for those who answer for it. Counts and places only, nobody's data."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.envelope import Event, Instant, Line, Version
from shared.events.roster import Part
from shared.topics import OPERATIONS


class SourceHealth(Part):
    """One registry that is connected: when it last worked, what it said last, and what waits for a person."""

    name: Line
    tenant_id: UUID
    last_run_at: Instant | None = None
    last_good_at: Instant | None = None
    error: str | None = Field(None, max_length=2000)
    held: int = 0
    quarantined: int = 0


class HealthReported(Event):
    """The state of one service, said when it changes and at least now and then."""

    event_type: ClassVar[str] = "health.reported.v1"
    topic: ClassVar[str] = OPERATIONS.name

    service: Line
    version: Version
    dead_letters: int = 0
    sources: tuple[SourceHealth, ...] = ()
    reported_at: Instant

    def key(self) -> str:
        """The service."""
        return self.service
