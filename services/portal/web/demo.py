"""Stepping in as an invented person. These routes are mounted in a demo on this machine and nowhere else (main.py)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import Response

from services.portal.store.suggesting import Suggestion, by_kind, people_called, suggestions
from services.portal.tables import roster
from services.portal.web.login import Door
from shared.clock import local_date
from shared.events.roster import PersonStated
from shared.roster.projection import known
from shared.web.csrf import form_checked, from_our_pages
from shared.web.paths import HOME, own_path
from shared.web.session import STEP_UP, Session, a_session

DEMO = "demo"
SHORTEST_NAME = 2
Next = Annotated[str, Form(alias="next", max_length=4000)]


async def welcome(door: Door, request: Request, demo: bool) -> Response:
    """The first page for somebody who is not logged in: what this is, ways in, and in a demo whom to step in as."""
    groups = by_kind(await _suggested(door)) if demo else []
    return door.pages.html(request, "welcome.html", ways=door.municipalities(), groups=groups)


def demo_routes(door: Door) -> APIRouter:
    """The list of people, and stepping in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/demo/people")
    async def people(
        request: Request,
        name: Annotated[str, Query(max_length=100)] = "",
        next_path: Annotated[str, Query(alias="next", max_length=4000)] = HOME,
    ) -> Response:
        async with door.kit.sessions() as db:
            found = await people_called(db, roster, name) if len(name.strip()) >= SHORTEST_NAME else []
        groups = by_kind(await _suggested(door))
        return door.pages.html(request, "people.html", groups=groups, found=found, name=name, next=own_path(next_path))

    @router.post("/demo/step-in")
    async def step_in(request: Request, person_id: Annotated[UUID, Form()], next_path: Next = HOME) -> Response:
        from_our_pages(request)
        async with door.kit.sessions() as db:
            person = (await known(db, roster, PersonStated, [person_id])).get(person_id)
        if person is None or not person.active or person.tenant_id is None:
            raise HTTPException(404)
        session = door.sessions.begin(person_id, person.tenant_id, DEMO, DEMO, demo=True)
        return await door.let_in(request, session, next_path)

    @router.post("/demo/step-up", dependencies=[Depends(form_checked)])
    async def step_up(
        request: Request, old: Annotated[Session, Depends(a_session)], next_path: Next = HOME
    ) -> Response:
        if not old.demo:
            raise HTTPException(404)
        session = door.sessions.begin(old.person_id, old.tenant_id, DEMO, DEMO, demo=True, level=STEP_UP)
        return await door.let_in(request, session, next_path)

    return router


async def _suggested(door: Door) -> list[Suggestion]:
    today = local_date(door.kit.clock.now(), door.settings.zone)
    async with door.kit.sessions() as db:
        return await suggestions(db, roster, today)
