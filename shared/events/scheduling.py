"""Talks and what was agreed in them. Owned by `scheduling`. Ids and times only: what was said stays in its database."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event, Instant, Line, Version
from shared.topics import TALKS


class TalkKind(StrEnum):
    """What a talk is for; each kind has its own agenda."""

    DEVELOPMENT = "development"  # SE utvecklingssamtal (skollagen 10 kap 12 §), NO utviklingssamtale
    RECEPTION = "reception"  # mottakssamtale: when a pupil is new
    START_UP = "start_up"  # oppstartssamtale: before or at the beginning of a school year


class TalkState(StrEnum):
    """The life of a talk."""

    WANTED = "wanted"  # the round is open and the talk has no time yet
    PROPOSED = "proposed"  # the school proposes a time; it is kept free, and stands when nobody answers
    BOOKED = "booked"  # the home has accepted or chosen the time
    HELD = "held"  # it took place; the plan is to be signed
    SIGNED = "signed"  # everybody has signed the plan
    MISSED = "missed"  # the time passed and it did not take place
    CANCELLED = "cancelled"  # not to take place in this round


class TalkStated(Event):
    """One talk as it stands. `guardian_ids` are those it is arranged for; rights are asked again at every use.

    `answer_by` is until when the home can say when it can come (WANTED) or accept (PROPOSED); `books_from` and
    `books_until` when families book by themselves. `sequence` grows with every change of time or place (RFC 5546).
    `signed_by` are those who have signed the plan as it stands.
    """

    event_type: ClassVar[str] = "talk.stated.v1"
    topic: ClassVar[str] = TALKS.name

    talk_id: UUID
    version: Version
    tenant_id: UUID
    school_id: UUID
    round_id: UUID
    pupil_id: UUID
    kind: TalkKind
    state: TalkState
    host_id: UUID | None = None
    guardian_ids: tuple[UUID, ...] = ()
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    place: Line | None = None
    video: bool = False
    sequence: int = 0
    signed_by: tuple[UUID, ...] = ()
    answer_by: Instant | None = None
    books_from: Instant | None = None
    books_until: Instant | None = None

    def key(self) -> str:
        """The talk."""
        return str(self.talk_id)


class Owner(StrEnum):
    """Who has promised something."""

    SCHOOL = "school"
    PUPIL = "pupil"
    GUARDIAN = "guardian"


class CommitmentStatus(StrEnum):
    """The life of what was agreed."""

    PROPOSED = "proposed"  # noted; becomes ongoing when the talk is held
    ONGOING = "ongoing"
    DONE = "done"  # whoever promised says so
    FULFILLED = "fulfilled"  # the mentor agrees; it is kept
    STOPPED = "stopped"  # it made no sense any more


class CommitmentStated(Event):
    """One thing that was agreed, as it stands, without its words. `person_id` is the adult who promised it."""

    event_type: ClassVar[str] = "commitment.stated.v1"
    topic: ClassVar[str] = TALKS.name

    commitment_id: UUID
    version: Version
    tenant_id: UUID
    school_id: UUID
    pupil_id: UUID
    talk_id: UUID
    owner: Owner
    person_id: UUID | None = None
    due: date | None = None
    status: CommitmentStatus

    def key(self) -> str:
        """The commitment."""
        return str(self.commitment_id)


class MeetingStated(Event):
    """A meeting of classes, or a day to visit, as it stands: what it is called, when and where. Nobody is named."""

    event_type: ClassVar[str] = "meeting.stated.v1"
    topic: ClassVar[str] = TALKS.name

    meeting_id: UUID
    version: Version
    tenant_id: UUID
    school_id: UUID
    group_ids: tuple[UUID, ...] = ()
    kind: Line
    title: Line
    place: Line | None = None
    starts_at: Instant
    ends_at: Instant
    cancelled: bool = False

    def key(self) -> str:
        """The meeting."""
        return str(self.meeting_id)
