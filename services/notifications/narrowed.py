"""Erasing from, and handing out, what the kit does not find by its name: the lists that requests are narrowed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.tables import notification
from shared.events.envelope import Outgoing
from shared.rights.about import Rows

# The list stays a list, if an empty one: nobody is told who was not meant to be.
TAKE_OUT = text(
    "update notification set narrowed_to = narrowed_to - cast(:ids as text[]) "
    "where narrowed_to ?| cast(:ids as text[]) returning notification_id"
)
KEPT = ("notification_id", "kind", "school_id", "day", "requested_at", "status")


class Narrowed:
    """This service's own part in privacy requests (`shared.rights.privacy.Part`)."""

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """The requests that were narrowed to this person among others: about whom is the pupil's own."""
        columns = [notification.c[name] for name in KEPT]
        rows = await session.execute(select(*columns).where(notification.c.narrowed_to.contains([str(person_id)])))
        found = [to_jsonable_python(dict(row)) for row in rows.mappings()]
        return {"notification_only": found} if found else {}

    async def erase(
        self,
        session: AsyncSession,
        ids: Sequence[UUID],
        now: datetime,  # noqa: ARG002 - the protocol's
    ) -> tuple[int, list[Outgoing]]:
        """Take these persons out of the lists. Nothing is said."""
        gone = (await session.execute(TAKE_OUT, {"ids": [str(one) for one in ids]})).all()
        return len(gone), []
