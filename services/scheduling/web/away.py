"""A host falls ill: their times are closed, all others stay, and who had a talk gets a new time or a substitute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling.domain.wishes import Window, window
from services.scheduling.errors import Clash
from services.scheduling.proposing import away, step_in
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.away import HostsOf, hosts_of
from services.scheduling.tables import roster
from services.scheduling.web.proposals import RUNNING, may_run
from shared.languages import N_, written_day
from shared.web.face import Face, Me, act, done
from shared.web.pages import language_of
from shared.web.viewing import View, viewing

NO_STRETCH = N_("Write both times, the earlier one first, or leave both empty.")
NO_HOST = N_("Choose a host of this round and one of its days.")
NO_SUBSTITUTE = N_("Choose somebody else who works at the school.")
TAKEN = N_("They hold other talks then, or are taken otherwise. Choose somebody else, or let new times be found.")
MIDNIGHT = time(0, 0)


class Act(StrEnum):
    """What a button does."""

    AWAY = "away"
    SUBSTITUTE = "substitute"


class Refused(Exception):
    """What was typed makes no sense; the text says what to do."""


@dataclass
class Typed:
    """The form as it was typed."""

    host_id: str = ""
    day: str = ""
    starts: str = ""
    ends: str = ""
    substitute_id: str = ""


Text = Annotated[str, Form(max_length=40)]


def add_away(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/rounds/{round_id}/away`."""

    @router.get("/talks/rounds/{round_id}/away")
    async def away_page(
        request: Request,
        session: Me,
        round_id: UUID,
        host: Annotated[UUID | None, Query()] = None,
        closed: bool = False,
        stepped: bool = False,
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await _found(view, round_id)
        typed = Typed(host_id=str(host or ""))
        return _page(face, request, view, found, typed, nobody=closed, stepped=stepped)

    @router.post("/talks/rounds/{round_id}/away")
    async def decide(
        request: Request,
        session: Me,
        round_id: UUID,
        do: Annotated[Act, Form()],
        host_id: Text = "",
        day: Text = "",
        starts: Text = "",
        ends: Text = "",
        substitute_id: Text = "",
    ) -> Response:
        typed = Typed(host_id, day, starts, ends, substitute_id)
        try:
            async with viewing(face.kit, roster, session) as view:
                found = await _found(view, round_id)
                to = await (_away if do is Act.AWAY else _substitute)(face, view, found, typed)
        except (Refused, Clash) as refused:
            text = TAKEN if isinstance(refused, Clash) else str(refused)
            return await _again(face, request, session, round_id, typed, text)
        face.kit.due_planned.set()
        return RedirectResponse(to, 303)


async def _found(view: View, round_id: UUID) -> HostsOf:
    found = await hosts_of(view.db, round_id, view.standing.today)
    if found is None or not may_run(view.standing, found.round.school_id, found.round.author_id):
        raise HTTPException(404)
    if found.round.state not in RUNNING:
        raise HTTPException(404)
    return found


async def _away(_: Face, view: View, found: HostsOf, typed: Typed) -> str:
    host_id, span = _read(view, found, typed)
    await act(view)
    round_id = found.round.round_id
    proposal_id = await away(view.db, round_id, host_id, span, view.standing.person.person_id, view.now)
    return f"/talks/proposals/{proposal_id}" if proposal_id else f"/talks/rounds/{round_id}/away?closed=true"


async def _substitute(face: Face, view: View, found: HostsOf, typed: Typed) -> str:
    host_id, span = _read(view, found, typed)
    other = next((one for one in found.workers if str(one) == typed.substitute_id and one != host_id), None)
    if other is None:
        raise Refused(NO_SUBSTITUTE)
    await act(view)
    said = await step_in(view.db, found.round.round_id, host_id, other, span, view.now)
    await done(face, view, said)
    return f"/talks/rounds/{found.round.round_id}/away?stepped=true"


def _read(view: View, found: HostsOf, typed: Typed) -> tuple[UUID, Window]:
    """Who is away, and when. Raises Refused with a sentence."""
    host_id = next((one for one in found.hosts if str(one) == typed.host_id), None)
    day = next((one for one in found.days if one.isoformat() == typed.day), None)
    if host_id is None or day is None:
        raise Refused(NO_HOST)
    zone = view.standing.schools[found.round.school_id].zone
    return host_id, _whole(day, zone) if not (typed.starts or typed.ends) else _part(day, typed, zone)


def _whole(day: date, zone: str) -> Window:
    begins = window(day, MIDNIGHT, MIDNIGHT, zone).starts_at
    return Window(begins, window(day + timedelta(days=1), MIDNIGHT, MIDNIGHT, zone).starts_at)


def _part(day: date, typed: Typed, zone: str) -> Window:
    try:
        span = window(day, time.fromisoformat(typed.starts), time.fromisoformat(typed.ends), zone)
    except ValueError:
        raise Refused(NO_STRETCH) from None
    if span.ends_at <= span.starts_at:
        raise Refused(NO_STRETCH)
    return span


async def _again(face: Face, request: Request, session: Me, round_id: UUID, typed: Typed, error: str) -> Response:
    async with viewing(face.kit, roster, session) as view:
        found = await _found(view, round_id)
    return _page(face, request, view, found, typed, error=error, status=409 if error == TAKEN else 400)


def _page(
    face: Face,
    request: Request,
    view: View,
    found: HostsOf,
    typed: Typed,
    *,
    error: str = "",
    nobody: bool = False,
    stepped: bool = False,
    status: int = 200,
) -> Response:
    language = language_of(request)
    return face.show(
        request,
        view,
        "away.html",
        status,
        round=found.round,
        hosts=list(found.hosts.items()),
        days=[(one.isoformat(), written_day(one, language)) for one in found.days],
        workers=[("", "–"), *found.workers.items()],
        typed=typed,
        error=error,
        nobody=nobody,
        stepped=stepped,
        schools=view.standing.schools,
    )
