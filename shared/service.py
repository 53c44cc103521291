"""A running service: an HTTP app for people and operators, readers on Kafka, a relay, and what falls due.

HTTP answers at once; Kafka and the database are joined in the background with patience, and `/health/ready`
says what is still missing. One process, one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from faststream.kafka import KafkaBroker
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from shared.db.engine import is_passing
from shared.due.worker import DueHandler, DueWorker, Gate, always_open
from shared.errors import SkolbroError
from shared.health import Sources, report_health
from shared.kit import Kit
from shared.messaging.broker import GRACE_SECONDS, attach, make_broker, make_producer, missing_topics, start_together
from shared.messaging.life import BrokerReborn
from shared.messaging.reader import Reader
from shared.messaging.reconcile import keep_tidy
from shared.messaging.relay import Relay
from shared.observe.logging import configure_logging, get_logger
from shared.topics import OPERATIONS

RETRY_SECONDS = 1.0
LIFE_SECONDS = 5.0  # how soon a reborn broker is noticed while nothing happens
Task = Callable[[], Awaitable[None]]
log = get_logger()


@dataclass
class Service:
    """The parts of one service, to be joined by `app()`. `tasks` run for as long as the service does.

    `sources` says how the registries that are connected are doing; only one service has any.
    """

    kit: Kit
    readers: Sequence[Reader] = ()
    due: Mapping[str, DueHandler] = field(default_factory=dict)
    gate: Gate = always_open
    tasks: Sequence[Task] = ()
    sources: Sources | None = None
    started: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Raises SkolbroError when two readers share a topic: they would also share its read position."""
        names = [topic.name for reader in self.readers for topic in reader.topics]
        if twice := {name for name in names if names.count(name) > 1}:
            raise SkolbroError(f"Two readers of {self.kit.service} read {', '.join(sorted(twice))}; make them one.")

    def app(self) -> FastAPI:
        """The ASGI app: health, metrics, and whatever routers the service adds."""
        configure_logging(self.kit.service, self.kit.settings.log_level)
        app = FastAPI(title=f"Skolbro {self.kit.service}", lifespan=self._lifespan, docs_url=None, redoc_url=None)
        app.add_api_route("/health/live", self._live, include_in_schema=False)
        app.add_api_route("/health/ready", self._ready, include_in_schema=False)
        app.add_api_route("/metrics", _metrics, include_in_schema=False)
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(self.run())
        running.add_done_callback(_say_why)
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self.kit.close()

    async def run(self) -> None:
        """Join Kafka and work until cancelled. When the work breaks off (the broker was reborn), join again."""
        while True:
            try:
                await self._until_kafka_answers()
                await self._work()
            except* BrokerReborn as reborn:
                log.warning("joining Kafka again", reason=str(reborn.exceptions[0]))
            except* Exception as fault:
                log.error("work broke off", exc_info=fault)
            self.started = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _work(self) -> None:
        producer = make_producer(self.kit.settings, self.kit.service)
        broker = make_broker(self.kit.settings, self.kit.service)
        self._attach(broker)
        await producer.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(Relay(self.kit, producer).run())
                group.create_task(self._read(broker))
                group.create_task(self._watch_life())
                group.create_task(_forever(partial(keep_tidy, self.kit)))
                group.create_task(_forever(partial(report_health, self.kit, self.sources)))
                if self.due:
                    group.create_task(DueWorker(self.kit, self.due, self.gate).run())
                for task in self.tasks:
                    group.create_task(_forever(task))
        finally:
            await producer.stop()
            await self.kit.life.close()

    def _attach(self, broker: KafkaBroker) -> None:
        """Subscribe the readers; one that has halted waits for a person and a restart."""
        for reader in self.readers:
            reader.kit = self.kit
            if not reader.halted:
                attach(broker, reader)

    async def _until_kafka_answers(self) -> None:
        """Wait for Kafka and for the topics that are read or said on by all, which `skolbro topics` creates."""
        topics = [OPERATIONS, *(topic for reader in self.readers for topic in reader.topics)]
        while True:
            try:
                self.kit.life.over.clear()
                self.kit.cluster = await self.kit.life.present()
                missing = await missing_topics(self.kit.settings, topics)
                if not missing:
                    return
                log.warning("waiting for topics", missing=missing)
            except (KafkaError, OSError) as fault:
                log.warning("waiting for Kafka", fault=type(fault).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _watch_life(self) -> None:
        """Raise BrokerReborn soon after the broker has begun a new life."""
        while True:
            try:
                async with asyncio.timeout(LIFE_SECONDS):
                    await self.kit.life.over.wait()
            except TimeoutError:
                pass
            try:
                await self.kit.life.confirm(self.kit.cluster)
            except (KafkaError, OSError) as fault:
                log.warning("Kafka does not answer", fault=type(fault).__name__)

    async def _read(self, broker: KafkaBroker) -> None:
        """Start the readers and stop them in order when cancelled: no batch is cut in the middle."""
        try:
            if self.readers:
                await start_together(broker)
            self.started = True
            await asyncio.Event().wait()
        finally:
            await broker.stop()
            await asyncio.gather(*[reader.finish(GRACE_SECONDS) for reader in self.readers])

    def _live(self) -> Response:
        """Live while the event loop turns: a process that answers here does not need to be killed."""
        return JSONResponse({"live": True})

    async def _ready(self) -> Response:
        """Ready when the database answers, the readers have partitions or stand by, and none has halted."""
        missing = [*await self._database_missing(), *self._readers_missing()]
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    async def _database_missing(self) -> list[str]:
        try:
            async with asyncio.timeout(2), self.kit.engine.connect() as connection:
                await connection.execute(text("select 1"))
        except Exception as fault:
            if not is_passing(fault):
                raise
            return ["The database does not answer."]
        return []

    def _readers_missing(self) -> list[str]:
        if not self.started:
            return ["Kafka has not been joined yet."]
        return [f"The reader {reader.name} has stopped: {reader.halted}" for reader in self.readers if reader.halted]


def _metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        log.error("service stopped", exc_info=fault)


async def _forever(task: Task) -> None:
    """Run a task again when it fails; a fault in one corner does not take the service down."""
    while True:
        try:
            await task()
            return
        except Exception as fault:
            log.error("task failed", task=getattr(task, "__qualname__", "task"), exc_info=fault)
            await asyncio.sleep(RETRY_SECONDS)
