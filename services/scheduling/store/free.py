"""What is free, and what is known of talks that want a time. One statement for any number of families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.bundles import Block, FreeSlot, Said, Situation, Slot, Wanted, free
from services.scheduling.domain.placing import NEXT_SLOT, Busy, is_over
from shared.clock import DEFAULT_ZONE
from shared.events.scheduling import TalkState

WANTED = text("""
select t.talk_id, t.tenant_id, t.round_id, t.school_id, t.pupil_id, t.guardian_ids, t.host_id, t.slot_id, t.state,
  t.household, t.starts_at, t.ends_at, t.video, t.room_id, t.interpreter_id,
  case when r.early_minutes > 0 then (
    select count(distinct place.to_id) from roster_link tie
    join roster_link place on place.from_id = tie.from_id and place.kind = 'enrolled'
    where tie.kind = 'tie' and tie.to_id = any(t.guardian_ids)) else 1 end as schools,
  r.state as round_state, r.books_from, r.books_until, r.answer_by, r.early_minutes,
  school.state ->> 'zone' as zone,
  case when :names then (select c.state ->> 'given_name' from roster c
    where c.event_type = 'roster.contact_stated.v1' and c.id = t.pupil_id) end as name,
  case when :names then (select concat(c.state ->> 'given_name', ' ', c.state ->> 'family_name') from roster c
    where c.event_type = 'roster.contact_stated.v1' and c.id = t.host_id) end as host,
  exists(select from waiting w where w.talk_id = t.talk_id) as waits,
  (select coalesce(json_agg(json_build_array(n.person_id, n.interpreter, n.video, n.more_time)), '[]')
   from need n where n.person_id = any(t.guardian_ids || t.pupil_id)) as needs
from talk t join round r on r.round_id = t.round_id
left join roster school on school.event_type = 'roster.school_stated.v1' and school.id = t.school_id
where t.talk_id = any(cast(:talks as uuid[])) or t.pupil_id = any(cast(:pupils as uuid[]))
order by t.talk_id
""")
SITUATION = text("""
with mine as (
  select * from unnest(cast(:rounds as uuid[]), cast(:hosts as uuid[])) as m(round_id, host_id)
),
slots as (
  select distinct s.slot_id, s.round_id, s.host_id, s.starts_at, s.ends_at, h.room_id, room.name as place,
    coalesce(h.video and r.video, false) as video,
    (select n.ends_at from slot n where n.round_id = s.round_id and n.host_id = s.host_id and not n.closed
      and n.starts_at >= s.ends_at and n.starts_at <= s.ends_at + cast(:next as interval)
      order by n.starts_at limit 1) as later_end
  from mine join slot s on s.round_id = mine.round_id and (mine.host_id is null or s.host_id = mine.host_id)
  join round r on r.round_id = s.round_id
  left join host h on h.round_id = s.round_id and h.host_id = s.host_id left join room on room.room_id = h.room_id
  where not s.closed and s.starts_at > :now and not exists (
    select from talk other where other.slot_id = s.slot_id and not other.talk_id = any(cast(:talks as uuid[])))
),
blocks as (
  select i.interpreter_id, i.languages, b.starts_at, b.ends_at
  from interpreter i join interpreter_block b on b.interpreter_id = i.interpreter_id
  where i.languages && cast(:languages as text[]) and i.tenant_id = any(cast(:tenants as uuid[]))
    and not b.cancelled and b.ends_at > :now
),
things as (
  select unnest(cast(:people as uuid[])) as id union select host_id from slots union select room_id from slots
  union select interpreter_id from blocks
)
select
  (select json_agg(s) from slots s) as slots,
  (select json_agg(b) from blocks b) as blocks,
  (select json_agg(json_build_array(o.resource_id, lower(o.during), upper(o.during), o.talk_id, o.hold_id,
     o.hold_until, t.school_id, t.video))
   from occupancy o left join talk t on t.talk_id = o.talk_id
   where o.resource_id = any(array(select id from things where id is not null)) and upper(o.during) > :now) as busy,
  (select json_agg(json_build_array(w.person_id, w.starts_at, w.ends_at, w.gladly))
   from wish w where w.person_id = any(cast(:people as uuid[])) and w.ends_at > :now) as said
""")


@dataclass(frozen=True)
class Asking:
    """A talk for which a time is wanted, with what decides whether its family may book now."""

    wanted: Wanted
    tenant_id: UUID
    state: TalkState
    round_state: str
    household: int
    starts_at: datetime | None
    ends_at: datetime | None
    books_from: datetime | None
    books_until: datetime
    answer_by: datetime
    early_minutes: int
    name: str = ""  # the pupil's given name, and the host's, where names were asked for
    host: str = ""
    waits: bool = False  # on the waiting list
    schools: int = 1  # at how many schools its guardians have children, where that lets them book early


async def asking(
    session: AsyncSession, talk_ids: Iterable[UUID] = (), pupil_ids: Iterable[UUID] = (), *, names: bool = False
) -> dict[UUID, Asking]:
    """These talks, and all talks of these pupils whose round can be reached. One statement."""
    values = {"talks": list(talk_ids), "pupils": list(pupil_ids), "names": names}
    found = await session.execute(WANTED, values)
    return {row.talk_id: _asking(row) for row in found}


async def situation(session: AsyncSession, talks: Sequence[Asking], now: datetime) -> Situation:
    """The slots of these talks' hosts that no other talk has, what is taken, interpreters, and wishes. One statement.

    Holds that are over do not count. A talk without a host may be held by any host of its round.
    """
    wanted = [one.wanted for one in talks]
    pairs = {(one.round_id, one.host_id) for one in wanted}
    people = {person for one in wanted for person in (one.pupil_id, *one.guardian_ids)}
    values = {
        "rounds": [round_id for round_id, _ in pairs],
        "hosts": [host_id for _, host_id in pairs],
        "people": list(people),
        "talks": [one.talk_id for one in wanted],
        "languages": list({one.language for one in wanted if one.language}),
        "tenants": list({one.tenant_id for one in talks}),
        "now": now,
        "next": NEXT_SLOT,
    }
    row = (await session.execute(SITUATION, values)).one()
    busy = [_busy(one) for one in row.busy or ()]
    return Situation(
        slots=[_slot(one) for one in row.slots or ()],
        busy=[one for one in busy if not is_over(one.hold_until, now)],
        blocks=[_block(one) for one in row.blocks or ()],
        said=[Said(UUID(who), _at(begins), _at(ends), glad) for who, begins, ends, glad in row.said or ()],
    )


async def free_slots(session: AsyncSession, talk_ids: Iterable[UUID], now: datetime) -> list[FreeSlot]:
    """The times of these talks' hosts that are free for them and for everybody who comes, for display.

    What the talks have now does not stand in their way. The list is a look: whoever books asks again under locks.
    """
    talks = list((await asking(session, talk_ids)).values())
    if not talks:
        return []
    by_talk = free([one.wanted for one in talks], await situation(session, talks, now))
    return [slot for slots in by_talk.values() for slot in slots]


def _asking(row: Any) -> Asking:
    needs = row.needs or []
    wanted = Wanted(
        talk_id=row.talk_id,
        round_id=row.round_id,
        school_id=row.school_id,
        pupil_id=row.pupil_id,
        guardian_ids=tuple(row.guardian_ids),
        host_id=row.host_id,
        slot_id=row.slot_id,
        language=next((language for _, language, _, _ in needs if language), None),
        longer=any(more for *_, more in needs),
        video=any(video for _, _, video, _ in needs),
        zone=row.zone or DEFAULT_ZONE,
    )
    return Asking(
        wanted=wanted,
        tenant_id=row.tenant_id,
        state=TalkState(row.state),
        round_state=row.round_state,
        household=row.household,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        books_from=row.books_from,
        books_until=row.books_until,
        answer_by=row.answer_by,
        early_minutes=row.early_minutes,
        schools=row.schools,
        name=row.name or "",
        host=row.host or "",
        waits=row.waits,
    )


def _at(written: str) -> datetime:
    return datetime.fromisoformat(written)


def _id(written: str | None) -> UUID | None:
    return UUID(written) if written else None


def _slot(said: Mapping[str, Any]) -> Slot:
    return Slot(
        slot_id=UUID(said["slot_id"]),
        round_id=UUID(said["round_id"]),
        host_id=UUID(said["host_id"]),
        starts_at=_at(said["starts_at"]),
        ends_at=_at(said["ends_at"]),
        room_id=_id(said["room_id"]),
        place=said["place"],
        video=said["video"],
        later_end=_at(said["later_end"]) if said["later_end"] else None,
    )


def _block(said: Mapping[str, Any]) -> Block:
    languages = tuple(said["languages"])
    return Block(UUID(said["interpreter_id"]), languages, _at(said["starts_at"]), _at(said["ends_at"]))


def _busy(said: Sequence[Any]) -> Busy:
    resource, begins, ends, talk, hold, until, school, video = said
    return Busy(
        resource_id=UUID(resource),
        starts_at=_at(begins),
        ends_at=_at(ends),
        talk_id=_id(talk),
        hold_id=_id(hold),
        hold_until=_at(until) if until else None,
        school_id=_id(school),
        video=bool(video),
    )
