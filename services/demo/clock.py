"""The demo's clock: it runs fast, and it can be set to another time while no service runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.clock import PacedClock


@dataclass
class DemoClock:
    """Whoever holds it is always at the same time as everybody else, also after it was set."""

    paced: PacedClock

    @property
    def starts_at(self) -> datetime:
        """The time it showed at `origin`."""
        return self.paced.starts_at

    @property
    def origin(self) -> datetime:
        """The real time at which it showed `starts_at`."""
        return self.paced.origin

    @property
    def speed(self) -> float:
        """How many times as fast as life it runs."""
        return self.paced.speed

    def now(self) -> datetime:
        """The present instant of the demo, in UTC."""
        return self.paced.now()

    async def sleep(self, seconds: float) -> None:
        """Wait for that many of its seconds. What waits when it is set goes on waiting as it began."""
        await self.paced.sleep(seconds)

    def set(self, starts_at: datetime, origin: datetime, speed: float) -> None:
        """Let it show `starts_at` at the real time `origin`, and run that fast from then on."""
        self.paced = PacedClock(starts_at, origin, speed)
