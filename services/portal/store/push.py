"""Browsers that show somebody messages, as a part of how they want to be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.quiet import UNSAID
from services.portal.store.wishes import version_at
from services.portal.tables import Preference
from shared.db.engine import table_of
from shared.events.people import PreferencesStated, PushAddress

Change = Callable[[Sequence[PushAddress]], Sequence[PushAddress]]
# Whoever has said nothing sleeps at night; that a browser may show messages does not change it.
BEGIN = text(
    "insert into preference (person_id, tenant_id, version, email, quiet_from, quiet_to) "
    "values (:person, :tenant, 0, true, :quiet_from, :quiet_to) "
    "on conflict (person_id) do update set version = preference.version returning push"
)
KEEP = text(
    "update preference set push = cast(:push as jsonb), version = greatest(version + 1, :version) "
    "where person_id = :person returning *"
)


async def push_of(db: AsyncSession, person_id: UUID) -> tuple[PushAddress, ...]:
    """The person's browsers, the newest last."""
    mine = select(table_of(Preference).c.push).where(table_of(Preference).c.person_id == person_id)
    return _read(await db.scalar(mine))


async def keep_push(
    db: AsyncSession, person_id: UUID, tenant_id: UUID, change: Change, now: datetime
) -> PreferencesStated | None:
    """Change the person's browsers and nothing else; returns all they have said, as it then is, or None for no change.

    The row is locked before it is read, so that two browsers that say yes at once both count.
    """
    night = {"quiet_from": UNSAID.quiet_from, "quiet_to": UNSAID.quiet_to}
    begun = await db.execute(BEGIN, {"person": person_id, "tenant": tenant_id, **night})
    before = _read(begun.scalar_one())
    after = tuple(change(before))
    if after == before:
        return None
    values = {
        "person": person_id,
        "version": version_at(now),
        "push": json.dumps([one.model_dump() for one in after]),
    }
    return PreferencesStated.model_validate(dict((await db.execute(KEEP, values)).mappings().one()))


def _read(kept: Sequence[Any] | None) -> tuple[PushAddress, ...]:
    return tuple(PushAddress.model_validate(one) for one in kept or ())
