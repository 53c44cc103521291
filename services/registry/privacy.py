"""The registry's part in handing out and erasing a person: it is where everybody else knows them from.

It works on the records as they are stored, whatever kinds and columns they have: what is about the person is deleted,
and what names them among others (guardianship lists, groups, posts) is stated again without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, null, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.kinds import EVENTS, Kind, Resource
from services.registry.domain.record import digest_of, milliseconds
from services.registry.store import forgotten, records
from services.registry.tables import held, record
from shared.events.envelope import Event, Outgoing
from shared.events.roster import ContactStated
from shared.observe.tracing import new_traceparent
from shared.rights.about import Rows
from shared.rights.traces import id_mark, marks_of, seen_in
from shared.settings import KitSettings
from shared.topics import BY_NAME

CONTENT = ("payload", "stated", "bounds")
# Everything about these persons: their own records, and what was recorded of them as pupils.
THEIRS = text(
    "select * from record where id = any(cast(:ids as uuid[])) and kind in ('person', 'contact', 'guardianships', "
    "'login') or kind <> 'staff' and "
    "(payload ->> 'pupil_id' = any(cast(:keys as text[])) or payload ->> 'person_id' = any(cast(:keys as text[])))"
)
NAMING = text(
    "select record.* from record, lateral (select concat(payload::text, stated::text, bounds::text) as whole) content "
    "where kind in ('guardianships', 'group', 'staff') and id <> all(cast(:ids as uuid[])) and "
    "exists (select from unnest(cast(:keys as text[])) as naming(key) where position(naming.key in content.whole) > 0)"
)


@dataclass(frozen=True)
class RegistryPart:
    """What the registry adds to the kit's part."""

    settings: KitSettings

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """The records by their kind, of lists only the person's own line, and rows that are held back."""
        found: Rows = {}
        wanted = _wanted([person_id])
        for row in await session.execute(THEIRS, wanted):
            found.setdefault(row.kind, []).append({"id": str(row.id), "source": row.source, **(row.payload or {})})
        for row in await session.execute(NAMING, wanted):
            lines = list(_lines(row.payload, str(person_id)))
            found.setdefault(f"named in {row.kind}", []).append({"id": str(row.id), "source": row.source, "as": lines})
        if waiting := await _held(session, [person_id], found.get(Kind.CONTACT.value, [])):
            found["held"] = [json.loads(row.payload) if row.payload else {"ref": row.ref} for row in waiting]
        return found

    async def erase(self, session: AsyncSession, ids: Sequence[UUID], now: datetime) -> tuple[int, list[Outgoing]]:
        """Delete the records, state the lists without the persons, and hold them back from now on."""
        await records.one_writer(session)
        theirs = (await session.execute(THEIRS, _wanted(ids))).all()
        naming = (await session.execute(NAMING, _wanted(ids))).all()
        contacts = [{**row.payload, "person_id": row.id} for row in theirs if row.kind == Kind.CONTACT and row.payload]
        waiting = [row.id for row in await _held(session, ids, contacts)]
        said = [one for row in theirs for one in _gone(row)]
        keys = [(row.kind, row.id) for row in theirs]
        await session.execute(delete(record).where(tuple_(record.c.kind, record.c.id).in_(keys)))
        for row in naming:
            said += await _restate(session, row, frozenset(map(str, ids)), now)
        await session.execute(delete(held).where(held.c.id.in_(waiting)))
        await forgotten.remember(session, self.settings, ids, now)
        return len(theirs) + len(waiting) + len(naming), said


def _wanted(ids: Sequence[UUID]) -> dict[str, list[Any]]:
    return {"ids": list(ids), "keys": [str(one) for one in ids]}


def _gone(row: Row[Any]) -> list[Outgoing]:
    """A tombstone where others keep the latest state; of a lesson's result nobody is told: every service erases it."""
    model = EVENTS[Kind(row.kind)]
    if not BY_NAME[model.topic].compacted:
        return []
    event = _keyed(model, row.id)
    return [Outgoing(event, new_traceparent(), tombstone=True)]


def _keyed(model: type[Event], thing_id: UUID) -> Event:
    """An event of which only the key counts."""
    name = "pupil_id" if "pupil_id" in model.model_fields else "person_id"
    key: dict[str, Any] = {name: thing_id, "version": 0}
    return model.model_construct(**key)


async def _restate(session: AsyncSession, row: Row[Any], keys: frozenset[str], now: datetime) -> list[Outgoing]:
    """State a list without the person."""
    model = EVENTS[Kind(row.kind)]
    left = {name: _without(getattr(row, name), keys) for name in CONTENT}
    version = max(row.version + 1, milliseconds(now))
    event = model.model_validate({**left["payload"], "version": version}) if left["payload"] else None
    kept = {name: null() if value is None else value for name, value in left.items()}
    values = {**kept, "version": version, "digest": digest_of(event) if event else row.digest}
    mine = (record.c.kind == row.kind) & (record.c.id == row.id)
    await session.execute(update(record).where(mine).values(values))
    return [Outgoing(event, new_traceparent())] if event else []


def _without(content: Any, keys: frozenset[str]) -> Any:
    """JSON without the parts of lists that name these ids, and without fields that are one."""
    if isinstance(content, dict):
        return {name: _without(one, keys) for name, one in content.items() if name not in keys and not _is(one, keys)}
    if isinstance(content, list):
        return [_without(one, keys) for one in content if not _names(one, keys)]
    return content


def _names(content: Any, keys: frozenset[str]) -> bool:
    return _is(content, keys) or (isinstance(content, dict) and any(_is(one, keys) for one in content.values()))


def _is(content: Any, keys: frozenset[str]) -> bool:
    return isinstance(content, str) and content in keys


def _lines(content: Any, key: str) -> Iterable[Any]:
    """The parts of JSON that name this id."""
    if isinstance(content, dict):
        inner = [one for value in content.values() for one in _lines(value, key)]
        return inner or ([content] if key in content.values() else [])
    return [one for part in content for one in _lines(part, key)] if isinstance(content, list) else []


async def _held(session: AsyncSession, ids: Sequence[UUID], contacts: Sequence[Any]) -> Sequence[Row[Any]]:
    """Rows held back that are the persons' or in which they are recognised."""
    marks = [id_mark(one) for one in ids]
    for payload in contacts:
        marks += marks_of(ContactStated.model_validate({"person_id": ids[0], **payload, "version": 0}))
    own = (held.c.resource == Resource.PERSONS.value) & held.c.ref.in_([str(one) for one in ids])
    return (await session.execute(select(held).where(or_(own, seen_in("payload", marks))))).all()
