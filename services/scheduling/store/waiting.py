"""The waiting list, and who is reminded. None of this commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.waiting import Waiter
from services.scheduling.tables import Waiting
from shared.clock import DEFAULT_ZONE
from shared.db.bulk import insert_rows
from shared.db.engine import table_of

WAITING = table_of(Waiting)
NAMES = ("talk_id", "round_id", "school_id", "person_id", "since", "passed")
CANDIDATES = text("""
select s.slot_id, s.starts_at as slot_starts, r.books_until, w.talk_id, w.person_id, w.since, w.passed,
  t.slot_id as has, t.starts_at, school.state ->> 'zone' as zone,
  (select coalesce(array_agg(distinct o.starts_at), '{}') from roster_link mine
   join roster_link theirs on theirs.kind = 'tie' and theirs.to_id = mine.to_id
   join talk o on o.pupil_id = theirs.from_id
   where mine.kind = 'tie' and mine.from_id = t.pupil_id and o.pupil_id <> t.pupil_id and o.starts_at > :now
     and o.guardian_ids && t.guardian_ids) as siblings
from slot s join round r on r.round_id = s.round_id
join waiting w on w.round_id = s.round_id
join talk t on t.talk_id = w.talk_id and (t.host_id is null or t.host_id = s.host_id)
left join roster school on school.event_type = 'roster.school_stated.v1' and school.id = t.school_id
where s.slot_id = any(cast(:slots as uuid[])) and not s.closed and s.starts_at > :now
  and r.state in ('proposed', 'booking', 'wishes') and r.books_until > :now
  and w.offered_slot_id is null and t.slot_id is distinct from s.slot_id
  and t.state in ('wanted', 'proposed', 'booked', 'missed')
  and not exists (select from talk other where other.slot_id = s.slot_id)
order by s.starts_at, s.slot_id, w.since
for update of w skip locked
""")
OFFER = text("update waiting set offered_slot_id = :slot, offered_until = :until where talk_id = :talk")
PASS = text(
    "update waiting set offered_slot_id = null, offered_until = null, passed = passed + 1 "
    "where talk_id = any(cast(:talks as uuid[])) and offered_until <= :now returning talk_id"
)
OFFER_HOLDS = text(
    "select distinct hold_id from occupancy where talk_id = any(cast(:talks as uuid[])) and hold_id is not null"
)


@dataclass(frozen=True)
class Candidate:
    """Somebody who waits for what has become free."""

    slot_id: UUID
    starts_at: datetime
    books_until: datetime
    person_id: UUID
    zone: str
    waiter: Waiter


async def candidates(session: AsyncSession, slot_ids: Iterable[UUID], now: datetime) -> dict[UUID, list[Candidate]]:
    """For each of these slots that is still free: who waits for one like it and has no offer yet, locked."""
    rows = await session.execute(CANDIDATES, {"slots": list(slot_ids), "now": now})
    found: dict[UUID, list[Candidate]] = {}
    for row in rows:
        found.setdefault(row.slot_id, []).append(_candidate(row))
    return found


async def join(session: AsyncSession, one: Waiting) -> None:
    """Be on the list; who is there already keeps their place."""
    row = (one.talk_id, one.round_id, one.school_id, one.person_id, one.since, 0)
    await insert_rows(session, WAITING, NAMES, [row], "on conflict do nothing")


async def leave(session: AsyncSession, talk_id: UUID) -> None:
    """Be on the list no more."""
    await session.execute(WAITING.delete().where(WAITING.c.talk_id == talk_id))


async def note_offer(session: AsyncSession, talk_id: UUID, slot_id: UUID, until: datetime) -> None:
    """This slot is kept for this talk until then."""
    await session.execute(OFFER, {"talk": talk_id, "slot": slot_id, "until": until})


async def let_pass(session: AsyncSession, talk_ids: Sequence[UUID], now: datetime) -> list[UUID]:
    """These offers were not taken in time: whose it really was, and the holds that kept the times."""
    passed = list(await session.scalars(PASS, {"talks": list(talk_ids), "now": now}))
    return list(await session.scalars(OFFER_HOLDS, {"talks": passed})) if passed else []


def _candidate(row: Any) -> Candidate:
    zone = row.zone or DEFAULT_ZONE
    here = ZoneInfo(zone)
    waiter = Waiter(
        talk_id=row.talk_id,
        since=row.since,
        has_time=row.has is not None,
        own_day=row.starts_at.astimezone(here).date() if row.starts_at else None,
        sibling_days=frozenset(one.astimezone(here).date() for one in row.siblings if one),
        passed=row.passed,
    )
    return Candidate(row.slot_id, row.slot_starts, row.books_until, row.person_id, zone, waiter)
