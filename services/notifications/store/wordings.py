"""A municipality's own words: every version that was written, and the ones in force, known without asking each time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.wordings import Wording
from services.notifications.tables import wording
from shared.events.notify import NotificationKind
from shared.ids import new_id
from shared.kit import Kit
from shared.observe.logging import get_logger

KEPT_SECONDS = 5.0  # real ones: new words count so soon
Key = tuple[UUID, str, str]
# One writer at a time for each text, so that two who save at once make two versions in a row.
LOCK = text("select pg_advisory_xact_lock(hashtextextended(:place, 0))")
RETIRE = text(
    "update wording set retired_at = :now where tenant_id = :tenant and kind = :kind and language = :language "
    "and retired_at is null returning version"
)
SAVE = text(
    "insert into wording (wording_id, tenant_id, kind, language, version, subject, body, author_id, at) "
    "select :id, :tenant, :kind, :language, coalesce(max(version), 0) + 1, :subject, :body, :author, :now "
    "from wording where tenant_id = :tenant and kind = :kind and language = :language returning version"
)
log = get_logger()


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a text. In force while `retired_at` is None."""

    kind: str
    language: str
    version: int
    subject: str
    body: str
    author_id: UUID
    at: datetime
    retired_at: datetime | None


async def in_force(session: AsyncSession) -> dict[Key, Wording]:
    """The words in force, by municipality, kind and language; as far as the transaction reaches."""
    rows = await session.execute(select(wording).where(wording.c.retired_at.is_(None)))
    return {(row.tenant_id, row.kind, row.language): Wording(row.subject, row.body, row.version) for row in rows}


async def versions_of(session: AsyncSession, tenant_id: UUID, kind: NotificationKind) -> Sequence[Version]:
    """Every version of a kind's words in every language, the newest first."""
    mine = select(wording).where(wording.c.tenant_id == tenant_id, wording.c.kind == kind)
    return [
        Version(row.kind, row.language, row.version, row.subject, row.body, row.author_id, row.at, row.retired_at)
        for row in await session.execute(mine.order_by(wording.c.version.desc(), wording.c.language))
    ]


async def save(
    session: AsyncSession, place: tuple[UUID, NotificationKind, str], words: Wording, author_id: UUID, now: datetime
) -> int:
    """Let these be the words from now on; returns their version. What was in force before is kept as retired."""
    await retire(session, place, now)
    given = {"id": new_id(), "subject": words.subject, "body": words.body, "author": author_id, "now": now}
    return int((await session.execute(SAVE, {**given, **_place(place)})).scalar_one())


async def retire(session: AsyncSession, place: tuple[UUID, NotificationKind, str], now: datetime) -> bool:
    """Use the built-in words again. False when there were none of their own in force."""
    named = _place(place)
    await session.execute(LOCK, {"place": "/".join(["wording", *map(str, named.values())])})
    return (await session.execute(RETIRE, {**named, "now": now})).first() is not None


class Wordings:
    """The words in force as they were at most five seconds ago. Each sender has its own.

    While the database is away the last ones that were read are used, and before any were, the built-in ones: a
    message goes out in other words rather than not at all.
    """

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self._known: Mapping[Key, Wording] = {}
        self._until = 0.0

    def of(self, tenant_id: UUID | None, kind: NotificationKind, tag: str) -> Wording | None:
        """The municipality's own words; None for the built-in ones."""
        return self._known.get((tenant_id, kind, tag)) if tenant_id else None

    async def fresh(self) -> None:
        """Read them again when they are older than five seconds. Raises nothing."""
        if time.monotonic() < self._until:
            return
        self._until = time.monotonic() + KEPT_SECONDS
        try:
            async with self.kit.sessions() as session:
                self._known = await in_force(session)
        except (SQLAlchemyError, OSError) as fault:
            log.warning("wordings not read", fault=type(fault).__name__)


def _place(place: tuple[UUID, NotificationKind, str]) -> dict[str, UUID | str]:
    tenant_id, kind, language = place
    return {"tenant": tenant_id, "kind": str(kind), "language": language}
