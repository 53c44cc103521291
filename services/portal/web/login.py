"""The door: choosing how to log in, the way to the provider and back, stronger login, logging out, kept drafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import escape
from starlette.responses import Response

from services.portal.login.attempt import Attempt, Attempts
from services.portal.login.client import OidcClient
from services.portal.login.drafts import Drafts
from services.portal.login.errors import LoginFailed, Trouble
from services.portal.login.opened import OpenSessions
from services.portal.login.proof import Proof
from services.portal.login.provider import Provider
from services.portal.settings import PortalSettings
from services.portal.store import login as store
from services.portal.tables import roster
from shared.errors import SkolbroError
from shared.events.roster import PersonStated
from shared.ids import login_digest
from shared.kit import Kit
from shared.observe.logging import get_logger
from shared.settings import KitSettings
from shared.web.csrf import form_checked
from shared.web.limits import add_limits
from shared.web.pages import Pages, language_of
from shared.web.paths import HOME, own_path
from shared.web.session import STEP_UP, Session, Sessions, a_session, add_sessions
from shared.web.viewing import viewing

SHORTEST_KEY = 32
LOGGED_OUT = "/logged-out"
Next = Annotated[str, Query(alias="next", max_length=4000)]
Mine = Annotated[Session, Depends(a_session)]
DraftPath = Annotated[str, Form(alias="draft_path", max_length=4000)]
log = get_logger()


class Door:
    """Lets people in and out. Raises SkolbroError when there are providers but no key for identifiers."""

    def __init__(
        self, kit: Kit, settings: PortalSettings, pages: Pages, sessions: Sessions, opened: OpenSessions
    ) -> None:
        self.kit = kit
        self.settings = settings
        self.pages = pages
        self.sessions = sessions
        self.opened = opened
        self.attempts = Attempts(sessions)
        self.clients = {one.name: OidcClient(one, kit.settings.portal_url) for one in settings.providers}
        self.key = login_key(kit.settings) if self.clients else b""

    def municipalities(self) -> Mapping[str, list[Provider]]:
        """The ways to log in, by municipality, both in the order of the settings."""
        found: dict[str, list[Provider]] = {}
        for client in self.clients.values():
            found.setdefault(client.provider.tenant, []).append(client.provider)
        return found

    def choose(self, request: Request, next_path: str) -> Response:
        """The page with the ways to log in; who is logged in goes on at once."""
        if request.state.session:
            return RedirectResponse(self.settings.address(own_path(next_path)), 303)
        return self.pages.html(request, "login.html", ways=self.municipalities(), next=own_path(next_path))

    async def to_provider(self, request: Request, name: str, next_path: str, person: str = "") -> Response:
        """Send the browser to its provider; `person` makes it a step-up of this person. Raises LoginFailed."""
        client = self.client(name)
        attempt = Attempt.begin(name, own_path(next_path), self.sessions.now(), person)
        answer = RedirectResponse(await client.begin(attempt, language_of(request).tag), 303)
        self.attempts.keep(answer, attempt)
        return answer

    async def back(self, request: Request, name: str) -> Response:
        """The browser comes back with the provider's answer: a session begins. Raises LoginFailed."""
        client, attempt = self.client(name), self.attempts.of(request, name)
        if attempt is None:  # some providers forget the state when they say no
            denied = request.query_params.get("error") == "access_denied"
            raise LoginFailed(Trouble.DENIED if denied else Trouble.LOST, "no attempt of this browser")
        proof = await client.finish(attempt, request.query_params)
        person = await self._person(client.provider, proof)
        if attempt.person not in ("", person.person_id.hex):
            raise LoginFailed(Trouble.SOMEBODY_ELSE, "another person came back")
        session = self.sessions.begin(person.person_id, client.provider.tenant_id, name, proof.acr, level=proof.level)
        return await self.let_in(request, session, attempt.next, proof.id_token)

    async def _person(self, provider: Provider, proof: Proof) -> PersonStated:
        digest = login_digest(self.key, provider.tenant_id, provider.kind, proof.value)
        async with self.kit.sessions() as db:
            person = await store.person_of(db, provider.tenant_id, digest)
        if person is None:
            raise LoginFailed(Trouble.NOBODY, "not exactly one active person")
        return person

    async def let_in(self, request: Request, session: Session, next_path: str, id_token: str | None = None) -> Response:
        """Begin this session in place of the one before, whose cookie is worth nothing from now on."""
        before: Session | None = request.state.session
        if before:
            await self.opened.end(before)
        await self.opened.begin(session, id_token)
        log.info("logged in", person=str(session.person_id), provider=session.provider, strength=session.level)
        answer = leading_to(self.settings.address(own_path(next_path)))
        self.sessions.give(answer, session)
        return answer

    async def let_out(self, request: Request) -> Response:
        """End the session here, then at the provider. What the provider does cannot keep anybody logged in here."""
        session: Session | None = request.state.session
        ended = await self.opened.end(session) if session else None
        client = self.clients.get(ended.provider) if ended else None
        back = self.kit.settings.portal_url.rstrip("/") + LOGGED_OUT
        there = await client.end(ended.id_token, back) if ended and client else None
        answer = self._logged_out(request, there, client.provider.label if client else "")
        self.sessions.take(answer)
        return answer

    def _logged_out(self, request: Request, there: str | None, label: str) -> HTMLResponse:
        """A page that leads on to the provider. Not a redirect: a form of ours may not lead to strangers (CSP)."""
        request.state.session, request.state.csrf = None, ""
        answer = self.pages.html(request, "logged_out.html", there=there, label=label, here=LOGGED_OUT)
        if there:
            answer.headers["Refresh"] = f"0; url={there}"
        return answer

    def client(self, name: str) -> OidcClient:
        """The provider of that name. Raises LoginFailed."""
        if name not in self.clients:
            raise LoginFailed(Trouble.NO_PROVIDER)
        return self.clients[name]

    def failed(self, request: Request, failure: LoginFailed) -> Response:
        """The page about a login that failed; never says who exists. The log has the provider and what it was."""
        trouble = failure.trouble
        provider = str(request.path_params.get("provider", ""))
        known = provider if provider in self.clients else ""
        log.warning("login failed", trouble=trouble.name, detail=failure.detail, provider=known)
        page = {"mishap": trouble.mishap, "ways": self.municipalities(), "next": HOME, "here": "/login"}
        answer = self.pages.html(request, "trouble.html", trouble.status, **page)
        self.attempts.forget(request, answer)
        return answer


def leading_to(place: str) -> Response:
    """Go there. To another host by a page that goes on by itself: a form of ours may not lead there (CSP)."""
    if place.startswith("/"):
        return RedirectResponse(place, 303)
    head = '<!doctype html><html lang="sv"><head><title>Skolbro</title><link rel="icon" href="data:,"></head>'
    page = f'{head}<body><main><h1>Skolbro</h1><p><a href="{escape(place)}">→</a></p></main></body></html>'
    return HTMLResponse(page, headers={"Refresh": f"0; url={place}"})


def add_door(app: FastAPI, kit: Kit, settings: PortalSettings, pages: Pages) -> Door:
    """Put sessions, limits and the routes of the door on the portal's app."""
    add_limits(app, kit, pages)
    opened = OpenSessions(kit)
    sessions = add_sessions(app, kit, opened.still, Drafts(kit).keep)
    door = Door(kit, settings, pages, sessions, opened)
    for routes in (login_routes, step_up_routes, logout_routes, draft_routes):
        app.include_router(routes(door))
    return door


def login_key(settings: KitSettings) -> bytes:
    """The key of the digests people are found by. Raises SkolbroError when it is missing or too short to be one."""
    key = settings.login_key.get_secret_value() if settings.login_key else ""
    if len(key) < SHORTEST_KEY:
        raise SkolbroError(
            f"Logging in needs a key. Set SKOLBRO_LOGIN_KEY to at least {SHORTEST_KEY} random characters, the same "
            "in registry and portal; nothing was started."
        )
    return key.encode()


def login_routes(door: Door) -> APIRouter:
    """The way to the provider and back."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def choose(request: Request, next_path: Next = HOME) -> Response:
        return door.choose(request, next_path)

    @router.get("/login/{provider}")
    async def begin(request: Request, provider: str, next_path: Next = HOME) -> Response:
        try:
            return await door.to_provider(request, provider, next_path)
        except LoginFailed as failure:
            return door.failed(request, failure)

    @router.get("/login/callback/{provider}")
    async def back(request: Request, provider: str) -> Response:
        try:
            answer = await door.back(request, provider)
        except LoginFailed as failure:
            return door.failed(request, failure)
        door.attempts.forget(request, answer)
        return answer

    return router


def step_up_routes(door: Door) -> APIRouter:
    """A stronger login in the middle of a session."""
    router = APIRouter(include_in_schema=False)

    @router.get("/step-up")
    async def step_up(request: Request, session: Mine, next_path: Next = HOME, go: bool = False) -> Response:
        if session.level == STEP_UP:
            return RedirectResponse(door.settings.address(own_path(next_path)), 303)
        client = door.clients.get(session.provider)
        can = client is not None and bool(client.provider.step_up_acr)
        if not (go and client and can):
            label = client.provider.label if client else ""
            return door.pages.html(request, "step_up.html", next=own_path(next_path), can=can, label=label)
        try:
            return await door.to_provider(request, session.provider, next_path, session.person_id.hex)
        except LoginFailed as failure:
            return door.failed(request, failure)

    return router


def logout_routes(door: Door) -> APIRouter:
    """The way out."""
    router = APIRouter(include_in_schema=False)

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        if request.state.session:
            await form_checked(request)
        return await door.let_out(request)

    @router.get(LOGGED_OUT)
    async def logged_out(request: Request) -> Response:
        if request.state.session:
            return RedirectResponse(HOME, 303)
        return door.pages.html(request, "logged_out.html", there=None, label="")

    return router


def draft_routes(door: Door) -> APIRouter:
    """What was typed when a session ended: to look at, to send, to throw away."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])

    @router.get("/draft")
    async def show(request: Request, session: Mine, path: str = HOME) -> Response:
        async with viewing(door.kit, roster, session) as view:
            fields = await store.draft_of(view.db, session.person_id, own_path(path))
        if fields is None:
            return RedirectResponse(HOME, 303)
        return door.pages.html(request, "draft.html", fields=fields, draft_path=path)

    @router.post("/draft/send")
    async def send(session: Mine, path: DraftPath) -> Response:
        async with viewing(door.kit, roster, session) as view:
            known = await store.draft_of(view.db, session.person_id, own_path(path)) is not None
            await store.drop_draft(view.db, session.person_id, own_path(path))
        # 307: the browser sends the same form on to the page it was for, which checks it as any other.
        return RedirectResponse(own_path(path), 307) if known else RedirectResponse(HOME, 303)

    @router.post("/draft/discard")
    async def discard(session: Mine, path: DraftPath) -> Response:
        async with viewing(door.kit, roster, session) as view:
            await store.drop_draft(view.db, session.person_id, own_path(path))
        return RedirectResponse(HOME, 303)

    return router
