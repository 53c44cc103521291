"""Settings of the bulletins service, from the environment with the prefix `BULLETINS_`."""

from __future__ import annotations

from shared.settings import ServiceSettings, settings_config


class BulletinsSettings(ServiceSettings):
    """What the bulletins service is told from outside."""

    model_config = settings_config("BULLETINS_")
