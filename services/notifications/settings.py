"""Settings of the notifications service, from the environment with the prefix `NOTIFICATIONS_`."""

from __future__ import annotations

from shared.settings import ServiceSettings, settings_config


class NotificationsSettings(ServiceSettings):
    """What the notifications service is told from outside."""

    model_config = settings_config("NOTIFICATIONS_")
