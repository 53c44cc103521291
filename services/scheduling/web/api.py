"""Booking for programs: what is free for a talk, and booking it. The same session and rules as the pages."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, StringConstraints

from services.scheduling import booking
from services.scheduling.booking import Answer, Reply
from services.scheduling.desk import Desk
from services.scheduling.domain.bundles import Bundle, FreeSlot, free
from services.scheduling.errors import Clash, Crowded
from services.scheduling.store.free import asking, situation
from services.scheduling.tables import roster
from services.scheduling.web.family import decides
from shared.kit import Kit
from shared.web.csrf import Forged, from_our_pages
from shared.web.face import Me
from shared.web.session import Sessions, a_session
from shared.web.viewing import viewing

TOKEN = "x-csrf"  # noqa: S105 - the name of a header, beside the form's field `csrf`
STATUS = {
    Reply.BOOKED: 201,
    Reply.AGAIN: 200,
    Reply.TAKEN: 409,
    Reply.NOT_OPEN: 403,
    Reply.NOT_YOURS: 404,
}
WHO: dict[int | str, dict[str, Any]] = {
    303: {"description": "Nobody is logged in; on to the login"},
    401: {"description": "Nobody is logged in, and what was sent was not done"},
    410: {"description": "The registry does not know you as active any more"},
}
Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


class Chosen(BaseModel):
    """A time for one talk."""

    talk_id: UUID
    slot_id: UUID


class Wish(BaseModel):
    """What to book: all of it or nothing."""

    choices: list[Chosen] = Field(min_length=1, max_length=12)


class Time(BaseModel):
    """A time that is free. Instants are UTC."""

    talk_id: UUID
    slot_id: UUID
    starts_at: datetime
    ends_at: datetime
    place: str | None = None
    video: bool = False


class Free(BaseModel):
    """The times that are free for a talk now, in order."""

    talk_id: UUID
    times: list[Time]


def json_checked(request: Request) -> None:
    """A dependency for what changes something: the token of this session in a header, and no other site asking.

    Raises NotLoggedIn for nobody, and Forged when the token is missing, wrong or another session's.
    """
    session = a_session(request)
    from_our_pages(request)
    sessions: Sessions = request.app.state.sessions
    said = request.headers.get(TOKEN, "")
    if not hmac.compare_digest(said.encode(), sessions.csrf(session).encode()):
        raise Forged


def api_routes(kit: Kit) -> APIRouter:
    """`/talks/api/…`, on a router of its own: it is in the schema, and its token travels in a header."""
    router, desk = APIRouter(prefix="/talks/api", tags=["booking"]), Desk(kit)

    @router.get("/free", responses={**WHO, 404: {"description": "There is no such talk of yours"}})
    async def free_times(session: Me, talk_id: Annotated[UUID, Query()]) -> Free:
        """The times that are free for one of your talks."""
        async with viewing(kit, roster, session) as view:
            talk = (await asking(view.db, [talk_id])).get(talk_id)
            if talk is None or not decides(view, talk.wanted.pupil_id, talk.wanted.guardian_ids, talk.wanted.zone):
                raise HTTPException(404)
            around = await situation(view.db, [talk], view.now)
        return Free(talk_id=talk_id, times=[_time(one) for one in free([talk.wanted], around)[talk_id]])

    @router.post("/bookings", status_code=201, dependencies=[Depends(json_checked)], responses=_responses())
    async def book(session: Me, wish: Wish, idempotency_key: Annotated[Key | None, Header()] = None) -> JSONResponse:
        """Book a time for each talk. The same key again gets the same answer (200) and books nothing.

        Raises 503 when so many book that there is no hope of an answer; try again after `Retry-After` seconds.
        """
        wanted = tuple((one.talk_id, one.slot_id) for one in wish.choices)
        if len({talk for talk, _ in wanted}) < len(wanted):
            raise HTTPException(422, "A talk can have one time only.")
        request = booking.Request(session.person_id, session.tenant_id, wanted, idempotency_key)
        try:
            answer = await desk.ask(request)
        except (Crowded, Clash) as fault:
            raise HTTPException(503, str(fault), headers={"Retry-After": "2"}) from fault
        return JSONResponse(_said(answer), STATUS[answer.reply])

    return router


def _responses() -> dict[int | str, dict[str, Any]]:
    return {
        **WHO,
        200: {"description": "The same request had booked it before"},
        400: {"description": "The body is no JSON"},
        403: {"description": "Booking is not open; `opens_at` says when. Or the token is missing or another session's"},
        404: {"description": "There is no such talk of yours"},
        409: {"description": "Taken; three alternatives for the whole family"},
        503: {"description": "Very many are booking; try again after `Retry-After` seconds"},
    }


def _said(answer: Answer) -> dict[str, Any]:
    if answer.reply is Reply.NOT_YOURS:
        return {"detail": "Not Found"}
    if answer.reply is Reply.NOT_OPEN:
        opens = answer.opens_at.isoformat() if answer.opens_at else None
        return {"detail": "Booking is not open for this talk.", "why": answer.gate, "opens_at": opens}
    if answer.reply is Reply.TAKEN:
        others = [_bundle(one) for one in answer.alternatives]
        return {"detail": "That time was taken a moment ago. Nothing was booked.", "alternatives": others}
    return {"talk_ids": [str(one) for one in answer.talk_ids]}


def _bundle(bundle: Bundle) -> dict[str, Any]:
    return {
        "choices": [
            {
                "talk_id": str(one.talk_id),
                "slot_id": str(one.slot_id),
                "starts_at": one.starts_at.isoformat(),
                "ends_at": one.ends_at.isoformat(),
            }
            for one in bundle.slots
        ]
    }


def _time(one: FreeSlot) -> Time:
    return Time(
        talk_id=one.talk_id,
        slot_id=one.slot_id,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        place=one.place,
        video=one.placement.video,
    )
