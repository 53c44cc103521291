"""How the service is doing, said to those who answer for it: when something changes, and at least every half-hour."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.engine import is_passing
from shared.events.envelope import Outgoing
from shared.events.operations import HealthReported, SourceHealth
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe.logging import get_logger
from shared.observe.tracing import new_traceparent

EVERY_SECONDS = 15.0  # real ones: people look at it
AT_LEAST_EVERY = timedelta(minutes=30)
Sources = Callable[[AsyncSession], Awaitable[Sequence[SourceHealth]]]
State = tuple[int, tuple[SourceHealth, ...]]
log = get_logger()


@dataclass
class Health:
    """Reports one service. `sources` says how the registries that are connected are doing; only one service has any."""

    kit: Kit
    sources: Sources | None = None
    _said: HealthReported | None = field(default=None, init=False)

    async def report(self) -> bool:
        """Say how the service is if that is news; True when it was said."""
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            dead_letters, sources = await self._state(session)
            event = HealthReported(
                service=self.kit.service,
                version=self._next_version(int(now.timestamp() * 1000)),
                dead_letters=dead_letters,
                sources=sources,
                reported_at=now,
            )
            if not self._is_news(event):
                return False
            await say(session, self.kit.tables, [Outgoing(event, new_traceparent())], now)
        self._said = event
        self.kit.outbox_written.set()
        return True

    async def _state(self, session: AsyncSession) -> State:
        letter = self.kit.tables.dead_letter
        waiting = select(func.count()).select_from(letter).where(letter.c.replayed_at.is_(None))
        sources = await self.sources(session) if self.sources else ()
        return await session.scalar(waiting) or 0, tuple(sources)

    def _is_news(self, event: HealthReported) -> bool:
        """What only got later (a source that works and has nothing new) is no news before half an hour has passed."""
        said = self._said
        if said is None or event.reported_at - said.reported_at >= AT_LEAST_EVERY:
            return True
        return (said.dead_letters, _lasting(said)) != (event.dead_letters, _lasting(event))

    def _next_version(self, milliseconds: int) -> int:
        return max(milliseconds, self._said.version + 1 if self._said else 0)


async def report_health(kit: Kit, sources: Sources | None = None) -> None:
    """A kit task: report for as long as the service runs. A database that is away is tried again at the next look."""
    health = Health(kit, sources)
    while True:
        try:
            await health.report()
        except Exception as fault:
            if not is_passing(fault):
                raise
            log.warning("health not reported", fault=type(fault).__name__)
        await asyncio.sleep(EVERY_SECONDS)


def _lasting(event: HealthReported) -> list[SourceHealth]:
    return [one.model_copy(update={"last_run_at": None, "last_good_at": None}) for one in event.sources]
