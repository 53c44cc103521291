"""Bulletins and school information, as the bulletins service states them: the newest of each, without its words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.letters import Bulletin as Letter
from services.portal.tables import Bulletin
from shared.db.bulk import insert_rows, newer_wins
from shared.db.engine import table_of
from shared.events.bulletins import BulletinStated
from shared.events.envelope import Erased

BULLETIN = table_of(Bulletin)
NAMES = (
    "bulletin_id", "version", "tenant_id", "school_id", "kind", "group_ids", "titles", "sent_at", "number", "of",
    "withdrawn",
)  # fmt: skip
NEWEST = newer_wins(BULLETIN, ("bulletin_id",), NAMES)
SHOWN_FOR = "120 days"  # older ones are in the archive
# Those of the classes of the pupils in `member`, at the schools they go to; part of a statement with `pupil`, `member`.
LETTERS = f"""
    select 'letter' as kind, b.bulletin_id as id, to_jsonb(b) as data from bulletin b
    where not b.withdrawn and b.sent_at > (select min(today) from pupil) - interval '{SHOWN_FOR}'
        and b.school_id in (
            select l.to_id from pupil join roster_link l on l.from_id = pupil.id and l.kind = 'enrolled')
        and jsonb_exists_any(b.group_ids, array(select cast(group_id as text) from member))"""


async def write(session: AsyncSession, stated: Iterable[BulletinStated]) -> None:
    """Keep the newest statement of each."""
    newest = {one.bulletin_id: one for one in sorted(stated, key=lambda one: one.version)}
    rows = [_row(one) for one in newest.values()]
    await insert_rows(session, BULLETIN, NAMES, rows, NEWEST)


async def forget(session: AsyncSession, erased: Sequence[Erased]) -> None:
    """Forget those that are no more."""
    gone = [UUID(one.erased_key) for one in erased if one.erased_type == BulletinStated.event_type]
    if gone:
        await session.execute(delete(BULLETIN).where(BULLETIN.c.bulletin_id.in_(gone)))


def letter(fact: Any) -> Letter:
    """A row, as the page needs it."""
    return Letter(
        bulletin_id=UUID(fact["bulletin_id"]),
        kind=fact["kind"],
        group_ids=frozenset(UUID(one) for one in fact["group_ids"]),
        titles=tuple((one["language"], one["words"]) for one in fact["titles"]),
        sent_at=datetime.fromisoformat(fact["sent_at"]),
        number=fact["number"],
        of=fact["of"],
    )


def _row(one: BulletinStated) -> tuple[Any, ...]:
    lists = {
        "group_ids": json.dumps([str(group) for group in one.group_ids]),
        "titles": json.dumps([title.model_dump() for title in one.titles]),
    }
    return tuple(lists.get(name, getattr(one, name)) for name in NAMES)
