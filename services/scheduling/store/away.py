"""A host who is not there: closed times, the talks that stand in them, and who steps in. None of this commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.proposals import TIMED
from services.scheduling.domain.wishes import Window
from services.scheduling.tables import (
    Host,
    Presence,
    Round,
    Slot,
    Talk,
)
from shared.db.bulk import ONCE, insert_rows
from shared.db.engine import table_of
from shared.events.roster import StaffStated
from shared.ids import derived_id, new_id
from shared.roster.access import in_force

HOST, SLOT, TALK, PRESENCE = (table_of(one) for one in (Host, Slot, Talk, Presence))
AWAY = "away"  # why somebody is not there; the reason itself is nobody's business
PRESENCE_NAMES = ("presence_id", "round_id", "host_id", "starts_at", "ends_at", "reason")
HOST_NAMES = ("round_id", "host_id", "room_id", "video")
SLOT_NAMES = ("slot_id", "round_id", "host_id", "starts_at", "ends_at", "closed")
AFRESH = {"populate_existing": True}  # what was read earlier in the transaction may have been written since


async def close(session: AsyncSession, round_id: UUID, host_id: UUID, span: Window, now: datetime) -> None:
    """The host is away in this stretch: none of their times in it that are still to come is open any more."""
    await session.execute(update(SLOT).where(*_slots_of(round_id, host_id, span, now)).values(closed=True))
    stretch = (new_id(), round_id, host_id, span.starts_at, span.ends_at, AWAY)
    await insert_rows(session, PRESENCE, PRESENCE_NAMES, [stretch])


def _slots_of(round_id: UUID, host_id: UUID, span: Window, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Conditions: the host's times over a stretch that have not begun."""
    over = (SLOT.c.starts_at < span.ends_at) & (SLOT.c.ends_at > span.starts_at)
    return (SLOT.c.round_id == round_id) & (SLOT.c.host_id == host_id), over, SLOT.c.starts_at > now


async def stranded(session: AsyncSession, round_id: UUID, now: datetime) -> int:
    """How many talks of a round that are still to come stand at times that are closed."""
    timed = TALK.c.round_id == round_id, TALK.c.state.in_(TIMED), SLOT.c.closed, TALK.c.starts_at > now
    wanted = select(func.count()).select_from(TALK).join(SLOT, SLOT.c.slot_id == TALK.c.slot_id).where(*timed)
    return int(await session.scalar(wanted) or 0)


async def hand_over(
    session: AsyncSession, round_id: UUID, host_id: UUID, substitute_id: UUID, span: Window, now: datetime
) -> dict[UUID, UUID]:
    """Give a host's times in a stretch to somebody else, in the host's room: the new slot of each old one."""
    host = await session.get(Host, (round_id, host_id))
    those = select(Slot).where(*_slots_of(round_id, host_id, span, now)).order_by(SLOT.c.starts_at)
    slots = (await session.scalars(those, execution_options=AFRESH)).all()
    room, video = (host.room_id, host.video) if host else (None, False)
    await insert_rows(session, HOST, HOST_NAMES, [(round_id, substitute_id, room, video)], ONCE)
    new = {one.slot_id: derived_id("slot", round_id, substitute_id, one.starts_at.isoformat()) for one in slots}
    rows = [(new[one.slot_id], round_id, substitute_id, one.starts_at, one.ends_at, False) for one in slots]
    await insert_rows(session, SLOT, SLOT_NAMES, rows, "on conflict (slot_id) do update set closed = false")
    return new


async def in_slots(session: AsyncSession, slot_ids: Iterable[UUID]) -> list[Talk]:
    """The talks that have one of these slots."""
    theirs = select(Talk).where(TALK.c.slot_id.in_(list(slot_ids)))
    return list(await session.scalars(theirs, execution_options=AFRESH))


HOSTS = text("""
select 'round' as what, to_jsonb(r) as fact from round r where r.round_id = :round_id
union all select 'day', to_jsonb(d.day) from round_day d where d.round_id = :round_id
union all select 'host', coalesce(n.state, jsonb_build_object('person_id', h.host_id))
  from host h left join roster n on n.event_type = 'roster.contact_stated.v1' and n.id = h.host_id
  where h.round_id = :round_id
union all select 'post', jsonb_build_object('post', p.state, 'name', n.state)
  from round r join roster p on p.event_type = 'roster.staff_stated.v1' and p.state ->> 'school_id' = r.school_id::text
  join roster n on n.event_type = 'roster.contact_stated.v1' and n.id = (p.state ->> 'person_id')::uuid
  where r.round_id = :round_id
""")


@dataclass(frozen=True)
class HostsOf:
    """A round, its hosts and its days in order, and who works at its school today, by name."""

    round: Round
    hosts: Mapping[UUID, str]
    days: Sequence[date]
    workers: Mapping[UUID, str]


async def hosts_of(session: AsyncSession, round_id: UUID, today: date) -> HostsOf | None:
    """Who holds talks in a round, and who could; None when there is no such round within reach. One statement."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await session.execute(HOSTS, {"round_id": round_id}):
        found[row.what].append(row.fact)
    if not found["round"]:
        return None
    at_work = [
        one["name"]
        for one in found["post"]
        if (post := StaffStated.model_validate(one["post"])) and in_force(post.starts, post.ends, today)
    ]
    days = sorted({date.fromisoformat(day) for day in found["day"]})
    return HostsOf(Round.model_validate(found["round"][0]), _named(found["host"]), days, _named(at_work))


def _named(contacts: Iterable[Mapping[str, Any]]) -> dict[UUID, str]:
    names = {
        UUID(one["person_id"]): f"{one.get('given_name', '')} {one.get('family_name', '')}".strip() for one in contacts
    }
    return dict(sorted(names.items(), key=lambda one: one[1]))
