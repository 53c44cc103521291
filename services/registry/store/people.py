"""Who people are, by the registry's own records: names, and who may decide about what waits.

Records are not for people (`Wall.MACHINE`): ask in a transaction of the machine's, after the session was checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.events.roster import Marking
from shared.roster.access import in_force
from shared.roster.standing import OFFICERS

PERSON = text(
    "select p.payload ->> 'active' as active, c.payload ->> 'given_name' as given, "
    "c.payload ->> 'family_name' as family from record p "
    "left join record c on c.kind = 'contact' and c.id = p.id and c.erased_at is null "
    "where p.kind = 'person' and p.id = :id and p.erased_at is null and p.tenant_id = :tenant"
)
POSTS = text(
    "select post.payload ->> 'role' as role, cast(post.payload ->> 'starts' as date) as starts, "
    "cast(post.payload ->> 'ends' as date) as ends, place.payload ->> 'kind' as place from record post "
    "left join record place on place.kind = 'school' and place.id = post.school_id and place.erased_at is null "
    "where post.kind = 'staff' and post.payload ->> 'person_id' = :key and post.erased_at is null "
    "and post.tenant_id = :tenant"
)
NAMES = text(
    "select p.id, p.payload ->> 'marking' as marking, c.payload ->> 'given_name' as given, "
    "c.payload ->> 'family_name' as family from record p "
    "left join record c on c.kind = 'contact' and c.id = p.id and c.erased_at is null "
    "where p.kind = 'person' and p.id = any(cast(:ids as uuid[])) and p.tenant_id = :tenant"
)


@dataclass(frozen=True)
class Registrar:
    """Somebody who may decide about what waits in their municipality."""

    person_id: UUID
    tenant_id: UUID
    name: str | None


@dataclass(frozen=True)
class Named:
    """A person as a list shows them: by name, or, when their identity is protected, by a mark only."""

    name: str | None
    protected: bool = False


async def registrar_of(
    session: AsyncSession, person_id: UUID, tenant_id: UUID, roles: Collection[str], today: date
) -> Registrar | None:
    """This person as a registrar: an officer of the municipality, or with a post in one of these roles at a school.

    None for everybody else, and for whoever is not active in this municipality's registry any more.
    """
    wanted = {"id": person_id, "key": str(person_id), "tenant": tenant_id}
    person = (await session.execute(PERSON, wanted)).first()
    if person is None or person.active == "false":
        return None
    allowed = {role.casefold() for role in roles}
    for post in await session.execute(POSTS, wanted):
        role = post.role.casefold()
        if in_force(post.starts, post.ends, today) and (
            role in allowed or (post.place == "municipality" and role in OFFICERS)
        ):
            return Registrar(person_id, tenant_id, _name(person.given, person.family))
    return None


async def names(session: AsyncSession, ids: Iterable[UUID], tenant_id: UUID) -> dict[UUID, Named]:
    """These people as a list shows them; whoever is not known in this municipality is not there."""
    rows = await session.execute(NAMES, {"ids": list(set(ids)), "tenant": tenant_id})
    return {row.id: _named(row.marking, row.given, row.family) for row in rows}


def _named(marking: str | None, given: str | None, family: str | None) -> Named:
    protected = marking not in (None, Marking.NONE.value)
    return Named(None if protected else _name(given, family), protected)


def _name(given: str | None, family: str | None) -> str | None:
    return f"{given} {family}" if given and family else None
