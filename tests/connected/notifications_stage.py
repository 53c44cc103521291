"""A stage for the lanes of single messages: a school with families, a database, and a mail server to script."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import psycopg
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import SecretStr
from sqlalchemy import Table, select

from deploy.embedded.postgres import Postgres
from deploy.embedded.process import free_port
from services.notifications.channels.roads import make_roads
from services.notifications.consumers import ROSTER, readers
from services.notifications.jobs import Sender, composer_of
from services.notifications.ladder import due_handlers
from services.notifications.settings import NotificationsSettings
from services.notifications.store.requests import keep_requests
from services.notifications.tables import delivery, metadata, notification, roster
from services.notifications.tables import kit as tables
from shared.clock import ManualClock
from shared.due.worker import DueWorker
from shared.events.duties import DutyMoved
from shared.events.envelope import Event, Received
from shared.events.notify import Lane, MessageRead, NotificationKind, requested
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.roster import (
    ContactStated,
    Guardianship,
    GuardianshipsStated,
    Marking,
    PersonStated,
    Relation,
    SchoolStated,
)
from shared.ids import new_id
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.roster.access import consent_id
from shared.roster.projection import roster_reader
from tests.stack import kit_off_kafka

NOTICE = NotificationKind.ABSENCE_NOTICE
RETRACTION = NotificationKind.ABSENCE_RETRACTION


class ScriptedSmtp:
    """A real SMTP server on 127.0.0.1. `script[address]` holds its answers, used up one by one; else 250.

    An answer is a code, or after the message was taken: `drop` (the line is cut), `hold` (silence), `slow` (0.5 s).
    Once when `tired`, a connection is ended as idle. With a `password` nobody may send without it.
    """

    def __init__(self, password: str | None = None) -> None:
        self.password = password
        self.port = free_port()
        self.script: dict[str, list[str]] = defaultdict(list)
        self.taken: list[tuple[str, EmailMessage]] = []
        self.tired = False
        self._server: asyncio.Server | None = None
        self._connections: list[Any] = []

    def to(self, address: str) -> list[EmailMessage]:
        """The messages this address was sent and the server took."""
        return [message for recipient, message in self.taken if recipient == address]

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server:
            self._server.close()
            self._server = None
        for one in self._connections:
            if one.transport is not None:
                one.transport.abort()

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=login.password.decode() == self.password, handled=False)

    def _protocol(self) -> SMTP:
        one = SMTP(
            self,
            hostname="mail.test",
            loop=asyncio.get_running_loop(),
            auth_required=self.password is not None,
            auth_require_tls=False,
            authenticator=self._authenticate,
        )
        self._connections.append(one)
        return one

    async def handle_MAIL(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Take the sender, unless the connection has been kept too long."""
        if self.tired:
            self.tired = False
            return "421 timeout, closing"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Refuse or put off whom the script says."""
        answers = self.script[address]
        if answers and answers[0].isdigit():
            return f"{answers.pop(0)} as scripted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take the message, and then maybe fall silent."""
        [address] = envelope.rcpt_tos
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((address, message))
        answers = self.script[address]
        answer = answers.pop(0) if answers else ""
        if answer == "drop":
            server.transport.abort()
        if answer == "hold":
            await asyncio.Event().wait()
        if answer == "slow":
            await asyncio.sleep(0.5)
        return "250 OK"


@dataclass
class BothLanes:
    """The senders of one process that sends for both lanes of single messages."""

    senders: Sequence[Sender]

    async def run(self) -> None:
        """Send on both until cancelled; every cancelling reaches both, and the end of both is waited for."""
        await asyncio.gather(*[sender.run() for sender in self.senders], return_exceptions=True)


@dataclass
class Stage:
    """One school day at one school. Time stands still until the test moves it."""

    kit: Kit
    clock: ManualClock
    settings: NotificationsSettings
    smtp: ScriptedSmtp
    school: SchoolStated = field(
        default_factory=lambda: SchoolStated(
            school_id=uuid4(), version=1, name="Björkskolan", email="exp@bjork.example", language="sv"
        )
    )
    pupil: UUID = field(default_factory=uuid4)
    duty: UUID = field(default_factory=uuid4)
    _version: int = 1

    async def state(self, *events: Event) -> None:
        """Let the roster say this, as the latest."""
        self._version += 1
        said = [event.model_copy(update={"version": self._version}) for event in events]
        received = [Received(event, str(new_id()).encode(), None, event.topic, 0, 0) for event in said]
        async with self.kit.sessions.begin() as session:
            await roster_reader(roster, *ROSTER).handle(session, Batch(received, self.clock.now()))

    async def family(
        self, *ties: tuple[UUID, Relation], born: date = date(2014, 3, 1), marking: Marking = Marking.NONE
    ) -> None:
        """The school, the pupil, and those with a tie."""
        tied = tuple(Guardianship(guardian_id=person, relation=relation) for person, relation in ties)
        await self.state(
            self.school,
            PersonStated(person_id=self.pupil, version=1, born=born, marking=marking),
            GuardianshipsStated(pupil_id=self.pupil, version=1, ties=tied),
        )

    async def pupil_of_age(self, *emails: str, **changes: Any) -> None:
        """The pupil, 18 today, with addresses of their own, and the school."""
        who = {"person_id": self.pupil, "version": 1, "born": date(2008, 11, 23), **changes}
        contact = ContactStated(person_id=self.pupil, version=1, given_name="Ali", family_name="Ek", emails=emails)
        await self.state(self.school, PersonStated(**who), contact)

    async def consent(self, person: UUID, basis: ConsentBasis, *given_by: UUID, **changes: Any) -> None:
        """Those who decide let this person know about the pupil."""
        said: dict[str, Any] = {
            "consent_id": consent_id(self.pupil, person),
            "version": 1,
            "pupil_id": self.pupil,
            "person_id": person,
            "basis": basis,
            "given_by": given_by,
            "starts": date(2026, 8, 1),
        }
        await self.state(ConsentStated(**{**said, **changes}))

    async def guardian(
        self,
        *emails: str,
        language: str | None = None,
        marking: Marking = Marking.NONE,
        phones: tuple[str, ...] = (),
    ) -> UUID:
        """A grown-up with these addresses and numbers."""
        person = uuid4()
        await self.state(
            PersonStated(person_id=person, version=1, marking=marking),
            ContactStated(
                person_id=person,
                version=1,
                given_name="Anna",
                family_name="Ek",
                emails=emails,
                language=language,
                phones=phones,
            ),
        )
        return person

    async def ask(self, kind: NotificationKind = NOTICE, about: UUID | None = None, **changes: Any) -> UUID:
        """Ask for a notification, as the reader of the topic does; returns its id."""
        asked: dict[str, Any] = {
            "notification_id": uuid4(),
            "kind": kind,
            "school_id": self.school.school_id,
            "pupil_id": self.pupil,
            "day": date(2026, 11, 23),
            "duty_id": self.duty,
            "about_id": about,
            "requested_at": self.clock.now(),
        }
        event = requested(**{**asked, **changes})
        received = Received(event, str(new_id()).encode(), None, event.topic, 0, 0)
        async with self.kit.sessions.begin() as session:
            await keep_requests(session, [received], self.clock.now())
        self.kit.due_planned.set()
        return event.notification_id

    def sender(self) -> BothLanes:
        """A sender process, as the service has it: a sender for each lane of single messages."""
        return BothLanes([self.on(lane) for lane in (Lane.URGENT, Lane.NORMAL)])

    def on(self, lane: Lane, **changes: Any) -> Sender:
        """The sender of one lane, with an engine room and connections of its own, and maybe other settings."""
        settings = self.settings.model_copy(update=changes)
        room = self.kit.beside(settings.lane_pool)
        return Sender(room, settings, lane, make_roads(room, settings, lane), composer_of(room, settings))

    async def read(self, about: UUID, person: UUID) -> None:
        """Somebody has read what a message is about, as the reader of the topic hears it."""
        event = MessageRead(about_id=about, person_id=person, at=self.clock.now())
        received = Received(event, str(new_id()).encode(), None, event.topic, 0, 0)
        reader = readers().reads
        assert reader is not None
        async with self.kit.sessions.begin() as session:
            await reader.handle(session, Batch([received], self.clock.now()))

    async def due(self) -> int:
        """Do what is due now; returns how many things that was."""
        return await DueWorker(self.kit, due_handlers()).round()

    async def rows(self, table: Table, *columns: str) -> list[tuple[Any, ...]]:
        """All rows of a table, these columns only."""
        async with self.kit.sessions() as session:
            rows = await session.execute(select(*[table.c[name] for name in columns]))
            return sorted((tuple(row) for row in rows), key=str)

    async def said(self, model: type[Event]) -> list[Any]:
        """The events of one kind in the outbox, in order."""
        outbox = tables.outbox
        async with self.kit.sessions() as session:
            values = await session.scalars(
                select(outbox.c.value).where(outbox.c.event_type == model.event_type).order_by(outbox.c.id)
            )
            return [model.model_validate_json(value) for value in values]

    async def duty_statuses(self) -> list[str]:
        """How the duty has moved so far."""
        return [str(event.status) for event in await self.said(DutyMoved)]

    async def statuses(self, table: Table) -> list[str]:
        """The statuses in a table."""
        return [str(row[0]) for row in await self.rows(table, "status")]

    async def was_sent(self, address: str) -> bool:
        """True when the mail server has taken a message to this address."""
        return bool(self.smtp.to(address))

    async def was_delivered(self, count: int) -> bool:
        """True when so many deliveries are on disk as delivered."""
        return (await self.statuses(delivery)).count("delivered") == count

    async def lose_connections(self) -> None:
        """End every connection to the database, as the death of a process does; its locks go with them."""
        url = self.kit.own.database_url.replace("+psycopg", "")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as apart:
            await apart.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )

    async def is_over(self) -> bool:
        """True when nothing is left to be done for any notification."""
        return set(await self.statuses(notification)) <= {"done", "unreached", "cancelled"}

    async def is_put_off(self) -> bool:
        """True when the sender has looked at every notification and will look again later."""
        again = [row[0] for row in await self.rows(notification, "next_attempt_at")]
        return all(instant is not None and instant > self.clock.now() for instant in again)


@asynccontextmanager
async def staged(
    postgres: Postgres, clock: ManualClock, password: str | None = None, **changes: Any
) -> AsyncIterator[Stage]:
    """A fresh stage without Kafka, its mail server listening; nobody sends yet."""
    smtp = ScriptedSmtp(password)
    await smtp.start()
    kit = kit_off_kafka(postgres, "notifications", metadata, tables, clock)
    try:
        yield Stage(kit, clock, mail_settings(smtp, **changes), smtp)
    finally:
        await smtp.stop()
        await kit.close()


def mail_settings(smtp: ScriptedSmtp, **changes: Any) -> NotificationsSettings:
    """Settings that send to this mail server."""
    usual = {"smtp_port": smtp.port, "message_id_secret": SecretStr("test"), "smtp_timeout": 2, "tries": 3}
    return NotificationsSettings(**{**usual, **changes})


@asynccontextmanager
async def sending(sender: Sender | BothLanes) -> AsyncIterator[asyncio.Task[None]]:
    """The sender at work for as long as the block lasts."""
    task = asyncio.create_task(sender.run())
    try:
        yield task
    finally:
        await killed(task)


async def killed(task: asyncio.Task[None]) -> None:
    """End a sender as `kill -9` does: nothing is brought to its end."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(task, return_exceptions=True)


def addresses(messages: Sequence[tuple[str, EmailMessage]]) -> list[str]:
    """Who was written to."""
    return sorted(address for address, _ in messages)
