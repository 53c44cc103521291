"""People who do things on pages at certain times, and try again when a service is gone for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import TypeVar
from uuid import UUID

import httpx

from services.demo.visitor import Connections, NotThere, Visitor
from shared.clock import Clock

AT_ONCE = 3  # people at their browsers at the same moment: the day's notices go on beside them
PAUSES = (0.3, 0.5, 1.0, 1.5, 2.0)  # real seconds before something is tried again
PATIENCE = 25.0  # real seconds: a service that was killed is there again after a few
T = TypeVar("T")
Step = Callable[[Visitor], Awaitable[T]]


@dataclass
class Crowd:
    """Everybody who takes part. `failed` says what did not work however often it was tried."""

    clock: Clock
    portal: str
    pages: str
    failed: list[str] = field(default_factory=list)
    again: int = 0
    visitors: dict[UUID, Visitor] = field(default_factory=dict)
    locks: dict[UUID, asyncio.Lock] = field(default_factory=dict)
    connections: Connections = field(default_factory=lambda: Connections(AT_ONCE))
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @property
    def asked(self) -> int:
        """How many requests were made."""
        return sum(one.asked for one in self.visitors.values())

    async def until(self, instant: datetime) -> None:
        """Wait for that time on the demo's clock; not at all when it has been."""
        left = (instant - self.clock.now()).total_seconds()
        if left > 0:
            await self.clock.sleep(left)

    async def does(self, person_id: UUID, what: str, step: Step[T], patience: float = PATIENCE) -> T | None:
        """Let somebody do something. A step may be done again from its beginning, so it looks first at what is there.

        None, and a line in `failed`, when it did not work within the patience (real seconds).
        """
        deadline, tries = monotonic() + patience, 0
        while True:
            try:
                return await self._once(person_id, step)
            except (NotThere, httpx.HTTPError) as fault:
                trouble = f"{what}: {fault or type(fault).__name__}"
            if monotonic() > deadline:
                self.failed.append(trouble)
                return None
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries, self.again = tries + 1, self.again + 1

    async def _once(self, person_id: UUID, step: Step[T]) -> T:
        """One person does one thing at a time, and few people do something at the same moment."""
        async with self.locks.setdefault(person_id, asyncio.Lock()), self.gate:
            visitor = self.visitors.get(person_id)
            if visitor is None:
                visitor = Visitor(self.portal, self.pages, person_id, self.connections)
                await visitor.step_in()
                self.visitors[person_id] = visitor
            return await step(visitor)

    async def end(self) -> None:
        """Close what is open."""
        await self.connections.end()
