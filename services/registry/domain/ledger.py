"""What is kept, and what a statement changes in it.

The rules: a statement older than what is kept changes nothing; a marking only ever gets stricter; what one
source answers for, another does not overwrite. The same statements in any order and number end in the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from services.registry.domain.kinds import Kind
from services.registry.domain.statements import Key, Manner, Stated
from shared.errors import Permanent
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.envelope import Event
from shared.events.roster import Marking, PersonStated

MARKING_KEPT = (
    "The registry now states a milder securityMarking for person {person}. The stricter one was kept and the rest "
    "of the row went through: a person must decide. If the milder one is right, run "
    "`skolbro import release-marking {person}`."
)
NOT_YOURS = (
    "The source “{owner}” answers for this row and “{source}” states it differently. Nothing was changed; let only "
    "one of them send it."
)
STRICTNESS = {marking: rank for rank, marking in enumerate(Marking)}


class Outcome(StrEnum):
    """What became of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    HELD = "held"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Record:
    """One thing as it is kept. `event` is None when it was not loaded, or is erased without remainder.

    `version` grows with every change and is not below the time of the change in milliseconds since 1970.
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


@dataclass
class Ledger:
    """Takes statements of one source, one after the other, and keeps what each changed.

    `records` holds what is kept of everything the statements are about; `peers` names the other sources that are
    still connected; `full_since` is when the present full reading began (None when only changes are read): what
    was written before then is overruled by a full reading whatever time of change it claims.

    `touched` holds the records to be written, `said` which of them are news to others.
    """

    source: str
    now: datetime
    records: dict[Key, Record]
    peers: frozenset[str] = frozenset()
    full_since: datetime | None = None
    touched: dict[Key, Record] = field(default_factory=dict)
    said: dict[Key, None] = field(default_factory=dict)

    def objections(self, stated: Stated) -> list[str]:
        """What in the statement will not be followed, in words for a person. Ask before `take`."""
        live = self._live(stated)
        if stated.manner is not Manner.WHOLE or (live and self._is_stale(stated, live)):
            return []
        found = []
        if _strictness(self.records.get(stated.key)) > _strictness(stated):
            found.append(MARKING_KEPT.format(person=stated.id))
        if live and self._is_foreign(live) and live.digest != digest_of(stated.event):
            found.append(NOT_YOURS.format(owner=live.source, source=self.source))
        return found

    def take(self, stated: Stated) -> Outcome:
        """Apply one statement."""
        live = self._live(stated)
        if not _concerns(stated, live):
            return Outcome.UNCHANGED
        if live and self._only_marking_counts(stated, live):
            return self._make_stricter(stated, live)
        return self._replace(stated, live)

    def _live(self, stated: Stated) -> Record | None:
        stored = self.records.get(stated.key)
        return stored if stored and stored.erased_at is None else None

    def _is_foreign(self, live: Record) -> bool:
        return live.source != self.source and live.source in self.peers

    def _is_stale(self, stated: Stated, live: Record) -> bool:
        if stated.modified is None or live.modified is None or stated.modified >= live.modified:
            return False
        return self.full_since is None or live.version >= milliseconds(self.full_since)

    def _only_marking_counts(self, stated: Stated, live: Record) -> bool:
        """An older statement, another source's, or a mere reference may still narrow who is told, but no more."""
        return stated.manner is Manner.MARKING_ONLY or self._is_foreign(live) or self._is_stale(stated, live)

    def _make_stricter(self, stated: Stated, live: Record) -> Outcome:
        if not isinstance(live.event, PersonStated) or _strictness(stated) <= _strictness(live):
            return Outcome.UNCHANGED
        event = live.event.model_copy(update={"marking": _marking(stated)})
        self._keep(stated.key, replace(live, event=event), live)
        return Outcome.CHANGED

    def _replace(self, stated: Stated, live: Record | None) -> Outcome:
        stored = self.records.get(stated.key)
        event = _with_marking(stated.event, _marking(stored))
        record = Record(
            kind=stated.kind,
            id=stated.id,
            ref=stated.ref,
            version=live.version if live else 0,
            digest=digest_of(event),
            event=event,
            source=self.source,
            modified=stated.modified or (live.modified if live else None),
        )
        if live and live.digest == record.digest:
            self._touch(stated.key, record, live)
            return Outcome.UNCHANGED
        self._keep(stated.key, record, stored)
        return Outcome.CHANGED if live else Outcome.NEW

    def _touch(self, key: Key, record: Record, live: Record) -> None:
        """The same content; a later time of change, another row id or a renamed source is remembered quietly."""
        if (record.ref, record.source, record.modified) != (live.ref, live.source, live.modified):
            self.records[key] = self.touched[key] = _with_version(record, live.version)

    def _keep(self, key: Key, record: Record, before: Record | None) -> None:
        """News: it gets the next version and is said."""
        self.records[key] = self.touched[key] = _with_version(record, next_version(before, self.now))
        self.said[key] = None

    def news(self) -> list[Record]:
        """The records that others are to hear of, in the order in which they became news."""
        return [self.touched[key] for key in self.said]


def erased(record: Record, now: datetime) -> Record:
    """The record after its row was deleted at the source: personal data is gone, a lesson is cancelled, a result
    or report withdrawn. Of a marked person the marking stays, so that a return cannot come with a milder one."""
    left = replace(record, event=_remainder(record), erased_at=now)
    return _with_version(left, next_version(record, now))


def released(record: Record, marking: Marking, now: datetime) -> Record:
    """The person's record with the marking that a person has decided on. Raises Permanent for any other record."""
    if not isinstance(record.event, PersonStated):
        raise Permanent(f"The record {record.kind} {record.id} is not that of a person who is known.")
    decided = replace(record, event=record.event.model_copy(update={"marking": marking}))
    return _with_version(decided, next_version(record, now))


def _with_version(record: Record, version: int) -> Record:
    event = record.event.model_copy(update={"version": version}) if record.event else None
    return replace(record, version=version, event=event, digest=digest_of(event) if event else b"")


def _remainder(record: Record) -> Event | None:
    match record.event:
        case LessonPlanned() as lesson:
            return lesson.model_copy(update={"cancelled": True})
        case AttendanceRecorded() | AbsenceReported() as said:
            return said.model_copy(update={"withdrawn": True})
        case PersonStated(marking=marking) if marking is not Marking.NONE:
            return PersonStated(person_id=record.id, version=0, marking=marking, active=False)
    return None


def _concerns(stated: Stated, live: Record | None) -> bool:
    """A hint is only about a person who is known; an absent list only about ties the row itself had stated."""
    if stated.manner is Manner.MARKING_ONLY:
        return live is not None
    return stated.manner is Manner.WHOLE or (live is not None and live.ref == stated.ref)


def _with_marking(event: Event, kept: Marking) -> Event:
    """The event with the stricter of its own marking and the one that is kept."""
    if not isinstance(event, PersonStated) or STRICTNESS[event.marking] >= STRICTNESS[kept]:
        return event
    return event.model_copy(update={"marking": kept})


def _marking(said: Record | Stated | None) -> Marking:
    event = said.event if said else None
    return event.marking if isinstance(event, PersonStated) else Marking.NONE


def _strictness(said: Record | Stated | None) -> int:
    return STRICTNESS[_marking(said)]
