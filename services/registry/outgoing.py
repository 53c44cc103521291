"""What the registry says: a record that is news, as an event; an erased one, as a tombstone or a withdrawal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.registry.domain.kinds import EVENTS
from services.registry.domain.record import Record
from services.registry.store.quarantine import Entry
from shared.errors import Permanent
from shared.events.envelope import Outgoing
from shared.events.privacy import PupilLookedAt
from shared.ids import new_id
from shared.observe.tracing import new_traceparent
from shared.topics import BY_NAME


def stated(records: Iterable[Record]) -> list[Outgoing]:
    """News about things that are there. Each begins a trace of its own."""
    return [Outgoing(one.event, new_traceparent()) for one in records if one.event]


def gone(before: Iterable[Record], after: Iterable[Record]) -> list[Outgoing]:
    """Things that are gone at the source: a tombstone where the topic keeps the latest state, else the last word."""
    said = []
    for old, new in zip(before, after, strict=True):
        tombstone = BY_NAME[EVENTS[old.kind].topic].compacted
        event = old.event if tombstone else new.event
        if event is None:
            raise Permanent(f"The record {old.kind} {old.id} has no content although it was not erased.")
        said.append(Outgoing(event, new_traceparent(), tombstone=tombstone))
    return said


def looked(entries: Iterable[Entry], viewer_id: UUID, what: str, now: datetime) -> list[Outgoing]:
    """Somebody has looked at, or decided about, what waits of these pupils; once for each."""
    pupils = dict.fromkeys((entry.tenant_id, entry.pupil_id or entry.person_id) for entry in entries)
    return [
        Outgoing(
            PupilLookedAt(
                look_id=new_id(), tenant_id=tenant_id, viewer_id=viewer_id, pupil_id=pupil_id, what=what, at=now
            ),
            new_traceparent(),
        )
        for tenant_id, pupil_id in pupils
    ]
