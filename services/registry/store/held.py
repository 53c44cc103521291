"""Rows held back, with the reason; none is ever dropped silently."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.kinds import Resource
from services.registry.domain.ss12000 import LOGINS, Row, raw_bytes, row_of
from services.registry.tables import held
from shared.db.bulk import insert_rows

NAMES = ("source", "resource", "ref", "reason", "payload", "first_seen", "last_seen", "tries")
AGAIN = (
    "on conflict (source, resource, ref) do update set reason = excluded.reason, payload = excluded.payload, "
    "last_seen = {last_seen}, tries = held.tries + 1"
)
SENT_AGAIN = AGAIN.format(last_seen="excluded.last_seen")
TRIED_AGAIN = AGAIN.format(last_seen="held.last_seen")
LET_GO = text(
    "delete from held using unnest(cast(:resources as text[]), cast(:refs as text[])) as gone(resource, ref) "
    "where held.source = :source and held.resource = gone.resource and held.ref = gone.ref returning held.ref"
)
PAGE = "page"


@dataclass(frozen=True)
class Held:
    """A row held back, as it is shown to a person. No name is in it: ids and places only."""

    source: str
    resource: str
    ref: str
    reason: str
    first_seen: datetime
    tries: int


async def hold(session: AsyncSession, source: str, rows: Iterable[tuple[Row, str]], now: datetime, retry: bool) -> None:
    """Hold rows back, each (by list and ref) once, with its reason; one that was held already is tried once more."""
    values = [(source, row.resource.value, row.ref, reason, raw_bytes(row), now, now, 1) for row, reason in rows]
    await insert_rows(session, held, NAMES, values, TRIED_AGAIN if retry else SENT_AGAIN)


async def hold_page(session: AsyncSession, source: str, ref: str, reason: str, now: datetime) -> None:
    """Note that a page or file could not be read; its content is not kept, it is read again."""
    await insert_rows(session, held, NAMES, [(source, PAGE, ref, reason, None, now, now, 1)], SENT_AGAIN)


async def let_go(session: AsyncSession, source: str, places: Iterable[tuple[str, str]]) -> set[str]:
    """Forget these (resource, ref): they went through, or are gone at the source. Returns the refs that were held."""
    pairs = list(places)
    values = {"source": source, "resources": [r for r, _ in pairs], "refs": [ref for _, ref in pairs]}
    return set(await session.scalars(LET_GO, values))


async def let_go_unsent(session: AsyncSession, source: str, resource: Resource, since: datetime) -> None:
    """Forget the held rows of a list that a full reading begun at `since` did not bring again."""
    mine = (held.c.source == source) & (held.c.resource == resource.value)
    await session.execute(delete(held).where(mine, held.c.last_seen < since))


async def waiting(session: AsyncSession, source: str, after: int, limit: int, today: date) -> list[tuple[int, Row]]:
    """Held rows of this source in the order they were first held, from after that id, to be tried again."""
    mine = select(held).where(held.c.source == source, held.c.id > after, held.c.payload.is_not(None))
    rows = await session.execute(mine.order_by(held.c.id).limit(limit))
    return [(row.id, _row(row, today)) for row in rows]


async def count(session: AsyncSession, source: str | None = None) -> dict[str, int]:
    """How many rows are held back, per list."""
    statement = text(
        "select resource, count(*) from held where cast(:source as text) is null or source = :source "
        "group by 1 order by 1"
    )
    return {row[0]: row[1] for row in await session.execute(statement, {"source": source})}


async def listed(session: AsyncSession, limit: int, source: str | None = None) -> Sequence[Held]:
    """The rows held back, newest first."""
    mine = select(held).order_by(held.c.last_seen.desc(), held.c.id.desc()).limit(limit)
    if source is not None:
        mine = mine.where(held.c.source == source)
    rows = await session.execute(mine)
    return [Held(r.source, r.resource, r.ref, r.reason, r.first_seen, r.tries) for r in rows]


def _row(row: Any, today: date) -> Row:
    kept = json.loads(row.payload)
    logins = kept.get(LOGINS) if isinstance(kept, dict) else None
    return row_of(Resource(row.resource), kept, today, row.ref, logins)
