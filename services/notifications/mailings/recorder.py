"""Writes down what became of mails: all that have come in since the last commit, in one statement.

A connection is not used again before its result is on disk. So at most one message per connection can have been taken
by a server without our knowing it, whenever the process dies. What is over is said a little later, for hundreds at
once: until then it stays its owner's, so that whoever adopts a dead process's work says it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.deliveries import Budget, answered
from services.notifications.domain.mailings import Mailing
from services.notifications.domain.models import Delivery
from services.notifications.domain.replies import Outcome, Reply, outcome_of
from services.notifications.mailings.claims import Mail
from services.notifications.mailings.ledger import Ledger
from services.notifications.mailings.outgoing import LARGEST, parts
from services.notifications.settings import NotificationsSettings
from services.notifications.store import handover
from services.notifications.store import mailings as store
from services.notifications.store.mailings import Answer
from shared.db.engine import is_passing
from shared.events.notify import DeliveryStatus, Lane
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe import metrics
from shared.observe.logging import get_logger

RETRY_SECONDS = 0.5
SAY_SECONDS = 1.0  # real seconds that what is over may wait for company
log = get_logger()


@dataclass(frozen=True, slots=True)
class Done:
    """A mail with what became of it."""

    mail: Mail
    outcome: Outcome
    answer: Answer
    in_time: bool


class MailingRecorder:
    """Groups results into commits. `record` returns when its result is on disk."""

    def __init__(self, kit: Kit, settings: NotificationsSettings) -> None:
        self.kit = kit
        self.budget = Budget(timedelta(seconds=settings.bulk_retry_seconds), settings.bulk_tries)
        self.ledger = Ledger(kit)
        self.owner = 0
        self._waiting: list[tuple[Done, asyncio.Future[None]]] = []
        self._taken: list[tuple[Done, asyncio.Future[None]]] = []
        self._come = asyncio.Event()
        self._over: list[Done] = []
        self._many_over = asyncio.Event()
        self._open = True

    async def record(self, mail: Mail, reply: Reply) -> None:
        """Hand in a result and wait until it is committed. Raises CancelledError when nobody commits any more."""
        if not self._open:
            raise asyncio.CancelledError
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((self._done(mail, reply), future))
        self._come.set()
        await future

    def _done(self, mail: Mail, reply: Reply) -> Done:
        now, outcome = self.kit.clock.now(), outcome_of(reply)
        row = mail.row
        before = Delivery(
            row.delivery_id,
            mail.mailing.mailing_id,
            row.person_id,
            mail.why,
            DeliveryStatus.SENDING,
            row.tries,
            row.may_have_arrived,
        )
        after = answered(before, outcome, mail.more, self.budget, now)
        answer = Answer(
            mailing_id=mail.mailing.mailing_id,
            person_id=row.person_id,
            status=after.status,
            tries=after.tries,
            may_have_arrived=after.may_have_arrived,
            retry_at=after.retry_at,
            code=reply.code,
            refused=outcome is Outcome.REFUSED,
        )
        waited = now - max(row.due_at, mail.mailing.send_at)
        if outcome is Outcome.ACCEPTED:
            seconds = waited.total_seconds() / self.kit.settings.clock_speed
            metrics.HANDOVER_SECONDS.labels(Lane.BULK.value).observe(seconds)
        return Done(mail, outcome, answer, handover.is_in_time(waited, self.kit.settings.clock_speed))

    async def run(self) -> None:
        """Commit what comes in, until cancelled; then let go of whoever still waits."""
        self._open = True
        try:
            while True:
                await self._come.wait()
                self._come.clear()
                self._taken, self._waiting = self._waiting, []
                await self._until_written([done for done, _ in self._taken])
                for _, future in self._taken:
                    if not future.done():
                        future.set_result(None)
        finally:
            self._open = False
            for _, future in (*self._taken, *self._waiting):
                future.cancel()
            await self.ledger.close()

    async def _until_written(self, results: Sequence[Done]) -> None:
        """Nothing is sent meanwhile that could not be written down, so waiting here holds everything safely."""
        while True:
            try:
                await self._write([done.answer for done in results])
            except Exception as fault:
                if not may_pass(fault) and len(results) > 1:
                    for done in results:
                        await self._until_written([done])
                    return
                if not may_pass(fault):
                    log.error("result not written", delivery=str(results[0].mail.row.delivery_id), exc_info=fault)
                    return
                log.warning("results wait", fault=type(fault).__name__, results=len(results))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                break
        self._count(results)

    async def _write(self, answers: Sequence[Answer]) -> None:
        await self.ledger.write(answers, self.owner, self.kit.clock.now())

    def _count(self, results: Sequence[Done]) -> None:
        for (channel, outcome), count in Counter((done.mail.way.channel, done.outcome) for done in results).items():
            metrics.MESSAGES.labels(channel, outcome).inc(count)
            if outcome is Outcome.UNCERTAIN:
                metrics.UNCERTAIN.labels(channel).inc(count)
        self._over += [done for done in results if done.answer.retry_at is None]
        if len(self._over) >= LARGEST:
            self._many_over.set()
        if any(done.answer.retry_at and done.outcome is Outcome.REFUSED for done in results):
            self.kit.due_planned.set()

    async def speak(self) -> None:
        """Say what is over, soon and for many at once, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(SAY_SECONDS):
                    await self._many_over.wait()
            except TimeoutError:
                pass
            self._many_over.clear()
            await self.say_over()

    async def say_over(self) -> None:
        """Say what is over now. What cannot be said now is said later."""
        for _ in range(0, len(self._over), LARGEST):
            first, self._over = self._over[:LARGEST], self._over[LARGEST:]
            try:
                await self._say(first)
            except Exception as fault:
                self._over = [*first, *self._over]
                if not may_pass(fault):
                    log.error("ends of mailings not said", exc_info=fault)
                await asyncio.sleep(RETRY_SECONDS)
                return

    async def _say(self, results: Sequence[Done]) -> None:
        now = self.kit.clock.now()
        mailings = {done.mail.mailing.mailing_id: done.mail.mailing for done in results}
        async with self.kit.sessions.begin() as session:
            for mailing_id, mailing in sorted(mailings.items()):
                mine = [done.mail.row.person_id for done in results if done.answer.mailing_id == mailing_id]
                await self._say_of(session, mailing, mine, self.owner, now)
            counted = ((one.mail.mailing.tenant_id, Lane.BULK, one.in_time, one.outcome) for one in results)
            await handover.count(session, counted, now)
        self.kit.outbox_written.set()

    async def _say_of(
        self, session: AsyncSession, mailing: Mailing, people: Iterable[UUID], owner: int, now: datetime
    ) -> None:
        over = await store.release(session, mailing.mailing_id, list(people), owner)
        if over:
            still = max(1, await store.still_open(session, mailing.mailing_id))
            await say(session, self.kit.tables, parts(mailing, over, still, now), now)

    async def adopt(self, owner: int) -> None:
        """Take over what a process that is gone has left: what has no answer is due again, what is over is said."""
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            begun, over = await store.left_by(session, owner, now)
            for mailing_id, people in over.items():
                await self._say_of(session, await store.load(session, mailing_id), people, owner, now)
        if begun:
            log.warning("mails without an answer", owner=owner, mails=begun)
            metrics.MESSAGES.labels(Lane.BULK.value, Outcome.ORPHANED).inc(begun)
        self.kit.outbox_written.set()
        self.kit.due_planned.set()

    async def give_back(self, mails: Sequence[Mail]) -> None:
        """Let others send what was taken and has not begun."""
        now = self.kit.clock.now()
        back = [
            Answer(
                mailing_id=mail.mailing.mailing_id,
                person_id=mail.row.person_id,
                status=mail.row.status,
                tries=mail.row.tries,
                may_have_arrived=mail.row.may_have_arrived,
                retry_at=now,
            )
            for mail in mails
        ]
        if back:
            await self._write(back)


def may_pass(fault: Exception) -> bool:
    """True when the same work should be tried again: what the driver itself says is not wrapped on our connection."""
    return is_passing(fault) or isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError)
