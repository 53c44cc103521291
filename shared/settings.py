"""What every service is told from outside. The only readers of the environment are classes like these."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.clock import Clock, PacedClock, SystemClock

SECRETS = Path("/run/secrets")


def settings_config(prefix: str) -> SettingsConfigDict:
    """The same rules for every settings class: a prefix, secrets from files where a container mounts them."""
    return SettingsConfigDict(env_prefix=prefix, extra="ignore", secrets_dir=SECRETS if SECRETS.is_dir() else None)


class KitSettings(BaseSettings):
    """Settings all services share: `SKOLBRO_KAFKA_BOOTSTRAP`, `SKOLBRO_LOG_LEVEL` and so on."""

    model_config = settings_config("SKOLBRO_")

    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_idempotent: bool = Field(True, description="False for the embedded broker, which refuses such producers")
    kafka_fetch_wait_ms: int = Field(
        250, ge=5, description="How long a fetch may wait for records; short (50) for the embedded broker, which polls"
    )
    kafka_replication: int = 1
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    demo: bool = Field(False, description="Pages without login exist only when this is true and host is 127.0.0.1")
    portal_url: str = Field("http://127.0.0.1:8000", description="Where links in messages point")
    session_key: SecretStr | None = Field(
        None, description="Signs the session cookie; the same in every service with pages, at least 32 characters"
    )
    session_idle_minutes: int = Field(30, ge=1, description="A session nobody uses for so long is over (real minutes)")
    session_hours: int = Field(8, ge=1, description="A session is over after so long however much it is used")
    login_key: SecretStr | None = Field(
        None, description="Makes digests of what people log in by; the same in registry and portal, 32 characters"
    )
    requests_per_minute: int = Field(240, ge=1, description="Most requests of one person who is logged in")
    visits_per_minute: int = Field(
        1200, ge=1, description="Most requests from one address by nobody in particular; a school is one address"
    )
    logins_per_minute: int = Field(120, ge=1, description="Most steps of logging in from one address")
    retention_nightly: bool = Field(True, description="Delete once a day what is older than `skolbro retention` says")
    clock_starts_at: AwareDatetime | None = None
    clock_origin: AwareDatetime | None = None
    clock_speed: float = 1.0

    def kafka_session_ms(self) -> int:
        """How long a reader may be silent before its partitions go to another.

        The embedded broker makes whoever joins wait for half of it, so it is short there.
        """
        return 10_000 if self.kafka_idempotent else 2_000

    def clock(self) -> Clock:
        """The clock these settings ask for: the machine's own unless a paced one is described in full."""
        if self.clock_starts_at and self.clock_origin:
            return PacedClock(self.clock_starts_at, self.clock_origin, self.clock_speed)
        return SystemClock()


class ServiceSettings(BaseSettings):
    """Settings each service has under its own prefix, `ABSENCE_DATABASE_URL` for example."""

    database_url: str = "postgresql+psycopg://skolbro@127.0.0.1:5432/skolbro"
    owner_url: str = Field("", description="As who owns the tables: only `skolbro migrate` uses it, no service has it")
    database_pool: int = Field(4, ge=2, description="Connections kept to the database")
    port: int = 0
    batch: int = Field(2000, ge=1, description="Most records taken from Kafka at a time (docs/decisions/0008)")


def describe_instant(instant: datetime) -> str:
    """An instant as it travels in settings: ISO 8601 with its offset."""
    return instant.isoformat()
