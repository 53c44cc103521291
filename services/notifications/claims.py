"""Claiming what is due.

One transaction locks a batch, decides from the roster of this moment, and writes down what is about to be tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.channels.protocol import Channel
from services.notifications.domain.addresses import fingerprint, rehearsal
from services.notifications.domain.models import Because, Delivery, Request
from services.notifications.domain.planning import Candidate, Plan, plan
from services.notifications.messages import Letter
from services.notifications.outgoing import said
from services.notifications.owner import Owner
from services.notifications.recipients import Recipients
from services.notifications.store import requests as store
from services.notifications.store.requests import Attempt
from shared.db.engine import is_passing
from shared.events.roster import SchoolStated
from shared.ids import new_id
from shared.kit import Kit
from shared.languages import choose
from shared.messaging.outbox import say
from shared.observe.logging import get_logger
from shared.roster.access import Why

FAULT_SECONDS = 1.0
PUT_OFF = timedelta(minutes=1)
log = get_logger()


@dataclass(frozen=True, slots=True)
class Mail:
    """One attempt that is written down and may leave now."""

    attempt: Attempt
    request: Request
    letter: Letter
    channel: Channel
    to: str
    tries: int
    more_addresses: bool


@dataclass(frozen=True)
class Claims:
    """Takes work in the name of one owner."""

    kit: Kit
    owner: Owner
    recipients: Recipients
    email: Channel
    simulated: Channel

    async def take(self, limit: int) -> tuple[int, list[Mail]]:
        """Claim a batch: how many notifications that was, and what may leave now. Raises nothing.

        When handling a batch fails, one is taken alone, and put off when it is to blame.
        """
        try:
            return await self._claim(limit)
        except Exception as fault:
            if is_passing(fault):
                log.warning("sender waits", fault=type(fault).__name__)
                await asyncio.sleep(FAULT_SECONDS)
                return 0, []
            log.error("claim failed", exc_info=fault)
        return await self._take_one()

    async def _take_one(self) -> tuple[int, list[Mail]]:
        async with self.kit.sessions() as session:
            first = await store.claim(session, self.kit.clock.now(), 1)
        try:
            return await self._claim(1)
        except Exception as fault:
            if is_passing(fault) or not first:
                return 0, []
            culprit = first[0].notification_id
            log.error("notification put off", notification=str(culprit), exc_info=fault)
        async with self.kit.sessions.begin() as session:
            await store.put_off(session, culprit, self.kit.clock.now() + PUT_OFF)
        return 1, []

    async def _claim(self, limit: int) -> tuple[int, list[Mail]]:
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            requests = await store.claim(session, now, limit)
            if not requests:
                return 0, []
            situations, schools = await self.recipients.situations(session, requests, now)
            plans = [plan(situation, now) for situation in situations]
            mails = [self._mail(one.step.request, *begun, schools) for one in plans for begun in one.begun]
            await self._write(session, plans, mails, now)
        self.kit.outbox_written.set()
        return len(requests), mails

    async def _write(self, session: AsyncSession, plans: Sequence[Plan], mails: Sequence[Mail], now: datetime) -> None:
        steps = [one.step for one in plans]
        await store.write_steps(session, steps, now)
        await store.begin_attempts(session, [mail.attempt for mail in mails], self.owner.number, now)
        await say(session, self.kit.tables, said(steps, now), now)

    def _mail(
        self, request: Request, delivery: Delivery, candidate: Candidate, schools: Mapping[UUID, SchoolStated]
    ) -> Mail:
        to = candidate.addresses[0]
        channel = self.simulated if rehearsal(to) else self.email
        return Mail(
            attempt=Attempt(
                attempt_id=new_id(),
                delivery_id=delivery.delivery_id,
                channel=channel.name,
                fingerprint=fingerprint(self.recipients.secret, to),
                possible_duplicate=delivery.may_have_arrived,
                why=delivery.why,
            ),
            request=request,
            letter=letter_for(request, candidate, schools.get(request.school_id)),
            channel=channel,
            to=to,
            tries=delivery.tries,
            more_addresses=len(candidate.addresses) > 1,
        )


def letter_for(request: Request, candidate: Candidate, school: SchoolStated | None) -> Letter:
    """Which letter somebody gets. A neutral one never sees the school's name, nor a time and place.

    So it cannot show them, and has no calendar entry: calendars are copied to places nobody here controls, and that
    somebody with a protected identity will be at a place at a time is what they are to be protected from.
    """
    return Letter(
        kind=request.kind,
        language=choose(*candidate.languages, school.language if school else None),
        school="" if school is None or candidate.neutral else school.name,
        neutral=candidate.neutral,
        day=request.day,
        count=request.lesson_count,
        consented=candidate.consented,
        oneself=candidate.why == Why.ONESELF,
        named=candidate.why == Because.NAMED,
        appointment=None if candidate.neutral else request.appointment,
    )
