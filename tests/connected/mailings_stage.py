"""A stage for the bulk lane: a school with two classes, homes, the service with its database, and a mail server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy import Table, select

from deploy.embedded.postgres import Postgres
from services.notifications.channels.roads import make_roads
from services.notifications.mailings.reader import mailing_reader
from services.notifications.mailings.sender import MailingSender
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import addressee, mailing, metadata, roster
from services.notifications.tables import kit as tables
from shared.clock import ManualClock
from shared.events.envelope import Event, Received
from shared.events.notify import Lane, MailingKind, MailingRequested, MailingSettled, MailingText, MailingWithdrawn
from shared.events.people import ConsentStated, PreferencesStated
from shared.events.roster import (
    ContactStated,
    GroupStated,
    Guardianship,
    GuardianshipsStated,
    Marking,
    Membership,
    PersonStated,
    Relation,
    SchoolStated,
)
from shared.ids import new_id
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.roster.projection import roster_reader
from tests.connected.notifications_stage import ScriptedSmtp, killed
from tests.stack import kit_off_kafka

ROSTER = (
    SchoolStated, PersonStated, ContactStated, GuardianshipsStated, GroupStated, PreferencesStated, ConsentStated,
)  # fmt: skip
KEY = "a key for tests that nobody else uses, ever"
TEXTS = tuple(
    MailingText(language=tag, subject=subject, text=f"{text}\n\nÅ", html=f"<h2>{text}</h2><p>Å</p>")
    for tag, subject, text in (("sv", "Klassbrev", "Nu är det höst."), ("en", "Class bulletin", "Autumn is here."))
)


@dataclass
class MailingStage:
    """One school. Time stands still until the test moves it."""

    kit: Kit
    clock: ManualClock
    settings: NotificationsSettings
    smtp: ScriptedSmtp
    tenant: UUID = field(default_factory=uuid4)
    school: UUID = field(default_factory=uuid4)
    author: UUID = field(default_factory=uuid4)
    classes: dict[str, UUID] = field(default_factory=lambda: {"5A": uuid4(), "7B": uuid4()})
    members: dict[str, list[Membership]] = field(default_factory=lambda: {"5A": [], "7B": []})
    ties: dict[UUID, tuple[Guardianship, ...]] = field(default_factory=dict)
    _version: int = 1

    async def state(self, *events: Event) -> None:
        """Let the roster say this, as the latest."""
        self._version += 1
        said = [event.model_copy(update={"version": self._version, "tenant_id": self.tenant}) for event in events]
        received = [Received(event, str(new_id()).encode(), None, event.topic, 0, 0) for event in said]
        async with self.kit.sessions.begin() as session:
            await roster_reader(roster, *ROSTER).handle(session, Batch(received, self.clock.now()))

    async def open(self) -> None:
        """The school and its teacher."""
        await self.state(
            SchoolStated(school_id=self.school, version=1, name="Björkskolan"),
            PersonStated(person_id=self.author, version=1),
            ContactStated(person_id=self.author, version=1, given_name="Eva", family_name="Ek"),
        )

    async def pupil(
        self, group: str, *guardians: UUID, born: date = date(2014, 3, 1), relation: Relation = Relation.GUARDIAN,
        marking: Marking = Marking.NONE, **membership: Any,
    ) -> UUID:  # fmt: skip
        """A pupil in a class."""
        pupil = uuid4()
        self.members[group].append(Membership(person_id=pupil, **membership))
        self.ties[pupil] = tuple(Guardianship(guardian_id=one, relation=relation) for one in guardians)
        await self.state(
            PersonStated(person_id=pupil, version=1, born=born, marking=marking),
            GuardianshipsStated(pupil_id=pupil, version=1, ties=self.ties[pupil]),
            self._group(group),
        )
        return pupil

    def _group(self, name: str) -> GroupStated:
        members = tuple(self.members[name])
        return GroupStated(
            group_id=self.classes[name], version=1, school_id=self.school, name=name, kind="Klass", members=members
        )

    async def guardian(self, *emails: str, language: str | None = None, marking: Marking = Marking.NONE) -> UUID:
        """A grown-up with these addresses."""
        person = uuid4()
        await self.state(PersonStated(person_id=person, version=1, marking=marking))
        await self.contact(person, *emails, language=language)
        return person

    async def contact(self, person: UUID, *emails: str, language: str | None = None) -> None:
        """These are somebody's addresses."""
        await self.state(
            ContactStated(
                person_id=person, version=1, given_name="Anna", family_name="Ek", emails=emails, language=language
            )
        )

    async def prefer(self, person: UUID, **wishes: Any) -> None:
        """What somebody wants."""
        await self.state(PreferencesStated(person_id=person, version=1, **wishes))

    async def ask(self, *groups: str, **changes: Any) -> UUID:
        """Ask for a mailing to these classes, as the reader of the topic does; returns its id."""
        mailing_id = uuid4()
        asked: dict[str, Any] = {
            "mailing_id": mailing_id,
            "kind": MailingKind.BULLETIN,
            "tenant_id": self.tenant,
            "school_id": self.school,
            "about_id": mailing_id,
            "author_id": self.author,
            "group_ids": tuple(self.classes[name] for name in groups),
            "day": date(2026, 11, 23),
            "path": f"/bulletins/{mailing_id}",
            "requested_at": self.clock.now(),
            "send_at": self.clock.now(),
            "texts": TEXTS,
        }
        event = MailingRequested(**{**asked, **changes})
        await self.read(event)
        return event.mailing_id

    async def withdraw(self, mailing_id: UUID) -> None:
        """Take a mailing back."""
        await self.read(MailingWithdrawn(mailing_id=mailing_id, withdrawn_at=self.clock.now()))

    async def read(self, event: Event) -> Batch:
        """Let the bulk reader read this."""
        batch = Batch([Received(event, str(new_id()).encode(), None, event.topic, 0, 0)], self.clock.now())
        async with self.kit.sessions.begin() as session:
            await mailing_reader().handle(session, batch)
        self.kit.due_planned.set()
        return batch

    def sender(self, kit: Kit | None = None, **changes: Any) -> MailingSender:
        """A bulk sender."""
        kit, settings = kit or self.kit, self.settings.model_copy(update=changes)
        return MailingSender(kit, settings, make_roads(kit, settings, Lane.BULK))

    async def rows(self, table: Table, *columns: str) -> list[tuple[Any, ...]]:
        """All rows of a table, these columns only."""
        async with self.kit.sessions() as session:
            rows = await session.execute(select(*[table.c[name] for name in columns]))
            return sorted((tuple(row) for row in rows), key=str)

    async def standing(self) -> dict[UUID, tuple[str, str]]:
        """Status and reason by person."""
        return {row[0]: (row[1], row[2]) for row in await self.rows(addressee, "person_id", "status", "why")}

    async def settled(self) -> list[MailingSettled]:
        """What was said of mailings, in order."""
        outbox = tables.outbox
        mine = select(outbox.c.value).where(outbox.c.event_type == MailingSettled.event_type).order_by(outbox.c.id)
        async with self.kit.sessions() as session:
            return [MailingSettled.model_validate_json(value) for value in await session.scalars(mine)]

    async def is_over(self) -> bool:
        """True when every mailing is over."""
        return {row[0] for row in await self.rows(mailing, "status")} <= {"done", "withdrawn"}

    async def is_at_rest(self) -> bool:
        """True when everything has been looked at: nothing is in hand, and nothing is due now."""
        if any(
            row[0] == "waiting" and row[1] <= self.clock.now() for row in await self.rows(mailing, "status", "send_at")
        ):
            return False
        rows = await self.rows(addressee, "retry_at", "owner", "status")
        return all((again is None or again > self.clock.now()) and owner is None for again, owner, _ in rows)


def bulk_settings(smtp: ScriptedSmtp, **changes: Any) -> NotificationsSettings:
    """Settings that send to this mail server."""
    usual = {
        "smtp_port": smtp.port, "message_id_secret": SecretStr("test"), "smtp_timeout": 2, "bulk_tries": 3,
        "bulk_connections": 4, "lanes": (Lane.BULK,),
    }  # fmt: skip
    return NotificationsSettings(**{**usual, **changes})


@asynccontextmanager
async def mailings_stage(postgres: Postgres, clock: ManualClock, **changes: Any) -> AsyncIterator[MailingStage]:
    """A fresh stage without Kafka, its mail server listening; nobody sends yet."""
    smtp = ScriptedSmtp()
    await smtp.start()
    kit = kit_off_kafka(postgres, "notifications", metadata, tables, clock)
    kit.settings = kit.settings.model_copy(update={"session_key": SecretStr(KEY)})
    stage = MailingStage(kit, clock, bulk_settings(smtp, **changes), smtp)
    try:
        await stage.open()
        yield stage
    finally:
        await smtp.stop()
        await kit.close()


@asynccontextmanager
async def at_work(*senders: MailingSender) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """These senders at work for as long as the block lasts; they end as by `kill -9`."""
    tasks = [asyncio.create_task(sender.run()) for sender in senders]
    try:
        yield tasks
    finally:
        for task in tasks:
            await killed(task)
