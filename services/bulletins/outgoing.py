"""What the bulletins service says: duties, mailings, bulletins as they stand, requests to tell somebody, looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.bulletins.tables import Owed
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import MessageRead, NotificationKind, ReadBy, requested
from shared.events.privacy import PupilLookedAt
from shared.ids import derived_id, new_id
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


def looked(tenant_id: UUID, viewer_id: UUID, pupils: Iterable[UUID], what: str, now: datetime) -> Sequence[Outgoing]:
    """Somebody has looked at what is kept about each of these pupils."""
    return [
        Outgoing(
            PupilLookedAt(
                look_id=new_id(), tenant_id=tenant_id, viewer_id=viewer_id, pupil_id=pupil, what=what, at=now
            ),
            new_traceparent(),
        )
        for pupil in dict.fromkeys(pupils)
    ]
