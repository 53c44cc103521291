"""What people do here: registrars decide about what waits, and see how the registries are doing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry import outgoing
from services.registry.condition import conditions
from services.registry.decisions import Decisions
from services.registry.settings import RegistrySettings
from services.registry.store import held, people, quarantine
from services.registry.store.people import Named, Registrar
from services.registry.store.quarantine import Entry
from services.registry.web.words import DONE, WORDS
from shared.clock import DEFAULT_ZONE, local_date
from shared.db.reach import MACHINE, Reach, reach_as
from shared.kit import Kit
from shared.languages import N_
from shared.messaging.outbox import say
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.language import language_routes
from shared.web.limits import KeepsLimits, Limits
from shared.web.pages import NavLink, Pages, add_pages
from shared.web.session import STEP_UP, Session, a_session, add_sessions, needs_acr

HERE = Path(__file__).parent
ON_A_PAGE = 25
REASONS_SHOWN = 50
FOR_PEOPLE = ("/registry/", "/language")
LINKS = (("/registry/quarantine", N_("Waits for a decision")), ("/registry/sources", N_("Registries")))
Me = Annotated[Session, Depends(a_session)]
StronglyMe = Annotated[Session, Depends(needs_acr(STEP_UP))]
Decision = Literal["release", "refuse"]


@dataclass(frozen=True)
class Face:
    """How the registry's pages are shown."""

    kit: Kit
    settings: RegistrySettings
    pages: Pages

    def show(self, request: Request, registrar: Registrar, template: str, **context: Any) -> HTMLResponse:
        """The page for this registrar."""
        here = request.scope["path"]
        request.state.viewer_name = registrar.name
        back = f"{self.kit.settings.portal_url.rstrip('/')}/municipality"
        links = ((back, N_("Municipality")), *LINKS)
        request.state.nav = [NavLink(href, self.pages.gettext(request, word), href == here) for href, word in links]
        common: dict[str, Any] = {"now": self.kit.clock.now(), **WORDS}
        return self.pages.html(request, template, **common, **context)

    async def registrar(self, session: Session) -> Registrar:
        """Who is looking. Raises 404 for everybody who is no registrar: the page is not theirs, or is not there."""
        today = local_date(self.kit.clock.now(), DEFAULT_ZONE)
        async with self.kit.sessions() as machine:
            found = await people.registrar_of(
                machine, session.person_id, session.tenant_id, self.settings.registrar_roles, today
            )
        if found is None:
            raise HTTPException(404)
        return found

    @asynccontextmanager
    async def reaching(self, registrar: Registrar) -> AsyncIterator[AsyncSession]:
        """The registrar's own transaction: it reaches their municipality and no other."""
        async with self.kit.people.begin() as db:
            await reach_as(db, Reach(registrar.tenant_id))
            yield db


def add_registry_pages(app: FastAPI, kit: Kit, settings: RegistrySettings) -> None:
    """Put the pages on the service's app. Raises SkolbroError without SKOLBRO_SESSION_KEY."""
    pages = Pages(HERE / "templates", kit.settings, home=kit.settings.portal_url)
    add_pages(app, HERE / "static", kit.settings)
    app.add_middleware(KeepsLimits, limits=PageLimits.of(kit.settings), pages=pages)
    add_sessions(app, kit)
    app.include_router(page_routes(Face(kit, settings, pages)))
    app.include_router(language_routes(kit.settings))
    add_error_pages(app, pages)


class PageLimits(Limits):
    """Limits for people only: a registry that pushes a school day to us, row by row, is not to be slowed down."""

    def wait(self, request: Request) -> float:
        """0 when the request may pass, else the seconds to wait."""
        return super().wait(request) if request.scope["path"].startswith(FOR_PEOPLE) else 0.0


def page_routes(face: Face) -> APIRouter:
    """`/registry/quarantine` and `/registry/sources`."""
    router = APIRouter(prefix="/registry", dependencies=[Depends(form_checked)], include_in_schema=False)

    @router.get("/quarantine")
    async def waiting(
        request: Request, session: StronglyMe, page: Annotated[int, Query(ge=1, le=100_000)] = 1, done: str = ""
    ) -> HTMLResponse:
        registrar = await face.registrar(session)
        found = await _look(face, registrar, page)
        return face.show(request, registrar, "quarantine.html", found=found, page=page, said=DONE.get(done))

    @router.post("/quarantine/{entry_id}")
    async def decide(
        session: StronglyMe,
        entry_id: UUID,
        decision: Annotated[Decision, Form()],
        note: Annotated[str, Form(max_length=1000)] = "",
    ) -> RedirectResponse:
        done = await _decide(face, await face.registrar(session), entry_id, decision, note.strip() or None)
        return RedirectResponse(f"/registry/quarantine?done={done}", 303)

    @router.get("/sources")
    async def sources(request: Request, session: Me) -> HTMLResponse:
        registrar = await face.registrar(session)
        mine = [source for source in face.settings.sources if source.tenant_id == registrar.tenant_id]
        async with face.kit.sessions() as machine:
            health = await conditions(machine, mine)
            rows = {one.name: await held.listed(machine, REASONS_SHOWN, one.name) for one in mine}
        return face.show(request, registrar, "sources.html", health=health, held=rows)

    return router


@dataclass(frozen=True)
class Shown:
    """An entry with the names that may be shown. `own`: it is about the registrar, so another must decide."""

    entry: Entry
    pupil: Named | None
    person: Named
    before: dict[str, Any]
    after: dict[str, Any]
    own: bool


@dataclass(frozen=True)
class Found:
    """A page of what waits: newest first."""

    shown: Sequence[Shown]
    waiting: int
    pages: int


async def _look(face: Face, registrar: Registrar, page: int) -> Found:
    """A page of entries. What a look reads is said in the look's own transaction, as its last act."""
    async with face.reaching(registrar) as db:
        tenant = registrar.tenant_id
        listed = await quarantine.listed(db, ON_A_PAGE, (page - 1) * ON_A_PAGE, tenant)
        counts = await quarantine.count(db, tenant), await quarantine.count_listed(db, tenant)
        await reach_as(db, MACHINE)
        ids = {one for entry in listed for one in (entry.pupil_id, entry.person_id) if one}
        names = await people.names(db, ids, tenant)
        now = face.kit.clock.now()
        await say(db, face.kit.tables, outgoing.looked(listed, registrar.person_id, "quarantine", now), now)
    if listed:
        face.kit.outbox_written.set()
    shown = [_shown(entry, names, registrar) for entry in listed]
    return Found(shown, counts[0], max(1, -(-counts[1] // ON_A_PAGE)))


def _shown(entry: Entry, names: dict[UUID, Named], registrar: Registrar) -> Shown:
    unknown = Named(None)
    pupil = names.get(entry.pupil_id, unknown) if entry.pupil_id else None
    person = names.get(entry.person_id, unknown)
    if pupil and pupil.protected and not person.protected:
        person = unknown  # a guardian's name beside the mark would say whose child it is
    if pupil and person.protected and not pupil.protected:
        pupil = unknown
    return Shown(entry, pupil, person, _dated(entry.before), _dated(entry.after), _is_own(entry, registrar))


def _is_own(entry: Entry, registrar: Registrar) -> bool:
    return registrar.person_id in (entry.person_id, entry.pupil_id)


def _dated(side: Any) -> dict[str, Any]:
    """What is in JSON, with its dates as dates; of a tie the last day in force instead of the first after it."""
    ties = [
        {**tie, "starts": _day(tie.get("starts")), "last": _day(tie.get("ends"), 1)} for tie in side.get("ties", ())
    ]
    return {**side, "ties": ties, "born": _day(side.get("born"))}


def _day(text: str | None, before: int = 0) -> date | None:
    return date.fromisoformat(text) - timedelta(days=before) if text else None


async def _decide(face: Face, registrar: Registrar, entry_id: UUID, decision: Decision, note: str | None) -> str:
    """Carry out a decision; returns the code word of what is then said. Another municipality's is not there."""
    async with face.reaching(registrar) as db:
        found = await quarantine.entries(db, [entry_id])
    if not found:
        return "gone"
    if _is_own(found[0], registrar):
        return "own"
    decisions = Decisions(face.kit, registrar.person_id)
    act = decisions.release if decision == "release" else decisions.refuse
    decided = await act([entry_id], str(registrar.person_id), note)
    return f"{decision}d" if decided.done else "gone"
