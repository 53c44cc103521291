"""A registry to test against: a small real HTTP server that speaks SS 12000, and whatever else it is told to do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from sqlalchemy import Row, select

from deploy.embedded.postgres import Postgres
from services.registry.decisions import Decisions
from services.registry.domain.report import Run
from services.registry.domain.values import Origin
from services.registry.feeds.http import Api, make_client
from services.registry.importer import Importer
from services.registry.settings import Source
from services.registry.store import held, quarantine
from services.registry.store.held import Held
from services.registry.store.quarantine import Entry
from services.registry.sync import SourceSync
from services.registry.tables import kit as tables
from services.registry.tables import metadata
from shared.clock import Clock
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Event
from tests.stack import kit_off_kafka

Answer = Callable[[Request], Response]
HALF_A_PAGE = b'{"data": [{"id": "2222'


@dataclass
class Double:
    """The registry. `lists` is what it has; `script` holds answers it gives first, per list."""

    lists: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    deleted: list[dict[str, list[str]]] = field(default_factory=list)
    script: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    not_offered: set[str] = field(default_factory=set)
    base_url: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/token", self._token, methods=["POST"])
        app.add_api_route("/v2.0/subscriptions", self._subscribe, methods=["POST"], status_code=201)
        app.add_api_route("/v2.0/subscriptions/{ours}", self._prolong, methods=["PATCH"])
        app.add_api_route("/v2.0/{name}", self._list, methods=["GET"], response_model=None)
        return app

    def asked_for(self, name: str) -> list[dict[str, str]]:
        """The queries with which a list was asked for."""
        return [query for asked, query in self.asked if asked == name]

    async def _token(self) -> dict[str, Any]:
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return {"access_token": self.tokens[-1], "expires_in": 3600}

    async def _subscribe(self, request: Request) -> dict[str, Any]:
        self.subscriptions.append(await request.json())
        return {**self.subscriptions[-1], "id": str(len(self.subscriptions)), "expires": "2026-11-25T00:00:00Z"}

    async def _prolong(self, ours: str, request: Request) -> Response:
        if int(ours) > len(self.subscriptions):
            return JSONResponse({"code": "404", "message": "?"}, 404)
        return JSONResponse({"id": ours, "expires": (await request.json())["expires"]})

    async def _list(self, name: str, request: Request) -> Response:
        self.asked.append((name, dict(request.query_params)))
        if self.tokens and request.headers.get("Authorization") != f"Bearer {self.tokens[-1]}":
            return JSONResponse({"code": "401", "message": "?"}, 401)
        if name in self.not_offered:
            return JSONResponse({"code": "404", "message": "?"}, 404)
        if self.script[name]:
            return self.script[name].pop(0)(request)
        return self._deletions() if name == "deletedEntities" else self._page(name, dict(request.query_params))

    def _deletions(self) -> Response:
        return JSONResponse({"data": self.deleted[-1] if self.deleted else {}, "pageToken": None})

    def _page(self, name: str, query: dict[str, str]) -> Response:
        """Page by page; the token says where to go on and which filter was asked for."""
        start, _, after = query.get("pageToken", f"0|{query.get('meta.modified.after', '')}").partition("|")
        if "pageToken" in query and set(query) != {"pageToken", "limit"}:
            return JSONResponse({"code": "400", "message": "kan inte kombineras med pageToken"}, 400)
        rows = [row for row in self.lists[name] if not after or _modified(row) > datetime.fromisoformat(after)]
        end = int(start) + int(query["limit"])
        token = f"{end}|{after}" if end < len(rows) else None
        return JSONResponse({"data": rows[int(start) : end], "pageToken": token})


def _modified(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["meta"]["modified"])


def status(code: int, **headers: str) -> Answer:
    return lambda _: Response(b"{}", code, headers={k.replace("_", "-"): v for k, v in headers.items()})


def body(content: bytes) -> Answer:
    return lambda _: Response(content, 200, media_type="application/json")


def same_page_for_ever(row: dict[str, Any]) -> list[Answer]:
    return [lambda _: JSONResponse({"data": [row], "pageToken": "again"})] * 10


@asynccontextmanager
async def a_double() -> AsyncIterator[Double]:
    """The registry on a free port of this machine."""
    double = Double()
    server = uvicorn.Server(uvicorn.Config(double.app(), port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    double.base_url = f"http://127.0.0.1:{port}/v2.0"
    try:
        yield double
    finally:
        server.should_exit = True
        await serving


@dataclass
class Stage:
    """A registry service's importer on a database of its own."""

    importer: Importer
    source: Source
    waited: list[float] = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        return self.importer.origin(self.source)

    @asynccontextmanager
    async def syncing(self, double: Double, **settings: Any) -> AsyncIterator[SourceSync]:
        """Turns with the double; waits between tries are noted instead of waited."""
        source = self.source.model_copy(update={"base_url": double.base_url, **settings})

        async def wait(seconds: float) -> None:
            self.waited.append(seconds)

        async with make_client() as client:
            yield SourceSync(source, Api(source, client, wait), self.importer)

    async def pull(self, double: Double, **settings: Any) -> Run:
        async with self.syncing(double, **settings) as sync:
            return await sync.pull()

    async def said(self) -> list[Row[Any]]:
        """What lies in the outbox, in order."""
        async with self.importer.kit.sessions() as session:
            return list((await session.execute(select(tables.outbox).order_by(tables.outbox.c.id))).all())

    async def news(self) -> list[Row[Any]]:
        """What was said since the last time this was asked."""
        async with self.importer.kit.sessions.begin() as session:
            rows = list((await session.execute(select(tables.outbox).order_by(tables.outbox.c.id))).all())
            await session.execute(tables.outbox.delete())
        return rows

    async def events(self) -> list[Event | None]:
        """The events among the news; None for a tombstone."""
        return [
            CATALOGUE[row.event_type].model_validate_json(row.value) if row.value else None for row in await self.news()
        ]

    @property
    def decisions(self) -> Decisions:
        return Decisions(self.importer.kit)

    async def waiting(self) -> list[Entry]:
        """What waits for a decision or was refused."""
        async with self.importer.kit.sessions() as session:
            return await quarantine.listed(session, 1000)

    async def held(self) -> dict[str, Held]:
        """Held rows by their ref."""
        async with self.importer.kit.sessions() as session:
            return {row.ref: row for row in await held.listed(session, 1000)}


@asynccontextmanager
async def a_stage(postgres: Postgres, clock: Clock, *sources: str) -> AsyncIterator[Stage]:
    kit = kit_off_kafka(postgres, "registry", metadata, tables, clock)
    try:
        yield Stage(Importer(kit, frozenset(sources or ("kommunen",))), Source(name="kommunen"))
    finally:
        await kit.close()


def ids(*values: UUID) -> list[str]:
    return [str(value) for value in values]


def with_login_key(stage: Stage, key: str) -> None:
    """From now on what people log in with becomes digests."""
    kit = stage.importer.kit
    kit.settings = kit.settings.model_copy(update={"login_key": SecretStr(key)})
