"""What waits for a person because it would let more people know about a pupil; and what a person has decided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.kinds import Kind
from services.registry.domain.record import Record
from services.registry.domain.statements import Key
from services.registry.domain.widening import Waiting, What
from services.registry.tables import quarantine
from shared.db.bulk import insert_rows

NAMES = (
    "id",
    "tenant_id",
    "kind",
    "pupil_id",
    "person_id",
    "what",
    "before",
    "after",
    "source",
    "first_seen",
    "last_seen",
    "state",
)
# One that was released and waits again is new; one that was refused stays refused while the same is stated.
AGAIN = (
    "on conflict (id) do update set last_seen = excluded.last_seen, before = excluded.before, what = excluded.what, "
    "source = excluded.source, "
    + ", ".join(
        f"{name} = case when quarantine.state = 'released' then {fresh} else quarantine.{name} end"
        for name, fresh in (
            ("state", "'waiting'"),
            ("first_seen", "excluded.first_seen"),
            ("decided_by", "null"),
            ("decided_at", "null"),
            ("note", "null"),
        )
    )
)
WITHDRAWN = text(
    "delete from quarantine q using unnest(cast(:kinds as text[]), cast(:subjects as uuid[])) as gone(kind, subject) "
    "where q.kind = gone.kind and coalesce(q.pupil_id, q.person_id) = gone.subject and q.state <> 'released' "
    "and not q.id = any(cast(:still as uuid[]))"
)


class State(StrEnum):
    """How far an entry has come."""

    WAITING = "waiting"
    RELEASED = "released"
    REFUSED = "refused"


@dataclass(frozen=True)
class Entry:
    """One entry as it is shown to a person: ids and code words, no names."""

    id: UUID
    tenant_id: UUID
    kind: Kind
    pupil_id: UUID | None
    person_id: UUID
    what: What
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    source: str
    first_seen: datetime
    state: State
    decided_by: str | None
    decided_at: datetime | None
    note: str | None

    @property
    def key(self) -> Key:
        """Whose record waits."""
        return self.kind, self.pupil_id or self.person_id


async def keep(session: AsyncSession, judged: Sequence[tuple[Record, Sequence[Waiting]]], now: datetime) -> None:
    """Note what waits of each of these records. What is no longer stated goes away, whatever was decided of it."""
    pairs = [(record, one) for record, waits in judged for one in waits]
    await forget(session, [record.key for record, _ in judged], [one.id for _, one in pairs])
    rows = [
        (
            one.id,
            record.tenant_id,
            one.kind.value,
            one.subject_id if one.kind is Kind.GUARDIANSHIPS else None,
            one.person_id,
            one.what.value,
            json.dumps(one.before),
            json.dumps(one.after),
            record.source,
            now,
            now,
            State.WAITING.value,
        )
        for record, one in pairs
    ]
    await insert_rows(session, quarantine, NAMES, rows, AGAIN)


async def forget(session: AsyncSession, keys: Iterable[Key], still: Sequence[UUID] = ()) -> None:
    """Forget the undecided and refused entries of these records, but not those `still` stated."""
    pairs = list(keys)
    if pairs:
        kinds, subjects = [kind.value for kind, _ in pairs], [subject for _, subject in pairs]
        await session.execute(WITHDRAWN, {"kinds": kinds, "subjects": subjects, "still": list(still)})


async def drop(session: AsyncSession, ids: Iterable[UUID]) -> None:
    """Forget these entries."""
    await session.execute(delete(quarantine).where(quarantine.c.id.in_(list(ids))))


async def entries(session: AsyncSession, ids: Iterable[UUID]) -> list[Entry]:
    """The entries with these ids that are not released."""
    mine = select(quarantine).where(quarantine.c.id.in_(list(ids)), _is_open())
    return [_entry(row) for row in await session.execute(mine.order_by(quarantine.c.first_seen))]


async def listed(
    session: AsyncSession, limit: int, offset: int = 0, tenant_id: UUID | None = None, source: str | None = None
) -> list[Entry]:
    """What waits or is refused, what waits first, and of that the newest first."""
    mine = select(quarantine).where(_is_open(), *_of(tenant_id, source)).limit(limit).offset(offset)
    order = (quarantine.c.state.desc(), quarantine.c.first_seen.desc(), quarantine.c.id)
    return [_entry(row) for row in await session.execute(mine.order_by(*order))]


async def count(session: AsyncSession, tenant_id: UUID | None = None, source: str | None = None) -> int:
    """How many entries wait for a decision."""
    waiting = quarantine.c.state == State.WAITING.value
    return await session.scalar(select(func.count()).where(waiting, *_of(tenant_id, source))) or 0


async def count_listed(session: AsyncSession, tenant_id: UUID) -> int:
    """How many entries `listed` has in all."""
    return await session.scalar(select(func.count()).where(_is_open(), *_of(tenant_id, None))) or 0


async def decided(
    session: AsyncSession, ids: Iterable[UUID], state: State, by: str, note: str | None, now: datetime
) -> None:
    """Note who decided what and when."""
    values = {"state": state.value, "decided_by": by, "decided_at": now, "note": note}
    await session.execute(update(quarantine).where(quarantine.c.id.in_(list(ids))).values(values))


def _is_open() -> ColumnElement[bool]:
    return quarantine.c.state != State.RELEASED.value


def _of(tenant_id: UUID | None, source: str | None) -> list[ColumnElement[bool]]:
    mine = [quarantine.c.tenant_id == tenant_id] if tenant_id else []
    return [*mine, quarantine.c.source == source] if source else mine


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        tenant_id=row.tenant_id,
        kind=Kind(row.kind),
        pupil_id=row.pupil_id,
        person_id=row.person_id,
        what=What(row.what),
        before=row.before,
        after=row.after,
        source=row.source,
        first_seen=row.first_seen,
        state=State(row.state),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        note=row.note,
    )
