"""How families book: many at once, in the order in which they came, each all or nothing.

Whoever books stands in a queue in this process; those who wait are served together in one transaction, so that a
school that opens at eight costs a few statements and not thousands. The first in the queue gets what two want; the
other is answered with times that are free for the whole family, chosen under the same locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling import placing
from services.scheduling.domain import bundles
from services.scheduling.domain.bundles import Bundle
from services.scheduling.domain.may_book import Booking, Gate, gate
from services.scheduling.domain.placing import Board, Choice
from services.scheduling.store import booking as store
from services.scheduling.store import occupancy
from services.scheduling.store.free import Asking, asking, situation
from services.scheduling.store.occupancy import Found
from services.scheduling.tables import Hold
from services.scheduling.tables import kit as tables
from shared.clock import local_date
from shared.due.plan import plan
from shared.events.envelope import Outgoing
from shared.events.scheduling import TalkState
from shared.ids import new_id

HOLD_OVER = "hold_over"
MOST_EXTENDED = 12  # times; WCAG 2.2.1 asks for at least ten


class Reply(StrEnum):
    """What became of a request."""

    BOOKED = "booked"
    AGAIN = "again"  # it had been booked by the same request before; nothing was done
    HELD = "held"
    TAKEN = "taken"  # and `alternatives`
    NOT_OPEN = "not_open"  # `gate` says why, `opens_at` when
    NOT_YOURS = "not_yours"


@dataclass(frozen=True)
class Request:
    """What a person asks for: a slot for each talk, at once (`key`), or kept for them (`keep`), or what they hold."""

    person_id: UUID
    tenant_id: UUID
    wanted: tuple[tuple[UUID, UUID], ...] = ()  # talk, slot
    key: str | None = None
    keep: timedelta | None = None
    hold: UUID | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    reply: Reply
    talk_ids: tuple[UUID, ...] = ()
    hold: Hold | None = None
    alternatives: tuple[Bundle, ...] = ()
    gate: Gate = Gate.OPEN
    opens_at: datetime | None = None


@dataclass
class Served:
    """Requests that are served together, with what is known of them so far."""

    requests: Sequence[Request]
    now: datetime
    answers: dict[int, Answer] = field(default_factory=dict)
    choices: dict[int, list[Choice]] = field(default_factory=dict)
    talks: Mapping[UUID, Asking] = field(default_factory=dict)

    def open(self) -> list[tuple[int, Request]]:
        """Those that have no answer yet, in order."""
        return [(number, one) for number, one in enumerate(self.requests) if number not in self.answers]


async def serve(
    session: AsyncSession, requests: Sequence[Request], now: datetime
) -> tuple[list[Answer], list[Outgoing]]:
    """Answer these requests in order, in the machine's transaction. No talk may be in two of them.

    Asks who may at this moment; raises Clash (broken) when the database finds what the locks did not.
    """
    served = Served(requests, now)
    await _as_before(session, served)
    await _judge(session, served)
    said = await _give(session, served)
    await _offer_others(session, served)
    return [served.answers[number] for number in range(len(requests))], said


async def _as_before(session: AsyncSession, served: Served) -> None:
    """Answer what was asked before with the same key as it was then; somebody else's key is nobody's."""
    known = await store.earlier(session, [one.key for one in served.requests if one.key])
    kept = await store.holds(session, [one.hold for one in served.requests if one.hold])
    for number, one in served.open():
        before = known.get(one.key or "", [])
        mine = next((was for was in before if was.person_id == one.person_id), None)
        if mine:
            served.answers[number] = Answer(Reply.AGAIN, tuple(mine.talk_ids))
        elif before or (one.hold and one.hold not in kept):
            served.answers[number] = Answer(Reply.NOT_YOURS)
        elif one.hold:
            served.choices[number] = store.choices_of(kept[one.hold])
        else:
            served.choices[number] = [Choice(talk, slot) for talk, slot in one.wanted]


async def _judge(session: AsyncSession, served: Served) -> None:
    """Answer those who may not, or not now; for the rest say who interprets and what is longer."""
    wanted = [one.talk_id for number, _ in served.open() for one in served.choices[number]]
    served.talks = await asking(session, wanted) if wanted else {}
    on = {one.wanted.pupil_id: local_date(served.now, one.wanted.zone) for one in served.talks.values()}
    may = await store.deciding(session, on) if on else {}
    for number, one in served.open():
        asked = [served.talks.get(choice.talk_id) for choice in served.choices[number]]
        theirs = [talk for talk in asked if talk and _is_theirs(talk, one, may)]
        if not theirs or len(theirs) < len(asked):
            served.answers[number] = Answer(Reply.NOT_YOURS)
        elif refused := not_open(theirs, served.now, offered=one.hold is not None):
            served.answers[number] = refused
    await _complete(session, served)


def _is_theirs(talk: Asking, request: Request, may: Mapping[UUID, frozenset[UUID]]) -> bool:
    who, wanted = request.person_id, talk.wanted
    named = who in wanted.guardian_ids or who == wanted.pupil_id
    return named and talk.tenant_id == request.tenant_id and who in may.get(wanted.pupil_id, frozenset())


def not_open(talks: Iterable[Asking], now: datetime, *, offered: bool = False) -> Answer | None:
    """The answer when one of these talks cannot be booked now. What was kept for a family can be, until it is over."""
    asked = list(talks)
    early = any(one.wanted.language or one.schools > 1 for one in asked)
    for one in asked:
        its = booking_of(one, early=early)
        found = gate(its, now)
        if found is not Gate.OPEN and not (offered and found in (Gate.NOT_YET, Gate.BY_THE_SCHOOL)):
            return Answer(Reply.NOT_OPEN, gate=found, opens_at=its.opens_at)
    return None


def booking_of(talk: Asking, *, early: bool) -> Booking:
    """What decides when this talk can be booked."""
    return Booking(talk.state, talk.round_state, talk.books_from, talk.books_until, talk.early_minutes, early)


async def _complete(session: AsyncSession, served: Served) -> None:
    """The rest of each choice: two slots for who needs more time, and an interpreter who is free."""
    opened = [(number, one) for number, one in served.open() if not one.hold]
    spoken = [
        served.talks[choice.talk_id]
        for number, _ in opened
        for choice in served.choices[number]
        if served.talks[choice.talk_id].wanted.language
    ]
    around = await situation(session, spoken, served.now) if spoken else bundles.Situation()
    free = bundles.free([one.wanted for one in spoken], around)
    by = {(one.talk_id, one.slot_id): one.placement.interpreter_id for slots in free.values() for one in slots}
    for number, _ in opened:
        served.choices[number] = [
            Choice(
                one.talk_id, one.slot_id, by.get((one.talk_id, one.slot_id)), served.talks[one.talk_id].wanted.longer
            )
            for one in served.choices[number]
        ]


async def _give(session: AsyncSession, served: Served) -> list[Outgoing]:
    """Under the locks: give those who come first what they want, all they want or nothing."""
    found = await _locked(session, served)
    board = Board(await occupancy.busy(session, [one.placement for each in found.values() for one in each]), served.now)
    booked: dict[int, list[Found]] = {}
    for number, request in served.open():
        mine = found[number]
        if not _possible(mine, served, number) or board.in_the_way([one.placement for one in mine], request.hold):
            continue
        if request.keep is None and all(_stands(one) for one in mine):
            served.answers[number] = Answer(Reply.AGAIN, tuple(one.talk.talk_id for one in mine))
            continue
        board.take([one.placement for one in mine])
        if request.keep is None:
            booked[number] = mine
        else:
            served.answers[number] = await _keep(session, board, request, mine, served.now)
    return await _book(session, board, served, booked)


async def _locked(session: AsyncSession, served: Served) -> dict[int, list[Found]]:
    choices = {choice: number for number, _ in served.open() for choice in served.choices[number]}
    found: dict[int, list[Found]] = {number: [] for number, _ in served.open()}
    if choices:
        for one in await occupancy.find(session, list(choices)):
            found[choices[one.choice]].append(one)
    return found


def _possible(found: Sequence[Found], served: Served, number: int) -> bool:
    """True when all that was chosen is there, still to come, and still to be changed."""
    there = [
        one
        for one in found
        if not one.closed
        and one.talk.state in placing.CHANGEABLE
        and one.talk.host_id in (None, one.placement.host_id)
        and one.placement.starts_at > served.now
    ]
    return len(there) == len(served.choices[number])


def _stands(one: Found) -> bool:
    same = one.talk.slot_id == one.placement.slot_id and one.talk.ends_at == one.placement.ends_at
    return one.talk.state == TalkState.BOOKED and same


async def _keep(session: AsyncSession, board: Board, request: Request, mine: Sequence[Found], now: datetime) -> Answer:
    hold = await keep(session, board, mine, request.person_id, now + (request.keep or timedelta()))
    await plan(session, tables, HOLD_OVER, [(hold.hold_id, hold.until, None)])
    return Answer(Reply.HELD, tuple(one.talk.talk_id for one in mine), hold)


async def keep(session: AsyncSession, board: Board, mine: Sequence[Found], person_id: UUID, until: datetime) -> Hold:
    """Keep these times, found free under the locks, for somebody until then."""
    kept = [{**one.choice.to_json(), **_shown(one)} for one in mine]
    tenant = mine[0].talk.tenant_id
    hold = Hold(hold_id=new_id(), tenant_id=tenant, person_id=person_id, choices=kept, until=until)
    there = [one for each in board.by_resource.values() for one in each if one.occupancy_id >= 0]
    placed = [(one.talk, one.placement) for one in mine]
    await occupancy.keep(session, hold.hold_id, until, placed, there, board.over())
    await store.put_hold(session, hold)
    return hold


def _shown(one: Found) -> dict[str, object]:
    """What a page shows of a time that is kept."""
    its = one.placement
    times = {"starts_at": its.starts_at.isoformat(), "ends_at": its.ends_at.isoformat()}
    return {**times, "place": one.place, "video": its.video}


async def _book(
    session: AsyncSession, board: Board, served: Served, booked: Mapping[int, Sequence[Found]]
) -> list[Outgoing]:
    """Write all that was given, in one statement, and remember by which request."""
    if not booked:
        return []
    keys = []
    for number, mine in booked.items():
        one, talks = served.requests[number], tuple(each.talk.talk_id for each in mine)
        served.answers[number] = Answer(Reply.BOOKED, talks)
        if one.key:
            keys.append((one.key, one.person_id, one.tenant_id, talks))
    holds = [hold for number in booked if (hold := served.requests[number].hold)]
    there = [one for each in board.by_resource.values() for one in each if one.occupancy_id >= 0]
    said = await placing.settle(
        session,
        [one for mine in booked.values() for one in mine],
        there,
        TalkState.BOOKED,
        served.now,
        pinned=True,
        holds=holds,
    )
    await store.record(session, keys, served.now)
    return said


async def _offer_others(session: AsyncSession, served: Served) -> None:
    """Answer the rest with what is free for the whole family, still under the locks of what they wanted."""
    refused = served.open()
    talks = [served.talks[choice.talk_id] for number, _ in refused for choice in served.choices[number]]
    around = await situation(session, talks, served.now) if talks else bundles.Situation()
    for number, _ in refused:
        mine = [served.talks[choice.talk_id].wanted for choice in served.choices[number]]
        found = bundles.bundles(bundles.free(mine, around), bundles.standing(mine, around))
        others = tuple(bundles.best(bundles.spread(found)))
        served.answers[number] = Answer(Reply.TAKEN, tuple(one.talk_id for one in mine), alternatives=others)
