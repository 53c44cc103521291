"""What the bulletins service says: duties, mailings, bulletins as they stand, requests to tell somebody, looks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.bulletins.tables import Owed
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import MessageRead, NotificationKind, ReadBy, requested
from shared.ids import derived_id
from shared.observe.tracing import new_traceparent


def duty_moved(duty: Owed, status: DutyStatus, now: datetime, evidence_id: UUID | None = None) -> Outgoing:
    """What a pupil's home is owed has reached a status."""
    event = DutyMoved(
        duty_id=duty.duty_id,
        kind=DutyKind(duty.kind),
        status=status,
        pupil_id=duty.pupil_id,
        school_id=duty.school_id,
        day=duty.last_day,
        at=now,
        evidence_id=evidence_id,
    )
    return Outgoing(event, new_traceparent())


def to_person(
    kind: NotificationKind,
    person_id: UUID,
    school_id: UUID,
    now: datetime,
    *,
    mark: object,
    zone: str = DEFAULT_ZONE,
    **more: Any,
) -> Outgoing:
    """A request to tell one person, staff or not; `mark` tells it from the next of its kind.

    `more` are further fields of `NotificationRequested`, such as `path`.
    """
    event = requested(
        kind,
        notification_id=derived_id(kind, person_id, mark),
        day=local_date(now, zone),
        requested_at=now,
        school_id=school_id,
        to_id=person_id,
        **more,
    )
    return Outgoing(event, new_traceparent())


def message_read(about_id: UUID, person_id: UUID, now: datetime, how: ReadBy) -> Outgoing:
    """Somebody has read a bulletin or a message."""
    return Outgoing(MessageRead(about_id=about_id, person_id=person_id, at=now, how=how), new_traceparent())
