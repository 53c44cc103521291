"""The bulk sender: spreads what is due, claims it in batches, and hands it over on kept connections.

One addressee goes through two transactions, and no database session is open while a server is talked to: what is about
to be tried is committed first (`claims.py`), and what became of it afterwards (`recorder.py`).
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Mapping

from services.notifications.channels.protocol import Line, Parcel, Road
from services.notifications.channels.roads import Roads, close, is_down
from services.notifications.domain.replies import Reply, Stage
from services.notifications.domain.returns import return_path
from services.notifications.mailings.bodies import Press, To
from services.notifications.mailings.claims import Claims, Mail
from services.notifications.mailings.homes import Homes
from services.notifications.mailings.outgoing import parts
from services.notifications.mailings.owner import BulkOwner
from services.notifications.mailings.recorder import MailingRecorder
from services.notifications.mailings.spread import spread_next
from services.notifications.settings import NotificationsSettings
from services.notifications.store import mailings as store
from shared.db.engine import is_passing
from shared.due.worker import Gate, always_open
from shared.events.people import Channel
from shared.kit import Kit
from shared.links import Links
from shared.messaging.outbox import say
from shared.observe.logging import get_logger

POLL_SECONDS = 0.5  # real seconds between looks when nothing wakes us
DOWN_SECONDS = 1.0  # real seconds between looks while the mail server is away
FINISH_SECONDS = 1.0  # real seconds between looks for mailings that are over
DRAIN_SECONDS = 5.0
COLLECT_AFTER = 50_000  # new objects; Python itself would say 700
OTHER_LINES = 4  # at once by each of the channels that are not e-mail
log = get_logger()


class MailingSender:
    """Sends mailings. Several may run: each claims its own and adopts what a dead one left."""

    def __init__(self, kit: Kit, settings: NotificationsSettings, roads: Roads, gate: Gate = always_open) -> None:
        secret = settings.secret(kit.settings.demo)
        links = Links(kit.settings) if kit.settings.session_key else None
        self.kit = kit
        self.settings = settings
        self.secret = secret
        self.roads = roads
        self.gate = gate
        self.press = Press(settings, secret, kit.settings.portal_url, links)
        self.recorder = MailingRecorder(kit, settings)
        self.owner = BulkOwner(kit, self.recorder)
        self.claims = Claims(kit, settings, self.owner, Homes(settings, secret, roads))
        self.queues: Mapping[Channel, asyncio.Queue[Mail]] = {channel: asyncio.Queue() for channel in roads}
        self.busy = 0
        self.stopping = False
        self._room = asyncio.Event()
        self._finished_at = 0.0

    async def run(self) -> None:
        """Send until cancelled. Begins when the roster has been read up to date: a right may have been lost."""
        self.stopping = False
        while not await self.gate():
            self.kit.due_planned.clear()
            await self._rest()
        spare_the_collector()
        try:
            async with asyncio.TaskGroup() as group:
                for task in (self.recorder.run, self.recorder.speak, self.owner.keep, self._spread):
                    group.create_task(task())
                self._employ(group)
                try:
                    await self._look()
                finally:
                    await self._drain()
        finally:
            close(self.roads)

    def _employ(self, group: asyncio.TaskGroup) -> None:
        """As many workers for e-mail as it has connections, a few for every other channel."""
        for channel, road in self.roads.items():
            count = self.settings.bulk_connections if channel is Channel.EMAIL else OTHER_LINES
            for _ in range(count):
                group.create_task(self._work(road, self.queues[channel]))

    async def _look(self) -> None:
        """Claim ahead of the workers, by no more than a batch: what is claimed and not sent is late elsewhere."""
        while True:
            self.kit.due_planned.clear()
            await self.owner.held.wait()
            claimed, mails = await self.claims.take(1 if is_down(self.roads) else self.settings.bulk_batch)
            for mail in mails:
                self.queues[mail.way.channel].put_nowait(mail)
            await self._until_there_is_room()
            if claimed and is_down(self.roads):
                await asyncio.sleep(DOWN_SECONDS)
            elif not claimed:
                await self._finish()
                await self._rest()

    async def _spread(self) -> None:
        """Spread what is due, beside the sending."""
        while True:
            try:
                found = await spread_next(self.kit)
            except Exception as fault:
                passing = is_passing(fault)
                log.error("mailing not spread", exc_info=None if passing else fault, fault=type(fault).__name__)
                found = False
            if not found:
                await asyncio.sleep(POLL_SECONDS)

    def _waiting(self) -> int:
        return sum(queue.qsize() for queue in self.queues.values())

    async def _until_there_is_room(self) -> None:
        while self._waiting() > self.settings.bulk_batch // 2:
            self._room.clear()
            await self._room.wait()

    async def _finish(self) -> None:
        """End the mailings of which nothing is open, and say so."""
        if time.monotonic() - self._finished_at < FINISH_SECONDS:
            return
        self._finished_at = time.monotonic()
        now = self.kit.clock.now()
        try:
            async with self.kit.sessions.begin() as session:
                for mailing in await store.finish(session):
                    await say(session, self.kit.tables, parts(mailing, (), 0, now), now)
        except Exception as fault:
            if not is_passing(fault):
                raise
            log.warning("mailings not ended", fault=type(fault).__name__)
        self.kit.outbox_written.set()

    async def _drain(self) -> None:
        """Let the conversations that have begun come to their end; what has not begun is given back."""
        self.stopping = True
        left = []
        for queue in self.queues.values():
            while not queue.empty():
                left.append(queue.get_nowait())
        deadline = time.monotonic() + DRAIN_SECONDS
        try:
            await self.recorder.give_back(left)
            while self.busy and time.monotonic() < deadline:  # noqa: ASYNC110 - many workers, seldom
                await asyncio.sleep(0.01)
            await self.recorder.say_over()
        except Exception as fault:
            log.warning("mails left for others to adopt", fault=type(fault).__name__)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self.kit.due_planned.wait()
        except TimeoutError:
            pass

    async def _work(self, road: Road, queue: asyncio.Queue[Mail]) -> None:
        """Send one mail after the other, and write down what became of each before the line is given back."""
        while True:
            mail = await queue.get()
            if queue.qsize() <= self.settings.bulk_batch // 2:
                self._room.set()
            self.busy += 1
            try:
                async with road.line() as line:
                    await self.recorder.record(mail, await self._send(line, mail))
            finally:
                self.busy -= 1

    async def _send(self, line: Line, mail: Mail) -> Reply:
        """The reply; a fault of our own while writing the mail counts as a try, so that it ends some day."""
        if self.stopping:
            return Reply(Stage.CONNECT, None)
        try:
            parcel = self._parcel(mail)
        except Exception as fault:
            log.error("mail not written", delivery=str(mail.row.delivery_id), exc_info=fault)
            return Reply(Stage.DATA, None)
        return await line.send(parcel)

    def _parcel(self, mail: Mail) -> Parcel:
        row, domain = mail.row, self.settings.return_domain
        return Parcel(
            to=mail.way.address,
            message=self._message(mail),
            tries=row.tries,
            return_path=return_path(self.secret, row.delivery_id, domain, mail.fingerprint) if domain else None,
            delivery_id=row.delivery_id,
        )

    def _message(self, mail: Mail) -> bytes:
        if mail.way.channel is Channel.SMS:
            return self.press.text_message(mail.mailing, mail.look)
        if mail.way.channel is Channel.PUSH:
            return self.press.notice(mail.mailing, mail.look)
        to = To(mail.row.person_id, mail.row.delivery_id, mail.way.address)
        return self.press.mail(mail.mailing, mail.look, mail.classes, to, self.kit.clock.now())


def spare_the_collector() -> None:
    """Let Python's cycle collector look seldom, and not at what was there from the start.

    Each batch makes tens of thousands of objects without cycles; looking through all there are for each of them took
    a quarter of this process's time. What has cycles is still found, after more has been made.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)
