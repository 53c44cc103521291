"""One tap between talks. The link is the secret: it works without a login, says nothing about anybody, and expires.

Opening it changes nothing (mail filters open links); only a button does. What was answered can be changed until then.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from services.scheduling.domain.agendas import agenda
from services.scheduling.domain.commitments import ANSWERS, Answer
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import commitments as store
from services.scheduling.store.commitments import Asked
from services.scheduling.store.people import schools_of
from shared.clock import DEFAULT_ZONE
from shared.events.scheduling import TalkKind
from shared.kit import Kit
from shared.web.csrf import from_our_pages
from shared.web.pages import Pages


async def _ours(request: Request) -> None:
    """Whoever holds the link has no session, so no token: another site must not post all the same."""
    from_our_pages(request)


def open_routes(kit: Kit, _: SchedulingSettings, pages: Pages) -> APIRouter:
    """`/talks/check/{check_in_id}`, for whoever holds the link. Its own router: there is no session to check."""
    router = APIRouter(include_in_schema=False)

    @router.get("/talks/check/{check_in_id}")
    async def question(request: Request, check_in_id: UUID) -> Response:
        async with kit.sessions() as session:
            asked = await store.asked(session, check_in_id)
            zone = await _zone(session, asked)
        return _shown(request, kit, pages, _there(asked), zone)

    @router.post("/talks/check/{check_in_id}", dependencies=[Depends(_ours)])
    async def answer(request: Request, check_in_id: UUID, said: Annotated[Answer, Form()]) -> Response:
        async with kit.sessions.begin() as session:
            asked = _there(await store.asked(session, check_in_id, lock=True))
            now = kit.clock.now()
            is_open = asked.question.is_open(asked.status, now)
            if is_open:
                await store.answer(session, check_in_id, said, now)
            zone = await _zone(session, asked)
        if not is_open:
            return _shown(request, kit, pages, asked, zone)
        return RedirectResponse(f"/talks/check/{check_in_id}", 303)

    return router


def _there(asked: Asked | None) -> Asked:
    if asked is None:
        raise HTTPException(404)
    return asked


async def _zone(session: AsyncSession, asked: Asked | None) -> str:
    school = (await schools_of(session, [asked.school_id])).get(asked.school_id) if asked else None
    return school.zone if school else DEFAULT_ZONE


def _shown(request: Request, kit: Kit, pages: Pages, asked: Asked, zone: str) -> Response:
    """The question, or that it is over (410). No name, no school, no word of what was promised; and no way further."""
    now = kit.clock.now()
    is_open = asked.question.is_open(asked.status, now)
    request.state.nav = ()
    context = {
        "question": asked.question,
        "is_open": is_open,
        "kind": agenda(TalkKind(asked.kind)).name,
        "agreed_at": asked.agreed_at,
        "answers": ANSWERS,
        "now": now,
        "zone": zone,
    }
    page = pages.html(request, "check_in.html", 200 if is_open else 410, **context)
    page.headers["X-Robots-Tag"] = "noindex"
    return page
