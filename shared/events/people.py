"""What people decide for themselves: how they want to be told, and whom else they let know. Owned by `portal`."""

from __future__ import annotations

from datetime import date, time
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from shared.events.envelope import Event, Line, Version
from shared.topics import CONSENTS, PREFERENCES

Address = Annotated[str, StringConstraints(max_length=1000, pattern=r"^https://[!-~]+$")]


class Channel(StrEnum):
    """A way a message can go."""

    EMAIL = "email"
    PUSH = "push"
    SMS = "sms"
    LETTER = "letter"  # on paper, printed by the school
    SIMULATED = "simulated"  # a rehearsal: nothing leaves the house


class Subject(StrEnum):
    """What messages are about, as a home chooses between them. Everything else comes at once, whatever is chosen."""

    TALKS = "talks"  # talks, what was agreed in them, meetings
    BULLETINS = "bulletins"  # from the classes
    INFORMATION = "information"  # from the school: goals, plans, expectations
    DIALOGUE = "dialogue"  # what somebody has written to you


class How(StrEnum):
    """How somebody wants to hear of a subject."""

    INSTANT = "instant"
    DIGEST = "digest"  # once a day, together with everything else that can wait
    OFF = "off"  # only in the portal


class Choice(BaseModel):
    """What somebody wants to hear how; about one child, or (None) about all whom no choice of their own names."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: Subject
    how: How
    pupil_id: UUID | None = None


class PushAddress(BaseModel):
    """One browser that shows messages (RFC 8030, RFC 8291): where to send, and the keys it reads with."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    endpoint: Address
    p256dh: Line
    auth: Line


class PreferencesStated(Event):
    """How one person wants to be told. Duties of law (a same-day notice) are sent whatever is said here.

    `quiet_from` and `quiet_to` are local times where the school is; a night may pass between them. `email` false
    means that what is not urgent is only shown in the portal (or goes by another of the channels).

    `channels` are the ways in the order they are wanted, empty: e-mail, then what else there is. `choices` say how to
    hear of each subject; a digest comes at `digest_at`, local time. `push` are the browsers that show messages.
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
    channels: tuple[Channel, ...] = ()
    choices: tuple[Choice, ...] = ()
    digest_at: time | None = None
    push: tuple[PushAddress, ...] = ()

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
