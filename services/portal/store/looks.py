"""Who looked at a pupil's data, as those who may know it read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.events.roster import Marking

PAGE = 30
LOOKED = text(
    """
    select 'given' as kind, null as at, null as what, id as who, null as role, null as marking,
        state ->> 'given_name' as name
    from roster where event_type = 'roster.contact_stated.v1' and id = any(cast(:ids as uuid[]))
    union all
    (select 'look', e.at, e.what, e.viewer_id, post.role, p.state ->> 'marking',
        (c.state ->> 'given_name') || ' ' || (c.state ->> 'family_name')
    from audit_entry e
    left join lateral (select r.state ->> 'role' as role from roster_link l
        join roster r on r.event_type = 'roster.staff_stated.v1' and r.id = l.source_id
        where l.to_id = e.viewer_id and l.kind = 'post' limit 1) post on true
    left join roster c on c.event_type = 'roster.contact_stated.v1' and c.id = e.viewer_id
    left join roster p on p.event_type = 'roster.person_stated.v1' and p.id = e.viewer_id
    where e.pupil_id = :pupil and (:own or e.viewer_id <> :me)
    order by e.at desc, e.entry_id limit :limit offset :offset)
    """
)


@dataclass(frozen=True)
class Entry:
    """One look or act. `role` and `name` are of who did it, when they hold a post at a school."""

    at: datetime
    what: str
    viewer_id: UUID
    role: str | None
    name: str | None


@dataclass(frozen=True)
class Looked:
    """A page of who looked, newest first; `names` are the given names of the pupils one may ask about."""

    entries: list[Entry]
    names: dict[UUID, str]
    older: bool


async def looked(db: AsyncSession, pupil_id: UUID, others: Sequence[UUID], page: int, me: UUID, own: bool) -> Looked:
    """A page (from 0) of who looked at the pupil. `own`: my own looks too."""
    asked = {"pupil": pupil_id, "ids": list(others), "me": me, "own": own}
    rows = (await db.execute(LOOKED, {**asked, "limit": PAGE + 1, "offset": page * PAGE})).all()
    looks = [row for row in rows if row.kind == "look"]
    entries = [
        Entry(row.at, row.what, row.who, row.role, row.name if row.role and not _hidden(row.marking) else None)
        for row in looks[:PAGE]
    ]
    return Looked(entries, {row.who: row.name for row in rows if row.kind == "given"}, len(looks) > PAGE)


def _hidden(marking: str | None) -> bool:
    return marking is not None and marking != Marking.NONE
