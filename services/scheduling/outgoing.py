"""What the scheduling service says: talks, commitments, meetings as they stand, duties, requests to tell, looks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.scheduling.domain.gatherings import MeetingState
from services.scheduling.tables import Commitment, Coverage, Meeting, Round, Talk
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import Appointment, NotificationKind, requested
from shared.events.scheduling import (
    CommitmentStated,
    CommitmentStatus,
    MeetingStated,
    Owner,
    TalkKind,
    TalkState,
    TalkStated,
)
from shared.ids import derived_id
from shared.observe.tracing import new_traceparent


def talk_stated(talk: Talk, round_: Round, place: str | None = None, signed_by: Iterable[UUID] = ()) -> Outgoing:
    """A talk as it stands. `place` is the room's name; `signed_by` who has signed the plan as it stands."""
    event = TalkStated(
        talk_id=talk.talk_id,
        version=talk.version,
        tenant_id=talk.tenant_id,
        school_id=talk.school_id,
        round_id=talk.round_id,
        pupil_id=talk.pupil_id,
        kind=TalkKind(talk.kind),
        state=TalkState(talk.state),
        host_id=talk.host_id,
        guardian_ids=tuple(talk.guardian_ids),
        starts_at=talk.starts_at,
        ends_at=talk.ends_at,
        place=place,
        video=talk.video,
        sequence=talk.sequence,
        signed_by=tuple(signed_by),
        answer_by=round_.answer_by,
        books_from=round_.books_from,
        books_until=round_.books_until,
    )
    return Outgoing(event, new_traceparent())


def commitment_stated(one: Commitment) -> Outgoing:
    """A commitment as it stands, without its words."""
    event = CommitmentStated(
        commitment_id=one.commitment_id,
        version=one.version,
        tenant_id=one.tenant_id,
        school_id=one.school_id,
        pupil_id=one.pupil_id,
        talk_id=one.talk_id,
        owner=Owner(one.owner),
        person_id=one.promised_by,
        due=one.due,
        status=CommitmentStatus(one.status),
    )
    return Outgoing(event, new_traceparent())


def meeting_stated(meeting: Meeting, group_ids: Iterable[UUID]) -> Outgoing:
    """A meeting or a day to visit as it stands; what it is called, when and where, nobody who comes."""
    event = MeetingStated(
        meeting_id=meeting.meeting_id,
        version=meeting.version,
        tenant_id=meeting.tenant_id,
        school_id=meeting.school_id,
        group_ids=tuple(group_ids),
        kind=meeting.kind,
        title=meeting.title,
        place=meeting.place or None,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        cancelled=meeting.state == MeetingState.CANCELLED,
    )
    return Outgoing(event, new_traceparent())


def duty_moved(duty: Coverage, status: DutyStatus, now: datetime, evidence_id: UUID | None = None) -> Outgoing:
    """The duty to hold a talk with a pupil has reached a status."""
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


def appointment(talk: Talk, zone: str, place: str | None, *, cancelled: bool = False) -> Appointment | None:
    """What a calendar is told about a talk; None when it has no time."""
    if talk.starts_at is None or talk.ends_at is None:
        return None
    return Appointment(
        uid_of=talk.talk_id,
        sequence=talk.sequence,
        starts_at=talk.starts_at,
        ends_at=talk.ends_at,
        zone=zone,
        place=place,
        video=talk.video,
        cancelled=cancelled,
    )


def about_talk(
    kind: NotificationKind, talk: Talk, now: datetime, *, mark: object = "", zone: str = DEFAULT_ZONE, **more: Any
) -> Outgoing:
    """A request to tell those whose talk it is. `mark` tells one such request about the talk from the next.

    `more` are further fields of `NotificationRequested`; `path` is the talk's own page unless it is given.
    """
    return _asked(
        kind,
        derived_id(kind, talk.talk_id, mark),
        now,
        zone,
        school_id=talk.school_id,
        pupil_id=talk.pupil_id,
        **{"path": f"/talks/{talk.talk_id}", "only": _theirs(talk), **more},
    )


def _theirs(talk: Talk) -> tuple[UUID, ...]:
    """Those it is arranged for, and the pupil, who may have come of age since."""
    return (*talk.guardian_ids, talk.pupil_id) if talk.guardian_ids else ()


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
    """A request to tell one person, staff or not; `mark` tells it from the next of its kind."""
    known_by = derived_id(kind, person_id, mark)
    return _asked(kind, known_by, now, zone, school_id=school_id, to_id=person_id, **more)


def _asked(kind: NotificationKind, notification_id: UUID, now: datetime, zone: str, **fields: Any) -> Outgoing:
    day: date = local_date(now, zone)
    event = requested(kind, notification_id=notification_id, day=day, requested_at=now, **fields)
    return Outgoing(event, new_traceparent())
