"""Erasing from, and handing out, what the kit does not find by its name: pupils in lists, threads others opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.tables import Activity, Bulletin, Reach
from shared.db.engine import table_of
from shared.events.envelope import Outgoing
from shared.rights.about import Rows

REACH, BULLETIN, ACTIVITY = table_of(Reach), table_of(Bulletin), table_of(Activity)
# Whom a mailing was about to somebody else; who else that was is not this person's to have.
ABOUT_ME = ("bulletin_id", "status", "channel", "at")
TAKE_OUT = text(
    """
    update reach set pupil_ids = (
        select coalesce(jsonb_agg(one), '[]') from jsonb_array_elements_text(pupil_ids) one
        where one <> all(cast(:ids as text[])))
    where jsonb_exists_any(pupil_ids, cast(:ids as text[])) and person_id <> all(cast(:own as uuid[]))
    """
)


class InLists:
    """This service's own part in privacy requests (`shared.rights.privacy.Part`)."""

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """What homes were sent about this pupil, what this person has written for their classes."""
        found: Rows = {}
        told = select(*[REACH.c[name] for name in ABOUT_ME]).where(REACH.c.pupil_ids.contains([str(person_id)]))
        wrote = select(BULLETIN.c.bulletin_id, BULLETIN.c.kind, BULLETIN.c.state, BULLETIN.c.written_at)
        diary = select(ACTIVITY.c.on, ACTIVITY.c.words).where(ACTIVITY.c.author_id == person_id)
        for name, query in {
            "bulletin a home was sent": told,
            "bulletin written": wrote.where(BULLETIN.c.author_id == person_id),
            "diary written": diary,
        }.items():
            rows = (await session.execute(query)).mappings()
            found[name] = [to_jsonable_python(dict(row)) for row in rows]
        return {name: rows for name, rows in found.items() if rows}

    async def erase(
        self,
        session: AsyncSession,
        ids: Sequence[UUID],
        now: datetime,  # noqa: ARG002 - the same for every service's part
    ) -> tuple[int, list[Outgoing]]:
        """Take these pupils out of what was sent to others; those rows stay, and say nothing of them."""
        asked = {"ids": [str(one) for one in ids], "own": list(ids)}
        changed = await session.execute(TAKE_OUT, asked)
        return changed.rowcount, []  # type: ignore[attr-defined]
