"""Settings of the portal, from the environment with the prefix `PORTAL_`."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ServiceSettings, settings_config


class PortalSettings(ServiceSettings):
    """What the portal is told from outside."""

    model_config = settings_config("PORTAL_")

    zone: str = Field("Europe/Stockholm", description="Time zone of the live page and of schools not known yet")
    mail_url: str | None = Field(None, description="Where the demo shows the mails it caught")
