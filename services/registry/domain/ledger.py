"""What is kept, and what a statement changes in it.

The rules: a statement older than what is kept narrows who may know, or changes nothing; what would widen it waits for
a person (`widening`); what one source answers for, another does not overwrite. The same statements in any order and
number end in the same state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from uuid import UUID

from services.registry.domain.kinds import Kind
from services.registry.domain.record import (
    Record,
    bounds_of,
    digest_of,
    milliseconds,
    next_version,
    with_version,
    within,
)
from services.registry.domain.statements import Key, Manner, Stated
from services.registry.domain.values import Origin
from services.registry.domain.widening import SETTLING, Bounds, Waiting, marked, met, unbounded
from shared.events.roster import ContactStated, Marking, PersonStated

NOT_YOURS = (
    "The source “{owner}” answers for this row and “{source}” states it differently. Nothing was changed; let only "
    "one of them send it."
)

BESIDES = attrgetter("ref", "source", "modified", "tenant_id", "stated", "bounds")


class Outcome(StrEnum):
    """What became of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    HELD = "held"
    ERASED = "erased"


@dataclass
class Ledger:
    """Takes statements of one source, one after the other, and keeps what each changed.

    `records` holds what is kept of everything the statements are about, and of the pupils whose ties they are about;
    `peers` names the other sources that are still connected; `full_since` is when the present full reading began
    (None when only changes are read): what was written before then is overruled by a full reading whatever time of
    change it claims.

    `touched` holds the records to be written, `said` which of them are news to others, `judged` those of which
    something waits, or did, for a person.
    """

    origin: Origin
    now: datetime
    records: dict[Key, Record]
    peers: frozenset[str] = frozenset()
    full_since: datetime | None = None
    touched: dict[Key, Record] = field(default_factory=dict)
    said: dict[Key, None] = field(default_factory=dict)
    judged: dict[Key, None] = field(default_factory=dict)

    def objections(self, stated: Stated) -> list[str]:
        """What in the statement will not be followed, in words for a person. Ask before `take`."""
        live = self._live(stated)
        if live is None or stated.manner is not Manner.WHOLE or self._is_stale(stated, live):
            return []
        known = digest_of(live.stated) if live.stated else live.digest
        if not self._is_foreign(live) or known == digest_of(stated.event):
            return []
        return [NOT_YOURS.format(owner=live.source, source=self.origin.source)]

    def take(self, stated: Stated) -> Outcome:
        """Apply one statement."""
        stated = self._discreet(stated)
        live = self._live(stated)
        if not _concerns(stated, live):
            return Outcome.UNCHANGED
        if live and self._may_only_narrow(stated, live):
            return self._narrow(stated, live)
        return self._replace(stated, live)

    def in_hiding(self) -> list[UUID]:
        """The persons judged here whose identity is protected: no address of theirs may stay stated."""
        return [key[1] for key, record in self.touched.items() if _is_marked(record)]

    def hide(self, stored: Iterable[Record]) -> None:
        """Take the address out of how to reach those in hiding: as it was `stored`, or as this batch has left it."""
        hidden = [(Kind.CONTACT, person_id) for person_id in self.in_hiding()]
        kept = {one.key: one for one in stored}
        for record in (self.touched.get(key) or kept.get(key) for key in hidden):
            if record is None:
                continue
            if isinstance(record.event, ContactStated) and record.event.address and record.erased_at is None:
                event = record.event.model_copy(update={"address": None})
                plainer = replace(record, event=event, digest=digest_of(event))
                self.records[record.key] = self.touched[record.key] = with_version(
                    plainer, next_version(record, self.now)
                )
                self.said[record.key] = None

    def news(self) -> list[Record]:
        """The records that others are to hear of, in the order in which they became news."""
        return [self.touched[key] for key in self.said]

    def waiting(self) -> list[tuple[Record, list[Waiting]]]:
        """The records of which something waits or waited for a person, and what now waits."""
        kept = [self.records[key] for key in self.judged]
        return [(record, record.waits(self.origin.today)) for record in kept]

    def _discreet(self, stated: Stated) -> Stated:
        """Without the address, when by all that is known the person's identity is protected."""
        person = self.records.get((Kind.PERSON, stated.id))
        if not isinstance(stated.event, ContactStated) or person is None or not _is_marked(person):
            return stated
        return replace(stated, event=stated.event.model_copy(update={"address": None}))

    def _live(self, stated: Stated) -> Record | None:
        stored = self.records.get(stated.key)
        return stored if stored and stored.erased_at is None else None

    def _is_foreign(self, live: Record) -> bool:
        return live.source != self.origin.source and live.source in self.peers

    def _is_stale(self, stated: Stated, live: Record) -> bool:
        if stated.modified is None or live.modified is None or stated.modified >= live.modified:
            return False
        return self.full_since is None or live.version >= milliseconds(self.full_since)

    def _may_only_narrow(self, stated: Stated, live: Record) -> bool:
        """An older statement, another source's, or a mere reference may still narrow who is told, but no more."""
        return stated.manner is Manner.MARKING_ONLY or self._is_foreign(live) or self._is_stale(stated, live)

    def _narrow(self, stated: Stated, live: Record) -> Outcome:
        bounds = bounds_of(live)
        if live.claim is None or bounds is None:
            return Outcome.UNCHANGED
        owned = replace(live, tenant_id=live.tenant_id or self.origin.tenant_id)
        narrower = self._narrower(bounds, stated, live)
        return self._settle(within(owned, live.claim, narrower, self.origin.today), live)

    def _narrower(self, bounds: Bounds, stated: Stated, live: Record) -> Bounds:
        """Of a row that is another's only the marking counts: one source's list need not have everyone."""
        if stated.manner is Manner.MARKING_ONLY or self._is_foreign(live):
            return marked(bounds, stated.event.marking) if isinstance(stated.event, PersonStated) else bounds
        return self._met(bounds, stated)

    def _met(self, bounds: Bounds, stated: Stated) -> Bounds:
        return met(bounds, stated.event, pieced=stated.ref != stated.id, settling=self._is_settling(stated.id))

    def _is_settling(self, pupil_id: UUID) -> bool:
        """True while nothing of this pupil has been known for longer than a day."""
        known = (self.records.get((kind, pupil_id)) for kind in (Kind.PERSON, Kind.GUARDIANSHIPS))
        return all(one.since is not None and self.now - one.since < SETTLING for one in known if one)

    def _replace(self, stated: Stated, live: Record | None) -> Outcome:
        stored = self.records.get(stated.key)
        bounds = bounds_of(stored) if stored else unbounded(stated.event)
        record = Record(
            kind=stated.kind,
            id=stated.id,
            ref=stated.ref,
            version=live.version if live else 0,
            digest=b"",
            event=None,
            source=self.origin.source,
            modified=stated.modified or (live.modified if live else None),
            tenant_id=self.origin.tenant_id,
            since=stored.since if stored else self.now,
        )
        met_bounds = self._met(bounds, stated) if bounds else None
        return self._settle(within(record, stated.event, met_bounds, self.origin.today), stored)

    def _settle(self, record: Record, before: Record | None) -> Outcome:
        """Keep the record; it is news when what is in force has changed."""
        live = before if before and before.erased_at is None else None
        if record.stated or (live and live.stated):
            self.judged[record.key] = None
        if live and live.digest == record.digest:
            self._touch(record, live)
            return Outcome.UNCHANGED
        self.records[record.key] = self.touched[record.key] = with_version(record, next_version(before, self.now))
        self.said[record.key] = None
        return Outcome.CHANGED if live else Outcome.NEW

    def _touch(self, record: Record, live: Record) -> None:
        """The same content; a later time of change, another row id and the like are remembered quietly."""
        if BESIDES(record) != BESIDES(live):
            self.records[record.key] = self.touched[record.key] = with_version(record, live.version)


def _is_marked(record: Record) -> bool:
    return isinstance(record.event, PersonStated) and record.event.marking is not Marking.NONE


def _concerns(stated: Stated, live: Record | None) -> bool:
    """A hint is only about a person who is known; an absent list only about ties the row itself had stated."""
    if stated.manner is Manner.MARKING_ONLY:
        return live is not None
    return stated.manner is Manner.WHOLE or (live is not None and live.ref == stated.ref)
