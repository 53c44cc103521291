"""What people decide for themselves: how they are told, what they have read, their calendar, what they are asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.duties import Seen
from services.portal.domain.quiet import Wishes
from services.portal.tables import Feed, Preference, Question
from shared.db.bulk import ONCE, insert_rows
from shared.db.engine import table_of
from shared.events.people import Channel, Choice, PushAddress

RIGHTS = "rights"  # the question to a pupil who has come of age
KEEP_WISHES = text(
    "insert into preference (person_id, tenant_id, version, language, email, quiet_from, quiet_to, channels, choices, "
    "digest_at) values (:person, :tenant, :version, :language, :email, :quiet_from, :quiet_to, "
    "cast(:channels as jsonb), cast(:choices as jsonb), :digest_at) "
    "on conflict (person_id) do update set version = greatest(preference.version + 1, excluded.version), "
    "language = excluded.language, email = excluded.email, quiet_from = excluded.quiet_from, "
    "quiet_to = excluded.quiet_to, channels = excluded.channels, choices = excluded.choices, "
    "digest_at = excluded.digest_at returning version, push"
)
ANSWER = text(
    "update question set answered_at = :now where person_id = :person and kind = :kind and answered_at is null"
)
ACKNOWLEDGE = text(
    "with said as (insert into acknowledgement (duty_id, person_id, at) values (:duty, :person, :now) "
    "on conflict do nothing returning duty_id) "
    "update duty set flags = duty.flags | cast(:seen as bigint) from said where duty.duty_id = said.duty_id "
    "returning duty.duty_id"
)
MAKE_FEED = text(
    "insert into feed (person_id, tenant_id, digest, made_at) values (:person, :tenant, :digest, :now) "
    "on conflict (person_id) do update set digest = excluded.digest, made_at = excluded.made_at"
)


def version_at(now: datetime) -> int:
    """A version that grows with time (milliseconds), so that a database that was restored does not fall behind."""
    return int(now.timestamp() * 1000)


async def wishes_of(db: AsyncSession, person_id: UUID) -> Wishes | None:
    """How the person wants to be told; None when they have never said."""
    mine = table_of(Preference)
    row = (await db.execute(select(mine).where(mine.c.person_id == person_id))).one_or_none()
    if row is None:
        return None
    return Wishes(
        language=row.language,
        email=row.email,
        quiet_from=row.quiet_from,
        quiet_to=row.quiet_to,
        channels=tuple(Channel(one) for one in row.channels),
        choices=tuple(Choice.model_validate(one) for one in row.choices),
        digest_at=row.digest_at,
        push=_browsers(row.push),
    )


async def keep_wishes(
    db: AsyncSession, person_id: UUID, tenant_id: UUID, wishes: Wishes, now: datetime
) -> tuple[int, Wishes]:
    """Keep the wishes as the newest; returns their version, and the whole of them with the browsers as they are.

    A form says nothing about browsers, so those that were added meanwhile stay.
    """
    values = {
        "person": person_id,
        "tenant": tenant_id,
        "version": version_at(now),
        "language": wishes.language,
        "email": wishes.email,
        "quiet_from": wishes.quiet_from,
        "quiet_to": wishes.quiet_to,
        "channels": json.dumps(wishes.channels),
        "choices": json.dumps([one.model_dump(mode="json", exclude_none=True) for one in wishes.choices]),
        "digest_at": wishes.digest_at,
    }
    row = (await db.execute(KEEP_WISHES, values)).one()
    return int(row.version), replace(wishes, push=_browsers(row.push))


def _browsers(kept: Iterable[object]) -> tuple[PushAddress, ...]:
    return tuple(PushAddress.model_validate(one) for one in kept)


async def acknowledge(db: AsyncSession, duty_id: UUID, person_id: UUID, now: datetime, seen: Seen) -> bool:
    """Remember that the person has read the notice, and in the duty's flags what that puts on record.

    False when they had said so before.
    """
    values = {"duty": duty_id, "person": person_id, "now": now, "seen": int(seen)}
    return (await db.execute(ACKNOWLEDGE, values)).first() is not None


async def ask(db: AsyncSession, kind: str, people: Iterable[tuple[UUID, UUID]], now: datetime) -> list[UUID]:
    """Ask each (person, municipality) once; returns those who were not asked before."""
    names = ("person_id", "kind", "tenant_id", "asked_at")
    rows = [(person_id, kind, tenant_id, now) for person_id, tenant_id in people]
    asked = await insert_rows(db, table_of(Question), names, rows, f"{ONCE} returning person_id")
    return [row.person_id for row in asked]


async def answer(db: AsyncSession, person_id: UUID, kind: str, now: datetime) -> None:
    """The person has answered; what was not asked is no error."""
    await db.execute(ANSWER, {"person": person_id, "kind": kind, "now": now})


def digest_of(secret: str) -> str:
    """What is kept of a secret address: SHA-256. The secret is random, so nothing can be tried against it."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def make_feed(db: AsyncSession, person_id: UUID, tenant_id: UUID, secret: str, now: datetime) -> None:
    """Let this secret be the person's calendar address; the one before it ends."""
    values = {"person": person_id, "tenant": tenant_id, "digest": digest_of(secret), "now": now}
    await db.execute(MAKE_FEED, values)


async def end_feed(db: AsyncSession, person_id: UUID) -> None:
    """End the person's calendar address, if there is one."""
    await db.execute(delete(table_of(Feed)).where(table_of(Feed).c.person_id == person_id))


async def feed_made_at(db: AsyncSession, person_id: UUID) -> datetime | None:
    """Since when the person has a calendar address."""
    mine = select(table_of(Feed).c.made_at).where(table_of(Feed).c.person_id == person_id)
    return await db.scalar(mine)


async def feed_of(db: AsyncSession, secret: str) -> tuple[UUID, UUID, datetime] | None:
    """Whose address this is: person, municipality, made at. By the digest, so that the time taken tells nothing."""
    feed = table_of(Feed).c
    asked = select(feed.person_id, feed.tenant_id, feed.made_at).where(feed.digest == digest_of(secret))
    row = (await db.execute(asked)).one_or_none()
    return (row.person_id, row.tenant_id, row.made_at) if row else None
