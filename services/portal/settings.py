"""Settings of the portal service, from the environment with the prefix `PORTAL_`."""

from __future__ import annotations

from shared.settings import ServiceSettings, settings_config


class PortalSettings(ServiceSettings):
    """What the portal service is told from outside."""

    model_config = settings_config("PORTAL_")
