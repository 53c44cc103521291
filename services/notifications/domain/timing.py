"""What an appointment does to a message about it: when it hurries, when it is out of date, when it has no point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.notifications.domain.models import Because, Request
from shared.events.notify import Appointment, NotificationKind

SOON = timedelta(hours=24)
# What somebody who does not hear of it pays for with a way for nothing, or with an empty chair:
SHORT_NOTICE = frozenset(
    {
        NotificationKind.TALK_MOVED,
        NotificationKind.TALK_CANCELLED,
        NotificationKind.TALK_NEW_EVENING,
        NotificationKind.MEETING_CANCELLED,
    }
)
# What says how an appointment stands, so that what was said before it no longer holds:
STANDING = SHORT_NOTICE | {NotificationKind.TALK_BOOKED, NotificationKind.MEETING_BOOKED}
# What is for the time before an appointment. That another evening will be found is news afterwards, too.
BEFOREHAND = (STANDING - {NotificationKind.TALK_NEW_EVENING}) | {
    NotificationKind.TALK_PROPOSED,
    NotificationKind.TALK_OFFERED,
    NotificationKind.TALK_REMINDER,
    NotificationKind.MEETING_INVITED,
}


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another message to the same ones about the same appointment."""

    notification_id: UUID
    kind: NotificationKind
    only: frozenset[UUID] | None
    appointment: Appointment


def is_short_notice(request: Request, siblings: Iterable[Sibling], now: datetime) -> bool:
    """True when a time within the next 24 hours is changed or taken away by this.

    Such a message waits for no quiet hours and goes out to those who want no mail as well: they have agreed to that
    time, and nobody else can keep them from standing before a locked door. A moved time counts by the earlier of
    when it was, as far as it was told, and when it is.
    """
    if request.kind not in SHORT_NOTICE or request.appointment is None:
        return False
    mine = request.appointment
    before = [one.appointment.starts_at for one in siblings if one.appointment.sequence < mine.sequence]
    return any(now <= start <= now + SOON for start in (mine.starts_at, *before))


def pointless(request: Request, siblings: Iterable[Sibling], now: datetime) -> Because | None:
    """Why this is not to be sent (any more): its time has come, or a later message has replaced it.

    A mail that waited for the morning or for a mail server must not bring back a time that has changed meanwhile.
    """
    mine = request.appointment
    if mine is None:
        return None
    if request.kind in BEFOREHAND and now >= mine.starts_at:
        return Because.BEGUN
    about_it = request.kind in BEFOREHAND | STANDING
    return Because.REPLACED if about_it and any(_replaces(one, request, mine) for one in siblings) else None


def not_held_beyond(request: Request, until: datetime | None) -> datetime | None:
    """Until when quiet hours hold this back: not at all, when its time would have come before they are over."""
    mine = request.appointment
    if until is None or mine is None or request.kind not in BEFOREHAND or until < mine.starts_at:
        return until
    return None


def _replaces(other: Sibling, request: Request, mine: Appointment) -> bool:
    """A later state, told to at least the same ones."""
    to_all_of_them = other.only is None or other.only == request.only
    return other.kind in STANDING and other.appointment.sequence > mine.sequence and to_all_of_them
