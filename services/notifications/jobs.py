"""The sender: takes what is due and sends it.

One notification goes through two transactions and no database session is open while a server is talked to:
what is about to be tried is committed first (`claims.py`), and what became of it afterwards (`recorder.py`).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.notifications.channels import roads
from services.notifications.channels.protocol import Line, Parcel
from services.notifications.channels.roads import Roads
from services.notifications.claims import Claims, Mail
from services.notifications.domain.deliveries import Budget
from services.notifications.domain.letters import Addressed
from services.notifications.domain.replies import Outcome, Reply, Stage, outcome_of
from services.notifications.domain.returns import return_path
from services.notifications.messages import Composer
from services.notifications.owner import Owner
from services.notifications.recipients import Recipients
from services.notifications.recorder import Recorder
from services.notifications.settings import NotificationsSettings
from services.notifications.store.handover import is_in_time
from services.notifications.store.requests import Result
from services.notifications.store.wordings import Wordings
from shared.due.worker import Gate, always_open
from shared.events.notify import Lane
from shared.events.people import Channel
from shared.kit import Kit
from shared.links import Links
from shared.observe import metrics
from shared.observe.logging import get_logger

POLL_SECONDS = 0.5  # real seconds between looks when nothing wakes us
DOWN_SECONDS = 1.0  # real seconds between looks while the mail server is away
DRAIN_SECONDS = 5.0
log = get_logger()


class Sender:
    """Sends what is on one lane. Several may run: each claims its own and adopts what a dead one left.

    It has an engine room and roads of its own, so that nothing another lane does can hold it up.
    """

    def __init__(
        self,
        kit: Kit,
        settings: NotificationsSettings,
        lane: Lane,
        ways: Roads,
        composer: Composer,
        gate: Gate = always_open,
    ) -> None:
        secret = settings.secret(kit.settings.demo)
        self.kit = kit
        self.settings = settings
        self.lane = lane
        self.roads = ways
        self.gate = gate
        self.secret = secret
        self.composer = composer
        self.recorder = Recorder(kit, budget_of(settings, lane), lane, settings.ladder_minutes)
        self.owner = Owner(kit, self.recorder.record, lane)
        recipients = Recipients(secret, settings.simulate, frozenset(ways), settings.sms_region)
        self.claims = Claims(kit, lane, self.owner, recipients, ways, settings.domain_per_minute)
        self.flying: set[asyncio.Task[None]] = set()
        self.landed = asyncio.Event()
        self.stopping = False

    async def run(self) -> None:
        """Send until cancelled. Begins when the roster has been read up to date: a right may have been lost."""
        self.stopping = False
        while not await self.gate():
            self.kit.due_planned.clear()
            await self._rest()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.recorder.run())
                group.create_task(self.owner.keep())
                try:
                    await self._look(group)
                finally:
                    await self._drain()
        finally:
            roads.close(self.roads)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        while True:
            self.kit.due_planned.clear()
            await self.owner.held.wait()
            claimed, mails = await self.claims.take(1 if roads.is_down(self.roads) else self.settings.send_batch)
            await self.composer.ready()
            for mail in mails:
                self._launch(group, mail)
            await self._until_there_is_room()
            if not claimed:
                await self._rest()
            elif roads.is_down(self.roads):
                await asyncio.sleep(DOWN_SECONDS)

    def _launch(self, group: asyncio.TaskGroup, mail: Mail) -> None:
        task = group.create_task(self._deliver(mail))
        self.flying.add(task)
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[None]) -> None:
        self.flying.discard(task)
        self.landed.set()

    async def _until_there_is_room(self) -> None:
        while len(self.flying) >= self.settings.send_batch:
            self.landed.clear()
            await self.landed.wait()

    async def _drain(self) -> None:
        """Let the conversations that have begun come to their end; what has not begun is put off."""
        self.stopping = True
        if self.flying:
            await asyncio.wait(self.flying, timeout=DRAIN_SECONDS)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self.kit.due_planned.wait()
        except TimeoutError:
            pass

    async def _deliver(self, mail: Mail) -> None:
        """Send one mail and write down what became of it before the line is given back."""
        async with mail.road.line() as line:
            reply = await self._send(line, mail)
            outcome = outcome_of(reply)
            now, speed = self.kit.clock.now(), self.kit.settings.clock_speed
            if outcome is Outcome.ACCEPTED:
                waited = (now - mail.request.requested_at).total_seconds()
                metrics.HANDOVER_SECONDS.labels(self.lane).observe(waited / speed)
            in_time = is_in_time(now - mail.let_go, speed)
            await self.recorder.record([_result(mail, reply, outcome, in_time)])

    def _addressed(self, mail: Mail) -> Addressed:
        request = mail.request
        return Addressed(
            notification_id=request.notification_id,
            delivery_id=mail.attempt.delivery_id,
            to=mail.way.address,
            now=self.kit.clock.now(),
            asked_at=request.requested_at,
            path=request.path,
            person_id=mail.person_id,
            tenant_id=mail.tenant_id,
        )

    def _parcel(self, mail: Mail) -> Parcel:
        """The message, with a return path of its own. A letter on paper has no bytes: it is written when printed."""
        channel, attempt = mail.way.channel, mail.attempt
        paper = channel is Channel.LETTER
        return Parcel(
            to=mail.way.address,
            message=b"" if paper else self.composer.written(channel, mail.letter, self._addressed(mail)),
            tries=mail.tries,
            return_path=return_path(self.secret, attempt.delivery_id, self.settings.return_domain, attempt.fingerprint),
            delivery_id=attempt.delivery_id,
        )

    async def _send(self, line: Line, mail: Mail) -> Reply:
        """The reply; a fault of our own while writing the letter counts as a try, so that it ends some day."""
        if self.stopping:
            return Reply(Stage.CONNECT, None)
        try:
            parcel = self._parcel(mail)
        except Exception as fault:
            log.error("letter not written", delivery=str(mail.attempt.delivery_id), exc_info=fault)
            return Reply(Stage.DATA, None)
        return await line.send(parcel)


def composer_of(kit: Kit, settings: NotificationsSettings) -> Composer:
    """What writes the letters of one lane. Without a session key (in a test) they have no links to unsubscribe by."""
    links = Links(kit.settings) if kit.settings.session_key else None
    secret = settings.secret(kit.settings.demo)
    return Composer(settings, secret, kit.settings.portal_url, links, Wordings(kit))


def budget_of(settings: NotificationsSettings, lane: Lane) -> Budget:
    """How often, and how many times, a message on this lane is tried."""
    seconds, tries = {
        Lane.URGENT: (settings.retry_seconds, settings.tries),
        Lane.NORMAL: (settings.normal_retry_seconds, settings.normal_tries),
        Lane.BULK: (settings.bulk_retry_seconds, settings.bulk_tries),
    }[lane]
    return Budget(timedelta(seconds=seconds), tries)


def _result(mail: Mail, reply: Reply, outcome: Outcome, in_time: bool) -> Result:
    return Result(
        attempt_id=mail.attempt.attempt_id,
        delivery_id=mail.attempt.delivery_id,
        notification_id=mail.request.notification_id,
        channel=mail.way.channel,
        outcome=outcome,
        code=reply.code,
        more_ways=mail.more_ways,
        reference=reply.reference,
        in_time=in_time,
    )
