"""Bulletins as they are kept: one with all that belongs to it, and every change of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.domain.editions import Edition
from services.bulletins.tables import Attachment, Bulletin, BulletinGroup, BulletinText
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.notify import DeliveryStatus

LOAD = text(
    """
    select to_jsonb(b) as bulletin,
      (select coalesce(jsonb_agg(g.group_id order by g.group_id), '[]') from bulletin_group g
        where g.bulletin_id = b.bulletin_id) as group_ids,
      (select coalesce(jsonb_agg(to_jsonb(t) order by t.place, t.language), '[]') from bulletin_text t
        where t.bulletin_id = b.bulletin_id) as texts,
      (select coalesce(jsonb_agg(jsonb_build_object('attachment_id', a.attachment_id, 'name', a.name, 'alt', a.alt,
          'content_type', a.content_type, 'size', a.size, 'added_at', a.added_at)
          order by a.added_at, a.attachment_id), '[]')
        from attachment a where a.bulletin_id = b.bulletin_id) as files
    from bulletin b where b.bulletin_id = :bulletin_id
    """
)
HOLD = text("select from bulletin where bulletin_id = :bulletin_id for update")
OPEN_ONES = text(
    """
    select b.bulletin_id, b.kind, b.state, b.send_at, b.changed_at,
      (select t.subject from bulletin_text t where t.bulletin_id = b.bulletin_id order by t.place limit 1) as subject,
      (select coalesce(jsonb_agg(g.group_id order by g.group_id), '[]') from bulletin_group g
        where g.bulletin_id = b.bulletin_id) as group_ids
    from bulletin b
    where b.state in ('draft', 'returned', 'to_approve', 'scheduled')
      and (exists (select from bulletin_group g where g.bulletin_id = b.bulletin_id
                   and g.group_id = any(cast(:groups as uuid[])))
        or b.kind = 'information' and b.school_id = any(cast(:schools as uuid[])))
    order by b.changed_at desc limit 30
    """
)
LATEST = text(
    """
    select b.bulletin_id from bulletin b
    where b.school_id = :school_id and b.kind = 'information' and b.topic is not distinct from :topic
      and b.state = 'sent'
      and (select coalesce(array_agg(g.group_id order by g.group_id), '{}') from bulletin_group g
           where g.bulletin_id = b.bulletin_id) = cast(:groups as uuid[])
    order by b.sent_at desc limit 1
    """
)
REACHED = text("select exists (select from reach where bulletin_id = :bulletin_id and status = :delivered)")


@dataclass(frozen=True)
class AttachedFile:
    """An attachment without its bytes. `size` in bytes."""

    attachment_id: UUID
    name: str
    alt: str
    content_type: str
    size: int
    added_at: datetime

    @property
    def is_picture(self) -> bool:
        """True for what is shown, false for what is downloaded."""
        return self.content_type.startswith("image/")


@dataclass(frozen=True)
class Full:
    """A bulletin with its classes, its texts in the order in which they stand in for each other, and its files.

    `group_ids` is empty for information to a whole school that has not left yet: its classes are those of that day.
    """

    bulletin: Bulletin
    group_ids: tuple[UUID, ...]
    texts: tuple[BulletinText, ...]
    attachments: tuple[AttachedFile, ...]

    @property
    def editions(self) -> list[Edition]:
        """Its words, by language."""
        return [Edition(one.language, one.subject, one.parts) for one in self.texts]

    @property
    def state(self) -> BulletinState:
        """How far it has come."""
        return BulletinState(self.bulletin.state)


@dataclass(frozen=True)
class OpenOne:
    """A bulletin that has not left yet, as a list shows it."""

    bulletin_id: UUID
    kind: str
    state: BulletinState
    send_at: datetime | None
    changed_at: datetime
    subject: str
    group_ids: tuple[UUID, ...]


async def load(session: AsyncSession, bulletin_id: UUID, *, hold: bool = False) -> Full | None:
    """The bulletin with all that belongs to it but the files' bytes; None when there is none. One statement.

    `hold` keeps others from changing it until this transaction is over. That is a statement of its own before: one
    that waits for a row sees the row as it has become, and everything beside it as it was.
    """
    asked = {"bulletin_id": bulletin_id}
    if hold:
        await session.execute(HOLD, asked)
    row = (await session.execute(LOAD, asked)).one_or_none()
    if row is None:
        return None
    return Full(
        Bulletin.model_validate(row.bulletin),
        tuple(UUID(one) for one in row.group_ids),
        tuple(BulletinText.model_validate(one) for one in row.texts),
        tuple(_file(one) for one in row.files),
    )


async def latest_edition(
    session: AsyncSession, school_id: UUID, topic: str | None, group_ids: Iterable[UUID]
) -> Full | None:
    """The latest information on a topic that went to these classes (none: to the whole school), as it stands."""
    asked = {"school_id": school_id, "topic": topic, "groups": sorted(group_ids, key=str)}
    found = await session.scalar(LATEST, asked)
    return await load(session, found) if found else None


async def open_ones(session: AsyncSession, groups: Sequence[UUID], schools: Sequence[UUID]) -> list[OpenOne]:
    """What has not left yet of these classes, and of what these schools inform about; the last changed first."""
    rows = await session.execute(OPEN_ONES, {"groups": list(groups), "schools": list(schools)})
    return [
        OpenOne(
            row.bulletin_id,
            row.kind,
            BulletinState(row.state),
            row.send_at,
            row.changed_at,
            row.subject or "",
            tuple(UUID(one) for one in row.group_ids),
        )
        for row in rows
    ]


async def begin(session: AsyncSession, bulletin: Bulletin, groups: Sequence[UUID], editions: Sequence[Edition]) -> None:
    """Keep a new bulletin."""
    await session.execute(insert(Bulletin).values(bulletin.model_dump()))
    await add_groups(session, bulletin.bulletin_id, groups)
    await write(session, bulletin.bulletin_id, editions)


async def add_groups(session: AsyncSession, bulletin_id: UUID, groups: Sequence[UUID]) -> None:
    """Let it be for these classes too."""
    rows = [(bulletin_id, one) for one in groups]
    await insert_rows(session, table_of(BulletinGroup), ("bulletin_id", "group_id"), rows, "on conflict do nothing")


async def write(session: AsyncSession, bulletin_id: UUID, editions: Sequence[Edition]) -> None:
    """Let its words be these, in this order."""
    texts = table_of(BulletinText)
    await session.execute(delete(texts).where(texts.c.bulletin_id == bulletin_id))
    rows = [
        {
            "bulletin_id": bulletin_id,
            "language": one.language,
            "place": place,
            "subject": one.subject,
            "parts": dict(one.parts),
        }
        for place, one in enumerate(editions)
    ]
    if rows:
        await session.execute(insert(BulletinText).values(rows))


async def change(session: AsyncSession, bulletin_id: UUID, now: datetime, **values: Any) -> None:
    """Let these columns of it be so; its version grows by one."""
    bulletins = table_of(Bulletin)
    values |= {"version": bulletins.c.version + 1, "changed_at": now}
    await session.execute(update(bulletins).where(bulletins.c.bulletin_id == bulletin_id).values(values))


async def discard(session: AsyncSession, bulletin_id: UUID) -> None:
    """Forget a bulletin that nobody has got, with all that belongs to it."""
    for table in (Attachment, BulletinText, BulletinGroup, Bulletin):
        rows = table_of(table)
        await session.execute(delete(rows).where(rows.c.bulletin_id == bulletin_id))


async def attach(session: AsyncSession, file: Attachment) -> None:
    """Keep a file with its bytes."""
    await session.execute(insert(Attachment).values(file.model_dump()))


async def describe(session: AsyncSession, bulletin_id: UUID, alts: dict[UUID, str]) -> None:
    """Say what these pictures show."""
    files = table_of(Attachment)
    for attachment_id, alt in alts.items():
        mine = (files.c.bulletin_id == bulletin_id) & (files.c.attachment_id == attachment_id)
        await session.execute(update(files).where(mine).values(alt=alt))


async def detach(session: AsyncSession, bulletin_id: UUID, attachment_id: UUID) -> None:
    """Forget a file of this bulletin."""
    files = table_of(Attachment)
    mine = (files.c.bulletin_id == bulletin_id) & (files.c.attachment_id == attachment_id)
    await session.execute(delete(files).where(mine))


async def has_reached_anybody(session: AsyncSession, bulletin_id: UUID) -> bool:
    """True when at least one person has it."""
    asked = {"bulletin_id": bulletin_id, "delivered": DeliveryStatus.DELIVERED}
    return bool(await session.scalar(REACHED, asked))


def _file(one: dict[str, Any]) -> AttachedFile:
    return AttachedFile(
        UUID(one["attachment_id"]),
        one["name"],
        one["alt"],
        one["content_type"],
        one["size"],
        datetime.fromisoformat(one["added_at"]),
    )
