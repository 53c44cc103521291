"""Whom the roster copy knows: names, who is in a class, who answers for whom, who works where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.rounds import ClassOf
from services.scheduling.tables import roster
from shared.events.roster import ContactStated, GroupStated, PersonStated, SchoolStated, StaffStated
from shared.roster import access
from shared.roster.access import Family, in_force
from shared.roster.projection import known
from shared.roster.standing import MENTORS, PRINCIPALS, members_on

CLASS_KINDS = ("klass", "klasse", "basisgruppe", "mentor", "kontaktlærergruppe")  # SS 12000 groupType and its sisters

STAFF_OF = text(
    "select state from roster where event_type = :staff "
    "and (state ->> 'school_id')::uuid = any(cast(:schools as uuid[]))"
)
WORKERS = text(
    """
    select p.state as post, c.state as contact from roster p
    join roster c on c.event_type = :contact and c.id = (p.state ->> 'person_id')::uuid
    where p.event_type = :staff and (p.state ->> 'school_id')::uuid = any(cast(:schools as uuid[]))
    """
)
CLASSES = text(
    """
    with the_group as materialized (
        select r.id, r.state from roster_link l join roster r on r.event_type = :group and r.id = l.from_id
        where l.kind = 'group_of' and l.to_id = any(cast(:schools as uuid[]))
    ), post as materialized (
        select state from roster
        where event_type = :staff and (state ->> 'school_id')::uuid = any(cast(:schools as uuid[]))
    ), tied as (
        select t.from_id as pupil_id, count(*) as number, bool_or(n.apart) as apart
        from the_group g join roster_link m on m.kind = 'member' and m.from_id = g.id
        join roster_link t on t.kind = 'tie' and t.from_id = m.to_id
        left join need n on n.person_id = t.to_id
        group by t.from_id
    )
    select 'group' as what, state as fact from the_group
    union all select 'post', state from post where jsonb_array_length(state -> 'assignments') > 0
    union all select 'contact', r.state from roster r where r.event_type = :contact and r.id in (
        select (state ->> 'person_id')::uuid from post where jsonb_array_length(state -> 'assignments') > 0)
    union all select 'apart', to_jsonb(pupil_id) from tied where apart and number > 1
    """
)


@dataclass(frozen=True)
class Worker:
    """Somebody who works at a school today."""

    person_id: UUID
    name: str


async def names_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Full names from the roster copy; who is not known is not there."""
    found = await known(session, roster, ContactStated, ids)
    return {person_id: contact.full_name for person_id, contact in found.items()}


async def pupils_of_groups(session: AsyncSession, group_ids: Iterable[UUID], today: date) -> dict[UUID, list[UUID]]:
    """Who is in each of these groups on that day and active in the registry, in a fixed order."""
    groups = await known(session, roster, GroupStated, group_ids)
    inside = {group_id: members_on(group, today) for group_id, group in groups.items()}
    persons = await known(session, roster, PersonStated, {one for some in inside.values() for one in some})
    return {
        group_id: sorted({one for one in some if one in persons and persons[one].active}, key=str)
        for group_id, some in inside.items()
    }


async def guardians_of(session: AsyncSession, pupil_ids: Iterable[UUID], on: Mapping[UUID, date]) -> dict[UUID, Family]:
    """The families of these pupils, judged on each one's day: who may be told, and why (not)."""
    return await access.families(session, roster, pupil_ids, on)


async def schools_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, SchoolStated]:
    """These schools, as the roster knows them."""
    return await known(session, roster, SchoolStated, ids)


async def classes_of(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> list[ClassOf]:
    """The classes of these schools that can be in a round: by name, with how many are in them and who is the mentor.

    A group counts as a class when its kind says so or somebody is its mentor. One statement.
    """
    named = {"group": GroupStated.event_type, "staff": StaffStated.event_type, "contact": ContactStated.event_type}
    rows = (await session.execute(CLASSES, {**named, "schools": list(school_ids)})).all()
    names = {UUID(fact["person_id"]): _name(fact) for what, fact in rows if what == "contact"}
    mentors = mentors_in((StaffStated.model_validate(fact) for what, fact in rows if what == "post"), today)
    apart = {UUID(fact) for what, fact in rows if what == "apart"}
    groups = [GroupStated.model_validate(fact) for what, fact in rows if what == "group"]
    found = [
        _class_of(group, mentors.get(group.group_id, []), names, apart, today)
        for group in groups
        if group.kind.casefold() in CLASS_KINDS or group.group_id in mentors
    ]
    return sorted(found, key=lambda one: (str(one.school_id), one.name))


async def mentors_of(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> dict[UUID, list[UUID]]:
    """The mentors of every group at these schools, by group."""
    return mentors_in(await _posts(session, school_ids), today)


async def principals_of(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> dict[UUID, list[UUID]]:
    """The principals of these schools, by school."""
    found: dict[UUID, list[UUID]] = {}
    for post in await _posts(session, school_ids):
        if post.role.casefold() in PRINCIPALS and in_force(post.starts, post.ends, today) and post.person_id:
            found.setdefault(post.school_id, []).append(post.person_id)
    return found


async def workers_of(session: AsyncSession, school_id: UUID, today: date) -> list[Worker]:
    """Who works at this school today, by name: whoever may hold talks. One statement."""
    asked = {"staff": StaffStated.event_type, "contact": ContactStated.event_type, "schools": [school_id]}
    rows = (await session.execute(WORKERS, asked)).all()
    posts = [(StaffStated.model_validate(row.post), ContactStated.model_validate(row.contact)) for row in rows]
    found = {
        Worker(contact.person_id, contact.full_name)
        for post, contact in posts
        if in_force(post.starts, post.ends, today)
    }
    return sorted(found, key=lambda one: (one.name, str(one.person_id)))


def mentors_in(posts: Iterable[StaffStated], today: date) -> dict[UUID, list[UUID]]:
    """Who is the mentor of which group, by these posts, on that day."""
    found: dict[UUID, list[UUID]] = {}
    for post in posts:
        if post.person_id is None or not in_force(post.starts, post.ends, today):
            continue
        for part in post.assignments:
            if part.role.casefold() in MENTORS and in_force(part.starts, part.ends, today):
                there = found.setdefault(part.group_id, [])
                if post.person_id not in there:
                    there.append(post.person_id)
    return found


async def _posts(session: AsyncSession, school_ids: Iterable[UUID]) -> list[StaffStated]:
    asked = {"staff": StaffStated.event_type, "schools": list(school_ids)}
    return [StaffStated.model_validate(state) for state in await session.scalars(STAFF_OF, asked)]


def _class_of(
    group: GroupStated, mentors: Iterable[UUID], names: Mapping[UUID, str], apart: set[UUID], today: date
) -> ClassOf:
    members = members_on(group, today)
    known_as = {one: names.get(one, "") for one in mentors}
    return ClassOf(
        group.group_id, group.school_id, group.name, len(members), known_as, len(apart.intersection(members))
    )


def _name(fact: Mapping[str, Any]) -> str:
    return f"{fact['given_name']} {fact['family_name']}"
