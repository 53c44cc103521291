"""Booking by a family: whole bundles first, a hold that can be extended, another time, cancelling, the waiting list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling import booking, placing
from services.scheduling.booking import MOST_EXTENDED, Answer, Reply, not_open
from services.scheduling.desk import Desk
from services.scheduling.domain import bundles
from services.scheduling.domain.bundles import Bundle
from services.scheduling.domain.may_book import OPEN_TALKS, Gate
from services.scheduling.errors import Clash, Crowded
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import booking as store
from services.scheduling.store import waiting
from services.scheduling.store.free import Asking, asking, situation
from services.scheduling.tables import Hold, Waiting, roster
from services.scheduling.web.family import Done, decides, mine
from shared.events.scheduling import TalkState
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

TO_BOOK = (TalkState.WANTED, TalkState.MISSED)


class Act(StrEnum):
    """What a button does with a hold, or with the waiting list."""

    CONFIRM = "confirm"
    EXTEND = "extend"
    LET_GO = "let_go"
    JOIN = "join"
    LEAVE = "leave"


def add_booking(router: APIRouter, face: Face, settings: SchedulingSettings) -> None:
    """Every route by which a family gets, changes or gives up its times."""
    desk = Desk(face.kit)
    _book_pages(router, face)
    _hold_pages(router, face, settings, desk)
    _single_talks(router, face)


def _book_pages(router: APIRouter, face: Face) -> None:
    @router.get("/talks/book")
    async def book_page(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            talks = await to_book(view)
            page = await _times(view, talks)
            await done(face, view, what="book talks", pupils=[one.wanted.pupil_id for one in talks])
        return face.show(request, view, "book.html", **page)

    @router.get("/talks/{talk_id}/swap")
    async def swap_page(request: Request, session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            talk = await own_talk(view, talk_id)
            page = await _times(view, [talk])
            await done(face, view, what="swap a talk", pupils=[talk.wanted.pupil_id])
        return face.show(request, view, "swap.html", talk=talk, **page)


def _hold_pages(router: APIRouter, face: Face, settings: SchedulingSettings, desk: Desk) -> None:
    @router.post("/talks/hold")
    async def hold(request: Request, session: Me, choice: Annotated[str, Form()] = "") -> Response:
        try:
            wanted = tuple(bundles.chosen(choice))
        except ValueError:
            return await _again(request, face, session, 400, unread=True)
        asked = booking.Request(session.person_id, session.tenant_id, wanted, keep=settings.hold)
        answer = await _asked(desk, asked)
        if answer.reply is Reply.HELD and answer.hold:
            return RedirectResponse(f"/talks/hold/{answer.hold.hold_id}", 303)
        return await _refused(request, face, session, answer)

    @router.get("/talks/hold/{hold_id}")
    async def hold_page(request: Request, session: Me, hold_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            held = await own_hold(view, hold_id)
            if held is None:
                return RedirectResponse(f"/talks?done={Done.BOOKED}", 303)
            found, talks = held
            await done(face, view, what="book talks", pupils=[one.wanted.pupil_id for one in talks.values()])
        return face.show(request, view, "hold.html", hold=found, times=kept(found, talks), most=MOST_EXTENDED)

    @router.post("/talks/hold/{hold_id}")
    async def decide(request: Request, session: Me, hold_id: UUID, act_: Annotated[Act, Form(alias="act")]) -> Response:
        if act_ is Act.CONFIRM:
            key = hold_key(hold_id, session.person_id)
            answer = await _asked(desk, booking.Request(session.person_id, session.tenant_id, (), key, hold=hold_id))
            if answer.reply in (Reply.BOOKED, Reply.AGAIN):
                return RedirectResponse(f"/talks?done={Done.BOOKED}", 303)
            return await _refused(request, face, session, answer)
        async with viewing(face.kit, roster, session) as view:
            held = await own_hold(view, hold_id)
            if held is None:
                return RedirectResponse(f"/talks?done={Done.BOOKED}", 303)
            await act(view)
            away = await (_extend(view, held[0], settings) if act_ is Act.EXTEND else _let_go(view, held[0]))
        face.kit.due_planned.set()
        return RedirectResponse(away, 303)


def hold_key(hold_id: UUID, person_id: UUID) -> str:
    """The key under which a confirmed hold is remembered, so that its form may be sent twice."""
    return f"hold {hold_id} {person_id}"


async def _extend(view: View, hold: Hold, settings: SchedulingSettings) -> str:
    """Keep it for as long again, at most a dozen times; never shorter than it was."""
    until = max(hold.until, view.now + settings.hold)
    if hold.extended < MOST_EXTENDED and hold.until > view.now:
        await store.prolong(view.db, hold, until)
    return f"/talks/hold/{hold.hold_id}"


async def _let_go(view: View, hold: Hold) -> str:
    await waiting.let_pass(view.db, [one.talk_id for one in store.choices_of(hold)], hold.until)
    await placing.freed(view.db, await store.let_go(view.db, [hold]), view.now)
    return f"/talks?done={Done.LET_GO}"


def _single_talks(router: APIRouter, face: Face) -> None:
    @router.post("/talks/{talk_id}/accept")
    async def accept(session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            talk = await own_talk(view, talk_id)
            await act(view)
            said = await placing.confirm(view.db, [talk_id], view.now)
            await done(face, view, said, "accept a talk", [talk.wanted.pupil_id])
        accepted = said or talk.state is TalkState.BOOKED
        return RedirectResponse(f"/talks?done={Done.ACCEPTED if accepted else Done.CHANGED}", 303)

    @router.post("/talks/{talk_id}/cancel")
    async def cancel(session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            talk = await own_talk(view, talk_id)
            if talk.starts_at is None or talk.starts_at <= view.now:
                return RedirectResponse(f"/talks?done={Done.CHANGED}", 303)
            await act(view)
            said = await placing.unplace(view.db, [talk_id], TalkState.WANTED, view.now, why="declined")
            await done(face, view, said, "cancel a talk", [talk.wanted.pupil_id])
        face.kit.due_planned.set()
        return RedirectResponse(f"/talks?done={Done.CANCELLED}", 303)

    @router.post("/talks/{talk_id}/wait")
    async def wait(session: Me, talk_id: UUID, act_: Annotated[Act, Form(alias="act")] = Act.JOIN) -> Response:
        async with viewing(face.kit, roster, session) as view:
            talk = await own_talk(view, talk_id)
            await act(view)
            if act_ is Act.LEAVE:
                await waiting.leave(view.db, talk_id)
            else:
                await waiting.join(view.db, _waiting(talk, session.person_id, view.now))
            await done(face, view, (), "wait for a time", [talk.wanted.pupil_id])
        return RedirectResponse(f"/talks?done={Done.LEFT if act_ is Act.LEAVE else Done.WAITING}", 303)


def _waiting(talk: Asking, person_id: UUID, now: datetime) -> Waiting:
    its = talk.wanted
    return Waiting(talk_id=its.talk_id, round_id=its.round_id, school_id=its.school_id, person_id=person_id, since=now)


def _theirs(view: View, talk: Asking) -> bool:
    return decides(view, talk.wanted.pupil_id, talk.wanted.guardian_ids, talk.wanted.zone)


async def to_book(view: View) -> list[Asking]:
    """The talks of the reader's family that have no time and are not over, by the pupils' names."""
    found = [one for one in (await asking(view.db, (), mine(view), names=True)).values() if _theirs(view, one)]
    return sorted((one for one in found if one.state in TO_BOOK), key=lambda one: one.name)


async def own_talk(view: View, talk_id: UUID) -> Asking:
    """A talk that the reader decides about and that can still change. Raises 404 for any other."""
    talk = (await asking(view.db, [talk_id], names=True)).get(talk_id)
    if talk is None or not _theirs(view, talk) or talk.state not in OPEN_TALKS:
        raise HTTPException(404)
    return talk


async def own_hold(view: View, hold_id: UUID) -> tuple[Hold, dict[UUID, Asking]] | None:
    """A hold and its talks, all of which the reader decides about; None when they have confirmed it before.

    Raises 404 for any other.
    """
    hold = (await store.holds(view.db, [hold_id])).get(hold_id)
    if hold is None:
        if await store.earlier(view.db, [hold_key(hold_id, view.standing.person.person_id)]):
            return None
        raise HTTPException(404)
    ids = [one.talk_id for one in store.choices_of(hold)]
    talks = await asking(view.db, ids, names=True)
    if len(talks) < len(ids) or not all(_theirs(view, one) for one in talks.values()):
        raise HTTPException(404)
    return hold, talks


def kept(hold: Hold, talks: Mapping[UUID, Asking]) -> list[dict[str, Any]]:
    """The times of a hold as its page shows them, in order."""
    times = [
        {
            "talk": talks[UUID(one["talk_id"])],
            "starts_at": datetime.fromisoformat(one["starts_at"]),
            "ends_at": datetime.fromisoformat(one["ends_at"]),
            "place": one.get("place"),
            "video": one.get("video"),
            "interpreter": bool(one.get("by")),
        }
        for one in hold.choices
    ]
    return sorted(times, key=lambda one: one["starts_at"])


async def _times(view: View, talks: Sequence[Asking]) -> dict[str, Any]:
    """What a page of times shows: the best three, the list by day, or why there is none. One statement."""
    opened = [one for one in talks if not not_open([one], view.now)]
    shut = [(one, closed) for one in talks if (closed := not_open([one], view.now))]
    wanted = [one.wanted for one in opened]
    around = await situation(view.db, opened, view.now) if opened else bundles.Situation()
    free = {
        one.talk_id: [slot for slot in slots if slot.slot_id != one.slot_id]
        for one, slots in zip(wanted, bundles.free(wanted, around).values(), strict=True)
    }
    fixed = bundles.standing(wanted, around)
    found = bundles.bundles({talk: slots for talk, slots in free.items() if slots}, fixed)
    return {
        **page_of(opened, found),
        "full": [one for one in opened if not free[one.wanted.talk_id]],
        "shut": [one for one in shut if one[1].gate is not Gate.OVER],
    }


def page_of(talks: Sequence[Asking], found: Sequence[Bundle]) -> dict[str, Any]:
    """What the template needs of bundles."""
    return {
        "talks": {one.wanted.talk_id: one for one in talks},
        "best": bundles.best(found),
        "days": bundles.by_day(found),
        "zone_of": talks[0].wanted.zone if talks else None,
        "problem": None,
        "full": [],
        "shut": [],
    }


async def _asked(desk: Desk, request: booking.Request) -> Answer:
    try:
        return await desk.ask(request)
    except (Crowded, Clash) as fault:
        raise HTTPException(503, headers={"Retry-After": "2"}) from fault


async def _refused(request: Request, face: Face, session: Me, answer: Answer) -> Response:
    """The page of times again, with what was in the way and what is free instead."""
    if answer.reply is Reply.NOT_YOURS:
        raise HTTPException(404)
    if answer.reply is Reply.NOT_OPEN:
        return await _again(request, face, session, 403)
    ids = answer.talk_ids
    async with viewing(face.kit, roster, session) as view:
        talks = list((await asking(view.db, ids, names=True)).values()) if ids else []
    page = page_of(talks, answer.alternatives) | {"problem": "taken", "days": {}}
    return face.show(request, view, "book.html", 409, **page)


async def _again(request: Request, face: Face, session: Me, status: int, *, unread: bool = False) -> Response:
    async with viewing(face.kit, roster, session) as view:
        page = await _times(view, await to_book(view))
    return face.show(request, view, "book.html", status, **page | {"problem": "unread" if unread else "not_open"})
