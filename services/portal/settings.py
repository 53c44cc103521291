"""Settings of the portal, from the environment with the prefix `PORTAL_`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from services.portal.login.provider import Provider
from shared.clock import DEFAULT_ZONE
from shared.settings import ServiceSettings, settings_config


class PortalSettings(ServiceSettings):
    """What the portal is told from outside."""

    model_config = settings_config("PORTAL_")

    zone: str = Field(DEFAULT_ZONE, description="Time zone of the live page and of schools not known yet")
    mail_url: str | None = Field(None, description="Where the demo shows the mails it caught")
    providers: tuple[Provider, ...] = Field((), description="Ways to log in, as a JSON list (docs/login.md)")
    vapid_public: str | None = Field(
        None, description="The public key of Web Push, base64url; without it nobody is offered it (docs/sending.md)"
    )
    elsewhere: dict[str, str] = Field(
        {}, description="Where paths of other services live when one host does not serve them all: path prefix to URL"
    )

    def address(self, path: str) -> str:
        """The address of a path of ours: under the same host, unless `elsewhere` says where it lives."""
        for prefix, base in self.elsewhere.items():
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return base.rstrip("/") + path
        return path

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        """Raises ValueError when two providers share a name: their addresses would be the same."""
        names = [provider.name for provider in self.providers]
        if len(set(names)) != len(names):
            raise ValueError("Two providers have the same name.")
        return self
