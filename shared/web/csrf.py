"""Forms that only our own pages can send: a token that belongs to the session, and the browser's word on who asks."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.exceptions import HTTPException

from shared.languages import N_
from shared.web.session import READING, Session, Sessions, a_session

FIELD = "csrf"
FORGED = N_(
    "This form did not come from a page of yours that is still open, so nothing was changed. "
    "Go back, load the page again, and send it once more."
)


class Forged(HTTPException):
    """A form that was not sent from a page we gave to this session. Nothing was done."""

    def __init__(self) -> None:
        super().__init__(403, FORGED)


async def form_checked(request: Request) -> None:
    """A dependency for every route that changes something: reading passes, the rest must come from our own form.

    Raises NotLoggedIn for nobody, and Forged when the token is missing, wrong or another session's.
    """
    if request.method in READING:
        return
    session = a_session(request)
    from_our_pages(request)
    if not await carries_token(request, session):
        raise Forged


def from_our_pages(request: Request) -> None:
    """Raise Forged when the browser says that another site asks. Programs that say nothing are not browsers."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forged
    if origin is None or (origin == "null" and site == "same-origin"):  # "null": the page said no-referrer
        return
    if _host_of(origin) != request.headers.get("host"):
        raise Forged


def _host_of(origin: str) -> str:
    """The host and port of an origin; empty for what is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


async def carries_token(request: Request, session: Session) -> bool:
    """True when the form carries the token of this session."""
    sessions: Sessions = request.app.state.sessions
    said = (await request.form()).get(FIELD)
    return isinstance(said, str) and hmac.compare_digest(said.encode(), sessions.csrf(session).encode())
