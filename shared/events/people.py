"""What people decide for themselves: how they want to be told, and whom else they let know. Owned by `portal`."""

from __future__ import annotations

from datetime import date, time
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event, Line, Version
from shared.topics import CONSENTS, PREFERENCES


class PreferencesStated(Event):
    """How one person wants to be told. Duties of law (a same-day notice) are sent whatever is said here.

    `quiet_from` and `quiet_to` are local times where the school is; a night may pass between them. `email` false
    means that what is not urgent is only shown in the portal.
    """

    event_type: ClassVar[str] = "preferences.stated.v1"
    topic: ClassVar[str] = PREFERENCES.name

    person_id: UUID
    version: Version
    tenant_id: UUID | None = None
    language: Line | None = None
    email: bool = True
    quiet_from: time | None = None
    quiet_to: time | None = None

    def key(self) -> str:
        """The person."""
        return str(self.person_id)


class ConsentBasis(StrEnum):
    """Who has the right to let somebody else know."""

    PUPIL = "pupil"  # the pupil, being of age, has let this person know
    GUARDIANS = "guardians"  # everyone with custody has let this person know


class ConsentStated(Event):
    """Somebody without a right of their own may be told about one pupil, in force on `starts <= day < ends`.

    One for each pupil and person (`consent_id` is derived from both); `withdrawn` ends it at once.
    """

    event_type: ClassVar[str] = "consent.stated.v1"
    topic: ClassVar[str] = CONSENTS.name

    consent_id: UUID
    version: Version
    tenant_id: UUID | None = None
    pupil_id: UUID
    person_id: UUID
    basis: ConsentBasis
    given_by: tuple[UUID, ...] = ()
    starts: date
    ends: date | None = None
    withdrawn: bool = False

    def key(self) -> str:
        """The pupil and the person."""
        return str(self.consent_id)
