"""Settings of the scheduling service, from the environment with the prefix `SCHEDULING_`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from shared.clock import DEFAULT_ZONE
from shared.settings import ServiceSettings, settings_config


class SchedulingSettings(ServiceSettings):
    """What the scheduling service is told from outside. Times are in the unit of the name."""

    model_config = settings_config("SCHEDULING_")

    zone: str = DEFAULT_ZONE
    hold_minutes: int = Field(default=5, ge=2, description="how long a chosen time is kept for a family")
    offer_hours: int = Field(default=12, ge=1, description="how long a freed time waits for a family's answer")
    reminder_hours: int = Field(default=48, ge=1, description="how long before a talk its home is reminded")
    solve_seconds: int = Field(default=60, ge=1, description="how long the best proposal is looked for")
    check_in_days: int = Field(
        default=14, ge=1, description="how long after a talk, and how often, a promise is asked for"
    )
    nudge_days: int = Field(
        default=4, ge=1, description="how long silence lasts until the adult who promised is nudged"
    )
    lacking_days: int = Field(
        default=28, ge=1, description="how long before the end of a term a missing talk is told of"
    )

    @property
    def hold(self) -> timedelta:
        """How long a chosen time is kept for a family."""
        return timedelta(minutes=self.hold_minutes)
