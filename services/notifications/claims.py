"""Claiming what is due on one lane.

One transaction locks a batch, decides from the roster of this moment, and writes down what is about to be tried.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.aside import keep_aside, settle_digests
from services.notifications.channels.protocol import Road, Way
from services.notifications.channels.roads import Roads
from services.notifications.digesting import Digest
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.letters import Letter
from services.notifications.domain.models import Because, Delivery, Request
from services.notifications.domain.planning import Candidate, Plan, plan, postponed
from services.notifications.outgoing import said
from services.notifications.owner import Owner
from services.notifications.recipients import Found, Recipients
from services.notifications.store import requests as store
from services.notifications.store.limits import domain_of, next_minute, within_limits
from services.notifications.store.requests import Attempt
from shared.db.engine import is_passing
from shared.events.notify import DeliveryStatus, Lane, NotificationKind
from shared.events.people import Channel
from shared.events.roster import SchoolStated
from shared.ids import new_id
from shared.kit import Kit
from shared.languages import choose
from shared.messaging.outbox import say
from shared.observe.logging import get_logger
from shared.roster.access import Why

FAULT_SECONDS = 1.0
PUT_OFF = timedelta(minutes=1)
NO_DIGEST = Digest()
log = get_logger()


@dataclass(frozen=True, slots=True)
class Mail:
    """One attempt that is written down and may leave now. `let_go`: when it was to leave, at the earliest."""

    attempt: Attempt
    request: Request
    person_id: UUID | None
    tenant_id: UUID | None
    letter: Letter
    road: Road
    way: Way
    tries: int
    more_ways: bool
    let_go: datetime


@dataclass(frozen=True)
class Claims:
    """Takes work of one lane in the name of one owner. `limits`: most mails a minute to these domains."""

    kit: Kit
    lane: Lane
    owner: Owner
    recipients: Recipients
    roads: Roads
    limits: Mapping[str, int]

    async def take(self, limit: int) -> tuple[int, list[Mail]]:
        """Claim a batch: how many notifications that was, and what may leave now. Raises nothing.

        When handling a batch fails, one is taken alone, and put off when it is to blame.
        """
        try:
            return await self._claim(limit)
        except Exception as fault:
            if is_passing(fault):
                log.warning("sender waits", lane=self.lane, fault=type(fault).__name__)
                await asyncio.sleep(FAULT_SECONDS)
                return 0, []
            log.error("claim failed", lane=self.lane, exc_info=fault)
        return await self._take_one()

    async def _take_one(self) -> tuple[int, list[Mail]]:
        async with self.kit.sessions() as session:
            first = await store.claim(session, self.lane, self.kit.clock.now(), 1)
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
            requests = await store.claim(session, self.lane, now, limit)
            if not requests:
                return 0, []
            found = await self.recipients.situations(session, requests, now)
            plans = [plan(situation, now) for situation in found.situations]
            plans = await self._within_limits(session, plans, now)
            mails = [self._mail(one, *begun, found) for one in plans for begun in one.begun]
            await self._write(session, plans, mails, now)
        self.kit.outbox_written.set()
        return len(requests), mails

    async def _within_limits(self, session: AsyncSession, plans: Sequence[Plan], now: datetime) -> list[Plan]:
        """The plans without what a domain does not take in this minute any more; it waits for the next one.

        What hurries is not asked about: it is little, and must wait neither for a bulletin to the same domain nor for
        the counter while another lane has it locked.
        """
        if self.lane is Lane.URGENT or not self.limits:
            return list(plans)
        to = [(d.delivery_id, one.ways[0]) for made in plans for d, one in made.begun]
        domains = [(one, domain_of(way.address)) for one, way in to if way.channel is Channel.EMAIL]
        granted = Counter(await within_limits(session, Counter(domain for _, domain in domains), self.limits, now))
        late = set()
        for one, domain in domains:
            granted[domain] -= 1
            if granted[domain] < 0:
                late.add(one)
        return [postponed(made, late, next_minute(now), now) for made in plans] if late else list(plans)

    async def _write(self, session: AsyncSession, plans: Sequence[Plan], mails: Sequence[Mail], now: datetime) -> None:
        steps = [one.step for one in plans]
        await store.write_steps(session, steps, now)
        await store.begin_attempts(session, [mail.attempt for mail in mails], self.owner.number, now)
        await keep_aside(session, plans, now)
        await settle_digests(session, steps, now)
        await say(session, self.kit.tables, said(steps, now), now)

    def _mail(self, made: Plan, delivery: Delivery, candidate: Candidate, found: Found) -> Mail:
        request, way = made.step.request, candidate.ways[0]
        school = found.schools.get(request.school_id)
        digest = found.digests.get(request.notification_id, NO_DIGEST)
        return Mail(
            attempt=Attempt(
                attempt_id=new_id(),
                delivery_id=delivery.delivery_id,
                channel=way.channel,
                fingerprint=fingerprint(self.recipients.secret, way.address),
                possible_duplicate=delivery.may_have_arrived,
                why=delivery.why,
            ),
            request=request,
            person_id=delivery.person_id,
            tenant_id=school.tenant_id if school else None,
            letter=letter_for(request, candidate, school, digest),
            road=self.roads[way.channel],
            way=way,
            tries=delivery.tries,
            more_ways=len(candidate.ways) > 1,
            let_go=let_go(made, delivery),
        )


def let_go(made: Plan, delivery: Delivery) -> datetime:
    """When a message was to leave: when it was asked for, or when a night, a digest or a limit let it go."""
    request = made.step.request
    held = [
        one.retry_at
        for one in made.step.before
        if one.delivery_id == delivery.delivery_id and one.status is DeliveryStatus.PENDING and one.retry_at
    ]
    digest = [request.due_at] if request.kind is NotificationKind.DIGEST and request.due_at else []
    return max([request.requested_at, *held, *digest])


def letter_for(
    request: Request, candidate: Candidate, school: SchoolStated | None, digest: Digest = NO_DIGEST
) -> Letter:
    """Which letter somebody gets. A neutral one never sees the school's name, nor a time and place.

    So it cannot show them, and has no calendar entry: calendars are copied to places nobody here controls, and that
    somebody with a protected identity will be at a place at a time is what they are to be protected from.
    """
    neutral = candidate.neutral or digest.neutral
    return Letter(
        kind=request.kind,
        language=choose(*candidate.languages, school.language if school else None),
        school="" if school is None or neutral else school.name,
        neutral=neutral,
        day=request.day,
        count=request.lesson_count,
        consented=candidate.consented,
        oneself=candidate.why == Why.ONESELF,
        named=candidate.why == Because.NAMED,
        appointment=None if neutral else request.appointment,
        breaks=candidate.breaks,
        rung=request.rung,
        digest=digest.lines,
    )
