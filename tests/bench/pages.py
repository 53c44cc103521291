"""The home page of a guardian with three children, in a municipality of 80,000 pupils, for 30 people at once.

The floor in the same run is an empty FastAPI and Jinja2 page in the same kind of process, asked by the same clients; a
second one asks PostgreSQL a single question first. Each is served by one uvicorn process; the clients are another.

    uv run python -m tests.bench.pages --json [--pupils 80000] [--seconds 10]
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pydantic import SecretStr

from deploy.embedded.postgres import start_postgres
from deploy.embedded.process import free_port
from services.portal import tables
from services.portal.consumers import readers
from services.portal.store import login
from shared.clock import SystemClock
from shared.events.absence import AbsenceNoticed
from shared.events.attendance import LessonPlanned
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Event, Received
from shared.events.notify import DeliverySettled, DeliveryStatus, NotificationKind
from shared.events.roster import (
    ContactStated,
    GroupStated,
    Guardianship,
    GuardianshipsStated,
    Membership,
    PersonStated,
    Relation,
    SchoolStated,
    SubjectStated,
)
from shared.ids import derived_id
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.settings import KitSettings
from shared.web.seals import LOGIN, Sessions
from tests.bench.common import run
from tests.stack import kit_off_kafka

SESSIONS, CHILDREN, CLASS, LESSONS_A_DAY = 30, 3, 25, 5
KEY = "a key for the benchmark that nobody else uses"
APPS = {
    "floor": ("tests.bench.empty_page:create_app", "/"),
    "asking": ("tests.bench.empty_page:create_asking_app", "/"),
    "page": ("services.portal.main:create_app", "/home"),
}
T = TypeVar("T")


def option(name: str, default: int) -> int:
    """A number from the command line."""
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


def batches(things: Sequence[T], size: int = 5000) -> Iterator[list[T]]:
    """Lists of at most that many."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch


class Municipality:
    """Pupils in classes of 25, three to a family with two guardians, each class with its subjects and lessons."""

    def __init__(self, pupils: int, now: datetime) -> None:
        self.tenant, self.now = uuid4(), now
        self.schools = [uuid4() for _ in range(max(1, pupils // 500))]
        self.pupils = [uuid4() for _ in range(pupils)]
        self.guardians = [uuid4() for _ in range(2 * (pupils // CHILDREN))]

    def school_of(self, number: int) -> UUID:
        """Siblings go to different schools, as in life."""
        return self.schools[number // CLASS % len(self.schools)]

    def people(self) -> Iterator[Event]:
        """Everybody, and who answers for whom."""
        for number, school in enumerate(self.schools):
            yield SchoolStated(school_id=school, version=1, tenant_id=self.tenant, name=f"Skola {number}")
        for person in self.guardians:
            yield PersonStated(person_id=person, version=1, tenant_id=self.tenant)
            yield self._contact(person, "Vera")
        for number, pupil in enumerate(self.pupils):
            school, born = self.school_of(number), date(2013, 5, 5)
            yield PersonStated(person_id=pupil, version=1, tenant_id=self.tenant, born=born, school_ids=(school,))
            yield self._contact(pupil, "Elsa")
            yield GuardianshipsStated(pupil_id=pupil, version=1, tenant_id=self.tenant, ties=self._ties(number))

    def groups(self) -> Iterator[Event]:
        """Classes and what they are taught."""
        for number, members in enumerate(batches(self.pupils, CLASS)):
            group, school = derived_id("class", self.tenant, number), self.school_of(number * CLASS)
            yield GroupStated(
                group_id=group,
                version=1,
                tenant_id=self.tenant,
                school_id=school,
                name=f"{number}B",
                kind="Klass",
                members=tuple(Membership(person_id=pupil) for pupil in members),
            )
            for subject in range(LESSONS_A_DAY):
                yield SubjectStated(
                    subject_id=derived_id(group, subject),
                    version=1,
                    tenant_id=self.tenant,
                    school_id=school,
                    name=f"Ämne {subject}",
                    group_ids=(group,),
                )

    def lessons(self) -> Iterator[Event]:
        """Today's and tomorrow's lessons of every class."""
        for number in range(len(self.pupils) // CLASS):
            group = derived_id("class", self.tenant, number)
            for day in (0, 1):
                for subject in range(LESSONS_A_DAY):
                    start = self.now + timedelta(days=day, hours=subject)
                    yield LessonPlanned(
                        lesson_id=uuid4(),
                        version=1,
                        school_id=self.school_of(number * CLASS),
                        starts_at=start,
                        ends_at=start + timedelta(minutes=50),
                        subject_id=derived_id(group, subject),
                    )

    def notices(self) -> Iterator[Event]:
        """One pupil in forty is missing; everyone who answers for the child was told."""
        for number in range(0, len(self.pupils), 40):
            yield from self._notice(number, number)
        for family in range(SESSIONS):
            yield from self._notice(family * CHILDREN, -family - 1)

    def _notice(self, number: int, name: int) -> Iterator[Event]:
        pupil, school, today = self.pupils[number], self.school_of(number), self.now.date()
        duty, notification = derived_id("duty", self.tenant, name), derived_id("note", self.tenant, name)
        yield AbsenceNoticed(
            notice_id=duty, version=1, pupil_id=pupil, school_id=school, day=today, noticed_at=self.now
        )
        for status in (DutyStatus.OWED, DutyStatus.SENT, DutyStatus.DELIVERED):
            yield DutyMoved(
                duty_id=duty,
                kind=DutyKind.SAME_DAY_NOTICE,
                status=status,
                pupil_id=pupil,
                school_id=school,
                day=today,
                at=self.now,
                evidence_id=notification,
            )
        for tie in self._ties(number):
            yield DeliverySettled(
                delivery_id=uuid4(),
                notification_id=notification,
                person_id=tie.guardian_id,
                school_id=school,
                kind=NotificationKind.ABSENCE_NOTICE,
                status=DeliveryStatus.DELIVERED,
                at=self.now,
                why="answers for the pupil on that day",
            )

    def _contact(self, person: UUID, given: str) -> ContactStated:
        return ContactStated(
            person_id=person, version=1, tenant_id=self.tenant, given_name=given, family_name="Ek", emails=("a@b.se",)
        )

    def _ties(self, number: int) -> tuple[Guardianship, ...]:
        family = min(number // CHILDREN, len(self.guardians) // 2 - 1)
        pair = self.guardians[2 * family : 2 * family + 2]
        return tuple(Guardianship(guardian_id=one, relation=Relation.GUARDIAN) for one in pair)


async def hear(kit: Kit, events: Sequence[Event]) -> None:
    """Let the portal read events as it does from Kafka."""
    for reader in readers():
        for batch in batches([event for event in events if event.event_type in reader.wanted]):
            mine = [Received(event, str(uuid4()).encode(), None, event.topic, 0, 0) for event in batch]
            async with kit.sessions.begin() as session:
                await reader.handle(session, Batch(mine, kit.clock.now()))


async def fill(kit: Kit, town: Municipality) -> None:
    """Everything the page looks at, and everything it has to look past."""
    for made in (town.people(), town.groups(), town.lessons(), town.notices()):
        for batch in batches(list(made), 40_000):
            await hear(kit, batch)


@contextmanager
def serving(app: str, env: dict[str, str]) -> Iterator[int]:
    """A uvicorn process with this app, as the services run."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(port), "--lifespan", "off"]
    command += ["--log-level", "error", "--no-access-log", "--loop", "uvloop"]
    process = subprocess.Popen(command, env={**os.environ, **env})
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """One request on a connection that stays open; returns the whole answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def client(port: int, path: str, cookie: str, until: float, times: list[float]) -> None:
    """One person who asks for the page again as soon as it is there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: text/html\r\ncookie: {cookie}\r\n\r\n".encode()
    while time.perf_counter() < until:
        began = time.perf_counter()
        answer = await ask(reader, writer, request)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer[:300].decode())
        times.append(time.perf_counter() - began)
    writer.close()


async def load(port: int, path: str, cookies: Sequence[str], seconds: float) -> list[float]:
    """All people at once for so long; returns the seconds each answer took."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*[client(port, path, cookie, until, times) for cookie in cookies])
    return times


async def up(port: int) -> None:
    """Wait until somebody listens there."""
    for _ in range(300):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("The server did not start.")


async def cookies(town: Municipality, kit: Kit) -> list[str]:
    """A session for one guardian of each of the first families, begun as the door begins it."""
    settings = KitSettings(session_key=SecretStr(KEY))
    sessions = Sessions(settings)
    made = [
        sessions.begin(town.guardians[2 * family], town.tenant, "bench", "high", level=LOGIN)
        for family in range(SESSIONS)
    ]
    async with kit.sessions.begin() as db:
        for one in made:
            await login.begin(db, one, None)
    return [f"{sessions.cookie}={sessions.seal(one)}; skolbro_language=sv" for one in made]


async def measure(app: str, env: dict[str, str], path: str, cookie: Sequence[str], seconds: int) -> list[float]:
    """Warm up, then measure."""
    with serving(app, env) as port:
        await up(port)
        await load(port, path, cookie, 2)
        return await load(port, path, cookie, seconds)


async def main() -> dict[str, Any]:
    """Fill the database, then measure both floors and the page, each twice."""
    seconds, pupils = option("--seconds", 10), option("--pupils", 80_000)
    with tempfile.TemporaryDirectory(prefix="skolbro-bench-") as folder:
        Path(folder).chmod(0o755)
        postgres = start_postgres(Path(folder) / "pg", jit="off")
        try:
            kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, SystemClock())
            town = Municipality(pupils, kit.clock.now())
            await fill(kit, town)
            people = await cookies(town, kit)
            env = {
                "PORTAL_DATABASE_URL": kit.own.database_url,
                "SKOLBRO_SESSION_KEY": KEY,
                "SKOLBRO_REQUESTS_PER_MINUTE": "10000000",
                "SKOLBRO_VISITS_PER_MINUTE": "10000000",
            }
            await kit.close()
            best = {name: await better_of_two(app, env, path, people, seconds) for name, (app, path) in APPS.items()}
        finally:
            postgres.stop()
    return figures(best["floor"], best["asking"], best["page"], seconds, pupils)


async def better_of_two(app: str, env: dict[str, str], path: str, people: Sequence[str], seconds: int) -> list[float]:
    """The better of two runs: a machine like this is often busy with something else."""
    runs = [await measure(app, env, path, people, seconds) for _ in range(2)]
    return max(runs, key=len)


def figures(
    floor: Sequence[float], asking: Sequence[float], page: Sequence[float], seconds: int, pupils: int
) -> dict[str, Any]:
    """What is printed. `ratio_asking` is against an empty page that asks the database one question."""
    cuts = statistics.quantiles(page, n=100)
    return {
        "bench": "pages",
        "pupils": pupils,
        "sessions": SESSIONS,
        "p50_ms": round(cuts[49] * 1000, 1),
        "p99_ms": round(cuts[98] * 1000, 1),
        "per_s": round(len(page) / seconds),
        "floor_per_s": round(len(floor) / seconds),
        "asking_per_s": round(len(asking) / seconds),
        "ratio_floor": round(len(page) / len(floor), 3),
        "ratio_asking": round(len(page) / len(asking), 3),
    }


if __name__ == "__main__":
    run(main)
