"""Who is logged in: the session of every request, and what happens where somebody must be and is not.

`add_sessions` puts `request.state.session` (None for nobody), `request.state.expired` (ours, but its time is over)
and `request.state.csrf` on every request. Routes ask with the dependencies `a_session` and `needs_acr`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http.cookies import SimpleCookie
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import SkolbroError
from shared.kit import Kit
from shared.web.paths import HOME, own_path, path_of
from shared.web.seals import LOGIN, STEP_UP, Session, Sessions

__all__ = [
    "LOGIN",
    "STEP_UP",
    "NeedsStepUp",
    "NotLoggedIn",
    "Session",
    "Sessions",
    "a_session",
    "add_sessions",
    "needs_acr",
]

Still = Callable[[Session], Awaitable[bool]]
Keep = Callable[[Request, Session], Awaitable[str | None]]
READING = ("GET", "HEAD")
WITHOUT = ("/static/", "/health/", "/metrics")  # nobody's session is asked for there
STREAM = "text/event-stream"


class NotLoggedIn(SkolbroError):
    """The page is for people we know. A browser is sent to log in; what it was sending is kept where that can be."""


class NeedsStepUp(SkolbroError):
    """The page asks for a stronger login than this session began with."""


def add_sessions(app: FastAPI, kit: Kit, still: Still | None = None, keep: Keep | None = None) -> Sessions:
    """Read the session of every request, and send to log in whoever needs to.

    `still` says whether a session was not ended on the server; `keep` keeps what the person of a session that is
    over was sending, and says where it can be seen again. Raises SkolbroError without SKOLBRO_SESSION_KEY.
    """
    sessions = Sessions(kit.settings)
    app.state.sessions = sessions
    app.add_middleware(ReadsSessions, sessions=sessions, still=still)
    portal = kit.settings.portal_url.rstrip("/")

    async def to_login(request: Request, _: Exception) -> Response:
        address = f"{portal}/login?next={quote(await _way_back(request, keep), safe='')}"
        if keep or request.method in READING:
            return RedirectResponse(address, 303)
        return await _leading_to(request, address)

    async def to_step_up(request: Request, _: Exception) -> Response:
        back = own_path(path_of(request)) if request.method in READING else HOME
        return RedirectResponse(f"{portal}/step-up?next={quote(back, safe='')}", 303)

    app.add_exception_handler(NotLoggedIn, to_login)
    app.add_exception_handler(NeedsStepUp, to_step_up)
    return sessions


def a_session(request: Request) -> Session:
    """The session of this request. Raises NotLoggedIn when there is none."""
    session: Session | None = request.state.session
    if session is None:
        raise NotLoggedIn("You are not logged in, or were away for too long.")
    return session


def needs_acr(level: str) -> Callable[[Session], Session]:
    """A dependency for sensitive pages: the session, when it began with a login of this level (`step_up`).

    Raises NeedsStepUp otherwise; which `acr` of a provider has the level is in the portal's settings.
    """

    def strong(session: Session = Depends(a_session)) -> Session:  # noqa: B008 - FastAPI's way
        if session.level not in (level, STEP_UP):
            raise NeedsStepUp("This page needs a stronger login.")
        return session

    return strong


class ReadsSessions:
    """Middleware: opens the cookie once a request, and lets a session that is used live on."""

    def __init__(self, app: ASGIApp, sessions: Sessions, still: Still | None) -> None:
        self.app = app
        self.sessions = sessions
        self.still = still

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on with its session, and the answer back with a fresher cookie when one is due."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        session = await self._read(request)
        fresher = session and self._fresher(request, session)
        await self.app(scope, receive, self._giving(send, fresher) if fresher else send)

    async def _read(self, request: Request) -> Session | None:
        """Put the session into the request's state: one that lasts, or one that is over."""
        now, state = self.sessions.now(), request.state
        known = None if request.scope["path"].startswith(WITHOUT) else self._known(request)
        if known and self.still and not await self.still(known):
            known = None
        lasts = known is not None and self.sessions.lasts(known, now)
        state.session = known if lasts else None
        state.expired = known if known and not lasts and self.sessions.remembered(known, now) else None
        state.csrf = self.sessions.csrf(known) if known and lasts else ""
        return known if lasts else None

    def _known(self, request: Request) -> Session | None:
        return self.sessions.read(request.cookies.get(self.sessions.cookie))

    def _fresher(self, request: Request, session: Session) -> Session | None:
        """The session as seen now. A stream that a page opens by itself is nobody using it.

        Who cannot ask whether a session was ended does not let it live on: else one that was stolen would for hours.
        """
        if self.still is None or STREAM in request.headers.get("accept", ""):
            return None
        return self.sessions.slid(session, self.sessions.now())

    def _giving(self, send: Send, session: Session) -> Send:
        async def giving(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if not any(self.sessions.cookie in SimpleCookie(said) for said in headers.getlist("set-cookie")):
                    carrier = Response()
                    self.sessions.give(carrier, session)
                    headers.append("set-cookie", carrier.headers["set-cookie"])
            await send(message)

        return giving


async def _leading_to(request: Request, address: str) -> Response:
    """A page that leads to the login: a form may not be redirected to another host (CSP form-action)."""
    refusal = HTTPException(401, headers={"Refresh": f"0; url={address}"})
    handler = request.app.exception_handlers[HTTPException]
    answer: Response = await handler(request, refusal)
    return answer


async def _way_back(request: Request, keep: Keep | None) -> str:
    """Where to go after the login: the page itself, or what was typed there. Too long an address is no way back."""
    if request.method in READING:
        return own_path(path_of(request))
    expired: Session | None = request.state.expired
    kept = await keep(request, expired) if keep and expired else None
    return kept or HOME
