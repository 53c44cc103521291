"""Asking for a message, and what became of it. No recipients travel: they are worked out when it is sent."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event, Instant, Line
from shared.topics import DELIVERIES, NOTIFY_URGENT


class NotificationKind(StrEnum):
    """What a message is about; each kind has a template in every language."""

    ABSENCE_NOTICE = "absence_notice"  # to the guardians, the same day
    ABSENCE_NOTICE_LATE = "absence_notice_late"  # registered afterwards, for an earlier day
    ABSENCE_RETRACTION = "absence_retraction"  # the school corrected itself; to those who had the notice
    LESSONS_UNREPORTED = "lessons_unreported"  # to the school
    RIGHTS_ASKED = "rights_asked"  # to a pupil who has turned 18: may your guardians go on being told?


class NotificationRequested(Event):
    """Somebody is to be told. About a pupil: the guardians who have the right then; else: the school itself.

    `RIGHTS_ASKED` goes to the pupil alone.

    `about_id` is the earlier notification that a retraction takes back; `count` how many lessons it is about.
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

    def key(self) -> str:
        """The pupil (or the school), so that a retraction never overtakes its notice."""
        return str(self.pupil_id or self.school_id)


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
    """A message to one person is over: delivered, bounced or given up. `why` is the verdict it was sent on."""

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

    def key(self) -> str:
        """The notification."""
        return str(self.notification_id)
