"""Settings of the bulletins service, from the environment with the prefix `BULLETINS_`."""

from __future__ import annotations

from datetime import time

from pydantic import Field

from shared.clock import DEFAULT_ZONE
from shared.settings import ServiceSettings, settings_config


class BulletinsSettings(ServiceSettings):
    """What the bulletins service is told from outside. Times of day are local where the school is."""

    model_config = settings_config("BULLETINS_")

    zone: str = DEFAULT_ZONE
    quota: int = Field(default=3, ge=1, le=12, description="bulletins a class owes its homes in a half-year")
    remind_days: int = Field(default=7, ge=1, description="how long before its day a teacher is reminded of a bulletin")
    unread_days: int = Field(default=3, ge=1, description="after how long homes that have not read are reminded")
    send_from: time = Field(default=time(7), description="the school's own quiet hours end; nothing leaves before")
    send_until: time = Field(default=time(18), description="the school's own quiet hours begin")
    smallest_group: int = Field(default=12, ge=3, description="below so many pupils no figure about a class is shown")
    picture_bytes: int = Field(default=8_000_000, ge=1, description="largest picture taken")
    file_bytes: int = Field(default=10_000_000, ge=1, description="largest document taken")
    files: int = Field(default=8, ge=0, description="most attachments of one bulletin")
