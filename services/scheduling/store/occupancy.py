"""Taking and freeing times: locks in one order, what is there under them, and everything written in one statement.

Nobody waits for a lock in another order than anybody else, so that there are no deadlocks; what a transaction reads
after its locks nobody changes before it ends. The exclusion constraint stands behind all this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.placing import NEXT_SLOT, TRAVEL, Busy, Choice, Placement, uses
from services.scheduling.errors import Clash, Crowded
from services.scheduling.tables import Coverage, Round, Talk
from shared.clock import DEFAULT_ZONE
from shared.db.bulk import rows_as_arrays
from shared.db.engine import table_of
from shared.events.scheduling import TalkState

LOCK_WAIT = timedelta(seconds=3)
FEW = 150  # choices that lock each resource for itself; more lock all of booking, for as long as they are written
ALL_OF_BOOKING = 7_305_525
TAKEN_SQLSTATES, WAITED_SQLSTATE = ("23P01", "23505"), "55P03"
TALK = table_of(Talk)
TALK_COLUMNS = ", ".join(f"t.{column.name}" for column in TALK.c)
TALK_NAMES = tuple(column.name for column in TALK.c)

WANTED = """unnest(cast(:talks as uuid[]), cast(:slots as uuid[]), cast(:interpreters as uuid[]),
  cast(:longer as boolean[])) as w(talk_id, slot_id, interpreter_id, longer)"""
FOUND = f"""
with wait as materialized (select set_config('lock_timeout', :wait, true)),
wanted as materialized (select * from {WANTED}),
things as (
  select unnest(array[s.host_id, h.room_id, w.interpreter_id, t.pupil_id] || t.guardian_ids) as id
  from wanted w join talk t on t.talk_id = w.talk_id join slot s on s.slot_id = w.slot_id
  left join host h on h.round_id = s.round_id and h.host_id = s.host_id
),
gate as materialized (
  select case when :many then pg_advisory_xact_lock(:all) else pg_advisory_xact_lock_shared(:all) end
  where (select count(*) from wait) = 1
),
locked as materialized (
  select count(pg_advisory_xact_lock(key)) as n from (
    select distinct hashtextextended(id::text, 0) as key from things
    where id is not null and not :many and (select count(*) from gate) = 1 order by key
  ) keys
)
select {TALK_COLUMNS}, w.interpreter_id as by_id, w.longer,
  s.slot_id as new_slot, s.starts_at as begins, s.ends_at as ends, s.host_id as new_host, s.closed,
  h.room_id as new_room, h.video as host_video, room.name as place, r.video as round_video, r.term_id, r.answer_by,
  r.books_from, r.books_until, school.state ->> 'zone' as zone,
  exists(select from need n where n.person_id = any(t.guardian_ids || t.pupil_id) and n.video) as wants_video,
  (select n.ends_at from slot n where (w.longer or (t.slot_id = s.slot_id and t.ends_at > s.ends_at))
    and n.round_id = s.round_id and n.host_id = s.host_id and not n.closed
    and n.starts_at >= s.ends_at and n.starts_at <= s.ends_at + cast(:next as interval)
    order by n.starts_at limit 1) as later_end
from wanted w join talk t on t.talk_id = w.talk_id
join slot s on s.slot_id = w.slot_id and s.round_id = t.round_id
join round r on r.round_id = t.round_id
left join host h on h.round_id = s.round_id and h.host_id = s.host_id
left join room on room.room_id = h.room_id
left join roster school on school.event_type = 'roster.school_stated.v1' and school.id = t.school_id
where (select count(*) from gate) = 1 and (select n from locked) >= 0
for no key update of t for share of s
"""
FOUND_STATEMENT = text(FOUND)
BUSY = text(
    "select distinct o.occupancy_id, o.resource_id, lower(o.during) as starts_at, upper(o.during) as ends_at, "
    "o.talk_id, o.hold_id, o.hold_until, t.school_id, t.video "
    "from unnest(cast(:resources as uuid[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[])) "
    "as w(resource_id, starts_at, ends_at) join occupancy o on o.resource_id = w.resource_id "
    "and o.during && tstzrange(w.starts_at, w.ends_at) left join talk t on t.talk_id = o.talk_id"
)
WRITE = text("""
with gone as (
  delete from occupancy where talk_id = any(cast(:talks as uuid[])) or occupancy_id = any(cast(:over as bigint[]))
  returning occupancy_id
),
taken as (
  insert into occupancy (tenant_id, resource_id, during, talk_id)
  select tenant, resource, tstzrange(starts, ends), talk from unnest(cast(:tenants as uuid[]),
    cast(:resources as uuid[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]),
    cast(:talk_of as uuid[])) as n(tenant, resource, starts, ends, talk)
  where (select count(*) from gone) >= 0
),
soon as (
  insert into due (kind, ref, due_at) select * from
  unnest(cast(:due_kinds as text[]), cast(:due_refs as uuid[]), cast(:due_at as timestamptz[]))
  on conflict (kind, ref) do update set due_at = excluded.due_at, attempts = 0, last_error = null
),
let_go as (delete from hold where hold_id = any(cast(:holds as uuid[]))),
off_list as (delete from waiting where talk_id = any(cast(:served as uuid[]))),
met as (
  update coverage c set status = 'sent', talk_id = d.talk_id
  from unnest(cast(:duties as uuid[]), cast(:duty_talks as uuid[])) as d(duty_id, talk_id)
  where c.duty_id = d.duty_id and c.status = 'owed' returning c.*
),
moved as (
  update talk t set version = c.version, state = c.state, slot_id = c.slot_id, starts_at = c.starts_at,
    ends_at = c.ends_at, host_id = c.host_id, room_id = c.room_id, video = c.video,
    interpreter_id = c.interpreter_id, pinned = c.pinned, sequence = c.sequence, invited = c.invited,
    declined = null, changed_at = c.changed_at
  from unnest(cast(:talks as uuid[]), cast(:versions as bigint[]), cast(:states as text[]), cast(:slots as uuid[]),
    cast(:begins as timestamptz[]), cast(:finishes as timestamptz[]), cast(:hosts as uuid[]), cast(:rooms as uuid[]),
    cast(:videos as boolean[]), cast(:interpreters as uuid[]), cast(:pins as boolean[]), cast(:sequences as int[]),
    cast(:invitations as boolean[]), cast(:changed as timestamptz[])) as c(talk_id, version, state, slot_id,
    starts_at, ends_at, host_id, room_id, video, interpreter_id, pinned, sequence, invited, changed_at)
  where t.talk_id = c.talk_id
)
select * from met
""")
UNSLOT = text("update talk set slot_id = null where talk_id = any(cast(:talks as uuid[]))")
HELD = text("""
with gone as (
  delete from occupancy where (talk_id = any(cast(:talks as uuid[])) and hold_until is not null)
    or occupancy_id = any(cast(:over as bigint[])) returning occupancy_id
)
insert into occupancy (tenant_id, resource_id, during, talk_id, hold_id, hold_until)
select tenant, resource, tstzrange(starts, ends), talk, :hold, :until from unnest(cast(:tenants as uuid[]),
  cast(:resources as uuid[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]),
  cast(:talk_of as uuid[])) as n(tenant, resource, starts, ends, talk)
where (select count(*) from gone) >= 0
""")
AROUND = text(
    "select t.talk_id, r.answer_by, r.books_from, r.books_until, r.term_id, room.name as place, "
    "school.state ->> 'zone' as zone from talk t join round r on r.round_id = t.round_id "
    "left join room on room.room_id = t.room_id left join roster school "
    "on school.event_type = 'roster.school_stated.v1' and school.id = t.school_id "
    "where t.talk_id = any(cast(:talks as uuid[])) order by t.talk_id"
)
RELEASE = text("delete from occupancy where talk_id = any(cast(:talks as uuid[]))")
MEET = text(
    "update coverage c set status = 'sent', talk_id = d.talk_id "
    "from unnest(cast(:duties as uuid[]), cast(:duty_talks as uuid[])) as d(duty_id, talk_id) "
    "where c.duty_id = d.duty_id and c.status = 'owed' returning c.*"
)
FRESH = {"populate_existing": True}


@dataclass
class Found:
    """A choice as the database has it, under its locks: the talk as it is now, and what it would become."""

    choice: Choice
    talk: Talk
    round: Round  # what is said of it: until when the home can answer and book
    placement: Placement
    place: str | None
    zone: str
    closed: bool


async def find(session: AsyncSession, choices: Sequence[Choice]) -> list[Found]:
    """Lock everything these choices need and read them; choices of unknown talks or slots are not in the answer.

    Raises Crowded when others hold the locks for too long; the transaction is then unusable.
    """
    values = {
        "talks": [one.talk_id for one in choices],
        "slots": [one.slot_id for one in choices],
        "interpreters": [one.interpreter_id for one in choices],
        "longer": [one.longer for one in choices],
        "wait": f"{LOCK_WAIT // timedelta(milliseconds=1)}ms",
        "many": len(choices) > FEW,
        "all": ALL_OF_BOOKING,
        "next": NEXT_SLOT,
    }
    try:
        rows = (await session.execute(FOUND_STATEMENT, values)).all()
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) == WAITED_SQLSTATE:
            raise Crowded(
                "Very many are booking at this moment. Nothing was changed; try again in a moment."
            ) from fault
        raise
    by_choice = {(one.talk_id, one.new_slot): _found(one) for one in rows}
    return [found for one in choices if (found := by_choice.get((one.talk_id, one.slot_id)))]


async def busy(session: AsyncSession, placements: Iterable[Placement]) -> list[Busy]:
    """What is taken of everything these placements use at their times, and of their people shortly before and after."""
    wanted = [
        (one.resource_id, one.starts_at - way, one.ends_at + way)
        for placement in placements
        for one in uses(placement)
        for way in [TRAVEL if one.resource_id in placement.people else timedelta()]
    ]
    if not wanted:
        return []
    values = rows_as_arrays(("resources", "starts", "ends"), wanted)
    return [_busy(row) for row in await session.execute(BUSY, values)]


async def write(
    session: AsyncSession,
    placed: Sequence[tuple[Talk, Placement]],
    moved: Iterable[UUID],
    over: Iterable[int],
    due: Sequence[tuple[str, UUID, datetime]],
    duties: Sequence[tuple[UUID, UUID]],
    holds: Iterable[UUID] = (),
) -> list[Coverage]:
    """Write talks with their new times and what they take; `moved` had another slot. The duties this moved on.

    Raises Clash, broken, when the database itself finds something taken.
    """
    talks = [talk for talk, _ in placed]
    if changed := list(moved):
        await session.execute(UNSLOT, {"talks": changed})
    values = {
        **_taken([(talk, placement) for talk, placement in placed]),
        "talks": [talk.talk_id for talk in talks],
        "over": list(over),
        "holds": list(holds),
        "served": [talk.talk_id for talk in talks if talk.state == TalkState.BOOKED],
        **rows_as_arrays(("due_kinds", "due_refs", "due_at"), due),
        **rows_as_arrays(("duties", "duty_talks"), duties),
        **_columns(talks),
    }
    try:
        rows = (await session.execute(WRITE, values)).mappings().all()
    except DBAPIError as fault:
        raise _clash(fault, [talk.talk_id for talk in talks]) or fault from fault
    return [Coverage(**row) for row in rows]


async def keep(
    session: AsyncSession,
    hold: UUID,
    until: datetime,
    placed: Sequence[tuple[Talk, Placement]],
    there: Iterable[Busy],
    over: Iterable[int],
) -> None:
    """Keep these times for a hold; the talks themselves stay as they are, and other holds on them end.

    `there` is what is taken at those times: what the same talks have for good is not taken twice. Raises Clash,
    broken, when the database finds something taken.
    """
    talks = {talk.talk_id for talk, _ in placed}
    theirs = [one for one in there if one.talk_id in talks and one.hold_until is None]
    values = {**_taken(placed, theirs), "hold": hold, "until": until, "over": list(over), "talks": list(talks)}
    try:
        await session.execute(HELD, values)
    except DBAPIError as fault:
        raise _clash(fault, talks) or fault from fault


def _clash(fault: DBAPIError, talk_ids: Iterable[UUID]) -> Clash | None:
    taken = getattr(fault.orig, "sqlstate", None) in TAKEN_SQLSTATES
    return Clash(talk_ids, broken=True) if taken else None


def _taken(placed: Sequence[tuple[Talk, Placement]], without: Sequence[Busy] = ()) -> dict[str, list[object]]:
    """Everything taken, as arrays, but what is there already (`without`)."""
    rows = [
        (talk.tenant_id, one.resource_id, one.starts_at, one.ends_at, one.talk_id)
        for talk, placement in placed
        for one in uses(placement)
        if not any(
            it.resource_id == one.resource_id and it.starts_at < one.ends_at and one.starts_at < it.ends_at
            for it in without
        )
    ]
    return rows_as_arrays(("tenants", "resources", "starts", "ends", "talk_of"), rows)


def _columns(talks: Sequence[Talk]) -> dict[str, list[object]]:
    names = {
        "versions": "version",
        "states": "state",
        "slots": "slot_id",
        "begins": "starts_at",
        "finishes": "ends_at",
        "hosts": "host_id",
        "rooms": "room_id",
        "videos": "video",
        "interpreters": "interpreter_id",
        "pins": "pinned",
        "sequences": "sequence",
        "invitations": "invited",
        "changed": "changed_at",
    }
    return {column: [getattr(talk, name) for talk in talks] for column, name in names.items()}


def _found(row: Row[Any]) -> Found:
    talk = Talk(**{name: getattr(row, name) for name in TALK_NAMES})
    placement = Placement(
        talk_id=row.talk_id,
        slot_id=row.new_slot,
        starts_at=row.begins,
        ends_at=row.later_end or row.ends,
        school_id=row.school_id,
        host_id=row.new_host,
        pupil_id=row.pupil_id,
        guardian_ids=tuple(row.guardian_ids),
        room_id=row.new_room,
        video=bool(row.host_video and row.round_video and (row.wants_video or row.new_room is None)),
        interpreter_id=row.by_id,
    )
    said = _said(row)
    choice = Choice(row.talk_id, row.new_slot, row.by_id, row.longer)
    return Found(choice, talk, said, placement, row.place, row.zone or DEFAULT_ZONE, row.closed)


def _said(row: Row[Any]) -> Round:
    """What is said of a round beside its talks; the rest of it is not read."""
    return _round(row.answer_by, row.books_from, row.books_until, row.term_id)


@lru_cache(256)
def _round(answer_by: datetime, books_from: datetime | None, books_until: datetime, term_id: UUID | None) -> Round:
    values: dict[str, Any] = {"answer_by": answer_by, "books_from": books_from, "books_until": books_until}
    return Round(term_id=term_id, **values)


def _busy(row: Row[Any]) -> Busy:
    return Busy(
        resource_id=row.resource_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        talk_id=row.talk_id,
        school_id=row.school_id,
        video=bool(row.video),
        hold_id=row.hold_id,
        hold_until=row.hold_until,
        occupancy_id=row.occupancy_id,
    )


async def standing(session: AsyncSession, talk_ids: Iterable[UUID]) -> list[Found]:
    """These talks where they stand, locked; changes to them are written with the transaction."""
    ids = list(dict.fromkeys(talk_ids))
    if not ids:
        return []
    talks = select(Talk).where(TALK.c.talk_id.in_(ids)).order_by(TALK.c.talk_id)
    found = {one.talk_id: one for one in await session.scalars(talks.with_for_update(), execution_options=FRESH)}
    rows = (await session.execute(AROUND, {"talks": ids})).all()
    return [_standing(found[row.talk_id], row) for row in rows if row.talk_id in found]


async def release(session: AsyncSession, talk_ids: Sequence[UUID]) -> None:
    """Free everything these talks take, held or for good."""
    await session.execute(RELEASE, {"talks": list(talk_ids)})


async def meet(session: AsyncSession, duties: Sequence[tuple[UUID, UUID]]) -> list[Coverage]:
    """These duties (with their talks) are on their way; those for which that is news."""
    if not duties:
        return []
    rows = (await session.execute(MEET, rows_as_arrays(("duties", "duty_talks"), duties))).mappings()
    return [Coverage(**row) for row in rows]


def _standing(talk: Talk, row: Row[Any]) -> Found:
    placement = Placement(
        talk_id=talk.talk_id,
        slot_id=talk.slot_id or talk.talk_id,
        starts_at=talk.starts_at or talk.changed_at,
        ends_at=talk.ends_at or talk.changed_at,
        school_id=talk.school_id,
        host_id=talk.host_id or talk.talk_id,
        pupil_id=talk.pupil_id,
        guardian_ids=tuple(talk.guardian_ids),
        room_id=talk.room_id,
        video=talk.video,
        interpreter_id=talk.interpreter_id,
    )
    said = _said(row)
    choice = Choice(talk.talk_id, placement.slot_id, talk.interpreter_id)
    return Found(choice, talk, said, placement, row.place, row.zone or DEFAULT_ZONE, closed=False)
