"""Settings of the registry service, from the environment with the prefix `REGISTRY_`."""

from __future__ import annotations

from shared.settings import ServiceSettings, settings_config


class RegistrySettings(ServiceSettings):
    """What the registry service is told from outside."""

    model_config = settings_config("REGISTRY_")
