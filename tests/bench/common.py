"""What the benchmarks share: servers, a year group of pupils, lesson results, and how a run is printed."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import uvloop
from aiokafka import AIOKafkaProducer
from sqlalchemy import MetaData, create_engine

from deploy.embedded.postgres import Postgres, start_postgres
from shared.events.attendance import AttendanceRecorded
from shared.events.envelope import Event
from shared.events.roster import PersonStated
from shared.ids import new_id
from shared.messaging.codec import headers_for
from shared.settings import KitSettings
from tests.brokers import Kind, running_broker
from tests.stack import Stack

SCHOOLS = [uuid4() for _ in range(20)]
LESSON_START = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LESSONS = 8  # different lessons in a pupil's day
CLASS = 25


@contextmanager
def servers(kind: Kind) -> Iterator[Stack]:
    """PostgreSQL with its durable settings, and a broker; both only for this run."""
    with tempfile.TemporaryDirectory(prefix="skolbro-bench-") as folder:
        Path(folder).chmod(0o755)
        postgres = start_postgres(Path(folder) / "pg")
        try:
            with running_broker(kind, Path(folder) / "broker") as broker:
                yield Stack(postgres, broker)
        finally:
            postgres.stop()


def people(count: int) -> list[UUID]:
    """Pupils, in classes of 25 at the schools."""
    return [uuid4() for _ in range(count)]


def person(pupil: UUID) -> PersonStated:
    """What the roster says of a pupil in a benchmark: fourteen years old."""
    return PersonStated(person_id=pupil, version=1, born=date(2012, 5, 5), school_ids=(SCHOOLS[0],))


def results(pupils: Sequence[UUID], count: int, missing: float, seed: int = 7) -> list[AttendanceRecorded]:
    """Lesson results in the order teachers report: class by class, lesson by lesson; a share is missing."""
    dice = random.Random(seed)
    made: list[AttendanceRecorded] = []
    lesson = 0
    while len(made) < count:
        for first in range(0, len(pupils), CLASS):
            lesson_id, start = uuid4(), LESSON_START + timedelta(minutes=45 * (lesson % LESSONS))
            school = SCHOOLS[first // CLASS % len(SCHOOLS)]
            made += [
                _result(p, lesson_id, school, start, dice.random() < missing) for p in pupils[first : first + CLASS]
            ]
        lesson += 1
    return made[:count]


def _result(pupil: UUID, lesson_id: UUID, school: UUID, start: datetime, missing: bool) -> AttendanceRecorded:
    return AttendanceRecorded(
        pupil_id=pupil,
        lesson_id=lesson_id,
        version=1,
        school_id=school,
        starts_at=start,
        ends_at=start + timedelta(minutes=40),
        is_reported=True,
        attended_minutes=0 if missing else 40,
        invalid_minutes=40 if missing else 0,
    )


async def produce(settings: KitSettings, events: Sequence[Event], topic: str | None = None) -> None:
    """Put the events on their topic (or another) with the headers the relay gives them."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, linger_ms=5, max_batch_size=131_072)
    await producer.start()
    pending = []
    for event in events:
        headers = headers_for(new_id(), event.event_type, "bench", NOON, event.key(), None)
        pending.append(
            await producer.send(topic or event.topic, event.to_json(), key=event.key().encode(), headers=headers)
        )
        if len(pending) == 5000:
            await asyncio.gather(*pending)
            pending.clear()
    await asyncio.gather(*pending)
    await producer.stop()


def database(postgres: Postgres, metadata: MetaData) -> str:
    """A fresh database with these tables."""
    name = f"b{uuid4().hex}"
    postgres.create_database(name)
    url = postgres.url(name, "postgresql+psycopg")
    engine = create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    return url


def run(main: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> None:
    """Run a benchmark on uvloop, as uvicorn runs the services, and print its result as the last line."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(main())
    if "--json" not in sys.argv:
        for name, value in result.items():
            print(f"{name:24} {value}")
    print(json.dumps(result))
