"""`/talks/interpreters`: who interprets, when they are booked, and what happens when they cannot come."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from babel import Locale
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from services.scheduling.domain.round_checks import Problem
from services.scheduling.domain.rounds import instant
from services.scheduling.domain.wishes import LANGUAGES
from services.scheduling.interpreting import cancel_block
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.interpreters import add_block, add_interpreter, speakers
from services.scheduling.tables import roster
from services.scheduling.web.round_form import stretch_of
from services.scheduling.web.rounds import is_staff
from shared.languages import N_
from shared.web.face import Face, Me, act, done
from shared.web.session import Session
from shared.web.viewing import View, viewing

TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
NO_NAME = N_("Write a name of at most 80 characters.")
NO_LANGUAGE = N_("Write at least one language as a code, for example ar or so.")
NO_TIME = N_("Write a day ahead, and two times of which the later one comes last.")
LONGEST = timedelta(hours=16)
Text = Annotated[str, Form(max_length=200)]


def add_interpreters(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """The list of interpreters, and what principals and the municipality decide on it."""

    @router.get("/talks/interpreters")
    async def page(request: Request, session: Me, done: str = "", took: int = 0, lost: int = 0) -> Response:
        async with viewing(face.kit, roster, session) as view:
            context = await _context(view)
        return face.show(
            request, view, "interpreters.html", done=done[:20], took=took, lost=lost, trouble="", **context
        )

    @router.post("/talks/interpreters")
    async def add(request: Request, session: Me, name: Text = "", languages: Text = "") -> Response:
        its_name, tags = " ".join(name.split())[:81], re.split(r"[\s,;]+", languages.strip().lower())
        tags = [one for one in dict.fromkeys(tags) if TAG.fullmatch(one)]
        wrong = NO_NAME if not its_name or len(its_name) > 80 else "" if tags else NO_LANGUAGE
        if wrong:
            return await _again(face, request, session, wrong, name=name, languages=languages)
        async with viewing(face.kit, roster, session) as view:
            tenant = _decides(view)
            await act(view)
            await add_interpreter(view.db, tenant, its_name, tags)
        return RedirectResponse("/talks/interpreters?done=added", 303)

    _blocks(router, face)


def _blocks(router: APIRouter, face: Face) -> None:
    """When they are booked, and that they cannot come."""

    @router.post("/talks/interpreters/{interpreter_id}/blocks")
    async def book(
        request: Request, interpreter_id: UUID, session: Me, day: Text = "", starts: Text = "", ends: Text = ""
    ) -> Response:
        wrong: list[Problem] = []
        its = stretch_of(day, starts, ends, wrong)
        async with viewing(face.kit, roster, session) as view:
            tenant, zone = _decides(view), view.standing.zone
            time = (instant(its.day, its.starts, zone), instant(its.day, its.ends, zone)) if its else None
            if time and time[0] < time[1] <= time[0] + LONGEST and time[1] > view.now:
                await act(view)
                if not await add_block(view.db, tenant, interpreter_id, time):
                    raise HTTPException(404)
                return RedirectResponse("/talks/interpreters?done=booked", 303)
        return await _again(face, request, session, NO_TIME)

    @router.post("/talks/interpreters/blocks/{block_id}/cancel")
    async def cancel(block_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tenant = _decides(view)
            await act(view)
            found = await cancel_block(view.db, tenant, block_id, view.now)
            if found is None:
                raise HTTPException(404)
            await done(face, view, found.said)
        face.kit.due_planned.set()
        return RedirectResponse(f"/talks/interpreters?done=cancelled&took={found.taken_over}&lost={found.without}", 303)


def spoken(tag: str, locale: str) -> str:
    """The language's name in the reader's language; the tag itself when it has none."""
    name = Locale.parse(locale).languages.get(tag.replace("-", "_"))
    return f"{name} ({tag})" if name else tag


def _decides(view: View) -> UUID:
    """The municipality for which this person decides. Raises 404 for who does not."""
    if not (view.standing.municipality or view.standing.principal_of):
        raise HTTPException(404)
    return view.standing.tenant_id


async def _context(view: View) -> dict[str, Any]:
    if not is_staff(view.standing):
        raise HTTPException(404)
    found = await speakers(view.db, view.standing.tenant_id, view.now - timedelta(days=1))
    decides = bool(view.standing.municipality or view.standing.principal_of)
    return {"speakers": found, "decides": decides, "spoken": spoken, "usual": LANGUAGES, "typed": {}}


async def _again(face: Face, request: Request, session: Session, trouble: str, **typed: str) -> Response:
    """The page once more, with what was wrong and what was typed."""
    async with viewing(face.kit, roster, session) as view:
        _decides(view)
        context = await _context(view) | {"typed": typed}
    return face.show(request, view, "interpreters.html", 400, done="", took=0, lost=0, trouble=trouble, **context)
