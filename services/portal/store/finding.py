"""The SQL that finds duties with the flags and the class of each; all that counts, lists or shows them begins with it.

The flags are those of `services.portal.domain.duties.Seen`, where it is decided what they mean; they are kept with the
duty, so that no moment is read to count it. A duty belongs to the class its pupil was in, at the duty's school, on the
duty's day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.portal.domain.duties import Seen
from shared.events.duties import DutyKind
from shared.events.roster import ContactStated, GroupStated, PersonStated

Zones = Mapping[UUID, str]  # of the schools one may see
# SS 12000 groupType and its Norwegian sisters, in small letters; the first that fits is the pupil's class.
CLASS_KINDS = ["klass", "klasse", "basisgruppe", "mentor", "kontaktlærergruppe"]
IN_PERIOD = "d.kind = :kind and d.day between :since and :until"
# Of some pupils: notices of a period, and the talks that are owed in a term.
OF_PUPILS = (
    "d.pupil_id = any(cast(:pupils as uuid[])) and (d.kind = :kind and d.day between :since and :until "
    "or d.kind <> :kind and d.day between :term_since and :term_until)"
)
ONE = "d.duty_id = :duty"


def finding(which: str) -> str:
    """SQL that finds duties, `which` by a condition on `d`, and the flags of each."""
    return f"""
    with place as materialized (
        select *, (cast(:now as timestamptz) at time zone zone)::date as today
        from unnest(cast(:schools as uuid[]), cast(:zones as text[])) as place(school_id, zone)
    ), counted as (
        select d.duty_id, d.kind, d.school_id, d.pupil_id, d.day, d.status, d.moved_at,
            d.flags | case when d.day < place.today then {int(Seen.OVER)} else 0 end as course
        from place join duty d on d.school_id = place.school_id
        where {which}
    )"""


CLASSED = """
    , belongs as (
        select distinct l.source_id from (select distinct pupil_id from counted) c
        join roster_link l on l.to_id = c.pupil_id and l.kind = 'member'
    ), member as (
        select (m.value ->> 'person_id')::uuid as pupil_id, g.id as group_id,
            (g.state ->> 'school_id')::uuid as school_id,
            g.state ->> 'name' as name, array_position(cast(:kinds as text[]), lower(g.state ->> 'kind')) as rank,
            (m.value ->> 'starts')::date as starts, (m.value ->> 'ends')::date as ends
        from belongs join roster g on g.event_type = :group and g.id = belongs.source_id
        cross join lateral jsonb_array_elements(g.state -> 'members') m
        where lower(g.state ->> 'kind') = any(cast(:kinds as text[]))
    ), classed as (
        select distinct on (c.duty_id) c.*, m.group_id, m.name as class_name
        from counted c left join member m on m.pupil_id = c.pupil_id and m.school_id = c.school_id
            and (m.starts is null or m.starts <= c.day) and (m.ends is null or c.day < m.ends)
        order by c.duty_id, m.rank, m.name, m.group_id
    )"""

# One duty as JSON, of a row `p` of `classed`: with its moments and who has confirmed it.
FACT = """
    select 'duty' as what, jsonb_build_object(
        'duty_id', p.duty_id, 'kind', p.kind, 'school_id', p.school_id, 'pupil_id', p.pupil_id, 'day', p.day,
        'seen', p.course,
        'group_id', p.group_id, 'class_name', p.class_name,
        'moments', (select coalesce(jsonb_agg(to_jsonb(m)), '[]') from duty_moment m where m.duty_id = p.duty_id),
        'readers', (select coalesce(jsonb_agg(to_jsonb(a)), '[]') from acknowledgement a where a.duty_id = p.duty_id)
    ) as fact from """


def people(ids: str) -> str:
    """SQL for what the registry says of the persons whose ids this query finds, and of their names."""
    return f"""
    union all select r.event_type, r.state from roster r
    where r.event_type in (:person, :contact) and r.id in ({ids})"""


def asked(zones: Zones, now: datetime, kind: DutyKind = DutyKind.SAME_DAY_NOTICE, **more: Any) -> dict[str, Any]:
    """What every question says: at which schools, when it is now, and how things are called. `kind` may be given."""
    return {
        "schools": list(zones),
        "zones": list(zones.values()),
        "now": now,
        "kind": kind.value,
        "kinds": CLASS_KINDS,
        "group": GroupStated.event_type,
        "person": PersonStated.event_type,
        "contact": ContactStated.event_type,
        **more,
    }
