"""How far homes take part, in sums by class: nobody's name is read, and no id leaves the statement but a class's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.participation import Part, Share
from services.bulletins.store.archive import FOR_CLASSES
from services.bulletins.store.people import CLASS_KINDS
from services.bulletins.tables import HalfYear
from shared.db.engine import table_of
from shared.events.roster import GroupStated, PersonStated

PARTS = text(
    f"""
    with b as materialized (
        select bulletin_id, school_id, (sent_at at time zone :zone)::date as day from bulletin
        where school_id = :school and state = 'sent'
            and sent_at >= cast(:begins as timestamptz) and sent_at < cast(:ends as timestamptz)
    ), {FOR_CLASSES}, sent as materialized (
        select b.bulletin_id, g.group_id, b.day from b join for_class g on g.bulletin_id = b.bulletin_id
    ), class as materialized (
        select r.id as group_id, r.state ->> 'name' as name, r.state -> 'members' as members
        from roster_link l join roster r on r.event_type = :group and r.id = l.from_id
        where l.kind = 'group_of' and l.to_id = :school
            and (lower(r.state ->> 'kind') = any(cast(:kinds as text[])) or r.id in (select group_id from sent))
    ), member as materialized (
        select distinct c.group_id, (m.value ->> 'person_id')::uuid as pupil_id, (m.value ->> 'starts')::date as starts,
            (m.value ->> 'ends')::date as ends, (p.state ->> 'born')::date as born
        from class c cross join lateral jsonb_array_elements(c.members) m
            join roster p on p.event_type = :person and p.id = (m.value ->> 'person_id')::uuid
        where (p.state ->> 'active')::boolean
    ), pupil as materialized (
        select group_id, pupil_id from member
        where coalesce(starts <= cast(:on as date), true) and coalesce(cast(:on as date) < ends, true)
    ), told as materialized (
        select m.group_id, m.pupil_id, s.bulletin_id, m.born <= s.day - interval '18 years' as adult
        from member m join sent s on s.group_id = m.group_id
        where coalesce(m.starts <= s.day, true) and coalesce(s.day < m.ends, true)
    ), has_read as materialized (
        select distinct t.group_id, t.pupil_id, t.bulletin_id from told t
            join roster_link l on l.from_id = t.pupil_id and l.kind in ('tie', 'consent')
            join reading x on x.bulletin_id = t.bulletin_id and x.person_id = l.to_id
        union select t.group_id, t.pupil_id, t.bulletin_id from told t
            join reading x on x.bulletin_id = t.bulletin_id and x.person_id = t.pupil_id where t.adult
    ), has_answered as materialized (
        select distinct p.group_id, p.pupil_id from pupil p
            join roster_link l on l.from_id = p.pupil_id and l.kind in ('tie', 'consent')
            join feedback f on f.person_id = l.to_id and f.group_id = p.group_id
                and f.at >= cast(:begins as timestamptz) and f.at < cast(:ends as timestamptz)
        union select p.group_id, p.pupil_id from pupil p
            join feedback f on f.person_id = p.pupil_id and f.group_id = p.group_id
                and f.at >= cast(:begins as timestamptz) and f.at < cast(:ends as timestamptz)
    ), talk as materialized (
        select p.group_id, p.pupil_id, bool_or(t.state in ('held', 'signed')) as held from pupil p
            join known_talk t on t.pupil_id = p.pupil_id and t.school_id = :school
                and t.state in ('booked', 'held', 'signed') and t.starts_at >= cast(:begins as timestamptz)
                and t.starts_at < cast(:ends as timestamptz)
        group by p.group_id, p.pupil_id
    )
    select c.group_id, c.name,
        (select count(*) from pupil p where p.group_id = c.group_id) as pupils,
        (select count(distinct s.bulletin_id) from sent s where s.group_id = c.group_id) as sent,
        (select count(*) from told t where t.group_id = c.group_id) as told,
        (select count(*) from has_read r where r.group_id = c.group_id) as has_read,
        (select count(*) from has_answered a where a.group_id = c.group_id) as has_answered,
        (select count(*) from talk t where t.group_id = c.group_id) as booked,
        (select count(*) from talk t where t.group_id = c.group_id and t.held) as held
    from class c
    """
)


@dataclass(frozen=True)
class Period:
    """A half-year of a school: the instants between which it lies, and the day on which its classes are counted."""

    begins: datetime
    ends: datetime
    on: date
    zone: str


async def half_years(db: AsyncSession, school_ids: Iterable[UUID]) -> list[HalfYear]:
    """The half-years of these schools, the latest first. One statement."""
    half = table_of(HalfYear)
    mine = half.select().where(half.c.school_id.in_(list(school_ids))).order_by(half.c.starts.desc())
    return [HalfYear(**row) for row in (await db.execute(mine)).mappings()]


async def parts(db: AsyncSession, school_id: UUID, when: Period) -> list[Part]:
    """How each class of a school takes part. One statement."""
    asked = {"school": school_id, "begins": when.begins, "ends": when.ends, "on": when.on, "zone": when.zone}
    kinds = {"kinds": list(CLASS_KINDS), "group": GroupStated.event_type, "person": PersonStated.event_type}
    return [
        Part(
            group_id=row.group_id,
            name=row.name,
            pupils=row.pupils,
            sent=row.sent,
            read=Share(row.has_read, row.told),
            answered=Share(row.has_answered, row.pupils),
            booked=Share(row.booked, row.pupils),
            held=Share(row.held, row.pupils),
        )
        for row in await db.execute(PARTS, {**asked, **kinds})
    ]
