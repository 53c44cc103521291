"""Settings of the absence service, from the environment with the prefix `ABSENCE_`."""

from __future__ import annotations

from shared.settings import ServiceSettings, settings_config


class AbsenceSettings(ServiceSettings):
    """What the absence service is told from outside."""

    model_config = settings_config("ABSENCE_")
