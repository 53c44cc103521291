"""Asking for a message, and what became of it. No recipients travel: they are worked out when it is sent."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.clock import DEFAULT_ZONE
from shared.events.envelope import Event, Instant, Line
from shared.topics import DELIVERIES, NOTIFY_URGENT


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
    # To staff:
    TALKS_LACKING = "talks_lacking"  # pupils without a talk, before it is late


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
