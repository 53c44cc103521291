"""Class bulletins and school information as they stand. Owned by `bulletins`."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events.envelope import Event, Instant, Line, Version
from shared.events.notify import MailingKind
from shared.topics import BULLETINS


class Title(BaseModel):
    """What it is called in one language."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    language: Line
    words: Line


class BulletinStated(Event):
    """A bulletin (or a piece of school information) that has been sent, or was withdrawn afterwards.

    Its words stay with its service; `titles` is what a first page shows. `number` of `of`: the second of three in the
    half-year, 0 for one outside the plan.
    """

    event_type: ClassVar[str] = "bulletin.stated.v1"
    topic: ClassVar[str] = BULLETINS.name

    bulletin_id: UUID
    version: Version
    tenant_id: UUID
    school_id: UUID
    kind: MailingKind
    group_ids: tuple[UUID, ...] = ()
    titles: tuple[Title, ...]
    sent_at: Instant
    number: int = 0
    of: int = 0
    withdrawn: bool = False

    def key(self) -> str:
        """The bulletin."""
        return str(self.bulletin_id)
