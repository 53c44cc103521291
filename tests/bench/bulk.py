"""What the benchmarks of the bulk lane share: a town to write to, a bulletin, a mail sink, the service's processes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from deploy.embedded.process import Child, free_port
from services.notifications import tables
from shared.events.notify import MailingKind, MailingRequested, MailingText
from shared.events.roster import ContactStated, GroupStated, GuardianshipsStated, PersonStated, SchoolStated
from shared.messaging.broker import create_topics
from shared.settings import KitSettings
from shared.topics import BY_NAME
from tests.stack import Stack

KEY = "a key for the benchmark that nobody else uses"
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)  # nobody sleeps
LANGUAGES, CLASS = ("sv", "nb", "en"), 25
CONNECTIONS = 20  # of each process, and of each process of the floor
Row = tuple[str, UUID, int, UUID, str]
Tie = tuple[str, UUID, UUID, UUID, UUID]


def option(name: str, default: int) -> int:
    """A number from the command line."""
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


class Town:
    """Pupils in classes of 25, each with two guardians, as the roster copy has them."""

    def __init__(self, people: int) -> None:
        self.tenant, self.school = uuid4(), uuid4()
        self.pupils = [uuid4() for _ in range(people // 2)]
        self.guardians = [uuid4() for _ in range(2 * len(self.pupils))]
        self.classes = [uuid4() for _ in range(-(-len(self.pupils) // CLASS))]

    def fill(self, url: str) -> None:
        """Copy everything into the database."""
        with psycopg.connect(url) as db, db.cursor() as cursor:
            with cursor.copy("copy roster (event_type, id, version, tenant_id, state) from stdin") as copy:
                for row in self._rows():
                    copy.write_row(row)
            with cursor.copy("copy roster_link (kind, source_id, from_id, to_id, tenant_id) from stdin") as copy:
                for tie in self._ties():
                    copy.write_row(tie)
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("vacuum analyze")

    def _rows(self) -> Iterator[Row]:
        yield self._row(SchoolStated, self.school, school_id=self.school, name="Björkskolan")
        for number, group in enumerate(self.classes):
            members = [{"person_id": one} for one in self.pupils[number * CLASS : (number + 1) * CLASS]]
            said = {"group_id": group, "school_id": self.school, "name": f"{number}A", "kind": "Klass"}
            yield self._row(GroupStated, group, **said, members=members)
        for number, pupil in enumerate(self.pupils):
            yield self._row(PersonStated, pupil, person_id=pupil, born="2014-05-05", school_ids=[self.school])
            ties = [{"guardian_id": one, "relation": "guardian"} for one in self._pair(number)]
            yield self._row(GuardianshipsStated, pupil, pupil_id=pupil, ties=ties)
        for number, person in enumerate(self.guardians):
            yield self._row(PersonStated, person, person_id=person)
            who = {"given_name": "Åsa", "family_name": "Ek", "language": LANGUAGES[number % 3]}
            yield self._row(ContactStated, person, person_id=person, emails=[self.address(number)], **who)

    def _ties(self) -> Iterator[Tie]:
        for number, pupil in enumerate(self.pupils):
            group = self.classes[number // CLASS]
            yield "member", group, group, pupil, self.tenant
            for one in self._pair(number):
                yield "tie", pupil, pupil, one, self.tenant

    def _row(self, event: Any, key: UUID, /, **said: Any) -> Row:
        state = json.dumps({"version": 1, "tenant_id": self.tenant, **said}, default=str)
        return event.event_type, key, 1, self.tenant, state

    def _pair(self, number: int) -> Sequence[UUID]:
        return self.guardians[2 * number : 2 * number + 2]

    def address(self, number: int) -> str:
        """Where a guardian gets mail."""
        return f"guardian{number}@home{number % 97}.example"

    def bulletin(self, groups: Sequence[UUID] = ()) -> MailingRequested:
        """A bulletin of 5 kB in three languages to everyone."""
        mailing = uuid4()
        return MailingRequested(
            mailing_id=mailing,
            kind=MailingKind.BULLETIN,
            tenant_id=self.tenant,
            school_id=self.school,
            about_id=mailing,
            group_ids=tuple(groups or self.classes),
            day=NOON.date(),
            path=f"/bulletins/{mailing}",
            requested_at=NOON,
            send_at=NOON,
            texts=tuple(_text(language) for language in LANGUAGES),
        )


def _text(language: str) -> MailingText:
    sentence = (
        "På torsdag går vi till skogen och räknar ringar i gamla stubbar; ta med matsäck och kläder efter väder. "
    )
    paragraphs = [sentence * 4 for _ in range(6)]  # 2.5 kB as text, and the same again as HTML
    html = "".join(f"<h2>Vecka {number + 46}</h2><p>{text}</p>" for number, text in enumerate(paragraphs))
    return MailingText(
        language=language, subject=f"Klassbrev ({language}): läget i höst", text="\n\n".join(paragraphs), html=html
    )


@dataclass
class Sink:
    """The sink's process, and how it is asked."""

    port: int
    asked: int

    async def told(self, word: str = "") -> dict[str, Any]:
        """What it has taken; `reset` forgets it first."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.asked)
        writer.write(f"{word}\n".encode())
        answer: dict[str, Any] = json.loads(await reader.read())
        writer.close()
        return answer

    async def until(self, people: int, seconds: float) -> dict[str, Any]:
        """What it has taken, once that is to so many people, and nothing more has come for a moment."""
        async with asyncio.timeout(seconds):
            while (await self.told())["people"] < people:
                await asyncio.sleep(0.25)
        await asyncio.sleep(1)
        return await self.told()


@contextmanager
def children(*made: Child) -> Iterator[None]:
    """These processes for as long as the block lasts."""
    try:
        for child in made:
            child.start()
        yield
    finally:
        for child in made:
            child.stop()


@contextmanager
def sinking(folder: Path) -> Iterator[Sink]:
    """A sink in a process of its own."""
    port, asked = free_port(), free_port()
    child = Child("sink", [sys.executable, "-m", "tests.bench.sink", str(port), str(asked)], folder / "sink.log")
    with children(child):
        time.sleep(1)
        yield Sink(port, asked)


class Room:
    """A database with a town, a broker with topics, a sink: everything the service's processes need."""

    def __init__(self, stack: Stack, sink: Sink, folder: Path, people: int) -> None:
        self.stack, self.sink, self.folder = stack, sink, folder
        self.settings: KitSettings = stack.broker.settings()
        self.town = Town(people)
        self.url = stack.fresh_database(tables.metadata)

    async def fill(self) -> None:
        """The town in the database, and every topic."""
        await create_topics(self.settings, list(BY_NAME.values()))
        self.town.fill(self.stack.owner_url(self.url).replace("+psycopg", ""))

    def process(self, name: str, *lanes: str) -> Child:
        """One process of the real service, that sends for these lanes."""
        env = {
            "NOTIFICATIONS_DATABASE_URL": self.url,
            "NOTIFICATIONS_LANES": json.dumps(lanes),
            "NOTIFICATIONS_SMTP_PORT": str(self.sink.port),
            "NOTIFICATIONS_BULK_CONNECTIONS": str(CONNECTIONS),
            "NOTIFICATIONS_MESSAGE_ID_SECRET": KEY,
            "SKOLBRO_SESSION_KEY": KEY,
            "SKOLBRO_LOG_LEVEL": "warning",
            "SKOLBRO_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "SKOLBRO_KAFKA_IDEMPOTENT": str(self.settings.kafka_idempotent),
            "SKOLBRO_KAFKA_FETCH_WAIT_MS": str(self.settings.kafka_fetch_wait_ms),
            "SKOLBRO_CLOCK_STARTS_AT": NOON.isoformat(),
            "SKOLBRO_CLOCK_ORIGIN": datetime.now(UTC).isoformat(),
            **{name: value for name, value in os.environ.items() if name.startswith("NOTIFICATIONS_")},
        }
        command = [sys.executable, "-m", "uvicorn", "--factory", "services.notifications.main:create_app"]
        command += ["--port", str(free_port()), "--loop", "uvloop", "--log-level", "warning"]
        return Child(name, command, self.folder / f"{name}.log", env)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the service's database."""
        with psycopg.connect(self.stack.owner_url(self.url).replace("+psycopg", "")) as db:
            return db.execute(statement, values).fetchall()


def most_memory(children: Sequence[Child]) -> int:
    """The most that one of these processes has had in memory, in MB."""
    return max(_peak(child.pid) for child in children) // 1024


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


async def floor(sink: Sink, folder: Path, mails: int, size: int) -> float:
    """Mails a second of aiosmtplib on kept connections in two processes, all of this size."""
    message = b"Subject: floor\r\n\r\n" + (b"x" * 70 + b"\r\n") * (size // 72)
    (folder / "floor.eml").write_bytes(message)
    arguments = [str(sink.port), str(mails // 2), str(CONNECTIONS), str(folder / "floor.eml")]
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.smtp_floor", *arguments, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    times = [json.loads((await one.communicate())[0]) for one in running]
    seconds: float = max(ended for _, ended in times) - min(began for began, _ in times)
    return 2 * (mails // 2) / seconds
