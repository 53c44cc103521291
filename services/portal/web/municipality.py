"""The municipality: every school's ledger, the wall of notices that have not arrived, and how the parts are doing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.portal.domain.duties import NOTICE, Span, period, total
from services.portal.settings import PortalSettings
from services.portal.store.schools import by_school
from services.portal.store.wall import health, undelivered
from services.portal.tables import roster
from services.portal.web.schools import Day, charts, day_in, of_kind, usual_span
from services.portal.web.shown import portal_face
from services.portal.web.staff import Context, zones
from services.portal.web.staff_words import WORDS, words_of
from shared.events.duties import DutyKind
from shared.events.roster import SchoolStated
from shared.kit import Kit
from shared.roster.standing import Standing
from shared.web.face import Me
from shared.web.pages import Pages
from shared.web.session import Session, Sessions
from shared.web.viewing import View, viewing

PATIENCE = timedelta(minutes=30)  # a notice that is owed and not delivered for so long is on the wall
MOST = 200
LOOK_SECONDS = 3.0
STALE = timedelta(hours=2)  # each service says something every half-hour (shared.health); a demo's hours are short
QUARANTINE = "/registry/quarantine"


def municipality_routes(kit: Kit, settings: PortalSettings, pages: Pages) -> APIRouter:
    """`/municipality` and its wall. Counts and code words only: nobody's name is read here."""
    router, face = APIRouter(include_in_schema=False), portal_face(kit, pages)

    @router.get("/municipality")
    async def municipality(
        request: Request, session: Me, span: Span | None = None, day: Day = "", kind: DutyKind = NOTICE
    ) -> HTMLResponse:
        span = span or usual_span(kind)
        async with viewing(kit, roster, session) as view:
            _officer(view.standing)
            page = await _ledger(view, span, day_in(day) or view.standing.today, kind)
            page |= {"health": await health(view.db, view.standing.tenant_id), "stale_before": view.now - STALE}
        page |= {"quarantine": settings.address(QUARANTINE)}
        drawn = charts(pages, request, page, span, kind)
        return face.show(request, view, "municipality.html", **words_of(kind), **page, **drawn)

    @router.get("/municipality/wall")
    async def wall(request: Request, session: Me) -> HTMLResponse:
        async with viewing(kit, roster, session) as view:
            page = await _wall(view)
        return face.show(request, view, "wall.html", **WORDS, **page)

    async def officers_only(session: Me) -> None:
        """A stream has answered 200 before its first row is asked for, so whose it is is asked before that."""
        async with viewing(kit, roster, session) as view:
            _officer(view.standing)

    @router.get("/municipality/wall/changes", response_class=EventSourceResponse, dependencies=[Depends(officers_only)])
    async def changes(request: Request, session: Me) -> AsyncIterator[ServerSentEvent]:
        last = ""
        while _lasts(request, session) and not await request.is_disconnected():
            rows = await _rows(kit, pages, request, session)
            if rows is None:
                return
            if rows != last:
                last = rows
                yield ServerSentEvent(raw_data=rows, event="wall")
            await asyncio.sleep(LOOK_SECONDS)

    return router


def _officer(standing: Standing) -> None:
    """Raise 404 for everybody but officers of the municipality."""
    if not standing.municipality:
        raise HTTPException(404)


def _schools(standing: Standing) -> list[SchoolStated]:
    """The schools themselves, by name; what stands above them owes nothing."""
    schools = [school for school in standing.schools.values() if school.kind != "municipality"]
    return sorted(schools, key=lambda school: school.name)


async def _ledger(view: View, span: Span, day: date, kind: DutyKind) -> Context:
    schools, when = _schools(view.standing), period(span, day)
    found = await by_school(view.db, zones(schools), when, view.now, kind)
    query = urlencode({"from": when.since, "to": when.until, **of_kind(kind)})
    own = urlencode({"span": span, "day": day, **of_kind(kind)})
    return {
        "when": when,
        "span": span,
        "day": day,
        "days": found.days,
        "lines": [
            (school.name, f"/school/{one}?{own}", f"/school/{one}/duties?{query}", found.lines[one])
            for school in schools
            if (one := school.school_id) in found.lines
        ],
        "silent": [school for school in schools if school.school_id not in found.lines],
        "total": total(found.lines.values()),
    }


async def _wall(view: View) -> Context:
    _officer(view.standing)
    schools = {school.school_id: school for school in _schools(view.standing)}
    waiting = await undelivered(view.db, zones(schools.values()), view.now, PATIENCE, MOST)
    return {
        "waiting": [(schools[one.school_id], one) for one in waiting],
        "patience": int(PATIENCE.total_seconds()) // 60,
        "most": MOST,
    }


async def _rows(kit: Kit, pages: Pages, request: Request, session: Session) -> str | None:
    """The part of the wall that changes; None when it is not this person's any more."""
    try:
        async with viewing(kit, roster, session) as view:
            page = await _wall(view)
    except HTTPException:
        return None
    return pages.text(request, "wall_rows.html", now=view.now, **WORDS, **page)


def _lasts(request: Request, session: Session) -> bool:
    """True until the session is over: an open page is nobody using it."""
    known: Sessions = request.app.state.sessions
    return known.lasts(session, known.now())
