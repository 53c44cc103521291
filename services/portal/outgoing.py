"""What the portal says: each thing somebody decided on a page, and what the night found, as an event."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.portal.domain.family import Told
from services.portal.domain.quiet import Wishes
from shared.clock import local_date
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import MessageRead, NotificationKind, requested
from shared.events.people import ConsentStated, PreferencesStated
from shared.ids import derived_id
from shared.observe.tracing import new_traceparent


def preferences(person_id: UUID, tenant_id: UUID, version: int, wishes: Wishes) -> Outgoing:
    """Somebody has said how they want to be told."""
    event = PreferencesStated(
        person_id=person_id,
        version=version,
        tenant_id=tenant_id,
        language=wishes.language,
        email=wishes.email,
        quiet_from=wishes.quiet_from,
        quiet_to=wishes.quiet_to,
        channels=wishes.channels,
        choices=wishes.choices,
        digest_at=wishes.digest_at,
        push=wishes.push,
    )
    return Outgoing(event, new_traceparent())


def consent(stated: ConsentStated) -> Outgoing:
    """Those who decide have let somebody know, or have taken it back."""
    return Outgoing(stated, new_traceparent())


def understood(told: Told, school_id: UUID, notification_id: UUID, now: datetime) -> Outgoing:
    """Somebody who answers for the pupil has read the notice."""
    event = DutyMoved(
        duty_id=told.duty_id,
        kind=DutyKind.SAME_DAY_NOTICE,
        status=DutyStatus.UNDERSTOOD,
        pupil_id=told.pupil_id,
        school_id=school_id,
        day=told.day,
        at=now,
        evidence_id=notification_id,
    )
    return Outgoing(event, new_traceparent())


def message_read(notification_id: UUID, person_id: UUID, now: datetime) -> Outgoing:
    """Somebody has said that they have read a message: it need not be sent by another channel any more."""
    return Outgoing(MessageRead(about_id=notification_id, person_id=person_id, at=now), new_traceparent())


def rights_asked(pupil_id: UUID, school_id: UUID, zone: str, now: datetime) -> Outgoing:
    """A pupil has come of age and is asked, once, who may go on being told. The id is the same for ever."""
    event = requested(
        NotificationKind.RIGHTS_ASKED,
        notification_id=derived_id("rights asked", pupil_id),
        school_id=school_id,
        pupil_id=pupil_id,
        day=local_date(now, zone),
        requested_at=now,
    )
    return Outgoing(event, new_traceparent())
