"""Settings of the absence service, from the environment with the prefix `ABSENCE_`."""

from __future__ import annotations

from datetime import time, timedelta

from pydantic import Field

from services.absence.domain import Rules
from shared.settings import ServiceSettings, settings_config


class AbsenceSettings(ServiceSettings):
    """What the absence service is told from outside. Minutes and days unless it says otherwise."""

    model_config = settings_config("ABSENCE_")

    grace_minutes: float = Field(15, ge=0, description="How long the teacher may correct and the home report first")
    unreported_minutes: float = Field(20, ge=0, description="How long after its end a lesson counts as unreported")
    late_days: int = Field(7, ge=0, description="Absence registered for a day longer ago than this makes no notice")
    sums_at: time = Field(time(17, 30), description="When each pupil's absence is summed, by the clock of the school")
    zone: str = Field("Europe/Stockholm", description="Time zone of a school the roster has not told us about yet")

    def rules(self) -> Rules:
        """The same as the rules want it."""
        return Rules(
            grace=timedelta(minutes=self.grace_minutes),
            unreported_after=timedelta(minutes=self.unreported_minutes),
            late_days=self.late_days,
            sums_at=self.sums_at,
            zone=self.zone,
        )
