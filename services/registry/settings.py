"""Settings of the registry service, from the environment with the prefix `REGISTRY_`."""

from __future__ import annotations

from collections import Counter
from datetime import time
from pathlib import Path
from typing import Annotated, Self
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from shared.errors import Permanent
from shared.ids import tenant_id
from shared.settings import ServiceSettings, settings_config


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name} is not an IANA time zone, such as Europe/Stockholm")
    return name


class Source(BaseModel):
    """One registry. A secret is given itself or as the path of a file that holds it (read anew at every use)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$", description="Also the last part of its webhook's URL")
    base_url: str | None = Field(None, pattern=r"^https?://", description="None for one that only pushes to us")
    token: SecretStr | None = None
    token_file: Path | None = None
    token_url: str | None = Field(None, description="OAuth 2 client credentials instead of a fixed token")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    scope: str | None = None
    push_token: SecretStr | None = Field(None, description="The bearer token with which it may push to us")
    push_token_file: Path | None = None
    webhook_url: str | None = Field(
        None, description="Our /webhook/{name} as the source can reach it; with ?key=… only who knows it is heard"
    )
    municipality: str = ""
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Stockholm"
    language: str = "sv"
    expand_persons: str | None = Field(None, description="responsibleFor, where guardians come only that way")
    poll_seconds: float = Field(60, gt=0)
    page_size: int = Field(500, ge=1)
    nightly_at: time = Field(time(2, 30), description="Local time of the nightly comparison with everything it has")
    largest_erasure: float = Field(
        0.2, ge=0, le=1, description="Largest share of a list that one comparison may erase; above it a person looks"
    )
    lesson_days_back: int = Field(7, ge=0)
    lesson_days_ahead: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.token_url and not (self.client_id and (self.client_secret or self.client_secret_file)):
            raise ValueError("a token_url needs a client_id and a client_secret or client_secret_file")
        return self

    @property
    def tenant_id(self) -> UUID:
        """Whose registry it is: sources of one municipality state one roster."""
        return tenant_id(self.municipality or self.name)

    def secret(self, name: str) -> str | None:
        """The secret `token`, `client_secret` or `push_token`; None when it is not set.

        Raises Permanent when its file cannot be read.
        """
        path: Path | None = getattr(self, f"{name}_file")
        if path is not None:
            return self._read(path, name)
        value: SecretStr | None = getattr(self, name)
        return value.get_secret_value() if value else None

    def _read(self, path: Path, name: str) -> str:
        try:
            return path.read_text().strip()
        except OSError as fault:
            raise Permanent(f"The {name}_file of source “{self.name}” cannot be read ({fault.strerror}).") from None


class RegistrySettings(ServiceSettings):
    """What the registry service is told from outside; `REGISTRY_SOURCES` is a JSON array."""

    model_config = settings_config("REGISTRY_")

    sources: tuple[Source, ...] = ()
    registrar_roles: tuple[str, ...] = Field(
        (), description="Roles (SS 12000 dutyRole) at a school whose holders may decide about what waits, as JSON"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        twice = [name for name, times in Counter(source.name for source in self.sources).items() if times > 1]
        if twice:
            raise ValueError(f"two sources are called {twice[0]}")
        return self

    def source(self, name: str) -> Source:
        """The source of that name, or one with the usual settings when none is configured."""
        return next((source for source in self.sources if source.name == name), Source(name=name))

    def names(self) -> frozenset[str]:
        """The names of the connected sources."""
        return frozenset(source.name for source in self.sources)
