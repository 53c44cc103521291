"""What each pupil's home is owed, as it was last said. All in the machine's transaction, set by set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.tables import Owed
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.duties import DutyKind
from shared.events.roster import GroupStated, PersonStated

OWED = table_of(Owed)
NAMES = ("duty_id", "kind", "place_id", "school_year", "school_id", "pupil_id", "last_day", "status")
RETURNED = ", ".join(f"owed.{column.name}" for column in OWED.c)
ONCE = f"on conflict (duty_id) do nothing returning {RETURNED}"
# Who is in the class of each place in `spot` on a day and active, with the first day. It carries what the statements
# below need, and they look into it as a set: after a night has written much, the planner knows too little for joins.
INSIDE = """
    select s.place_id, s.school_id, s.due_on, who.id as pupil_id,
        max(coalesce((m ->> 'starts')::date, '-infinity')) as starts
    from spot s join roster g on g.event_type = :group and g.id = s.group_id
    cross join lateral jsonb_array_elements(g.state -> 'members') m
    join roster who on who.event_type = :person and who.id = (m ->> 'person_id')::uuid
        and coalesce((who.state ->> 'active')::boolean, true)
    where coalesce((m ->> 'starts')::date, '-infinity') <= :today
        and coalesce((m ->> 'ends')::date, 'infinity') > :today
    group by s.place_id, s.school_id, s.due_on, who.id
"""
SPOT = """
    select p.* from place p join half_year h on h.half_year_id = p.half_year_id
    where p.school_id = any(cast(:schools as uuid[])) and h.starts <= :today and h.ends >= :today
"""
# A pupil who came after the day of a place is not owed it. One who had left and has come back is owed it anew.
LACKING = text(
    f"""
    with spot as materialized ({SPOT} and p.bulletin_id is null), inside as materialized ({INSIDE}),
    there as materialized (
        select place_id, pupil_id, bool_and(status = 'retracted') as gone from owed
        where place_id = any(array(select place_id from spot)) group by 1, 2
    )
    select i.place_id, i.school_id, i.due_on, i.pupil_id,
        (i.place_id, i.pupil_id) in (select place_id, pupil_id from there) as again
    from inside i where i.starts <= i.due_on
        and (i.place_id, i.pupil_id) not in (select place_id, pupil_id from there where not gone)
    """
)
# Who left before the day of a place is not owed it any more; who left after it still was.
LET_GO = text(
    f"""
    with spot as materialized ({SPOT}), inside as materialized ({INSIDE})
    update owed set status = 'retracted'
    where place_id = any(array(select place_id from spot)) and status = 'owed' and last_day >= :today
    and (place_id, pupil_id) not in (select place_id, pupil_id from inside)
    returning {RETURNED}
    """
)
MISS = text(
    f"""
    update owed set status = 'missed' from place p join half_year h on h.half_year_id = p.half_year_id
    where p.place_id = owed.place_id and h.ends < :today
    and owed.school_id = any(cast(:schools as uuid[])) and owed.status = 'owed'
    returning {RETURNED}
    """
)
MISS_INFORMATION = text(
    f"""
    update owed set status = 'missed' where place_id is null and last_day < :today
    and school_id = any(cast(:schools as uuid[])) and status = 'owed' returning {RETURNED}
    """
)
FOLLOW = text(
    f"""
    update owed set last_day = p.due_on from place p where p.place_id = owed.place_id
    and p.place_id = any(cast(:places as uuid[])) and owed.status = 'owed' and owed.last_day <> p.due_on
    returning {RETURNED}
    """
)
DROP = text(
    f"""
    update owed set status = 'retracted' where place_id = any(cast(:places as uuid[]))
    and status not in ('missed', 'retracted') returning {RETURNED}
    """
)
FILL = text(
    f"""
    with spot as materialized (select * from place where place_id = any(cast(:places as uuid[]))),
    inside as materialized ({INSIDE})
    update owed set status = 'sent', bulletin_id = :bulletin from inside i
    where i.place_id = owed.place_id and i.pupil_id = owed.pupil_id and owed.status = 'owed'
    returning {RETURNED}
    """
)
EMPTY = text(
    f"""
    update owed set status = 'retracted' where bulletin_id = :bulletin
    and status in ('sent', 'unreachable') and kind = :kind returning {RETURNED}
    """
)
# The pupils of a school who are owed this year's information: those enrolled there first.
UNINFORMED = text(
    """
    select r.id as pupil_id, l.to_id as school_id
    from roster_link l join roster r on r.event_type = :person and r.id = l.from_id
    where l.kind = 'enrolled' and l.to_id = any(cast(:schools as uuid[]))
        and coalesce((r.state ->> 'active')::boolean, true) and r.state -> 'school_ids' ->> 0 = l.to_id::text
        and not exists (select from owed o where o.pupil_id = r.id and o.school_id = l.to_id
            and o.kind = :kind and o.school_year = :year)
    """
)
LEFT_SCHOOL = text(
    f"""
    update owed set status = 'retracted' where school_id = any(cast(:schools as uuid[])) and kind = :kind
    and status = 'owed' and last_day >= :today and not exists (
        select from roster r where r.event_type = :person and r.id = owed.pupil_id
        and coalesce((r.state ->> 'active')::boolean, true) and r.state -> 'school_ids' ->> 0 = owed.school_id::text)
    returning {RETURNED}
    """
)
# Whoever has now been sent each of the topics, for the whole school or for a class they are in.
INFORMED = text(
    f"""
    with this as (select * from bulletin where bulletin_id = :bulletin), told as materialized (
        select b.topic, b.bulletin_id, g.group_id from this t
        join bulletin b on b.school_id = t.school_id and b.school_year = t.school_year and b.kind = t.kind
            and (b.state = 'sent' or b.bulletin_id = t.bulletin_id)
        left join bulletin_group g on g.bulletin_id = b.bulletin_id
        where b.topic = any(cast(:topics as text[]))
    ), covered as (
        select o.duty_id from owed o join this t on o.school_id = t.school_id and o.school_year = t.school_year
        join told on told.group_id is null or exists (
            select from roster_link l where l.kind = 'member' and l.from_id = told.group_id and l.to_id = o.pupil_id)
        where o.status = 'owed' and o.kind = :duty
        group by o.duty_id having count(distinct told.topic) = cardinality(cast(:topics as text[]))
    )
    update owed set status = 'sent', bulletin_id = :bulletin from covered where covered.duty_id = owed.duty_id
    returning {RETURNED}
    """
)
KINDS = {"group": GroupStated.event_type, "person": PersonStated.event_type}


async def lacking(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> Sequence[Any]:
    """Who is in a class that owes a bulletin, and is not owed it yet: (place, school, its day, pupil, again)."""
    return (await session.execute(LACKING, {**KINDS, "schools": list(school_ids), "today": today})).all()


async def add(session: AsyncSession, rows: Sequence[tuple[Any, ...]]) -> list[Owed]:
    """Write what is owed (`NAMES`); those that are new."""
    return as_owed(await insert_rows(session, OWED, NAMES, rows, ONCE))


async def let_go(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> list[Owed]:
    """Nothing is owed to who has left the class or the school; those for which that is news."""
    asked = {"schools": list(school_ids), "today": today}
    gone = as_owed((await session.execute(LET_GO, {**asked, **KINDS})).all())
    informed = {"person": KINDS["person"], "kind": DutyKind.SCHOOL_INFORMATION}
    return gone + as_owed((await session.execute(LEFT_SCHOOL, {**asked, **informed})).all())


async def miss(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> list[Owed]:
    """What was not sent before its half-year was over is missed; those for which that is news."""
    asked = {"schools": list(school_ids), "today": today}
    missed = as_owed((await session.execute(MISS, asked)).all())
    return missed + as_owed((await session.execute(MISS_INFORMATION, asked)).all())


async def follow(session: AsyncSession, place_ids: Iterable[UUID]) -> list[Owed]:
    """What is owed has the day of its place; those for which that is news."""
    return as_owed((await session.execute(FOLLOW, {"places": list(place_ids)})).all())


async def drop(session: AsyncSession, place_ids: Iterable[UUID]) -> list[Owed]:
    """These places are no more, and nothing is owed in them; those for which that is news."""
    return as_owed((await session.execute(DROP, {"places": list(place_ids)})).all())


async def fill(session: AsyncSession, place_ids: Iterable[UUID], bulletin_id: UUID, today: date) -> list[Owed]:
    """What is owed in these places to who is in the class today is sent, by that bulletin."""
    asked = {**KINDS, "places": list(place_ids), "bulletin": bulletin_id, "today": today}
    return as_owed((await session.execute(FILL, asked)).all())


async def empty(session: AsyncSession, bulletin_id: UUID) -> list[Owed]:
    """What that bulletin had sent is taken back; a duty only moves forward, so what is owed instead is a new one."""
    asked = {"bulletin": bulletin_id, "kind": DutyKind.CLASS_BULLETIN}
    return as_owed((await session.execute(EMPTY, asked)).all())


async def uninformed(session: AsyncSession, school_ids: Iterable[UUID], school_year: str) -> Sequence[Any]:
    """The pupils of these schools whom nobody has said to be owed the information of that school year."""
    asked = {"schools": list(school_ids), "year": school_year, "person": PersonStated.event_type}
    return (await session.execute(UNINFORMED, {**asked, "kind": DutyKind.SCHOOL_INFORMATION})).all()


async def inform(session: AsyncSession, bulletin_id: UUID, topics: Iterable[str]) -> list[Owed]:
    """Whoever has, with this piece of information, been sent all these topics; those for which that is news."""
    asked = {"bulletin": bulletin_id, "topics": list(topics), "duty": DutyKind.SCHOOL_INFORMATION}
    return as_owed((await session.execute(INFORMED, asked)).all())


def as_owed(rows: Iterable[Any]) -> list[Owed]:
    """Rows that hold `RETURNED`, as what they are."""
    return [Owed(**{column.name: getattr(row, column.name) for column in OWED.c}) for row in rows]
