"""Erasing from, and handing out, what the kit does not find by its name: lists of ids, and addresses of guests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.tables import notification
from shared.events.envelope import Outgoing
from shared.events.roster import ContactStated
from shared.rights.about import Rows

# The list stays a list, if an empty one: nobody is told who was not meant to be.
TAKE_OUT = text(
    "update notification set narrowed_to = narrowed_to - cast(:ids as text[]) "
    "where narrowed_to ?| cast(:ids as text[]) returning notification_id"
)
# A mailing's other readers stay; what they got is about this pupil no more.
NOT_ABOUT = text(
    "update addressee set pupil_ids = pupil_ids - cast(:ids as text[]) "
    "where pupil_ids ?| cast(:ids as text[]) and person_id <> all(cast(:own as uuid[])) returning delivery_id"
)
# Guests of a trial are addresses, not people: whoever has one of these is taken out with it.
NO_GUESTS = text(
    "delete from guest where address in (select lower(one) from roster r, "
    "jsonb_array_elements_text(coalesce(r.state -> 'emails', '[]') || coalesce(r.state -> 'phones', '[]')) one "
    "where r.event_type = :contact and r.id = any(cast(:own as uuid[]))) returning address"
)
MAILED = text(
    "select m.mailing_id, m.kind, m.school_id, m.day, a.status from addressee a join mailing m using (mailing_id) "
    "where a.pupil_ids ? :id and a.person_id <> :own"
)
KEPT = ("notification_id", "kind", "school_id", "day", "requested_at", "status")


class Narrowed:
    """This service's own part in privacy requests (`shared.rights.privacy.Part`)."""

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """The requests that were narrowed to this person among others, and the mailings others got about this pupil."""
        columns = [notification.c[name] for name in KEPT]
        rows = await session.execute(select(*columns).where(notification.c.narrowed_to.contains([str(person_id)])))
        found = [to_jsonable_python(dict(row)) for row in rows.mappings()]
        mailed = await session.execute(MAILED, {"id": str(person_id), "own": person_id})
        others = [to_jsonable_python(dict(row)) for row in mailed.mappings()]
        parts = {"notification_only": found, "mailing": others}
        return {name: rows for name, rows in parts.items() if rows}

    async def erase(
        self,
        session: AsyncSession,
        ids: Sequence[UUID],
        now: datetime,  # noqa: ARG002 - the protocol's
    ) -> tuple[int, list[Outgoing]]:
        """Take these persons out of the lists, and their addresses off the lists of guests. Nothing is said."""
        asked: dict[str, object] = {"ids": [str(one) for one in ids], "own": list(ids)}
        asked["contact"] = ContactStated.event_type
        gone = [(await session.execute(one, asked)).all() for one in (TAKE_OUT, NOT_ABOUT, NO_GUESTS)]
        return sum(map(len, gone)), []
