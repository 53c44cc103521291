"""An identity provider as it is configured: where it is, what we are there, and what of its word we accept."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints, model_validator

from shared.ids import tenant_id

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
DISCOVERY = "/.well-known/openid-configuration"
RESERVED = ("demo", "callback")


class Provider(BaseModel):
    """One of a municipality's ways to log in. docs/login.md has examples.

    `claim` of the proof is matched with the identifiers of the registry as `kind`. `acr` are the levels accepted at
    login and `step_up_acr` those accepted for sensitive pages; a proof without a level is refused unless
    `acr_optional`. The secret comes as it is, from a file, or as a private key (`private_key_jwt`), PEM or JWK.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    label: str
    tenant: str
    issuer: str
    discovery_url: str | None = None
    client_id: str
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    private_key_file: Path | None = None
    client_auth: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    scope: str = "openid"
    claim: str
    kind: Literal["civic_no", "eppn", "email"]
    userinfo: bool = False
    acr: tuple[str, ...] = ()
    step_up_acr: tuple[str, ...] = ()
    acr_optional: bool = False
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256")
    post_logout: bool = True

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        """Raises ValueError for a provider that would let in somebody nobody meant to."""
        if self.name in RESERVED:
            raise ValueError(f"A provider cannot be called {self.name}.")
        if not (self.acr or self.step_up_acr or self.acr_optional):
            raise ValueError(f"{self.name}: say which acr are accepted, or acr_optional if it has none.")
        if sum(one is not None for one in (self.client_secret, self.client_secret_file, self.private_key_file)) != 1:
            raise ValueError(f"{self.name}: one of client_secret, client_secret_file and private_key_file is needed.")
        for url in (self.issuer, self.metadata_url):
            if not is_safe(url):
                raise ValueError(f"{self.name}: {url} must begin with https://.")
        return self

    @property
    def tenant_id(self) -> UUID:
        """The municipality whose people it knows."""
        return tenant_id(self.tenant)

    @property
    def metadata_url(self) -> str:
        """Where it describes itself."""
        return self.discovery_url or self.issuer.rstrip("/") + DISCOVERY

    @property
    def accepted(self) -> tuple[str, ...]:
        """The levels with which somebody may come in."""
        return (*self.acr, *self.step_up_acr)

    def secret(self) -> str:
        """What we show it to prove who we are, read when it is needed: a file may be renewed while we run."""
        if self.client_secret is not None:
            return self.client_secret.get_secret_value()
        file = self.client_secret_file or self.private_key_file
        return file.read_text(encoding="utf-8").strip() if file else ""


def is_safe(url: str) -> bool:
    """True for HTTPS, and for plain HTTP that never leaves this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_here(url)))


def is_here(url: str) -> bool:
    """True when the address is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
