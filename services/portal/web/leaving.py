"""Leaving what may be left, from the mail itself: one click of a mail program (RFC 8058), or a button on a page.

The link is the secret. It works without a login and without cookies, and says nothing about anybody. Opening it
changes nothing (mail filters open links); a POST does, without a redirect, and as often as one likes.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response
from starlette.types import Message

from services.portal.store.leaving import choose_all
from services.portal.tables import roster
from shared.events.people import How, Subject
from shared.events.roster import PersonStated
from shared.kit import Kit
from shared.languages import N_
from shared.links import Leaving, Links
from shared.messaging.outbox import say
from shared.roster.projection import known
from shared.web.pages import Pages

BACK = "back"
LARGEST = 10_000  # bytes of what a mail program sends; nobody is logged in, so nothing larger is taken in
NAMES = {
    Subject.TALKS: N_("Talks, what was agreed in them, and meetings"),
    Subject.BULLETINS: N_("Bulletins from the classes"),
    Subject.INFORMATION: N_("Information from the school"),
    Subject.DIALOGUE: N_("Conversations with the school"),
}
Token = Annotated[str, Path(min_length=20, max_length=300)]


def leaving_routes(kit: Kit, pages: Pages) -> APIRouter:
    """`/unsubscribe/{token}`. A router of its own: there is no session, so no form is checked for one."""
    router = APIRouter(include_in_schema=False)
    links = Links(kit.settings)

    @router.get("/unsubscribe/{token}")
    async def asked(request: Request, token: Token) -> Response:
        return _shown(request, pages, _ours(links, token), None)

    @router.post("/unsubscribe/{token}")
    async def decided(request: Request, token: Token) -> Response:
        leaving = _ours(links, token)
        how = How.INSTANT if await _wants_back(request) else How.OFF
        await _choose(kit, leaving, how)
        return _shown(request, pages, leaving, how)

    return router


def _ours(links: Links, token: str) -> Leaving:
    leaving = links.leave(token)
    if leaving is None:
        raise HTTPException(404)
    return leaving


async def _wants_back(request: Request) -> bool:
    """True for the button back. Whatever else is sent is a leave: mail programs send `List-Unsubscribe=One-Click`."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return False

    async def again() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        return BACK in await Request(request.scope, again).form(max_files=1, max_fields=10)
    except StarletteHTTPException:  # a form nobody can read
        return False


async def _choose(kit: Kit, leaving: Leaving, how: How) -> None:
    """Keep the choice and say it. For somebody the registry does not know any more there is nothing to keep."""
    now = kit.clock.now()
    async with kit.sessions.begin() as session:
        person = (await known(session, roster, PersonStated, [leaving.person_id])).get(leaving.person_id)
        if person is None or person.tenant_id is None:
            return
        chosen = await choose_all(session, leaving.person_id, person.tenant_id, leaving.subject, how, now)
        await say(session, kit.tables, chosen.said, now)
    kit.outbox_written.set()


def _shown(request: Request, pages: Pages, leaving: Leaving, how: How | None) -> Response:
    """The question, or what was decided with the way back. No name and no child is on it."""
    request.state.nav = ()
    page = pages.html(request, "leaving.html", what=NAMES[leaving.subject], how=how, back=BACK)
    page.headers["X-Robots-Tag"] = "noindex"
    return page
