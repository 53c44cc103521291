"""Whoever attacks: a browser with anybody's cookie, and what the databases hold before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr
from pypdf import PdfReader
from sqlalchemy import MetaData, text

from services.bulletins import tables as bulletins_tables
from services.notifications import tables as notifications_tables
from services.portal import tables
from services.portal.store import login as logins
from services.registry import tables as registry_tables
from services.scheduling import tables as scheduling_tables
from shared.kit import Kit
from shared.web.session import STEP_UP, Session, Sessions
from tests.connected.attack_stage import World
from tests.portal_stage import ELSEWHERE, HERE, TEN

Form = Mapping[str, str | list[str]]
NOT_OURS = "a key that somebody else made up, long enough"


@dataclass(frozen=True)
class Cookie:
    """What a browser carries: a sealed session, and the token its forms have."""

    header: str
    csrf: str
    person_id: UUID | None


class Browser:
    """Sends requests to one app as whoever's cookie it is given. Redirects are not followed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sessions = Sessions(world.here.kit.settings)
        self.forged = Sessions(world.here.kit.settings.model_copy(update={"session_key": SecretStr(NOT_OURS)}))
        self.clients = {
            name: httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")
            for name, app in world.apps.items()
        }
        self.cookies: dict[tuple[UUID, str], Cookie] = {}

    async def cookie(self, person_id: UUID, kind: str = "good") -> Cookie:
        """A cookie of this person: good, expired, ended, never begun, or signed with another key."""
        if (person_id, kind) not in self.cookies:
            self.cookies[person_id, kind] = await self._made(person_id, kind)
        return self.cookies[person_id, kind]

    async def _made(self, person_id: UUID, kind: str) -> Cookie:
        sessions = self.forged if kind == "forged" else self.sessions
        session = sessions.begin(person_id, self.world.tenant_of(person_id), "test", "strong", level=STEP_UP)
        if kind == "elsewhere":
            session = replace(session, tenant_id=HERE if session.tenant_id == ELSEWHERE else ELSEWHERE)
        if kind == "expired":
            old = session.began_at - timedelta(hours=2)
            session = replace(session, began_at=old, seen_at=old)
        if kind != "unknown":
            await self._begin(session, ended=kind == "ended")
        header = f"{sessions.cookie}={sessions.seal(session)}"
        return Cookie(header, sessions.csrf(session), person_id)

    async def _begin(self, session: Session, ended: bool) -> None:
        async with self.world.here.kit.sessions.begin() as db:
            await logins.begin(db, session, None)
            if ended:
                await logins.end(db, session.session_id, TEN)

    async def send(
        self,
        service: str,
        method: str,
        path: str,
        cookie: Cookie | None,
        form: Form | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request; a form gets the token of the session's own, JSON the same in a header."""
        headers = {"accept": "text/html", "accept-language": "en", **more.pop("headers", {})}
        if cookie:
            headers["cookie"] = cookie.header
            headers |= {"x-csrf": cookie.csrf} if "json" in more else {}
        data = None if form is None else {**({"csrf": cookie.csrf} if cookie else {}), **form}
        self.clients[service].cookies.clear()  # what an answer before has set is nobody's here
        return await self.clients[service].request(method, path, headers=headers, data=data, **more)


def words_of(answer: httpx.Response) -> str:
    """What somebody can read in an answer, also on paper."""
    made_up = b"%%EOF" not in answer.content[-10:]  # a document of the stage, which is only called so
    if answer.headers.get("content-type") != "application/pdf" or made_up:
        return answer.text
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)


async def beginning(app: FastAPI, path: str, cookie: Cookie) -> tuple[int, str]:
    """The status and the first words of an answer that never ends (server-sent events)."""
    status, words, enough = 0, b"", asyncio.Event()
    pieces = httpx.URL(path)
    asked = {"type": "http", "method": "GET", "path": pieces.path, "query_string": pieces.query, "scheme": "http"}
    asked |= {"headers": [(b"cookie", cookie.header.encode()), (b"host", b"portal")], "root_path": ""}
    asked |= {"raw_path": pieces.raw_path, "server": ("portal", 80), "client": ("127.0.0.1", 1), "http_version": "1.1"}

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, words
        status = message.get("status", status)
        words += message.get("body", b"")
        if words or (message["type"] == "http.response.body" and not message.get("more_body")):
            enough.set()

    first = True

    async def receiving() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        return await receive()

    async with asyncio.timeout(15):
        await app(asked, receiving, send)
    return status, words.decode()


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path that an app answers, from its own list; a mounted folder as `MOUNT`."""
    found = set()
    for route in iter_route_contexts(app.routes):
        methods = route.methods or {"MOUNT"}
        found |= {(method, str(route.path)) for method in methods if method != "HEAD" or "GET" not in methods}
    return found


DIGEST = "select coalesce(md5(string_agg(md5(t::text), '' order by t::text)), '') from \"{}\" t {}"
NOT_COMPARED = {
    "login": "where false",
    "draft": "where path like '/draft-of-%'",
}  # logging in; what an expired session kept


async def digests(kit: Kit, metadata: MetaData) -> dict[str, str]:
    """A digest of all rows of each table of a database."""
    async with kit.sessions() as db:
        return {
            table.name: str(await db.scalar(text(DIGEST.format(table.name, NOT_COMPARED.get(table.name, "")))))
            for table in metadata.sorted_tables
        }


async def everything_kept(world: World) -> dict[str, dict[str, str]]:
    """Digests of all databases."""
    kept = {"portal": tables.metadata, "registry": registry_tables.metadata, "scheduling": scheduling_tables.metadata}
    kept |= {"bulletins": bulletins_tables.metadata, "notifications": notifications_tables.metadata}
    return {name: await digests(world.kits[name], metadata) for name, metadata in kept.items()}
