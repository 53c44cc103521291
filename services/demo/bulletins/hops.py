"""Hops in time: the services stop, the clock is set to a later day, and they start again. The servers stay up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.embedded.stack import Stack
from services.demo.world import World

SPEED = 150.0  # what is put off for ten minutes is tried again after four real seconds


@dataclass
class Hops:
    """Days long before the one that is played, each for as long as people need for what they do in it."""

    stack: Stack
    world: World
    grace_minutes: int

    async def to(self, at: datetime) -> None:
        """It is that time, and every service is ready. Raises StartFailed."""
        await self.stack.stop_services()
        self.world.clock.set(at, datetime.now(UTC), SPEED)
        await self.stack.start_services(self.world.env(self.stack.ports, self.grace_minutes))

    async def leave(self) -> None:
        """Stop the services; nothing more happens that day."""
        await self.stack.stop_services()
