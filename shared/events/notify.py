"""Asking for a message, and what became of it. No recipients travel: they are worked out when it is sent."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from shared.clock import DEFAULT_ZONE
from shared.events.envelope import Event, Instant, Line
from shared.events.people import Channel, Subject
from shared.topics import DELIVERIES, NOTIFY_BULK, NOTIFY_NORMAL, NOTIFY_URGENT, READS


class NotificationKind(StrEnum):
    """What a message is about; each kind has a template in every language."""

    ABSENCE_NOTICE = "absence_notice"  # to the guardians, the same day
    ABSENCE_NOTICE_LATE = "absence_notice_late"  # registered afterwards, for an earlier day
    ABSENCE_RETRACTION = "absence_retraction"  # the school corrected itself; to those who had the notice
    LESSONS_UNREPORTED = "lessons_unreported"  # to the school
    RIGHTS_ASKED = "rights_asked"  # to a pupil who has turned 18: may your guardians go on being told?
    # About talks, to those who answer for the pupil, or to the pupil who is of age:
    TALK_WISHES = "talk_wishes"  # say when you can come
    TALK_PROPOSED = "talk_proposed"  # the school proposes a time: accept it or take another
    TALK_BOOKED = "talk_booked"  # an invitation with a calendar entry
    TALK_MOVED = "talk_moved"  # another time or place; the calendar entry follows
    TALK_CANCELLED = "talk_cancelled"  # it does not take place; the calendar entry goes
    TALK_REMINDER = "talk_reminder"  # two days before
    TALK_OFFERED = "talk_offered"  # a time has become free for somebody who waits
    TALK_NEW_EVENING = "talk_new_evening"  # no time is left: the school will propose another evening
    TALK_TO_READ = "talk_to_read"  # the school's preparation, or the plan to sign
    COMMITMENT_CHECK = "commitment_check"  # to the one who promised: how is it going?
    COMMITMENT_NUDGE = "commitment_nudge"  # to the adult who promised and has said nothing
    # About meetings of a class and days to visit:
    MEETING_INVITED = "meeting_invited"
    MEETING_BOOKED = "meeting_booked"  # welcome: a seat, with a calendar entry
    MEETING_CANCELLED = "meeting_cancelled"
    OFFER_ASKED = "offer_asked"  # to a guardian who has offered their experience: a teacher asks
    # What is written to and fro:
    DIALOGUE_MESSAGE = "dialogue_message"  # somebody has written in a conversation; may wait for the morning
    DIALOGUE_URGENT = "dialogue_urgent"  # staff have marked it as urgent
    # Made by the notifications service itself:
    STILL_UNREAD = "still_unread"  # an earlier message that must be read has not been: by the next channel
    DIGEST = "digest"  # everything that could wait, once a day
    # To staff:
    TALKS_LACKING = "talks_lacking"  # pupils without a talk, before it is late
    BULLETIN_DUE = "bulletin_due"  # to the contact teacher: the next bulletin is to be written
    BULLETIN_LATE = "bulletin_late"  # to the contact teacher and the principal: its day has passed
    BULLETIN_TO_APPROVE = "bulletin_to_approve"  # to the principal
    BULLETIN_RETURNED = "bulletin_returned"  # to whoever wrote it: approved, or to be changed


class Lane(StrEnum):
    """Which road a message takes. Each has its own topic, reader, worker, connections and budget of tries."""

    URGENT = "urgent"  # somebody must know now
    NORMAL = "normal"
    BULK = "bulk"  # one text to very many


# Whoever does not hear of these in time does not know where a child is, or stands before a locked door:
URGENT = frozenset(
    {
        NotificationKind.ABSENCE_NOTICE,
        NotificationKind.ABSENCE_NOTICE_LATE,
        NotificationKind.ABSENCE_RETRACTION,
        NotificationKind.LESSONS_UNREPORTED,
        NotificationKind.TALK_MOVED,
        NotificationKind.TALK_CANCELLED,
        NotificationKind.TALK_NEW_EVENING,
        NotificationKind.MEETING_CANCELLED,
        NotificationKind.DIALOGUE_URGENT,
        NotificationKind.STILL_UNREAD,
    }
)
TALKED = frozenset(kind for kind in NotificationKind if kind.startswith(("talk_", "commitment_", "meeting_", "offer_")))


def lane_of(kind: NotificationKind) -> Lane:
    """The lane of a request for one message."""
    return Lane.URGENT if kind in URGENT else Lane.NORMAL


def subject_of(kind: NotificationKind) -> Subject | None:
    """What a home's choices call this; None for what always comes at once."""
    if kind in (NotificationKind.DIALOGUE_MESSAGE, NotificationKind.DIALOGUE_URGENT):
        return Subject.DIALOGUE
    return Subject.TALKS if kind in TALKED else None


class Appointment(BaseModel):
    """What a calendar is told: times and a place, no person and no reason. `uid_of` is the thing's own id.

    `sequence` grows with every change and with the cancelling (RFC 5546 3.2.5). `zone` is an IANA time zone name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    uid_of: UUID
    sequence: int = 0
    starts_at: Instant
    ends_at: Instant
    zone: Line = DEFAULT_ZONE
    place: Line | None = None
    video: bool = False
    cancelled: bool = False


class NotificationRequested(Event):
    """Somebody is to be told. About a pupil: the guardians who have the right then; else: the school itself.

    `RIGHTS_ASKED` goes to the pupil alone. `only` narrows it to some of those who have the right then, and never
    widens it; `to_id` makes it a message to that one person, who must be active in the registry. `path` is what the
    message opens in the portal; without it, the message itself.

    `about_id` is the earlier notification that a retraction takes back; `count` how many lessons (or pupils) it is
    about.
    """

    event_type: ClassVar[str] = "notification.requested.v1"
    topic: ClassVar[str] = NOTIFY_URGENT.name

    notification_id: UUID
    kind: NotificationKind
    school_id: UUID
    pupil_id: UUID | None = None
    day: date
    duty_id: UUID | None = None
    about_id: UUID | None = None
    count: int = 1
    requested_at: Instant
    only: tuple[UUID, ...] = ()
    to_id: UUID | None = None
    path: Line | None = None
    appointment: Appointment | None = None

    def key(self) -> str:
        """The pupil (or the person, or the school), so that a retraction never overtakes its notice."""
        return str(self.pupil_id or self.to_id or self.school_id)


class UnhurriedRequested(NotificationRequested):
    """The same, on the road of what may wait a little."""

    event_type: ClassVar[str] = "notification.requested_unhurried.v1"
    topic: ClassVar[str] = NOTIFY_NORMAL.name


def requested(kind: NotificationKind, **fields: Any) -> NotificationRequested:
    """The request for a message of this kind, on the road that is its kind's."""
    road = NotificationRequested if lane_of(kind) is Lane.URGENT else UnhurriedRequested
    return road(kind=kind, **fields)


class MailingKind(StrEnum):
    """What goes to all homes of a class or a school at once."""

    BULLETIN = "bulletin"
    INFORMATION = "information"


Words = Annotated[str, StringConstraints(max_length=60_000, pattern=r"^[^\x00]*$")]


class MailingText(BaseModel):
    """The text in one language: a subject, plain text, and the same as a clean HTML fragment without pictures."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    language: Line
    subject: Line
    text: Words
    html: Words


class MailingRequested(Event):
    """One text is to go to every home of these groups: once to each person, whatever number of children it is about.

    Who that is is worked out when it is sent, not before `send_at`. `texts` are in the order in which they stand in
    for each other. `path` is the thing's own page; a reading link is made for each person from `about_id`, the thing.
    A reminder names in `unread_of` an earlier mailing, and goes to those of its homes who have not read it.
    """

    event_type: ClassVar[str] = "mailing.requested.v1"
    topic: ClassVar[str] = NOTIFY_BULK.name

    mailing_id: UUID
    kind: MailingKind
    tenant_id: UUID
    school_id: UUID
    about_id: UUID
    author_id: UUID | None = None
    group_ids: tuple[UUID, ...]
    day: date
    path: Line
    requested_at: Instant
    send_at: Instant
    must_read: bool = False
    unread_of: UUID | None = None
    texts: tuple[MailingText, ...]

    def key(self) -> str:
        """The mailing."""
        return str(self.mailing_id)


class MailingWithdrawn(Event):
    """A mailing is to go to nobody any more. What has left has left."""

    event_type: ClassVar[str] = "mailing.withdrawn.v1"
    topic: ClassVar[str] = NOTIFY_BULK.name

    mailing_id: UUID
    withdrawn_at: Instant

    def key(self) -> str:
        """The mailing."""
        return str(self.mailing_id)


class DeliveryStatus(StrEnum):
    """The closed vocabulary of one message to one person."""

    PENDING = "pending"  # decided, not yet tried
    SENDING = "sending"  # an attempt has begun and its answer is not known yet
    UNCERTAIN = "uncertain"  # the connection broke after the message: it may have arrived
    DEFERRED = "deferred"  # the server said later (4xx); will be tried again
    DELIVERED = "delivered"  # the server took it (250)
    BOUNCED = "bounced"  # the server refused it for good (5xx)
    GIVEN_UP = "given_up"  # tried until the retry budget was spent
    CANCELLED = "cancelled"  # ended before it was taken: retracted, or the person lost the right
    DIGESTED = "digested"  # waits for the person's digest


class DeliverySettled(Event):
    """A message to one person is over: delivered, bounced or given up. `why` is the verdict it was sent on.

    `pupil_id` says about whom it is, `path` what it opens in the portal, when the request named them.
    """

    event_type: ClassVar[str] = "delivery.settled.v1"
    topic: ClassVar[str] = DELIVERIES.name

    delivery_id: UUID
    notification_id: UUID
    person_id: UUID | None = None
    school_id: UUID
    kind: NotificationKind
    status: DeliveryStatus
    at: Instant
    why: Line | None = None
    pupil_id: UUID | None = None
    path: Line | None = None

    def key(self) -> str:
        """The notification."""
        return str(self.notification_id)


class Addressee(BaseModel):
    """How a mailing ended for one person, and which pupils it was about to them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    person_id: UUID
    pupil_ids: tuple[UUID, ...] = ()
    status: DeliveryStatus
    channel: Channel | None = None


class MailingSettled(Event):
    """A mailing is over for some persons, at most 500 of them. `part_id` tells one such part from the next.

    `open` is how many are not over yet: 0 in the last part, unless a bounce comes later.
    """

    event_type: ClassVar[str] = "mailing.settled.v1"
    topic: ClassVar[str] = DELIVERIES.name

    mailing_id: UUID
    part_id: UUID
    about_id: UUID
    kind: MailingKind
    school_id: UUID
    path: Line
    at: Instant
    people: tuple[Addressee, ...]
    open: int = 0

    def key(self) -> str:
        """The mailing."""
        return str(self.mailing_id)


class ReadBy(StrEnum):
    """How we know that something was read."""

    PORTAL = "portal"  # its page was opened by the person, logged in
    LINK = "link"  # the person pressed “I have read this” behind the link in the message


class MessageRead(Event):
    """Somebody has read what a message was about. `about_id` is the notification, or the thing a mailing was about."""

    event_type: ClassVar[str] = "message.read.v1"
    topic: ClassVar[str] = READS.name

    about_id: UUID
    person_id: UUID
    at: Instant
    how: ReadBy = ReadBy.PORTAL

    def key(self) -> str:
        """The message."""
        return str(self.about_id)
