"""Rehearsals: `simulate:` addresses behave as mail servers do on bad days, and no mail leaves the house.

In a municipality's trial, everybody's address but the guests' is taken here as if all went well.

The idea is GOV.UK Notify's: a municipality must be able to see what happens before it happens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.notifications.channels.protocol import Line, Parcel
from services.notifications.domain.addresses import rehearsal
from services.notifications.domain.replies import Reply, Stage
from shared.clock import Clock
from shared.events.people import Channel

DEFERRALS = 2
SLOW_SECONDS = 5.0


class SimulatedRoad:
    """Any number of lines, never down."""

    name = Channel.SIMULATED.value
    is_down = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A line, at once."""
        yield self

    async def send(self, parcel: Parcel) -> Reply:
        """Answer as the address asks: bounce, defer twice and then accept, or accept slowly."""
        kind = rehearsal(parcel.to)
        if kind == "bounce":
            return Reply(Stage.RECIPIENT, 550)
        if kind == "defer" and parcel.tries < DEFERRALS:
            return Reply(Stage.RECIPIENT, 451)
        if kind == "slow":
            await self._clock.sleep(SLOW_SECONDS)
        return Reply(Stage.FINAL, 250)

    def close(self) -> None:
        """Nothing to hang up."""
