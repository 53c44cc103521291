"""The shares of the providers of text messages, shared by all processes: what is counted, and when they move."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from services.notifications.domain.failover import Minute, Share, at_rest, chosen, joined, moved
from services.notifications.store import providers as store
from shared.kit import Kit
from shared.observe.logging import get_logger

EVERY = timedelta(seconds=1)  # so often at most are counts written and the shares read again
log = get_logger()


class Balance:
    """Draws a provider for each message. Counts are gathered for a second and written together.

    With the database away the last known shares go on. A crash loses at most a second of counts, which only makes
    the shares move later.
    """

    def __init__(self, kit: Kit, wanted: Mapping[str, int], dice: Callable[[], float] = random.random) -> None:
        self._kit = kit
        self._rest = at_rest(wanted)
        self._dice = dice
        self._counted: dict[tuple[str, datetime], Minute] = {}
        self._written: datetime | None = None
        self.shares: Sequence[Share] = joined(self._rest, ())

    async def draw(self, without: Collection[str] = ()) -> str | None:
        """The provider for the next message; None when all have been tried."""
        now = self._kit.clock.now()
        if self._written is None or now - self._written >= EVERY:
            self._written = now
            await self._settle(now)
        return chosen(self.shares, self._dice(), without)

    def count(self, name: str, failed: bool, slow: bool) -> None:
        """One message was handed to this provider; `failed` is about the provider, never about the recipient."""
        minute = self._kit.clock.now().replace(second=0, microsecond=0)
        before = self._counted.get((name, minute), Minute(name, minute))
        self._counted[name, minute] = replace(
            before, taken=before.taken + 1, failed=before.failed + failed, slow=before.slow + slow
        )

    async def _settle(self, now: datetime) -> None:
        counted, self._counted = self._counted, {}
        try:
            async with self._kit.sessions.begin() as session:
                kept = await store.locked(session, self._rest)
                await store.count(session, counted.values())
                minutes = await store.recent(session, self._rest.keys(), now)
                before = joined(self._rest, kept)
                after = moved(before, minutes, now)
                if after != kept:
                    await store.keep(session, after)
        except (SQLAlchemyError, OSError) as fault:
            log.warning("shares of providers not read", fault=type(fault).__name__)
            return
        self.shares = after
        if after != before:
            log.warning("shares of providers moved", shares={one.name: one.weight for one in after})
