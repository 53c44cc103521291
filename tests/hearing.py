"""Events as a service hears them, without a broker."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

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
