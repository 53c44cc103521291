"""The loop of each source: a turn every so often, at once on a hint, and a subscription kept alive."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.registry.errors import NotOffered
from services.registry.feeds.http import Api, make_client
from services.registry.hints import Hints
from services.registry.importer import Importer
from services.registry.settings import Source
from services.registry.store import runs
from services.registry.store.runs import Subscription
from services.registry.sync import SourceSync
from shared.db.engine import is_passing
from shared.errors import SkolbroError
from shared.observe.logging import get_logger

SHORTEST_REST = 0.2  # real seconds between two turns, however fast the clock runs or hints come
RENEW_BEFORE = timedelta(days=7)
PROLONG_BY = timedelta(days=90)
log = get_logger()


@dataclass
class SourceJob:
    """Keeps one source's rows up to date for as long as the service runs."""

    source: Source
    importer: Importer
    hints: Hints

    async def run(self) -> None:
        """Take turns until cancelled. A source that is away is tried again; no fault of it reaches the others."""
        async with make_client() as client:
            api = Api(self.source, client)
            sync = SourceSync(self.source, api, self.importer)
            while True:
                self.hints.still(self.source.name)
                await self._turn(sync, api)
                await self._rest()

    async def _turn(self, sync: SourceSync, api: Api) -> None:
        try:
            run = await sync.pull()
            if self.source.webhook_url and not run.errors:
                await keep_subscribed(self.source.webhook_url, self.source.name, api, self.importer)
            for error in run.errors:
                log.warning("source has a fault", source=self.source.name, error=error)
        except SkolbroError as fault:
            log.warning("source has a fault", source=self.source.name, error=str(fault))
        except Exception as fault:
            if not is_passing(fault):
                raise
            log.warning("turn waits", source=self.source.name, fault=type(fault).__name__)

    async def _rest(self) -> None:
        """Until the next turn is due on the service's clock, or a hint comes."""
        await asyncio.sleep(SHORTEST_REST)
        waits = [
            asyncio.ensure_future(self.hints.rung(self.source.name)),
            asyncio.ensure_future(self.importer.kit.clock.sleep(self.source.poll_seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def keep_subscribed(target: str, source: str, api: Api, importer: Importer) -> None:
    """Have the source tell us about changes: subscribe once, prolong a week before it runs out."""
    now = importer.kit.clock.now()
    async with importer.kit.sessions() as session:
        ours = await runs.subscription_of(session, source)
    if ours and ours.target == target and ours.expires_at > now + RENEW_BEFORE:
        return
    remote_id, expires_at = await _subscribe(api, target, ours, now)
    async with importer.kit.sessions.begin() as session:
        await runs.remember_subscription(session, source, Subscription(target, remote_id, expires_at))
    log.info("subscribed", source=source, subscription=remote_id)


async def _subscribe(api: Api, target: str, ours: Subscription | None, now: datetime) -> tuple[str, datetime]:
    if ours and ours.target == target and ours.expires_at > now:
        try:
            return await api.prolong(ours.remote_id, now + PROLONG_BY)
        except NotOffered:  # it has forgotten us, or lets nobody prolong
            log.info("subscription is gone", source=api.source.name)
    return await api.subscribe(target)
