"""A running service: an HTTP app for people and operators, readers on Kafka, a relay, and what falls due.

HTTP answers at once; Kafka and the database are joined in the background with patience, and `/health/ready`
says what is still missing. One process, one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from faststream.kafka import KafkaBroker
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from shared.db.engine import is_passing
from shared.due.worker import DueHandler, DueWorker, Gate, always_open
from shared.kit import Kit
from shared.messaging.broker import attach, cluster_id, make_broker, make_producer
from shared.messaging.reader import Reader
from shared.messaging.relay import Relay
from shared.observe.logging import configure_logging, get_logger

RETRY_SECONDS = 1.0
Task = Callable[[], Awaitable[None]]
log = get_logger()


@dataclass
class Service:
    """The parts of one service, to be joined by `app()`. `tasks` run for as long as the service does."""

    kit: Kit
    readers: Sequence[Reader] = ()
    due: Mapping[str, DueHandler] = field(default_factory=dict)
    gate: Gate = always_open
    tasks: Sequence[Task] = ()
    started: bool = field(default=False, init=False)

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
            await self.kit.engine.dispose()

    async def run(self) -> None:
        """Join Kafka and work until cancelled."""
        await self._until_kafka_answers()
        producer = make_producer(self.kit.settings, self.kit.service)
        broker = make_broker(self.kit.settings, self.kit.service)
        for reader in self.readers:
            reader.kit = self.kit
            attach(broker, reader, self.kit.own.batch)
        await producer.start()
        try:
            relay, due = Relay(self.kit, producer), DueWorker(self.kit, self.due, self.gate)
            async with asyncio.TaskGroup() as group:
                group.create_task(relay.run())
                group.create_task(self._read(broker))
                if self.due:
                    group.create_task(due.run())
                for task in self.tasks:
                    group.create_task(_forever(task))
        finally:
            await producer.stop()

    async def _until_kafka_answers(self) -> None:
        while True:
            try:
                self.kit.cluster = await cluster_id(self.kit.settings)
                return
            except (KafkaError, OSError) as fault:
                log.warning("waiting for Kafka", fault=type(fault).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, broker: KafkaBroker) -> None:
        """Start the readers and stop them in order when cancelled: no batch is cut in the middle."""
        if not self.readers:
            self.started = True
            return
        try:
            await broker.start()
            self.started = True
            await asyncio.Event().wait()
        finally:
            await broker.stop()

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
