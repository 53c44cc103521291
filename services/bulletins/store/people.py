"""Whom the roster copy knows: names, which groups are classes, who is in them, who is their mentor or principal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.tables import roster
from shared.events.roster import ContactStated, GroupStated, PersonStated, SchoolStated, StaffStated
from shared.roster.access import in_force
from shared.roster.projection import known
from shared.roster.standing import MENTORS, PRINCIPALS, members_on

CLASS_KINDS = ("klass", "klasse", "basisgruppe", "mentor", "kontaktlærergruppe")  # SS 12000 groupType and its sisters

GROUPS_OF = text(
    "select r.state from roster_link l join roster r on r.event_type = :group and r.id = l.from_id "
    "where l.kind = 'group_of' and l.to_id = any(cast(:schools as uuid[])) order by r.state ->> 'name', r.id"
)
POSTS_OF = text(
    "select state from roster where event_type = :staff "
    "and (state ->> 'school_id')::uuid = any(cast(:schools as uuid[])) order by id"
)
POSTS_FOR = text(
    "select state from roster r where event_type = :staff and exists (select "
    "from jsonb_array_elements(r.state -> 'assignments') a where a ->> 'group_id' = any(cast(:groups as text[]))) "
    "order by id"
)


async def names_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Full names from the roster copy; who is not known is not there."""
    found = await known(session, roster, ContactStated, ids)
    return {person_id: contact.full_name for person_id, contact in found.items()}


async def schools_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, SchoolStated]:
    """These schools, as the roster knows them."""
    return await known(session, roster, SchoolStated, ids)


async def groups_known(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, GroupStated]:
    """These groups, as the roster knows them."""
    return await known(session, roster, GroupStated, ids)


async def groups_of_school(session: AsyncSession, school_id: UUID) -> list[GroupStated]:
    """All groups of a school, classes or not, by name."""
    return await groups_of_schools(session, [school_id])


async def groups_of_schools(session: AsyncSession, school_ids: Iterable[UUID]) -> list[GroupStated]:
    """All groups of these schools, by name. One statement."""
    asked = {"group": GroupStated.event_type, "schools": list(school_ids)}
    return [GroupStated.model_validate(state) for state in await session.scalars(GROUPS_OF, asked)]


async def posts_of_schools(session: AsyncSession, school_ids: Iterable[UUID]) -> list[StaffStated]:
    """All posts at these schools. One statement."""
    asked = {"staff": StaffStated.event_type, "schools": list(school_ids)}
    return [StaffStated.model_validate(state) for state in await session.scalars(POSTS_OF, asked)]


async def class_groups(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> list[GroupStated]:
    """The groups of these schools that are classes, by name: those that owe their homes bulletins. Two statements."""
    schools = list(school_ids)
    mentors = mentors_in(await posts_of_schools(session, schools), today)
    return classes_in(await groups_of_schools(session, schools), mentors)


def classes_in(groups: Iterable[GroupStated], mentored: Iterable[UUID]) -> list[GroupStated]:
    """Those that are classes: a group counts as one when somebody is its mentor, or when its kind says so.

    Where mentors have groups of their own beside the classes, the class would owe every home the same once more: one
    that nobody is the mentor of counts only while somebody in it is in no group that has one.
    """
    every, with_mentor = list(groups), set(mentored)
    cared_for = {member.person_id for one in every if one.group_id in with_mentor for member in one.members}
    return [one for one in every if one.group_id in with_mentor or (_is_class(one) and _has_others(one, cared_for))]


def _is_class(group: GroupStated) -> bool:
    return group.kind.casefold() in CLASS_KINDS


def _has_others(group: GroupStated, cared_for: set[UUID]) -> bool:
    """True when not everybody in it is among these; also while nobody is in it."""
    return not group.members or any(member.person_id not in cared_for for member in group.members)


async def members_today(session: AsyncSession, group_ids: Iterable[UUID], today: date) -> dict[UUID, list[UUID]]:
    """Who is in each of these groups on that day and active in the registry, in a fixed order. Two statements."""
    groups = await groups_known(session, group_ids)
    inside = {group_id: members_on(group, today) for group_id, group in groups.items()}
    persons = await known(session, roster, PersonStated, {one for some in inside.values() for one in some})
    return {
        group_id: sorted({one for one in some if one in persons and persons[one].active}, key=str)
        for group_id, some in inside.items()
    }


async def mentors_of(session: AsyncSession, group_ids: Iterable[UUID], today: date) -> dict[UUID, list[UUID]]:
    """The mentors of each of these groups on that day; a group without one is not there."""
    wanted = [str(one) for one in group_ids]
    if not wanted:
        return {}
    asked = {"staff": StaffStated.event_type, "groups": wanted}
    posts = [StaffStated.model_validate(state) for state in await session.scalars(POSTS_FOR, asked)]
    return {group: people for group, people in mentors_in(posts, today).items() if str(group) in wanted}


async def principals_of(session: AsyncSession, school_id: UUID, today: date) -> list[UUID]:
    """The principals of a school on that day."""
    return principals_in(await posts_of_schools(session, [school_id]), today).get(school_id, [])


def mentors_in(posts: Iterable[StaffStated], today: date) -> dict[UUID, list[UUID]]:
    """Who is the mentor of which group, by these posts, on that day."""
    found: dict[UUID, list[UUID]] = {}
    for post in posts:
        if post.person_id is None or not in_force(post.starts, post.ends, today):
            continue
        for part in post.assignments:
            if part.role.casefold() in MENTORS and in_force(part.starts, part.ends, today):
                _add(found.setdefault(part.group_id, []), post.person_id)
    return found


def principals_in(posts: Sequence[StaffStated], today: date) -> dict[UUID, list[UUID]]:
    """Who is the principal of which school, by these posts, on that day."""
    found: dict[UUID, list[UUID]] = {}
    for post in posts:
        if post.role.casefold() in PRINCIPALS and in_force(post.starts, post.ends, today) and post.person_id:
            _add(found.setdefault(post.school_id, []), post.person_id)
    return found


def _add(there: list[UUID], one: UUID) -> None:
    if one not in there:
        there.append(one)
