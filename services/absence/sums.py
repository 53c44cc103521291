"""How much each pupil has been absent this school year, by subject: worked out in the database, once a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.absence.domain import Part
from shared.events.roster import SchoolStated

# A pupil belongs to the school of the latest result; what another municipality knows is not in the sum. Minutes that
# were registered without a reason have one when the home's report covers the whole lesson (`domain.covers`). Only
# what differs from what was last said is written, and comes back. (`offset 0`: worked out once a row; `not in`: a hash
# of the ids, where an anti join would compare each with each while nobody has counted the table.)
SUM = text(
    """
    with place as (
        select * from unnest(cast(:schools as uuid[]), cast(:tenants as uuid[]), cast(:here as bool[]))
            as place(school_id, tenant_id, here)
    ), result as (
        select r.pupil_id, r.school_id, l.subject_id, count(*) as lessons, max(r.starts_at) as latest,
            sum(extract(epoch from r.ends_at - r.starts_at)::bigint / 60) as planned,
            sum(r.valid_minutes + case when c.covered then r.invalid_minutes else 0 end) as valid,
            sum(case when c.covered then 0 else r.invalid_minutes end) as invalid
        from lesson_result r left join lesson l on l.lesson_id = r.lesson_id
        cross join lateral (select r.invalid_minutes > 0 and exists (
            select from absence_report a where a.pupil_id = r.pupil_id and not a.withdrawn
                and a.starts_at <= r.starts_at and a.ends_at >= r.ends_at) as covered offset 0) c
        where r.pupil_id between :first and :last and r.starts_at >= :since and r.ends_at <= :now
            and r.is_reported and not r.withdrawn and l.cancelled is not true
        group by r.pupil_id, r.school_id, l.subject_id
    ), home as (
        select distinct on (pupil_id) pupil_id, school_id from result order by pupil_id, latest desc, school_id
    ), subject as (
        select home.pupil_id, home.school_id, r.subject_id, sum(r.lessons) as lessons, sum(r.planned) as planned,
            sum(r.valid) as valid, sum(r.invalid) as invalid
        from home join place on place.school_id = home.school_id and place.here
            join result r on r.pupil_id = home.pupil_id
            join place theirs on theirs.school_id = r.school_id
                and theirs.tenant_id is not distinct from place.tenant_id
        group by home.pupil_id, home.school_id, r.subject_id
    ), summed as (
        select pupil_id, school_id, jsonb_agg(jsonb_build_object('subject_id', subject_id, 'lessons', lessons,
            'planned', planned, 'valid', valid, 'invalid', invalid) order by subject_id) as subjects
        from subject group by pupil_id, school_id
        union all
        select s.pupil_id, s.school_id, '[]'
        from absence_sum s join place on place.school_id = s.school_id and place.here
        where s.pupil_id between :first and :last and s.since = :day and s.subjects <> '[]'
            and s.pupil_id not in (select pupil_id from home)
    )
    insert into absence_sum as said (pupil_id, version, school_id, since, subjects, said_at)
    select pupil_id, :version, school_id, :day, subjects, :now from summed
    on conflict (pupil_id) do update set version = greatest(said.version + 1, excluded.version),
        school_id = excluded.school_id, since = excluded.since, subjects = excluded.subjects, said_at = excluded.said_at
    where (said.school_id, said.since, said.subjects) is distinct from
        (excluded.school_id, excluded.since, excluded.subjects)
    returning pupil_id, version, school_id, subjects
    """
)


@dataclass(frozen=True, slots=True)
class Summed:
    """A pupil's sums as they are now; `subjects` as `shared.events.absence.SubjectAbsence` has them."""

    pupil_id: UUID
    version: int
    school_id: UUID
    tenant_id: UUID | None
    subjects: Sequence[dict[str, Any]]


async def changed_sums(
    session: AsyncSession, part: Part, schools: Sequence[SchoolStated], day: date, since: datetime, now: datetime
) -> list[Summed]:
    """The sums of this part's pupils that are not as they were last said, by pupil; remembered as said.

    From the school year's first `day`, which begins at `since`, until now. `schools` are those of all zones: a pupil is
    in the part of the zone in which the latest lesson was.
    """
    if not any(school.zone == part.zone for school in schools):
        return []
    tenants = {school.school_id: school.tenant_id for school in schools}
    asked = {
        "schools": list(tenants),
        "tenants": list(tenants.values()),
        "here": [school.zone == part.zone for school in schools],
        "first": part.first,
        "last": part.last,
        "since": since,
        "day": day,
        "now": now,
        "version": int(now.timestamp() * 1000),
    }
    rows = (await session.execute(SUM, asked)).all()
    found = [Summed(row.pupil_id, row.version, row.school_id, tenants[row.school_id], row.subjects) for row in rows]
    return sorted(found, key=lambda one: one.pupil_id)
