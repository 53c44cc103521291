"""School information: the words of its editions, and in how many homes of each class somebody has seen one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.store.people import CLASS_KINDS
from services.bulletins.store.readings import HOMES
from shared.events.roster import GroupStated, PersonStated

EDITIONS = text(
    f"""
    with {HOMES}, inside as materialized (
        select h.group_id, r.state ->> 'name' as name, h.pupil_id
        from home h join roster r on r.event_type = :group and r.id = h.group_id
            join roster p on p.event_type = :person and p.id = h.pupil_id and (p.state ->> 'active')::boolean
    )
    select 'text' as what, x.bulletin_id as id, jsonb_build_object('language', x.language, 'parts', x.parts) as fact
    from bulletin_text x where x.bulletin_id = any(cast(:ids as uuid[]))
    union all
    select 'class', i.group_id, jsonb_build_object('name', i.name, 'homes', count(*),
        'readers', count(*) filter (where i.pupil_id in (select pupil_id from reader)))
    from inside i group by i.group_id, i.name
    """
)


@dataclass(frozen=True)
class Seen:
    """In how many homes of a class somebody has seen it."""

    group_id: UUID
    name: str
    homes: int
    readers: int


@dataclass(frozen=True)
class Editions:
    """The words of some editions (edition → language → part → Markdown), and who has seen one of them, by class."""

    texts: Mapping[UUID, Mapping[str, Mapping[str, str]]]
    seen: tuple[Seen, ...]


async def editions(
    db: AsyncSession, ids: Iterable[UUID], counted: UUID, groups: Iterable[UUID] | None, day: date
) -> Editions:
    """The words of these, and for `counted`, which was sent on that day, the figures of these of its classes.

    `groups` None: of all its classes. One statement.
    """
    asked = {"ids": list(ids), "id": counted, "groups": None if groups is None else list(groups), "day": day}
    kinds = {"group": GroupStated.event_type, "person": PersonStated.event_type, "kinds": list(CLASS_KINDS)}
    rows = (await db.execute(EDITIONS, {**asked, **kinds})).all()
    texts: dict[UUID, dict[str, Mapping[str, str]]] = {}
    for row in rows:
        if row.what == "text":
            texts.setdefault(row.id, {})[row.fact["language"]] = row.fact["parts"]
    seen = [
        Seen(row.id, row.fact["name"], row.fact["homes"], row.fact["readers"]) for row in rows if row.what == "class"
    ]
    return Editions(texts, tuple(sorted(seen, key=lambda one: (one.name, str(one.group_id)))))
