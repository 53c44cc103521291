"""The nouns: a request to tell somebody, one delivery to one person, and how both stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from shared.events.notify import Appointment, DeliveryStatus, Lane, NotificationKind
from shared.events.people import Channel

NOTICES = frozenset({NotificationKind.ABSENCE_NOTICE, NotificationKind.ABSENCE_NOTICE_LATE})
# What somebody must have read, not only received: a child is missed now. Unread, it climbs the ladder of channels.
MUST_READ = frozenset({NotificationKind.ABSENCE_NOTICE})
TO_THE_HOME = NOTICES | {NotificationKind.ABSENCE_RETRACTION, NotificationKind.STILL_UNREAD}
ABOUT_A_PUPIL = TO_THE_HOME | {NotificationKind.RIGHTS_ASKED}
ABOUT_TALKS = frozenset(
    {
        NotificationKind.TALK_WISHES,
        NotificationKind.TALK_PROPOSED,
        NotificationKind.TALK_BOOKED,
        NotificationKind.TALK_MOVED,
        NotificationKind.TALK_CANCELLED,
        NotificationKind.TALK_REMINDER,
        NotificationKind.TALK_OFFERED,
        NotificationKind.TALK_NEW_EVENING,
        NotificationKind.TALK_TO_READ,
    }
)
ABOUT_COMMITMENTS = frozenset({NotificationKind.COMMITMENT_CHECK, NotificationKind.COMMITMENT_NUDGE})
ABOUT_MEETINGS = frozenset(
    {NotificationKind.MEETING_INVITED, NotificationKind.MEETING_BOOKED, NotificationKind.MEETING_CANCELLED}
)
ABOUT_BULLETINS = frozenset(
    {
        NotificationKind.BULLETIN_DUE,
        NotificationKind.BULLETIN_LATE,
        NotificationKind.BULLETIN_TO_APPROVE,
        NotificationKind.BULLETIN_RETURNED,
    }
)
DIALOGUE = frozenset({NotificationKind.DIALOGUE_MESSAGE, NotificationKind.DIALOGUE_URGENT})
TO_SOMEBODY = ABOUT_TALKS | ABOUT_COMMITMENTS | ABOUT_MEETINGS | DIALOGUE | {NotificationKind.OFFER_ASKED}
TO_STAFF = ABOUT_BULLETINS | {NotificationKind.LESSONS_UNREPORTED, NotificationKind.TALKS_LACKING}  # never to a home
# May wait for the morning, and for those who want no mail:
UNHURRIED = (TO_SOMEBODY - {NotificationKind.DIALOGUE_URGENT}) | {
    *ABOUT_BULLETINS,
    NotificationKind.RIGHTS_ASKED,
    NotificationKind.TALKS_LACKING,
    NotificationKind.DIGEST,
}


class NotificationStatus(StrEnum):
    """The life of one notification. It is over in the last three."""

    WAITING = "waiting"  # nobody has been written to yet
    SENDING = "sending"  # at least one attempt has begun and its answer is not known
    RETRYING = "retrying"  # to be tried again
    DONE = "done"  # at least one person has it
    UNREACHED = "unreached"  # nobody could be reached
    CANCELLED = "cancelled"  # taken back before it went out, or there was nobody to tell


ACTIVE = (NotificationStatus.WAITING, NotificationStatus.SENDING, NotificationStatus.RETRYING)
CLAIMABLE = (NotificationStatus.WAITING, NotificationStatus.RETRYING)


class CallReason(StrEnum):
    """Why a notice was handed to the school, to be made by telephone."""

    PUPIL_UNKNOWN = "pupil_unknown"
    PUPIL_GONE = "pupil_gone"
    PUPIL_ADULT = "pupil_adult"
    AGE_UNKNOWN = "age_unknown"
    NO_GUARDIAN = "no_guardian"
    NO_ADDRESS = "no_address"
    BOUNCED = "bounced"
    GIVEN_UP = "given_up"
    UNREAD = "unread"


SENTENCES = {
    CallReason.PUPIL_UNKNOWN: "The registry has not told us who the pupil is, so nobody could be written to.",
    CallReason.PUPIL_GONE: "The pupil is no longer active in the registry, so nobody was written to.",
    CallReason.PUPIL_ADULT: "The pupil is 18 or older, so no guardian may be told. Talk to the pupil.",
    CallReason.AGE_UNKNOWN: "The pupil's date of birth is missing, so a person must judge who may be told.",
    CallReason.NO_GUARDIAN: "Nobody who has the right to be told is in the registry.",
    CallReason.NO_ADDRESS: "Nobody who has the right to be told has a usable address of any kind.",
    CallReason.BOUNCED: "Every address of those who have the right to be told was refused.",
    CallReason.GIVEN_UP: "The mail servers did not take the message in time.",
    CallReason.UNREAD: "The message arrived, but nobody at home has read it by any channel.",
}


class Because(StrEnum):
    """Why a delivery is or is not made, beside the verdicts of `shared.roster.access.Why`."""

    SCHOOL = "is the school's own address"
    RETRACTED = "the school corrected itself before the message was sent"
    NO_TIE = "has no tie to the pupil any more"
    NO_ADDRESS = "has no usable e-mail address any more"  # or any other; the words are the portal's to translate
    UNWANTED = "wants no e-mail for what is not urgent"
    TRIAL = "is no guest of the municipality's trial, so nothing left the house"
    NAMED = "is the one it is meant for"
    UNKNOWN = "the registry has not told us who this is"
    GONE = "is not active in the registry"
    BEGUN = "the time it is about has come"
    EMPTY = "nothing in it is to be told any more"
    REPLACED = "a later message about the same time says what holds"


@dataclass(frozen=True, slots=True)
class Request:
    """A notification as it is kept. `retracted`: the school has taken it back.

    `to_id`: to that one person. `only`: narrowed to these; None is not narrowed, and empty is nobody (any more).
    `ways`: the channels it is limited to, best first; None is whichever the person has. `rung`: how far up the ladder
    of channels it is. `due_at`: when it was to be looked at; None while it is under way or over.
    """

    notification_id: UUID
    kind: NotificationKind
    school_id: UUID
    pupil_id: UUID | None
    day: date
    duty_id: UUID | None
    about_id: UUID | None
    lesson_count: int
    requested_at: datetime
    received_at: datetime
    traceparent: str | None
    status: NotificationStatus
    retracted: bool
    to_id: UUID | None = None
    only: frozenset[UUID] | None = None
    path: str | None = None
    appointment: Appointment | None = None
    lane: Lane = Lane.URGENT
    ways: tuple[Channel, ...] | None = None
    rung: int = 0
    read_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def by_pupil(self) -> bool:
        """True when it goes to those who may know about the pupil; else to one person, or to the school itself."""
        return self.kind not in TO_STAFF and (self.pupil_id is not None or self.kind in ABOUT_A_PUPIL)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification to one person (None: the school). Open while `retry_at` is set, in flight while SENDING.

    PENDING with a `retry_at` is held back until then, because the person is not to be disturbed. DIGESTED waits for
    the person's digest, which ends it.
    `tries` counts the attempts a server answered; `may_have_arrived` never turns false again. `channel`: the one it was
    last tried by.
    """

    delivery_id: UUID
    notification_id: UUID
    person_id: UUID | None
    why: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    tries: int = 0
    may_have_arrived: bool = False
    retry_at: datetime | None = None
    channel: Channel | None = None
    read_at: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """True when nothing more will be tried."""
        return self.retry_at is None and self.status not in (DeliveryStatus.SENDING, DeliveryStatus.DIGESTED)


@dataclass(frozen=True, slots=True)
class State:
    """Where a notification stands; `reason` is set when it goes on the school's call list."""

    status: NotificationStatus
    next_attempt_at: datetime | None = None
    reason: CallReason | None = None


@dataclass(frozen=True)
class Step:
    """One notification moved: its deliveries before and after, and where it stands now."""

    request: Request
    before: Sequence[Delivery]
    after: Sequence[Delivery]
    state: State

    def changed(self) -> list[Delivery]:
        """The deliveries that are new or different."""
        known = set(self.before)
        return [delivery for delivery in self.after if delivery not in known]

    def settled(self) -> list[Delivery]:
        """The deliveries this step has ended."""
        return [delivery for delivery in self.changed() if delivery.is_settled]

    def first_delivered(self) -> bool:
        """True when somebody has the message now and nobody had it before."""
        return _any_delivered(self.after) and not _any_delivered(self.before)


def _any_delivered(deliveries: Sequence[Delivery]) -> bool:
    return any(delivery.status is DeliveryStatus.DELIVERED for delivery in deliveries)
