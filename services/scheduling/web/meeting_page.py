"""A meeting's own page: programme, gathering and registering; for staff who comes, who came, and the minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling import meetings
from services.scheduling.domain.gatherings import LARGEST_PARTY, MeetingState, Refusal
from services.scheduling.domain.guests import Meet, invited, pupils_answered, pupils_seen, runs, works_at
from services.scheduling.store import meetings as store
from services.scheduling.tables import roster
from services.scheduling.web.meeting_roll import Coming, coming
from shared.events.roster import SchoolStated
from shared.roster.access import is_protected
from shared.web.face import Face, Me, act, done
from shared.web.session import Session
from shared.web.viewing import View, viewing

LONGEST_MINUTES = 20_000


class Done(StrEnum):
    """What the page says was done."""

    SAVED = "saved"
    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"
    INVITED = "invited"
    CANCELLED = "cancelled"
    TICKED = "ticked"
    MINUTES = "minutes"


@dataclass(frozen=True)
class Seen:
    """A meeting as one reader sees it. `children` are the pupils for whom they are a guest, with their classes."""

    meet: Meet
    school: SchoolStated
    found: store.Found
    children: dict[UUID, list[UUID]]
    answered: list[UUID]
    staff: bool
    runs: bool
    roll: list[Coming] = field(default_factory=list)


def add_meeting_page(router: APIRouter, face: Face) -> None:
    """`/meetings/{meeting_id}` and its buttons."""

    @router.get("/meetings/{meeting_id}")
    async def page(
        request: Request, meeting_id: UUID, session: Me, done: Annotated[Done | None, Query()] = None
    ) -> Response:
        return await _shown(face, request, session, meeting_id, done=done)

    add_home_acts(router, face)
    add_staff_acts(router, face)
    add_minutes(router, face)


def add_home_acts(router: APIRouter, face: Face) -> None:
    """What a home does: register, and withdraw."""

    @router.post("/meetings/{meeting_id}/register")
    async def register(request: Request, meeting_id: UUID, session: Me, seats: Annotated[str, Form()] = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            seen = await _as_guest(view, meeting_id)
            await act(view)
            guest = (view.standing.person.person_id, seen.answered[0])
            party = int(seats) if seats.isdecimal() and len(seats) < 4 else 0
            said = await meetings.register(
                view.db, seen.school, meeting_id, guest, party, view.now, hidden=_is_hidden(view, seen)
            )
            if not isinstance(said, Refusal):
                await done(face, view, said)
        if isinstance(said, Refusal):
            status = 400 if said is Refusal.PARTY else 409
            return await _shown(face, request, session, meeting_id, status, refused=said, typed=seats)
        return RedirectResponse(f"/meetings/{meeting_id}?done={Done.REGISTERED}", 303)

    @router.post("/meetings/{meeting_id}/withdraw")
    async def withdraw(request: Request, meeting_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await _as_guest(view, meeting_id)
            await act(view)
            gone = await meetings.withdraw(view.db, meeting_id, view.standing.person.person_id, view.now)
        if not gone:
            return await _shown(face, request, session, meeting_id, 409, refused=Refusal.CLOSED)
        return RedirectResponse(f"/meetings/{meeting_id}?done={Done.WITHDRAWN}", 303)


def add_staff_acts(router: APIRouter, face: Face) -> None:
    """What staff do: invite, tick who came, cancel."""

    @router.post("/meetings/{meeting_id}/invite")
    async def invite(meeting_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            seen = await _as_runner(view, meeting_id)
            await act(view)
            await done(face, view, await meetings.invite(view.db, seen.school, meeting_id, view.now))
        return RedirectResponse(f"/meetings/{meeting_id}?done={Done.INVITED}", 303)

    @router.post("/meetings/{meeting_id}/cancel")
    async def cancel(meeting_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            seen = await _as_runner(view, meeting_id)
            await act(view)
            await done(face, view, await meetings.cancel(view.db, seen.school, meeting_id, view.now))
        page = f"/meetings/{meeting_id}" if seen.meet.is_public else "/meetings"
        return RedirectResponse(f"{page}?done={Done.CANCELLED}", 303)

    @router.post("/meetings/{meeting_id}/came")
    async def tick(
        request: Request, meeting_id: UUID, session: Me, came: Annotated[list[UUID] | None, Form()] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            seen = await _seen(view, meeting_id)
            if not seen.roll:
                raise HTTPException(404)
            among = [one.person_id for one in seen.roll]
            await act(view)
            ticked = await meetings.held(view.db, meeting_id, view.now, came=came or (), among=among)
        if not ticked:
            return await _shown(face, request, session, meeting_id, 409, refused=Refusal.CLOSED)
        return RedirectResponse(f"/meetings/{meeting_id}?done={Done.TICKED}", 303)


def add_minutes(router: APIRouter, face: Face) -> None:
    """`/meetings/{meeting_id}/minutes`: to read for the invited, to write for who runs it."""

    @router.get("/meetings/{meeting_id}/minutes")
    async def minutes(request: Request, meeting_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            seen = await _seen(view, meeting_id, roll=False)
        writes = seen.runs and view.now >= seen.meet.starts_at and seen.meet.state is not MeetingState.CANCELLED
        if not writes and not seen.meet.minutes:
            raise HTTPException(404)
        return face.show(request, view, "minutes.html", seen=seen, meet=seen.meet, writes=writes, typed=None)

    @router.post("/meetings/{meeting_id}/minutes")
    async def publish(request: Request, meeting_id: UUID, session: Me, words: Annotated[str, Form()] = "") -> Response:
        plain = words.replace("\x00", "").replace("\r\n", "\n").strip()
        published = False
        async with viewing(face.kit, roster, session) as view:
            seen = await _as_runner(view, meeting_id)
            if len(plain) <= LONGEST_MINUTES:
                await act(view)
                published = await meetings.publish_minutes(view.db, meeting_id, plain, view.now)
        if not published:
            return face.show(request, view, "minutes.html", 400, seen=seen, meet=seen.meet, writes=True, typed=words)
        return RedirectResponse(f"/meetings/{meeting_id}?done={Done.MINUTES}", 303)


async def _shown(
    face: Face,
    request: Request,
    session: Session,
    meeting_id: UUID,
    status: int = 200,
    *,
    done: Done | None = None,
    refused: Refusal | None = None,
    typed: str = "",
) -> Response:
    """The page, with what was done or why it was not."""
    async with viewing(face.kit, roster, session) as view:
        seen = await _seen(view, meeting_id)
        looked_at = [pupil.pupil_id for one in seen.roll for pupil in one.pupils]
        looked_at += [one for one in seen.children if one != session.person_id]
        await _leave(face, view, looked_at)
    more: dict[str, Any] = {"done": done, "refused": refused, "typed": typed, "largest": LARGEST_PARTY}
    return face.show(request, view, "meeting.html", status, seen=seen, meet=seen.meet, **more)


async def _leave(face: Face, view: View, pupils: list[UUID]) -> None:
    await done(face, view, what="meeting", pupils=pupils)


async def _seen(view: View, meeting_id: UUID, *, roll: bool = True) -> Seen:
    """The meeting as this reader sees it. Raises 404 for everybody who is neither invited nor of its school."""
    standing = view.standing
    pupils = pupils_seen(standing, standing.today)
    row = await store.page(view.db, meeting_id, pupils, standing.person.person_id)
    school = standing.schools.get(row[0].school_id) if row else None
    if row is None or school is None:
        raise HTTPException(404)
    meet, found = row
    children = invited(meet, found.inside, school.zone, standing.today) if meet.is_public else {}
    running = runs(standing, meet.school_id, meet.classes)
    staff = works_at(standing, meet.school_id) and (meet.is_public or running)
    if not children and not staff:
        raise HTTPException(404)
    answered = [one for one in pupils_answered(standing, standing.today) if one in children]
    who = coming(standing, meet, await store.roll(view.db, meeting_id), school.zone) if staff and roll else []
    return Seen(meet, school, found, children, answered, staff, running, who)


async def _as_guest(view: View, meeting_id: UUID) -> Seen:
    """The meeting, for who may register. Raises 404 for others; a consent lets see a meeting, not answer for a home."""
    seen = await _seen(view, meeting_id, roll=False)
    if not seen.answered:
        raise HTTPException(404)
    return seen


async def _as_runner(view: View, meeting_id: UUID) -> Seen:
    """The meeting, for who runs it. Raises 404 for others."""
    seen = await _seen(view, meeting_id, roll=False)
    if not seen.runs:
        raise HTTPException(404)
    return seen


def _is_hidden(view: View, seen: Seen) -> bool:
    """True when a message to this guest must name no place."""
    children = [view.standing.children[one] for one in seen.answered if one in view.standing.children]
    return is_protected(view.standing.person) or any(one.protected for one in children)
