"""A person's right to see and to be forgotten, asked of every service at once; and who looked at whom.

`PrivacyRequested` is owned by `portal`, every service answers. An answer to an export carries personal data: its
topic is compacted, and the portal erases the answer there once it has it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event, Instant, Line
from shared.ids import derived_id
from shared.topics import LOOKS, PRIVACY, PRIVACY_ANSWERS


class PrivacyWish(StrEnum):
    """What is to be done with everything that is kept about a person."""

    EXPORT = "export"
    ERASE = "erase"


class PrivacyRequested(Event):
    """Everything about one person is to be handed out, or erased."""

    event_type: ClassVar[str] = "privacy.requested.v1"
    topic: ClassVar[str] = PRIVACY.name

    request_id: UUID
    wish: PrivacyWish
    person_id: UUID
    requested_at: Instant

    def key(self) -> str:
        """The person, so that an erasure never overtakes an export that was asked for before it."""
        return str(self.person_id)


class PrivacyAnswered(Event):
    """One service has done its part. `rows` counts what was found; `content` is JSON, for an export only."""

    event_type: ClassVar[str] = "privacy.answered.v1"
    topic: ClassVar[str] = PRIVACY_ANSWERS.name

    request_id: UUID
    service: Line
    rows: int
    content: str | None = None
    answered_at: Instant

    def key(self) -> str:
        """The request and the service."""
        return str(derived_id("privacy answer", self.request_id, self.service))


class PupilLookedAt(Event):
    """Somebody has looked at a pupil's data on a page of this service; `what` names the page in a code word."""

    event_type: ClassVar[str] = "pupil.looked_at.v1"
    topic: ClassVar[str] = LOOKS.name

    look_id: UUID
    tenant_id: UUID
    viewer_id: UUID
    pupil_id: UUID
    what: Line
    at: Instant

    def key(self) -> str:
        """The pupil."""
        return str(self.pupil_id)
