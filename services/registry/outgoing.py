"""What the registry says: a record that is news, as an event; an erased one, as a tombstone or a withdrawal."""

from __future__ import annotations

from collections.abc import Iterable

from services.registry.domain.kinds import EVENTS
from services.registry.domain.ledger import Record
from shared.errors import Permanent
from shared.events.envelope import Outgoing
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
