"""Offering times that have become free. In the machine's transaction, which others commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling import booking, placing
from services.scheduling.domain.bundles import FreeSlot, free
from services.scheduling.domain.placing import Board
from services.scheduling.domain.waiting import by_need, offered_until
from services.scheduling.errors import Clash
from services.scheduling.outgoing import about_talk
from services.scheduling.store import booking as holds
from services.scheduling.store import occupancy
from services.scheduling.store import waiting as store
from services.scheduling.store.free import asking, situation
from services.scheduling.store.waiting import Candidate
from services.scheduling.tables import kit as tables
from shared.due.plan import plan
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind

OFFER_OVER = "offer_over"


async def offer(
    session: AsyncSession, slot_ids: Iterable[UUID], now: datetime, hours: int, *, onwards: bool = False
) -> list[Outgoing]:
    """Offer each of these slots that is free to the family it helps most, kept for them for so many hours.

    `onwards`: it was offered to somebody who let it pass, so only those are asked who have let none pass. A slot
    nobody waits for, or nobody can use, stays free.
    """
    said: list[Outgoing] = []
    served: set[UUID] = set()
    for slot_id, waiting in (await store.candidates(session, slot_ids, now)).items():
        there = [one for one in waiting if not (onwards and one.waiter.passed)]
        by_talk = {one.waiter.talk_id: one for one in there if one.waiter.talk_id not in served}
        if not by_talk:
            continue
        day = waiting[0].starts_at.astimezone(ZoneInfo(waiting[0].zone)).date()
        order = [by_talk[one.talk_id] for one in by_need([one.waiter for one in by_talk.values()], day)]
        if made := await _first_who_can(session, slot_id, order, now, hours):
            served.add(made[0])
            said.append(made[1])
    return said


async def _first_who_can(
    session: AsyncSession, slot_id: UUID, order: Sequence[Candidate], now: datetime, hours: int
) -> tuple[UUID, Outgoing] | None:
    talks = await asking(session, [one.waiter.talk_id for one in order])
    around = await situation(session, list(talks.values()), now)
    fits = free([one.wanted for one in talks.values()], around)
    for one in order:
        mine = next((slot for slot in fits.get(one.waiter.talk_id, ()) if slot.slot_id == slot_id), None)
        until = offered_until(now, hours, one.starts_at, one.books_until)
        if mine and until and (said := await _keep(session, one, mine, until, now)):
            return one.waiter.talk_id, said
    return None


async def _keep(
    session: AsyncSession, candidate: Candidate, slot: FreeSlot, until: datetime, now: datetime
) -> Outgoing | None:
    try:
        found = await placing.locked(session, [slot.choice])
    except Clash:
        return None
    board = Board(await occupancy.busy(session, [one.placement for one in found]), now)
    if board.in_the_way([one.placement for one in found]):
        return None
    hold = await booking.keep(session, board, found, candidate.person_id, until)
    talk = found[0].talk
    await store.note_offer(session, talk.talk_id, slot.slot_id, until)
    await plan(session, tables, OFFER_OVER, [(talk.talk_id, until, None)])
    path = f"/talks/hold/{hold.hold_id}"
    return about_talk(NotificationKind.TALK_OFFERED, talk, now, mark=hold.hold_id, zone=candidate.zone, path=path)


async def passed(session: AsyncSession, talk_ids: Sequence[UUID], now: datetime, hours: int) -> list[Outgoing]:
    """These offers were not taken in time: each time goes to the next family, or is free for all."""
    over = await store.let_pass(session, talk_ids, now)
    slots = await holds.let_go(session, list((await holds.holds(session, over)).values()))
    return await offer(session, slots, now, hours, onwards=True)
