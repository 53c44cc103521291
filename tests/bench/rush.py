"""Eight o'clock: 5,000 guardians book at the same second, through HTTP, for the same 1,800 slots of 90 mentors.

One scheduling process with its PostgreSQL, one other process with all the guardians, on the same machine. Each guardian
is logged in and sends one request; who finds the time taken and is offered others takes the first of them, as long as
there are any (`--tries`). `per_s` counts guardians with a final answer.

The floor is PostgreSQL itself: the transactions of a smaller town of that kind, a family each, all statements as the
service sends them, by eight connections that do nothing else. (The service puts families that wait together into one
transaction, so it may in principle be above its floor.)

    uv run python -m tests.bench.rush --json [--guardians 5000] [--mentors 90] [--tries 3]
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.array import ListBinaryDumper
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.embedded.postgres import start_postgres
from services.scheduling import tables as t
from services.scheduling.booking import Request
from services.scheduling.consumers import readers
from services.scheduling.desk import Desk
from services.scheduling.domain.rounds import RoundState
from shared.clock import SystemClock
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.envelope import Event, Received
from shared.events.roster import Guardianship, GuardianshipsStated, PersonStated, Relation, SchoolStated
from shared.events.scheduling import TalkKind, TalkState
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.settings import KitSettings
from shared.web.seals import LOGIN, Sessions
from tests.bench.common import run
from tests.bench.pages import KEY, batches, option, serving, up
from tests.stack import kit_off_kafka

APP = "services.scheduling.main:create_app"
CONNECTIONS = 64  # of the guardians' side; each sends the next guardian's request when the last is answered
SLOTS = 20
SCHOOL_OF_MENTORS = 30
FLOOR, FLOOR_GUARDIANS, FLOOR_MENTORS = 8, 1000, 18
UNDO = (
    "delete from occupancy",
    "delete from booking",
    "delete from due",
    "delete from outbox",
    "update talk set slot_id = null, starts_at = null, ends_at = null, state = 'wanted', invited = false",
)


@dataclass
class Town:
    """Schools with 30 mentors each, 20 slots a mentor, and one child with a talk for every guardian."""

    guardians: int
    mentors: int
    tenant: UUID = field(default_factory=uuid4)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Everybody's ids."""
        self.hosts = [uuid4() for _ in range(self.mentors)]
        count = -(-self.mentors // SCHOOL_OF_MENTORS)
        self.schools, self.rounds = [uuid4() for _ in range(count)], [uuid4() for _ in range(count)]
        self.grown = [uuid4() for _ in range(self.guardians)]
        self.pupils = [uuid4() for _ in range(self.guardians)]
        self.talks = [uuid4() for _ in range(self.guardians)]
        self.slots = [[uuid4() for _ in range(SLOTS)] for _ in range(self.mentors)]

    def mentor_of(self, number: int) -> int:
        """Which mentor holds the talk of this guardian's child."""
        return number % self.mentors

    def school_of(self, mentor: int) -> int:
        """At which school a mentor works."""
        return mentor // SCHOOL_OF_MENTORS

    def people(self) -> Iterator[Event]:
        """What the roster says of them."""
        for school in self.schools:
            yield SchoolStated(school_id=school, version=1, tenant_id=self.tenant, name="Björkskolan")
        for number, (pupil, guardian) in enumerate(zip(self.pupils, self.grown, strict=True)):
            there = (self.schools[self.school_of(self.mentor_of(number))],)
            born = date(2014, 5, 5)
            yield PersonStated(person_id=pupil, version=1, tenant_id=self.tenant, born=born, school_ids=there)
            yield PersonStated(person_id=guardian, version=1, tenant_id=self.tenant)
            tie = Guardianship(guardian_id=guardian, relation=Relation.GUARDIAN)
            yield GuardianshipsStated(pupil_id=pupil, version=1, tenant_id=self.tenant, ties=(tie,))


async def fill(kit: Kit, town: Town) -> None:
    """The roster, a round for each school that is open for booking, its slots, and a talk without a time each."""
    reader = readers()[0]
    for batch in batches(list(town.people()), 5000):
        mine = [Received(event, str(uuid4()).encode(), None, event.topic, 0, 0) for event in batch]
        async with kit.sessions.begin() as session:
            await reader.handle(session, Batch(mine, town.now))
    async with kit.sessions.begin() as session:
        await _rounds(session, town)
        await _slots(session, town)
        await _talks(session, town)
    async with kit.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("analyze"))


async def _rounds(session: AsyncSession, town: Town) -> None:
    day = timedelta(days=1)
    for round_id, school in zip(town.rounds, town.schools, strict=True):
        session.add(
            t.Round(
                round_id=round_id,
                version=1,
                tenant_id=town.tenant,
                school_id=school,
                author_id=uuid4(),
                kind=TalkKind.DEVELOPMENT,
                title="Talks",
                state=RoundState.BOOKING,
                talk_minutes=25,
                pause_minutes=5,
                longest_run=5,
                separate_talks=False,
                video=False,
                others_may_attend=False,
                answer_by=town.now - day,
                books_from=town.now - day / 24,
                books_until=town.now + 7 * day,
                created_at=town.now,
            )
        )
    await session.flush()


async def _slots(session: AsyncSession, town: Town) -> None:
    rooms, hosts, slots = [], [], []
    for mentor, host in enumerate(town.hosts):
        school, room = town.school_of(mentor), uuid4()
        rooms.append((room, town.schools[school], f"Room {mentor}"))
        hosts.append((town.rounds[school], host, room, False))
        for place, slot in enumerate(town.slots[mentor]):
            first = town.now + timedelta(days=10 + place // 10)
            starts = first + timedelta(minutes=30 * (place % 10))
            slots.append((slot, town.rounds[school], host, starts, starts + timedelta(minutes=25), False))
    await insert_rows(session, table_of(t.Room), ("room_id", "school_id", "name"), rooms)
    await insert_rows(session, table_of(t.Host), ("round_id", "host_id", "room_id", "video"), hosts)
    names = ("slot_id", "round_id", "host_id", "starts_at", "ends_at", "closed")
    await insert_rows(session, table_of(t.Slot), names, slots)


async def _talks(session: AsyncSession, town: Town) -> None:
    for number, talk in enumerate(town.talks):
        mentor = town.mentor_of(number)
        school = town.school_of(mentor)
        session.add(
            t.Talk(
                talk_id=talk,
                version=1,
                tenant_id=town.tenant,
                school_id=town.schools[school],
                round_id=town.rounds[school],
                group_id=town.hosts[mentor],
                pupil_id=town.pupils[number],
                guardian_ids=[town.grown[number]],
                host_id=town.hosts[mentor],
                kind=TalkKind.DEVELOPMENT,
                state=TalkState.WANTED,
                changed_at=town.now,
            )
        )
    await session.flush()


def heads(town: Town) -> list[bytes]:
    """For each guardian: the head of their requests, with the session the door would have given them."""
    sessions = Sessions(KitSettings(session_key=SecretStr(KEY)))
    made = []
    for guardian in town.grown:
        session = sessions.begin(guardian, town.tenant, "bench", "high", level=LOGIN)
        cookie, token = f"{sessions.cookie}={sessions.seal(session)}", sessions.csrf(session)
        made.append(
            f"POST /talks/api/bookings HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\ncookie: {cookie}\r\n"
            f"x-csrf: {token}\r\ncontent-type: application/json\r\nidempotency-key: {guardian}".encode()
        )
    return made


@dataclass
class Seen:
    """What the guardians saw: seconds from eight o'clock to each one's final answer, and answers by status."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    requests: int = 0
    booked: int = 0


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, attempt: int, body: bytes
) -> tuple[int, bytes]:
    """One request; its status and what came back."""
    writer.write(b"%b-%d\r\ncontent-length: %d\r\n\r\n%b" % (head, attempt, len(body), body))
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(answer[9:12]), await reader.readexactly(length)


async def line(port: int, todo: Iterator[tuple[bytes, bytes]], tries: int, began: float, seen: Seen) -> None:
    """One connection: guardian after guardian, each until booked or nothing is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for head, first in todo:
        body, status = first, 0
        for attempt in range(tries):
            status, said = await ask(reader, writer, head, attempt, body)
            seen.requests += 1
            others = json.loads(said).get("alternatives") if status == 409 else None
            if not others:
                break
            body = json.dumps({"choices": others[0]["choices"]}).encode()
        seen.statuses[status] = seen.statuses.get(status, 0) + 1
        seen.booked += status == 201
        seen.seconds.append(time.perf_counter() - began)
    writer.close()


async def rush(port: int, town: Town, tries: int) -> Seen:
    """All guardians at the same second. Most want the middle of the first evening."""
    dice, seen = random.Random(7), Seen()
    wishes = [
        json.dumps({"choices": [{"talk_id": str(talk), "slot_id": str(slot)}]}).encode()
        for talk, slot in wanted(town, dice)
    ]
    todo = iter(list(zip(heads(town), wishes, strict=True)))
    began = time.perf_counter()
    await asyncio.gather(*[line(port, todo, tries, began, seen) for _ in range(CONNECTIONS)])
    return seen


def wanted(town: Town, dice: random.Random) -> list[tuple[UUID, UUID]]:
    """What each guardian wants first, those in the middle of an evening most."""
    places = [int(dice.triangular(0, SLOTS - 0.01, SLOTS / 2)) for _ in town.talks]
    return [(talk, town.slots[town.mentor_of(n)][places[n]]) for n, talk in enumerate(town.talks)]


Log = list[list[tuple[str, Any]]]  # for each transaction its statements and their values


async def floor(kit: Kit, town: Town) -> float:
    """Bookings a second by PostgreSQL alone: each family's transaction, its statements sent again by `FLOOR` programs.

    They are taken down while the desk serves one family at a time; then all is undone, and the same transactions are
    sent as fast as they are answered. Families of one mentor stay in one line, so that each finds what it found before.
    """
    log = await _taken_down(kit, town)
    async with kit.sessions.begin() as session:
        for undo in UNDO:
            await session.execute(text(undo))
    lines: list[Log] = [[] for _ in range(FLOOR)]
    for number, transaction in enumerate(log):
        lines[town.mentor_of(number) % FLOOR].append(transaction)
    url = kit.own.database_url.replace("+psycopg", "")
    began = time.perf_counter()
    await asyncio.gather(*[asyncio.to_thread(_send_again, url, line) for line in lines])
    return len(log) / (time.perf_counter() - began)


async def _taken_down(kit: Kit, town: Town) -> Log:
    log, dice = Log(), random.Random(7)
    engine = kit.engine.sync_engine
    event.listen(engine, "begin", lambda _: log.append([]))
    event.listen(engine, "before_cursor_execute", lambda _c, _k, sql, values, *_: log[-1].append((sql, values)))
    desk = Desk(kit, together=1)
    for guardian, choice in zip(town.grown, wanted(town, dice), strict=True):
        await desk.ask(Request(guardian, town.tenant, (choice,), str(guardian)))
    return [transaction for transaction in log if transaction]


def _send_again(url: str, transactions: Log) -> None:
    with psycopg.connect(url) as connection:
        connection.adapters.register_dumper(list, ListBinaryDumper)
        for transaction in transactions:
            with connection.transaction():
                for sql, values in transaction:
                    connection.execute(sql, values, prepare=True)


async def double_booked(kit: Kit) -> int:
    """Slots with two talks, and stretches in which somebody or something is in two places."""
    slots = (
        "select coalesce(sum(n - 1), 0) from (select count(*) n from talk where slot_id is not null group by slot_id) s"
    )
    overlaps = (
        "select count(*) from occupancy a join occupancy b on a.resource_id = b.resource_id "
        "and a.occupancy_id < b.occupancy_id and a.during && b.during"
    )
    async with kit.sessions() as session:
        return int(await session.scalar(text(slots))) + int(await session.scalar(text(overlaps)))


async def main() -> dict[str, Any]:
    """Fill the database, let everybody book, and measure the floor on a second town."""
    guardians, mentors, tries = option("--guardians", 5000), option("--mentors", 90), option("--tries", 3)
    with tempfile.TemporaryDirectory(prefix="skolbro-bench-") as folder:
        Path(folder).chmod(0o755)
        postgres = start_postgres(Path(folder) / "pg", jit="off")
        try:
            kit = kit_off_kafka(postgres, "scheduling", t.metadata, t.kit, SystemClock())
            town, other = Town(guardians, mentors), Town(FLOOR_GUARDIANS, FLOOR_MENTORS)
            await fill(kit, town)
            await fill(kit, other)
            env = {
                "SCHEDULING_DATABASE_URL": kit.own.database_url,
                "SKOLBRO_SESSION_KEY": KEY,
            }
            with serving(APP, env) as port:
                await up(port)
                seen = await rush(port, town, tries)
            twice = await double_booked(kit)
            per_s = await floor(kit, other)
            await kit.close()
        finally:
            postgres.stop()
    return figures(seen, twice, per_s, guardians)


def figures(seen: Seen, twice: int, floor_per_s: float, guardians: int) -> dict[str, Any]:
    """What is printed."""
    cuts = statistics.quantiles(seen.seconds, n=100)
    per_s = guardians / max(seen.seconds)
    return {
        "bench": "rush",
        "guardians": guardians,
        "answered": len(seen.seconds),
        "booked": seen.booked,
        "double_booked": twice,
        "errors_5xx": sum(count for status, count in seen.statuses.items() if status >= 500),
        "statuses": {str(status): count for status, count in sorted(seen.statuses.items())},
        "requests": seen.requests,
        "p99_s": round(cuts[98], 2),
        "all_s": round(max(seen.seconds), 2),
        "per_s": round(per_s),
        "requests_per_s": round(seen.requests / max(seen.seconds)),
        "floor_per_s": round(floor_per_s),
        "ratio_floor": round(seen.requests / max(seen.seconds) / floor_per_s, 2),
    }


if __name__ == "__main__":
    run(main)
