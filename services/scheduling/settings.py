"""Settings of the scheduling service, from the environment with the prefix `SCHEDULING_`."""

from __future__ import annotations

from shared.settings import ServiceSettings, settings_config


class SchedulingSettings(ServiceSettings):
    """What the scheduling service is told from outside."""

    model_config = settings_config("SCHEDULING_")
