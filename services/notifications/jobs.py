"""The sender: takes what is due and sends it.

One notification goes through two transactions and no database session is open while a server is talked to:
what is about to be tried is committed first (`claims.py`), and what became of it afterwards (`recorder.py`).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.notifications.channels.protocol import Channel, Line, Parcel
from services.notifications.claims import Claims, Mail
from services.notifications.domain.deliveries import Budget
from services.notifications.domain.replies import Outcome, Reply, Stage, outcome_of
from services.notifications.messages import Addressed, Composer
from services.notifications.owner import Owner
from services.notifications.recipients import Recipients
from services.notifications.recorder import Recorder
from services.notifications.settings import NotificationsSettings
from services.notifications.store.requests import Result
from shared.due.worker import Gate, always_open
from shared.kit import Kit
from shared.observe import metrics
from shared.observe.logging import get_logger

POLL_SECONDS = 0.5  # real seconds between looks when nothing wakes us
DOWN_SECONDS = 1.0  # real seconds between looks while the mail server is away
DRAIN_SECONDS = 5.0
log = get_logger()


class Sender:
    """Sends one service's messages. Several may run: each claims its own and adopts what a dead one left."""

    def __init__(
        self, kit: Kit, settings: NotificationsSettings, email: Channel, simulated: Channel, gate: Gate = always_open
    ) -> None:
        secret = settings.secret(kit.settings.demo)
        self.kit = kit
        self.settings = settings
        self.email = email
        self.gate = gate
        self.composer = Composer(settings, secret, kit.settings.portal_url)
        self.recorder = Recorder(kit, Budget(timedelta(seconds=settings.retry_seconds), settings.tries))
        self.owner = Owner(kit, self.recorder.record)
        self.claims = Claims(kit, self.owner, Recipients(secret, settings.simulate), email, simulated)
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
            self.email.close()

    async def _look(self, group: asyncio.TaskGroup) -> None:
        while True:
            self.kit.due_planned.clear()
            await self.owner.held.wait()
            claimed, mails = await self.claims.take(1 if self.email.is_down else self.settings.send_batch)
            for mail in mails:
                self._launch(group, mail)
            await self._until_there_is_room()
            if not claimed:
                await self._rest()
            elif self.email.is_down:
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
        async with mail.channel.line() as line:
            reply = await self._send(line, mail)
            outcome = outcome_of(reply)
            if outcome is Outcome.ACCEPTED:
                waited = (self.kit.clock.now() - mail.request.requested_at).total_seconds()
                metrics.HANDOVER_SECONDS.labels("urgent").observe(waited / self.kit.settings.clock_speed)
            await self.recorder.record([_result(mail, reply, outcome)])

    def _addressed(self, mail: Mail) -> Addressed:
        request = mail.request
        return Addressed(
            notification_id=request.notification_id,
            delivery_id=mail.attempt.delivery_id,
            to=mail.to,
            now=self.kit.clock.now(),
            asked_at=request.requested_at,
            path=request.path,
        )

    async def _send(self, line: Line, mail: Mail) -> Reply:
        """The reply; a fault of our own while writing the letter counts as a try, so that it ends some day."""
        if self.stopping:
            return Reply(Stage.CONNECT, None)
        delivery = mail.attempt.delivery_id
        try:
            message = self.composer.message(mail.letter, self._addressed(mail))
        except Exception as fault:
            log.error("letter not written", delivery=str(delivery), exc_info=fault)
            return Reply(Stage.DATA, None)
        return await line.send(Parcel(mail.to, message, mail.tries))


def _result(mail: Mail, reply: Reply, outcome: Outcome) -> Result:
    return Result(
        attempt_id=mail.attempt.attempt_id,
        delivery_id=mail.attempt.delivery_id,
        notification_id=mail.request.notification_id,
        channel=mail.channel.name,
        outcome=outcome,
        code=reply.code,
        more_addresses=mail.more_addresses,
    )
