"""Writes down what became of attempts: all that have come in since the last commit, in one transaction.

A connection is not used again before its result is on disk. So at most one message per connection can have been
taken by a server without our knowing it, whenever the process dies.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.aside import settle_digests
from services.notifications.domain.deliveries import Budget, answered, conclude
from services.notifications.domain.models import Delivery, Request, State, Step
from services.notifications.domain.replies import Outcome
from services.notifications.ladder import await_reading
from services.notifications.outgoing import said
from services.notifications.store import handover
from services.notifications.store import requests as store
from services.notifications.store.requests import Result
from shared.db.engine import is_passing
from shared.events.notify import DeliveryStatus, Lane
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe import metrics
from shared.observe.logging import get_logger

RETRY_SECONDS = 0.5
FAILED = frozenset({DeliveryStatus.BOUNCED, DeliveryStatus.GIVEN_UP})
AMBIGUOUS = (Outcome.UNCERTAIN, Outcome.ORPHANED)
log = get_logger()


class Recorder:
    """Groups the results of one lane into commits. `record` returns when its results are on disk.

    `ladder_minutes`: what must be read is looked at so long after it has arrived (0: never).
    """

    def __init__(self, kit: Kit, budget: Budget, lane: Lane = Lane.URGENT, ladder_minutes: int = 0) -> None:
        self.kit = kit
        self.budget = budget
        self.lane = lane
        self.ladder_minutes = ladder_minutes
        self._tenants: dict[UUID, UUID | None] = {}
        self._waiting: list[tuple[Result, asyncio.Future[None]]] = []
        self._come = asyncio.Event()
        self._taken: list[tuple[Result, asyncio.Future[None]]] = []
        self._open = True

    async def record(self, results: Sequence[Result]) -> None:
        """Hand in results and wait until they are committed. Raises CancelledError when nobody commits any more.

        (A mail client may swallow the cancellation of its conversation; what it then hands in must not wait for ever.)
        """
        if not self._open:
            raise asyncio.CancelledError
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in results]
        self._waiting += zip(results, futures, strict=True)
        self._come.set()
        await asyncio.gather(*futures)

    async def run(self) -> None:
        """Commit what comes in, until cancelled; then let go of whoever still waits."""
        self._open = True
        try:
            while True:
                await self._come.wait()
                self._come.clear()
                self._taken, self._waiting = self._waiting, []
                await self._until_written([result for result, _ in self._taken])
                for _, future in self._taken:
                    if not future.done():
                        future.set_result(None)
        finally:
            self._open = False
            for _, future in (*self._taken, *self._waiting):
                future.cancel()

    async def _until_written(self, results: Sequence[Result]) -> None:
        """Nothing is sent meanwhile that could not be written down, so waiting here holds everything safely.

        Results that cannot be written together are written one by one; one that never can be stays open.
        """
        while True:
            try:
                steps = await self._write(results)
            except Exception as fault:
                if not is_passing(fault):
                    await self._one_by_one(results, fault)
                    return
                log.warning("results wait", fault=type(fault).__name__, results=len(results))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                break
        self._wake(steps)
        _count(results)

    async def _one_by_one(self, results: Sequence[Result], fault: Exception) -> None:
        if len(results) == 1:
            log.error("result not written", attempt=str(results[0].attempt_id), exc_info=fault)
            return
        for result in results:
            await self._until_written([result])

    async def _write(self, results: Sequence[Result]) -> list[Step]:
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            requests = await store.locked(session, (result.notification_id for result in results))
            open_still = await store.finish_attempts(session, results, now)
            fresh = [result for result in results if result.attempt_id in open_still]
            steps = await self._steps(session, requests, fresh, now)
            await store.write_steps(session, steps, now)
            await await_reading(session, steps, self.ladder_minutes, now)
            await handover.count(session, await self._handed(session, steps, fresh), now)
            await settle_digests(session, steps, now)
            await say(session, self.kit.tables, said(steps, now), now)
        return steps

    async def _handed(
        self, session: AsyncSession, steps: Sequence[Step], fresh: Sequence[Result]
    ) -> list[handover.Handed]:
        """What the status page counts: messages taken, those whose fate is unknown, and those that have failed."""
        schools = {step.request.notification_id: step.request.school_id for step in steps}
        if unknown := set(schools.values()) - self._tenants.keys():
            found = await store.tenants_of(session, unknown)
            self._tenants |= {school: tenant for school, tenant in found.items() if tenant}
        over = {one.delivery_id for step in steps for one in step.settled() if one.status in FAILED}
        return [
            (
                self._tenants.get(schools[result.notification_id]),
                self.lane,
                result.in_time,
                Outcome.REFUSED if result.delivery_id in over else result.outcome,
            )
            for result in fresh
            if result.notification_id in schools
            and (result.delivery_id in over or result.outcome is not Outcome.REFUSED)
        ]

    async def _steps(
        self, session: AsyncSession, requests: Sequence[Request], results: Sequence[Result], now: datetime
    ) -> list[Step]:
        deliveries = await store.deliveries_of(session, (request.notification_id for request in requests))
        by_notification: dict[UUID, dict[UUID, Result]] = defaultdict(dict)
        for result in results:
            by_notification[result.notification_id][result.delivery_id] = result
        return [
            settle(request, deliveries[request.notification_id], mine, self.budget, now)
            for request in requests
            if (mine := by_notification.get(request.notification_id))
        ]

    def _wake(self, steps: Sequence[Step]) -> None:
        """Let the relay publish, and the sender look again where something became due by this."""
        self.kit.outbox_written.set()
        now = self.kit.clock.now()
        if any(step.request.retracted or _is_due(step.state, now) for step in steps):
            self.kit.due_planned.set()


def settle(
    request: Request, deliveries: Sequence[Delivery], results: dict[UUID, Result], budget: Budget, now: datetime
) -> Step:
    """The step a notification takes by these results, by delivery id."""
    after = [
        answered(delivery, result.outcome, result.more_ways, budget, now)
        if (result := results.get(delivery.delivery_id))
        else delivery
        for delivery in deliveries
    ]
    return Step(request, deliveries, after, conclude(request, after, now))


def _count(results: Sequence[Result]) -> None:
    for result in results:
        metrics.MESSAGES.labels(result.channel, result.outcome).inc()
        if result.outcome in AMBIGUOUS:
            metrics.UNCERTAIN.labels(result.channel).inc()


def _is_due(state: State, now: datetime) -> bool:
    return state.next_attempt_at is not None and state.next_attempt_at <= now
