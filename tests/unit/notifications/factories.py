"""Requests, candidates and situations as the rules see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.notifications.channels.protocol import Way
from services.notifications.domain.deliveries import Budget
from services.notifications.domain.models import Delivery, NotificationStatus, Request
from services.notifications.domain.planning import Candidate, Situation, delivery_id
from shared.events.notify import Appointment, NotificationKind
from shared.events.people import Channel
from shared.roster.access import Why

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BUDGET = Budget(timedelta(seconds=25), 3)
ANNA, BO = uuid4(), uuid4()


def request(kind: NotificationKind = NotificationKind.ABSENCE_NOTICE, **changes: Any) -> Request:
    plain = Request(
        notification_id=uuid4(),
        kind=kind,
        school_id=uuid4(),
        pupil_id=uuid4(),
        day=date(2026, 11, 23),
        duty_id=uuid4(),
        about_id=None,
        lesson_count=1,
        requested_at=NOW,
        received_at=NOW,
        traceparent=None,
        status=NotificationStatus.WAITING,
        retracted=False,
    )
    return replace(plain, **changes)


def candidate(
    asked: Request, person: UUID, allowed: bool = True, addresses: Sequence[str] = ("a@b.se",), **changes: Any
) -> Candidate:
    why = Why.ANSWERS_FOR if allowed else Why.ENDED
    ways = tuple(Way(Channel.EMAIL, address) for address in addresses)
    plain = Candidate(delivery_id(asked.notification_id, person), person, allowed, why, ways)
    return replace(plain, **changes)


def situation(
    asked: Request,
    people: Iterable[Candidate],
    deliveries: Sequence[Delivery] = (),
    noticed: Iterable[UUID] = (),
    **changes: Any,
) -> Situation:
    plain = Situation(asked, list(people), deliveries, NOW + timedelta(hours=12), noticed=frozenset(noticed))
    return replace(plain, **changes)


def appointment(**changes: Any) -> Appointment:
    """Tuesday 24 November 2026, 17:00 to 17:20 in Stockholm, unless it is said otherwise."""
    starts_at = changes.get("starts_at", datetime(2026, 11, 24, 16, 0, tzinfo=UTC))
    plain: dict[str, Any] = {"uid_of": uuid4(), "starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=20)}
    return Appointment(**{**plain, **changes})
