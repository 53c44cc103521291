"""What the notifications service says: how duties move, and how each delivery ended. Ids only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.notifications.domain.ladder import notice_of
from services.notifications.domain.models import NOTICES, CallReason, NotificationStatus, Step
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import DeliverySettled, NotificationKind
from shared.observe.tracing import continued


def said(steps: Iterable[Step], now: datetime) -> list[Outgoing]:
    """The events of these steps, in the order they happened."""
    return [outgoing for step in steps for outgoing in (*_settled(step, now), *_moved(step, now))]


def duty_statuses(step: Step) -> list[DutyStatus]:
    """How the duty behind a notification moves by this step. Readers order and deduplicate by rank."""
    over = step.state.status
    if step.request.kind is NotificationKind.ABSENCE_RETRACTION:
        done = step.first_delivered() or over is NotificationStatus.CANCELLED
        return [DutyStatus.RETRACTED] if done else []
    if step.request.kind is NotificationKind.STILL_UNREAD:  # the notice stays delivered; the school is to call
        return [DutyStatus.UNREACHABLE] if step.state.reason is CallReason.UNREAD else []
    if step.request.kind not in NOTICES:
        return []
    moves = [
        (step.request.status is NotificationStatus.WAITING and over is NotificationStatus.SENDING, DutyStatus.SENT),
        (step.first_delivered(), DutyStatus.DELIVERED),
        (over is NotificationStatus.UNREACHED, DutyStatus.UNREACHABLE),
    ]
    return [status for happened, status in moves if happened]


def _moved(step: Step, now: datetime) -> list[Outgoing]:
    request = step.request
    if request.duty_id is None or request.pupil_id is None:
        return []
    return [
        Outgoing(
            DutyMoved(
                duty_id=request.duty_id,
                kind=DutyKind.SAME_DAY_NOTICE,
                status=status,
                pupil_id=request.pupil_id,
                school_id=request.school_id,
                day=request.day,
                at=now,
                evidence_id=notice_of(request),
                reason=step.state.reason if status is DutyStatus.UNREACHABLE else None,
            ),
            continued(request.traceparent),
        )
        for status in duty_statuses(step)
    ]


def _settled(step: Step, now: datetime) -> list[Outgoing]:
    request = step.request
    return [
        Outgoing(
            DeliverySettled(
                delivery_id=delivery.delivery_id,
                notification_id=request.notification_id,
                person_id=delivery.person_id,
                school_id=request.school_id,
                kind=request.kind,
                status=delivery.status,
                at=now,
                why=delivery.why,
                pupil_id=request.pupil_id,
                path=request.path,
            ),
            continued(request.traceparent),
        )
        for delivery in step.settled()
    ]
