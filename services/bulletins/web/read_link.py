"""“I have read this”, behind the link in a mail: without a login, and without a word of what or whom it is about.

Opening it changes nothing (mail filters open links); only the button does. Whether the person may still know is asked
then: somebody who has lost the right since is not told more than that the link is over.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from services.bulletins.domain.readers import concerns
from services.bulletins.reading import note
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import archive, bulletins
from services.bulletins.tables import kit as tables
from services.bulletins.tables import roster
from shared.events.notify import ReadBy
from shared.kit import Kit
from shared.links import Links, Reading
from shared.messaging.outbox import say
from shared.roster.standing import standing_of
from shared.web.csrf import from_our_pages
from shared.web.pages import Pages


async def _ours(request: Request) -> None:
    """Whoever holds the link has no session, so no token: another site must not post all the same."""
    from_our_pages(request)


def open_routes(kit: Kit, _: BulletinsSettings, pages: Pages) -> APIRouter:
    """`/bulletins/read/{token}`, for whoever holds the link. Its own router: there is no session to check."""
    router, links = APIRouter(include_in_schema=False), Links(kit.settings)

    @router.get("/bulletins/read/{token}")
    async def question(request: Request, token: str, done: str = "") -> Response:
        ours = links.read(token) is not None
        return _shown(request, pages, "done" if ours and done else "asks" if ours else "over")

    @router.post("/bulletins/read/{token}", dependencies=[Depends(_ours)])
    async def answer(request: Request, token: str) -> Response:
        link = links.read(token)
        if link is None or not await _read(kit, link):
            return _shown(request, pages, "over")
        return RedirectResponse(f"/bulletins/read/{token}?done=1", 303)

    return router


async def _read(kit: Kit, link: Reading) -> bool:
    """Keep that this person has read it, once; False when they may not know of it (any more)."""
    now = kit.clock.now()
    async with kit.sessions.begin() as session:
        if not await _may(session, link, kit):
            return False
        said = await note(session, link.about_id, link.person_id, ReadBy.LINK, now)
        await say(session, tables, said, now)
    if said:
        kit.outbox_written.set()
    return True


async def _may(session: AsyncSession, link: Reading, kit: Kit) -> bool:
    full = await bulletins.load(session, link.about_id)
    if full is None:
        return False
    standing = await standing_of(session, roster, link.person_id, full.bulletin.tenant_id, kit.clock.now())
    if standing is None:
        return False
    shelf = await archive.found(session, standing, link.about_id)
    return any(one.withdrawn_at is None and concerns(standing, one.sent, shelf.belongs) for one in shelf.entries)


def _shown(request: Request, pages: Pages, stand: str) -> Response:
    """The button, thanks, or that the link is over (410). No name, no title, no school; and no way further."""
    request.state.nav = ()
    page = pages.html(request, "read_link.html", 410 if stand == "over" else 200, stand=stand)
    page.headers["X-Robots-Tag"] = "noindex"
    return page
