"""A stage for the door: a real identity provider process, a real database, and a browser that follows by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
from fastapi import APIRouter, Depends, FastAPI, Form, Request
from pydantic import SecretStr
from sqlalchemy import delete
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from deploy.embedded.process import Child, free_port
from services.portal import web
from services.portal.login.provider import Provider
from services.portal.settings import PortalSettings
from services.portal.tables import Draft, Login, roster
from services.portal.web.demo import demo_routes, welcome
from services.portal.web.login import Door, add_door
from shared.clock import ManualClock, SystemClock
from shared.db.engine import table_of
from shared.events.envelope import Event, Received
from shared.events.roster import (
    ContactStated,
    GuardianshipsStated,
    LoginStated,
    PersonStated,
    SchoolStated,
    StaffStated,
)
from shared.ids import login_digest, tenant_id
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.roster.projection import link_table, roster_reader
from shared.settings import KitSettings
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.pages import Pages, add_pages
from shared.web.session import STEP_UP, Session, a_session, needs_acr

HERE = Path(web.__file__).parent
PORTAL = "http://127.0.0.1:8000"
SESSION_KEY, LOGIN_KEY = "s" * 40, "l" * 40
TOWN, OTHER_TOWN = "Brohamn", "Sundhamn"
SUBSTANTIAL, HIGH = "loa-substantial", "loa-high"
KINDS = (PersonStated, ContactStated, GuardianshipsStated, SchoolStated, StaffStated, LoginStated)
Mine = Annotated[Session, Depends(a_session)]


@contextmanager
def running_provider(folder: Path) -> Iterator[str]:
    """`oidc-provider-mock` as a process of its own; its issuer. It is ended by its own pid."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
    child = Child("the identity provider", command, folder / "provider.log")
    child.start()
    try:
        child.wait_until(lambda: _answers(issuer), 30)
        yield issuer
    finally:
        child.stop()


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).is_success
    except httpx.TransportError:
        return False


def provider(issuer: str, name: str = "e-id", **more: Any) -> Provider:
    """A provider as a municipality would configure it."""
    usual = {"name": name, "label": "E-id", "tenant": TOWN, "issuer": issuer, "client_id": f"skolbro-{name}"}
    usual |= {"client_secret": "secret", "claim": "pid", "kind": "civic_no"}
    return Provider(**{**usual, "acr": (SUBSTANTIAL,), "step_up_acr": (HIGH,), **more})


def settings_of(kit: Kit, **more: Any) -> None:
    """Give the kit keys, and whatever else a test wants settled."""
    keys = {"session_key": SecretStr(SESSION_KEY), "login_key": SecretStr(LOGIN_KEY)}
    kit.settings = KitSettings().model_copy(update={"portal_url": PORTAL, **keys, **more})


@dataclass
class Stage:
    """The portal's door with three pages behind it, and who said what to the provider."""

    kit: Kit
    issuer: str
    settings: PortalSettings
    app: FastAPI = field(init=False)
    door: Door = field(init=False)
    clock: ManualClock = field(init=False)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = FastAPI()
        pages = Pages(HERE / "templates", self.kit.settings)
        add_pages(self.app, HERE / "static", self.kit.settings)
        self.door = add_door(self.app, self.kit, self.settings, pages)
        if self.kit.settings.demo:
            self.app.include_router(demo_routes(self.door))
        self.app.include_router(self._pages_behind())
        add_error_pages(self.app, pages)
        self.clock = ManualClock(SystemClock().now())
        self.door.sessions.clock = self.clock

    def _pages_behind(self) -> APIRouter:
        router = APIRouter()

        @router.get("/")
        async def first(request: Request) -> Response:
            session: Session | None = request.state.session
            if session is None:
                return await welcome(self.door, request, self.kit.settings.demo)
            return PlainTextResponse(f"{session.person_id} {session.level}")

        @router.get("/preferences")
        async def show(session: Mine, request: Request) -> PlainTextResponse:
            return PlainTextResponse(f"{session.person_id} {request.state.csrf}")

        @router.post("/preferences", dependencies=[Depends(form_checked)])
        async def change(session: Mine, text: Annotated[str, Form()]) -> Response:
            self.sent.append({"person": session.person_id, "text": text})
            return RedirectResponse("/preferences", 303)

        @router.get("/sensitive")
        async def sensitive(session: Annotated[Session, Depends(needs_acr(STEP_UP))]) -> PlainTextResponse:
            return PlainTextResponse(f"{session.person_id} {session.acr}")

        return router

    async def hear(self, *events: Event) -> None:
        """Let the roster say this."""
        reader = roster_reader(roster, *KINDS)
        received = [Received(event, str(uuid4()).encode(), None, event.topic, 0, 0) for event in events]
        async with self.kit.sessions.begin() as session:
            await reader.handle(session, Batch(received, self.kit.clock.now()))

    async def clear(self) -> None:
        """Forget everybody, so that tests can share a database."""
        async with self.kit.sessions.begin() as session:
            for table in (roster, link_table(roster), table_of(Login), table_of(Draft)):
                await session.execute(delete(table))

    async def person(self, pid: str, town: str = TOWN, kind: str = "civic_no", **more: Any) -> UUID:
        """Somebody in a municipality's registry with this identifier."""
        person_id, tenant = uuid4(), tenant_id(town)
        digest = login_digest(LOGIN_KEY.encode(), tenant, kind, pid)
        await self.hear(
            PersonStated(person_id=person_id, version=1, tenant_id=tenant, **more),
            LoginStated(person_id=person_id, version=1, tenant_id=tenant, identifiers=("other", digest)),
        )
        return person_id

    async def knows(self, sub: str, **claims: Any) -> None:
        """Let the provider know somebody with these claims."""
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.put(f"{self.issuer}/users/{sub}", json=claims)).raise_for_status()

    def browser(self, cookie: str = "") -> Browser:
        """A browser with no cookies yet, or with this session's."""
        cookies = {"skolbro": cookie} if cookie else {}
        transport = httpx.ASGITransport(self.app)
        return Browser(httpx.AsyncClient(transport=transport, base_url=PORTAL, cookies=cookies), self)


@dataclass
class Browser:
    """A browser that goes nowhere by itself."""

    client: httpx.AsyncClient
    stage: Stage

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """Open a page."""
        return await self.client.get(path, **kwargs)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form with its token, as the page it is on would."""
        token = (await self.get("/preferences")).text.split(" ")[-1]
        return await self.client.post(path, data={"csrf": token, **fields})

    async def at_provider(self, place: str, sub: str, action: str = "") -> httpx.Response:
        """Say at the provider who one is; its answer, which sends the browser back."""
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(place, data={"action": action} if action else {"sub": sub})

    async def way_back(self, sub: str, start: str, action: str = "") -> str:
        """Go to the provider from this page of ours and come back with its answer; where the answer leads."""
        begun = await self.get(start)
        assert begun.status_code == 303, begun.text
        return (await self.at_provider(begun.headers["location"], sub, action)).headers["location"]

    async def log_in(self, sub: str, start: str = "/login/e-id") -> httpx.Response:
        """The whole way through the provider."""
        return await self.get(await self.way_back(sub, start))

    def cookie(self) -> str | None:
        """The session's cookie."""
        return self.client.cookies.get("skolbro")

    def session(self) -> Session:
        """What the cookie says."""
        session = self.stage.door.sessions.read(self.cookie())
        assert session is not None
        return session


def question(place: str) -> dict[str, str]:
    """What the address of the provider asks it."""
    return {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
