"""One thing as it is kept, and what becomes of it when its row is gone or a person has decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import blake2b
from uuid import UUID

from services.registry.domain.kinds import Kind
from services.registry.domain.statements import Key
from services.registry.domain.widening import (
    Bounds,
    PersonBounds,
    TieBounds,
    Waiting,
    bounds_given,
    left_behind,
    narrowed,
    waits,
    widened,
)
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.envelope import Event
from shared.events.roster import Marking, PersonStated


@dataclass(frozen=True, slots=True)
class Record:
    """One thing as it is kept. `event` is None when it was not loaded, or is erased without remainder.

    `version` grows with every change and is not below the time of the change in milliseconds since 1970.
    `stated` is what the source said last, where a part of it waits for a person (None: all of it is in `event`).
    `bounds` is how much it may widen by itself (None: no more than `event` says). `since` is when it was first known.
    """

    kind: Kind
    id: UUID
    ref: UUID
    version: int
    digest: bytes
    event: Event | None
    source: str
    modified: datetime | None
    erased_at: datetime | None = None
    tenant_id: UUID | None = None
    stated: Event | None = None
    bounds: Bounds | None = None
    since: datetime | None = None

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.kind, self.id

    @property
    def claim(self) -> Event | None:
        """What the source said last."""
        return self.stated or self.event

    def waits(self, today: date) -> list[Waiting]:
        """What of the source's last word waits for a person."""
        return waits(self.stated, bounds_of(self), today) if self.stated else []


def digest_of(event: Event) -> bytes:
    """The same for the same content; the version does not count."""
    return blake2b(payload_of(event).encode(), digest_size=16).digest()


def payload_of(event: Event) -> str:
    """The content as JSON, without the version."""
    return event.model_dump_json(exclude={"version"}, exclude_none=True)


def milliseconds(instant: datetime) -> int:
    """The instant as milliseconds since 1970."""
    return int(instant.timestamp() * 1000)


def next_version(stored: Record | None, now: datetime) -> int:
    """Higher than the one before, even when the clock stands still."""
    return max(stored.version + 1 if stored else 0, milliseconds(now))


def with_version(record: Record, version: int) -> Record:
    """The record and its event with that version."""
    event = record.event.model_copy(update={"version": version}) if record.event else None
    return replace(record, version=version, event=event)


def bounds_of(record: Record) -> Bounds | None:
    """How much the record may widen by itself. Ties that were erased before bounds were kept may not come back."""
    if record.bounds is not None or record.event is not None:
        return record.bounds or bounds_given(record.event)
    nothing: dict[Kind, Bounds] = {Kind.PERSON: PersonBounds(), Kind.GUARDIANSHIPS: TieBounds(open=False)}
    return nothing.get(record.kind)


def within(record: Record, claim: Event, bounds: Bounds | None, today: date) -> Record:
    """The record with what of the claim is within the bounds; what is not is remembered beside it."""
    event = narrowed(claim, bounds, today)
    return replace(
        record,
        event=event,
        digest=digest_of(event),
        stated=None if event is claim else claim.model_copy(update={"version": 0}),
        bounds=None if bounds == bounds_given(event) else bounds,
    )


def erased(record: Record, now: datetime) -> Record:
    """The record after its row was deleted at the source: personal data is gone, a lesson is cancelled, a result
    or report withdrawn. Of a marked person the marking stays, and the bounds of whoever may be told: a return cannot
    come with a milder marking or with more rights than there were."""
    bounds = left_behind(bounds_of(record), now.date())
    event = _remainder(record)
    digest = digest_of(event) if event else b""
    left = replace(record, event=event, digest=digest, erased_at=now, stated=None, bounds=bounds)
    return with_version(left, next_version(record, now))


def released(record: Record, waiting: Waiting, now: datetime) -> Record:
    """The record once a person has let through what waited."""
    claim, bounds = record.claim, bounds_of(record)
    if claim is None or bounds is None:
        return record
    wider = within(record, claim, widened(bounds, claim, waiting), now.date())
    return with_version(wider, next_version(record, now))


def _remainder(record: Record) -> Event | None:
    match record.event:
        case LessonPlanned() as lesson:
            return lesson.model_copy(update={"cancelled": True})
        case AttendanceRecorded() | AbsenceReported() as said:
            return said.model_copy(update={"withdrawn": True})
        case PersonStated(marking=marking) as person if marking is not Marking.NONE:
            return PersonStated(
                person_id=record.id, version=0, tenant_id=person.tenant_id, marking=marking, active=False
            )
    return None
