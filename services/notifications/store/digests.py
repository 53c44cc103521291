"""Digests in the database: what is put aside for whom, in which digest, and what was told in it. Nothing commits."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.digest import DigestItem
from services.notifications.domain.models import NotificationStatus, Request
from services.notifications.store.requests import ask_again
from services.notifications.tables import addressee, digest_item, notification
from shared.db.bulk import ONCE, insert_rows

ITEM = (
    "item_id", "person_id", "school_id", "pupil_id", "source_id", "kind", "path", "titles", "at", "digest_id",
)  # fmt: skip
TOLD = text(
    "update digest_item set sent_at = case when item_id = any(cast(:told as uuid[])) "
    "then cast(:now as timestamptz) end where digest_id = any(cast(:digests as uuid[]))"
)


@dataclass(frozen=True, slots=True)
class Item:
    """Something put aside, as it is kept. `told_at`: in the digest that left then; None: not told (yet)."""

    item_id: UUID
    digest_id: UUID
    person_id: UUID
    school_id: UUID
    pupil_id: UUID | None
    source_id: UUID
    kind: str
    path: str
    titles: Mapping[str, str]
    at: datetime
    told_at: datetime | None


async def open_digests(session: AsyncSession, wanted: Collection[Request]) -> set[UUID]:
    """Make these digests where they are not there yet; returns those that have not begun to leave, locked."""
    await ask_again(session, list({one.notification_id: one for one in wanted}.values()))
    ids = sorted({one.notification_id for one in wanted})
    mine = select(notification.c.notification_id, notification.c.status).where(notification.c.notification_id.in_(ids))
    rows = await session.execute(mine.order_by(notification.c.notification_id).with_for_update())
    return {row.notification_id for row in rows if row.status == NotificationStatus.WAITING}


async def keep_items(session: AsyncSession, items: Iterable[tuple[DigestItem, UUID]], now: datetime) -> None:
    """Put these aside for the digests named beside them, each once."""
    rows: list[tuple[Any, ...]] = [
        (
            one.item_id,
            one.person_id,
            one.school_id,
            one.pupil_id,
            one.source_id,
            one.kind,
            one.path,
            json.dumps(dict(one.titles)),
            now,
            digest,
        )
        for one, digest in items
    ]
    await insert_rows(session, digest_item, ITEM, rows, ONCE)


async def items_of(session: AsyncSession, digest_ids: Collection[UUID]) -> Sequence[Item]:
    """What was put aside for these digests, in the order in which it came."""
    mine = select(digest_item).where(digest_item.c.digest_id.in_(list(digest_ids)))
    rows = await session.execute(mine.order_by(digest_item.c.at, digest_item.c.item_id))
    return [
        Item(
            row.item_id,
            row.digest_id,
            row.person_id,
            row.school_id,
            row.pupil_id,
            row.source_id,
            row.kind,
            row.path,
            row.titles or {},
            row.at,
            row.sent_at,
        )
        for row in rows
    ]


async def note_told(session: AsyncSession, digest_ids: Iterable[UUID], told: Iterable[UUID], now: datetime) -> None:
    """Keep which of their items are in the digests that leave now; the others are not told."""
    await session.execute(TOLD, {"digests": list(digest_ids), "told": list(told), "now": now})


async def pupils_of(
    session: AsyncSession, mailings: Iterable[tuple[UUID, UUID]]
) -> Mapping[tuple[UUID, UUID], list[UUID]]:
    """About which pupils a mailing was to somebody, for these (mailing, person)."""
    wanted = set(mailings)
    if not wanted:
        return {}
    a = addressee.c
    ids, people = {mailing for mailing, _ in wanted}, {person for _, person in wanted}
    rows = await session.execute(
        select(a.mailing_id, a.person_id, a.pupil_ids).where(a.mailing_id.in_(ids), a.person_id.in_(people))
    )
    return {(row.mailing_id, row.person_id): [UUID(one) for one in row.pupil_ids] for row in rows}
