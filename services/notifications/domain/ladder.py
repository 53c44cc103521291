"""The ladder of channels: what must be read and is not read goes up one rung, and at its end a person calls.

That a mail server took a notice does not mean that anybody knows where the child is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from services.notifications.channels.protocol import Way
from services.notifications.domain.models import MUST_READ, Delivery, NotificationStatus, Request, Step
from shared.events.notify import Lane, NotificationKind
from shared.events.people import Channel
from shared.ids import derived_id

RUNGS = (Channel.EMAIL, Channel.PUSH, Channel.SMS)  # a letter comes too late for the same day
CLIMBING = MUST_READ | {NotificationKind.STILL_UNREAD}
Used = Mapping[UUID, frozenset[Channel]]


def begins(step: Step) -> bool:
    """True when somebody has it by this step, so that from now on it is waited for to be read."""
    return step.request.kind in CLIMBING and not step.request.retracted and step.first_delivered()


def looks_at(now: datetime, minutes: int) -> datetime:
    """When it is looked whether anybody has read what has arrived now."""
    return now + timedelta(minutes=minutes)


def notice_of(request: Request) -> UUID:
    """The notice that everything on this ladder is about."""
    asks = request.kind is NotificationKind.STILL_UNREAD
    return request.about_id if asks and request.about_id else request.notification_id


def used_by(chain: Iterable[Delivery]) -> Used:
    """By which channels each of those told has had it. A rehearsal told nobody anything."""
    found: dict[UUID, set[Channel]] = defaultdict(set)
    for one in chain:
        if one.person_id and one.may_have_arrived and one.channel not in (None, Channel.SIMULATED):
            found[one.person_id] |= {one.channel}
    return {person: frozenset(channels) for person, channels in found.items()}


def next_rung(request: Request, chain: Sequence[Delivery], now: datetime) -> Request | None:
    """What asks after a request by the channels not used yet; None when there is nothing to ask.

    `chain`: the deliveries of the notice and of all that has asked after it. One of those told has read it, or the
    school has taken it back: that ends the ladder. Where no channel is left, the request has none and fails at once,
    which puts the pupil on the school's call list.
    """
    told = used_by(chain)
    if request.retracted or request.read_at or not told or any(one.read_at for one in chain):
        return None
    everywhere = frozenset.intersection(*told.values())
    notice, rung = notice_of(request), request.rung + 1
    return replace(
        request,
        notification_id=derived_id("rung", notice, rung),
        kind=NotificationKind.STILL_UNREAD,
        about_id=notice,
        requested_at=now,
        received_at=now,
        status=NotificationStatus.WAITING,
        only=frozenset(told),
        path=request.path or f"/n/{notice}",
        lane=Lane.URGENT,
        ways=tuple(channel for channel in RUNGS if channel not in everywhere),
        rung=rung,
        due_at=now,
    )


def ways_left(ways: Iterable[Way], limited_to: Sequence[Channel] | None, used: frozenset[Channel]) -> tuple[Way, ...]:
    """Of one person's ways those that a request may take: of the channels it is limited to, and not used before."""
    return tuple(way for way in ways if way.channel not in used and (limited_to is None or way.channel in limited_to))
