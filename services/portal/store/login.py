"""Sessions that have begun, what somebody was typing when one ended, and who a provider's word leads to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.tables import Draft, Login, roster
from shared.db.engine import table_of
from shared.events.roster import PersonStated
from shared.ids import login_link
from shared.roster.projection import Link, known, link_table
from shared.web.seals import Session

Fields = Sequence[tuple[str, str]]
logins, drafts = table_of(Login), table_of(Draft)
links = link_table(roster)


@dataclass(frozen=True)
class Ended:
    """A session that was ended: which provider began it, and the sealed proof it began with."""

    provider: str
    id_token: str | None


async def person_of(db: AsyncSession, tenant_id: UUID, digest: str) -> PersonStated | None:
    """The one active person of that municipality with this identifier; None for nobody and for several."""
    mine = (links.c.from_id == login_link(digest)) & (links.c.kind == Link.LOGIN) & (links.c.tenant_id == tenant_id)
    ids = (await db.scalars(select(links.c.to_id).where(mine).limit(3))).all()
    people = await known(db, roster, PersonStated, ids)
    active = [one for one in people.values() if one.active and one.tenant_id == tenant_id]
    return active[0] if len(ids) == len(active) == 1 else None


async def begin(db: AsyncSession, session: Session, id_token: str | None) -> None:
    """Remember that the session has begun; `id_token` is sealed."""
    row = {
        "session_id": session.session_id,
        "tenant_id": session.tenant_id,
        "person_id": session.person_id,
        "provider": session.provider,
        "acr": session.acr,
        "id_token": id_token,
        "began_at": session.began_at,
    }
    await db.execute(insert(logins).values(row))


async def end(db: AsyncSession, session_id: UUID, at: datetime) -> Ended | None:
    """End the session and forget its proof. None when it had ended before."""
    mine = (logins.c.session_id == session_id) & logins.c.ended_at.is_(None)
    row = (await db.execute(select(logins.c.provider, logins.c.id_token).where(mine).with_for_update())).one_or_none()
    await db.execute(update(logins).where(mine).values(ended_at=at, id_token=None))
    return Ended(row.provider, row.id_token) if row else None


async def is_open(db: AsyncSession, session_id: UUID) -> bool:
    """True when the session has begun here and was not ended."""
    mine = (logins.c.session_id == session_id) & logins.c.ended_at.is_(None)
    return await db.scalar(select(logins.c.session_id).where(mine)) is not None


async def keep_draft(db: AsyncSession, session: Session, path: str, fields: Fields, at: datetime) -> None:
    """Keep what was typed for that path; a later draft replaces an earlier one."""
    row = {"person_id": session.person_id, "path": path, "tenant_id": session.tenant_id}
    new = {"fields": json.dumps(fields), "kept_at": at}
    key = drafts.primary_key
    await db.execute(upsert(drafts).values(**row, **new).on_conflict_do_update(key, set_=new))


async def draft_of(db: AsyncSession, person_id: UUID, path: str) -> list[tuple[str, str]] | None:
    """What this person was typing for that path, if anything."""
    kept = await db.scalar(select(drafts.c.fields).where(drafts.c.person_id == person_id, drafts.c.path == path))
    return [(name, typed) for name, typed in json.loads(kept)] if kept is not None else None


async def drop_draft(db: AsyncSession, person_id: UUID, path: str) -> None:
    """Forget it: it was sent, or thrown away."""
    await db.execute(delete(drafts).where(drafts.c.person_id == person_id, drafts.c.path == path))
