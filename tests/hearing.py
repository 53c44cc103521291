"""Events as a service hears them, without a broker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from shared.events.catalogue import EVENTS
from shared.events.envelope import Event, Received
from shared.kit import Kit
from shared.messaging.reader import Batch, Reader


async def hear_by(kit: Kit, readers: Iterable[Reader], *events: Event) -> None:
    """Let these readers take the events they want, each in a transaction of its own."""
    for reader in readers:
        mine = [
            Received(e, str(uuid4()).encode(), None, e.topic, 0, 0) for e in events if e.event_type in reader.wanted
        ]
        async with kit.sessions.begin() as session:
            await reader.handle(session, Batch(mine, kit.clock.now()))


async def said(kit: Kit, model: type[Event]) -> list[Any]:
    """The events of one kind in a service's outbox, in order; those that are the same on another road count as well."""
    kinds = {one.event_type: one for one in EVENTS if issubclass(one, model)}
    outbox = kit.tables.outbox
    of_kind = outbox.select().where(outbox.c.event_type.in_(kinds)).order_by(outbox.c.id)
    async with kit.sessions() as session:
        return [kinds[row.event_type].model_validate_json(row.value) for row in await session.execute(of_kind)]
