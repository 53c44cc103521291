"""`/talks/rounds/{round_id}`: how far a round has come, each host's evenings, and what its leader decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from services.scheduling.domain.placing import Choice
from services.scheduling.domain.round_checks import Problem
from services.scheduling.domain.rounds import OPEN, RoundState, Stretch, Time, instant
from services.scheduling.errors import Clash
from services.scheduling.opening import add_evening, close_round, open_round
from services.scheduling.outgoing import talk_stated
from services.scheduling.placing import freed, place
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import rounds
from services.scheduling.store.people import Worker, workers_of
from services.scheduling.store.rounds import Board, HostOf, RoundFull, SlotOf, TalkLine, board_of, load_round
from services.scheduling.tables import roster
from services.scheduling.web.round_form import stretch_of
from services.scheduling.web.rounds import STATES, workplaces
from shared.clock import local_date
from shared.events.envelope import Outgoing
from shared.events.scheduling import TalkState
from shared.languages import N_
from shared.roster.standing import Standing
from shared.web.face import Face, Me, act, done
from shared.web.session import Session
from shared.web.viewing import View, viewing

WITH_TIME = (TalkState.PROPOSED, TalkState.BOOKED, TalkState.HELD, TalkState.SIGNED)
TALK_STATES = {
    TalkState.WANTED: ("wait", N_("No time yet")),
    TalkState.PROPOSED: ("wait", N_("Time proposed")),
    TalkState.BOOKED: ("good", N_("Booked")),
    TalkState.HELD: ("good", N_("Held")),
    TalkState.SIGNED: ("good", N_("Signed")),
    TalkState.MISSED: ("alarm", N_("Not held")),
    TalkState.CANCELLED: ("quiet", N_("Cancelled")),
}
BUSY_ELSEWHERE = N_("This person is booked elsewhere at one of these times. Nothing was changed; choose somebody else.")
TAKEN = N_("The room is taken at the time of one of the talks. Nothing was changed; choose another room.")
UNREADABLE = N_("Write the day as 2026-11-17 and the times as 15:00, the later one last.")
NO_TIMES = N_("This gives no new time for a talk: it is too short, has been, or is there already.")
PAST = N_("Choose a time that is still ahead.")
Text = Annotated[str, Form(max_length=60)]
Id = Annotated[UUID, Form()]
MaybeId = Annotated[UUID | None, Form()]
Step = Callable[[View, RoundFull], Awaitable[Sequence[Outgoing]]]


@dataclass(frozen=True)
class Evening:
    """A host's times on one day, each with the talk that has it, if any."""

    host: HostOf
    day: date
    times: tuple[tuple[SlotOf, TalkLine | None], ...]


class Unwanted(Exception):
    """What was asked for cannot be done; the words say why, and that nothing was changed."""


def add_round_page(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """A round's own page, and everything that is decided on it."""

    @router.get("/talks/rounds/{round_id}")
    async def page(request: Request, round_id: UUID, session: Me, done: str = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            context = await _context(face, view, round_id)
        return face.show(request, view, "round.html", done=done[:20], trouble="", **context)

    _course(router, face)
    _means(router, face)


def _course(router: APIRouter, face: Face) -> None:
    """What is decided about the round as a whole."""

    @router.post("/talks/rounds/{round_id}/open")
    async def opens(request: Request, round_id: UUID, session: Me) -> Response:
        async def step(view: View, _: RoundFull) -> Sequence[Outgoing]:
            return await open_round(view.db, round_id, view.now)

        return await _decided(face, request, session, round_id, step, "opened")

    @router.post("/talks/rounds/{round_id}/book")
    async def books(request: Request, round_id: UUID, session: Me) -> Response:
        return await _decided(face, request, session, round_id, _open_booking, "booking")

    @router.post("/talks/rounds/{round_id}/close")
    async def closes(request: Request, round_id: UUID, session: Me) -> Response:
        async def step(view: View, _: RoundFull) -> Sequence[Outgoing]:
            return await close_round(view.db, round_id, view.now)

        return await _decided(face, request, session, round_id, step, "closed")


def _means(router: APIRouter, face: Face) -> None:
    """What is decided about its evenings and hosts."""

    @router.post("/talks/rounds/{round_id}/days")
    async def days(
        request: Request, round_id: UUID, session: Me, day: Text = "", starts: Text = "", ends: Text = ""
    ) -> Response:
        async def step(view: View, full: RoundFull) -> Sequence[Outgoing]:
            return await _add_day(view, full, _stretch(day, starts, ends))

        return await _decided(face, request, session, round_id, step, "evening")

    @router.post("/talks/rounds/{round_id}/hosts")
    async def hosts(
        request: Request, round_id: UUID, session: Me, host_id: Id, instead_of: MaybeId = None, room: Text = ""
    ) -> Response:
        async def step(view: View, full: RoundFull) -> Sequence[Outgoing]:
            return await _host(view, full, host_id, instead_of, room)

        return await _decided(face, request, session, round_id, step, "host")

    @router.post("/talks/rounds/{round_id}/presence")
    async def presence(
        request: Request,
        round_id: UUID,
        session: Me,
        host_id: Id,
        busy_day: Text = "",
        busy_from: Text = "",
        busy_to: Text = "",
        remove: MaybeId = None,
    ) -> Response:
        async def step(view: View, full: RoundFull) -> Sequence[Outgoing]:
            if remove is not None:
                return await _not_busy(view, full, host_id, remove)
            return await _busy(view, full, host_id, _stretch(busy_day, busy_from, busy_to))

        return await _decided(face, request, session, round_id, step, "presence", host_id)


async def _decided(
    face: Face,
    request: Request,
    session: Session,
    round_id: UUID,
    step: Step,
    word: str,
    host_id: UUID | None = None,
) -> Response:
    """Do something in a round as one who may, and go back to its page, or say there why it cannot be.

    What concerns one host alone (`host_id`), that host may decide as well.
    """
    try:
        async with viewing(face.kit, roster, session) as view:
            full = await _led(view, round_id, host_id)
            await act(view)
            await done(face, view, await step(view, full))
    except (Unwanted, Clash, IntegrityError) as fault:
        words = str(fault) if isinstance(fault, Unwanted) else TAKEN if isinstance(fault, Clash) else BUSY_ELSEWHERE
        async with viewing(face.kit, roster, session) as view:
            context = await _context(face, view, round_id)
        return face.show(request, view, "round.html", 409, done="", trouble=words, **context)
    face.kit.due_planned.set()
    return RedirectResponse(f"/talks/rounds/{round_id}?done={word}", 303)


def leads(standing: Standing, full: RoundFull) -> bool:
    """May decide about the round: the school's principal, who opened it while they work there, its classes' mentor."""
    if full.round.school_id not in standing.schools or full.round.tenant_id != standing.tenant_id:
        return False
    mine = bool(full.classes) and all(group in standing.mentor_groups for group in full.classes)
    author = full.round.author_id == standing.person.person_id and full.round.school_id in workplaces(standing)
    return full.round.school_id in standing.principal_of or mine or author


def sees(standing: Standing, full: RoundFull) -> bool:
    """May open the page: whoever leads it, holds talks in it, is a mentor of one of its classes, or an officer."""
    me = standing.person.person_id
    theirs = any(group in standing.mentor_groups for group in full.classes) or any(h.host_id == me for h in full.hosts)
    return leads(standing, full) or theirs or standing.in_charge_of(full.round.school_id)


def names(standing: Standing, full: RoundFull, one: TalkLine) -> bool:
    """May see whose talk it is: who teaches the pupil at this school today, and who holds it, until it is signed."""
    if one.pupil is None or full.round.school_id not in one.pupil.school_ids:
        return False
    holds = one.talk.host_id == standing.person.person_id and one.talk.state != TalkState.SIGNED
    return holds or standing.teaches(one.pupil)


async def _led(view: View, round_id: UUID, host_id: UUID | None = None) -> RoundFull:
    """A round that this person may decide about, or in which they are this host. Raises 404 for any other."""
    full = await load_round(view.db, round_id)
    own = host_id == view.standing.person.person_id and full and host_id in {host.host_id for host in full.hosts}
    if full is None or not (leads(view.standing, full) or own):
        raise HTTPException(404)
    return full


async def _context(face: Face, view: View, round_id: UUID) -> dict[str, Any]:
    board = await board_of(view.db, round_id)
    if board is None or not sees(view.standing, board.full):
        raise HTTPException(404)
    full, standing = board.full, view.standing
    shown = [one for one in board.talks if names(standing, full, one)]
    lead = leads(standing, full)
    workers = await workers_of(view.db, full.round.school_id, standing.today) if lead else []
    await done(face, view, what="round of talks", pupils=[one.talk.pupil_id for one in shown])
    return {
        "full": full,
        "its": full.round,
        "figures": _figures(board),
        "talks": shown,
        "evenings": _evenings(board, shown, standing),
        "rooms": board.rooms,
        "lead": lead,
        "workers": _others(workers, full),
        "states": STATES,
        "talk_states": TALK_STATES,
        "hosts": {host.host_id: host for host in full.hosts},
        "is_open": full.round.state in OPEN,
        "me": standing.person.person_id,
        "viewer_host": standing.person.person_id in {host.host_id for host in full.hosts},
        "left": _left(board, view),
    }


def _figures(board: Board) -> dict[str, int]:
    """How far it has come; talks that were cancelled do not count."""
    living = [one for one in board.talks if one.talk.state != TalkState.CANCELLED]
    states = Counter(one.talk.state for one in living)
    return {
        "talks": len(living),
        "answered": sum(one.answered for one in living),
        "timed": sum(states[state] for state in WITH_TIME),
        "booked": sum(states[state] for state in WITH_TIME[1:]),
        "held": states[TalkState.HELD] + states[TalkState.SIGNED],
        "signed": states[TalkState.SIGNED],
        "without": states[TalkState.WANTED],
        "missed": states[TalkState.MISSED],
    }


def _left(board: Board, view: View) -> int:
    """How many talks find no time, whatever is proposed, because there are too few times ahead."""
    wanted = sum(one.talk.state == TalkState.WANTED for one in board.talks)
    taken = {one.talk.slot_id for one in board.talks}
    there = sum(not s.closed and s.starts_at > view.now and s.slot_id not in taken for s in board.slots)
    return max(wanted - there, 0)


def _evenings(board: Board, shown: Sequence[TalkLine], standing: Standing) -> list[Evening]:
    """Each host's days, for who may see them: all for a leader, their own for a host."""
    by_slot = {one.talk.slot_id: one for one in shown if one.talk.slot_id}
    taken = {one.talk.slot_id for one in board.talks if one.talk.slot_id} - set(by_slot)
    lead, me, zone = leads(standing, board.full), standing.person.person_id, board.full.zone
    found = []
    for host in board.full.hosts:
        if not (lead or host.host_id == me):
            continue
        mine = [slot for slot in board.slots if slot.host_id == host.host_id and slot.slot_id not in taken]
        for day, its in groupby(mine, key=lambda slot: local_date(slot.starts_at, zone)):
            found.append(Evening(host, day, tuple((slot, by_slot.get(slot.slot_id)) for slot in its)))
    return found


def _others(workers: Sequence[Worker], full: RoundFull) -> list[Worker]:
    there = {host.host_id for host in full.hosts}
    return [one for one in workers if one.person_id not in there]


def _stretch(day: str, starts: str, ends: str) -> Stretch:
    wrong: list[Problem] = []
    found = stretch_of(day, starts, ends, wrong)
    if found is None or found.ends <= found.starts or not 2000 <= found.day.year < 2100:
        raise Unwanted(UNREADABLE)
    return found


async def _open_booking(view: View, full: RoundFull) -> Sequence[Outgoing]:
    """Let homes book from now on. The wishes are over with it."""
    if await rounds.begin(view.db, full.round.round_id, RoundState.BOOKING, [RoundState.WISHES, RoundState.PROPOSED]):
        from_now = {"books_from": view.now, "answer_by": min(full.round.answer_by, view.now)}
        await rounds.set_fields(view.db, full.round.round_id, **from_now)
        later = await load_round(view.db, full.round.round_id)
        again = await rounds.restate(view.db, full.round.round_id)
        return [talk_stated(one, later.round) for one in again] if later else []
    return []


async def _add_day(view: View, full: RoundFull, stretch: Stretch) -> Sequence[Outgoing]:
    if full.round.state not in OPEN:
        raise Unwanted(NO_TIMES)
    if instant(stretch.day, stretch.starts, full.zone) <= view.now:
        raise Unwanted(PAST)
    before = await rounds.count_slots(view.db, full.round.round_id)
    await add_evening(view.db, full.round.round_id, stretch, view.now)
    if full.hosts and await rounds.count_slots(view.db, full.round.round_id) == before:
        raise Unwanted(NO_TIMES)
    return []


async def _host(view: View, full: RoundFull, host_id: UUID, instead_of: UUID | None, room: str) -> Sequence[Outgoing]:
    """Somebody holds talks from now on, instead of another one, or in another room."""
    its, there = full.round, {host.host_id: host for host in full.hosts}
    workers = await workers_of(view.db, its.school_id, local_date(view.now, full.zone))
    if host_id not in there and host_id not in {one.person_id for one in workers}:
        raise HTTPException(404)
    if instead_of is not None and (instead_of not in there or host_id in there):
        raise HTTPException(404)
    old = there.get(instead_of or host_id)
    named = await rounds.rooms_named(view.db, its.school_id, [room])
    room_id = next(iter(named.values()), old.room_id if old and instead_of else None)
    await rounds.put_host(view.db, its.round_id, host_id, room_id, its.video)
    if instead_of is not None:
        await rounds.take_over(view.db, its.round_id, instead_of, host_id, view.now)
    else:
        await rounds.insert_slots(view.db, its.round_id, {host_id: full.grid(host_id)})
    if old is None:
        return []
    return await _again(view, full, host_id)


async def _again(view: View, full: RoundFull, host_id: UUID) -> list[Outgoing]:
    """Let the host's talks stand where they are, with the room as it now is; whose place has changed is told."""
    its, there = full.round, await rounds.talks_in(view.db, full.round.round_id)
    talks = [one for one in there if one.host_id == host_id and (one.starts_at is None or one.starts_at > view.now)]
    said = [talk_stated(one, its) for one in talks if one.state == TalkState.WANTED]
    for state in (TalkState.PROPOSED, TalkState.BOOKED):
        mine = [
            Choice(one.talk_id, one.slot_id, one.interpreter_id) for one in talks if one.state == state and one.slot_id
        ]
        said += await place(view.db, mine, state, view.now) if mine else []
    return said


async def _busy(view: View, full: RoundFull, host_id: UUID, stretch: Stretch) -> Sequence[Outgoing]:
    """A host cannot hold talks then: free times are closed; one with a talk stays until the talk is moved."""
    if host_id not in {host.host_id for host in full.hosts}:
        raise HTTPException(404)
    time: Time = (instant(stretch.day, stretch.starts, full.zone), instant(stretch.day, stretch.ends, full.zone))
    await rounds.add_busy(view.db, full.round.round_id, host_id, time)
    await rounds.close_busy(view.db, full.round.round_id, host_id, view.now)
    return []


async def _not_busy(view: View, full: RoundFull, host_id: UUID, presence_id: UUID) -> Sequence[Outgoing]:
    if not await rounds.remove_busy(view.db, full.round.round_id, host_id, presence_id):
        raise HTTPException(404)
    if now_there := await load_round(view.db, full.round.round_id):
        await rounds.insert_slots(view.db, full.round.round_id, {host_id: now_there.grid(host_id)})
    opened = await rounds.close_busy(view.db, full.round.round_id, host_id, view.now)
    await freed(view.db, opened, view.now)
    return []
