"""Whom a bulletin reached, and what that makes of what was owed. All in the machine's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.duties import MAY_BE_DELIVERED, MAY_BE_UNDERSTOOD, STILL_OPEN
from services.bulletins.store.duties import RETURNED, as_owed
from services.bulletins.tables import Owed, Reach
from shared.db.bulk import insert_rows
from shared.db.engine import table_of

REACH = table_of(Reach)
NAMES = ("bulletin_id", "person_id", "pupil_ids", "status", "channel", "at")
# The later outcome stands; of two at the same instant the better one (domain.duties).
LATER = (
    "on conflict (bulletin_id, person_id) do update set pupil_ids = excluded.pupil_ids, status = excluded.status, "
    "channel = excluded.channel, at = excluded.at "
    "where (reach.at, reach.status = 'delivered', reach.status collate \"C\") "
    "< (excluded.at, excluded.status = 'delivered', excluded.status collate \"C\")"
)
KNOWN = text("select bulletin_id from bulletin where bulletin_id = any(cast(:bulletins as uuid[]))")
DELIVER = text(
    f"""
    update owed set status = 'delivered'
    from unnest(cast(:bulletins as uuid[]), cast(:pupils as uuid[])) as has(bulletin_id, pupil_id)
    where owed.bulletin_id = has.bulletin_id and owed.pupil_id = has.pupil_id
    and owed.status = any(cast(:may as text[])) returning {RETURNED}
    """
)
# The mailing is over: whoever has nobody whom it reached, and nobody of whom it is not known.
UNREACHABLE = text(
    f"""
    with told as materialized (
        select distinct r.bulletin_id, pupil.id::uuid as pupil_id
        from reach r cross join lateral jsonb_array_elements_text(r.pupil_ids) pupil(id)
        where r.bulletin_id = any(cast(:bulletins as uuid[])) and r.status = any(cast(:hopeful as text[]))
    )
    update owed set status = 'unreachable'
    where owed.bulletin_id = any(cast(:bulletins as uuid[])) and owed.status = 'sent' and not exists (
        select from told where told.bulletin_id = owed.bulletin_id and told.pupil_id = owed.pupil_id)
    returning {RETURNED}
    """
)
# The pupils about whom those who have read it were told.
UNDERSTAND = text(
    f"""
    with has as materialized (
        select r.bulletin_id, pupil.id::uuid as pupil_id
        from reach r join reading d on d.bulletin_id = r.bulletin_id and d.person_id = r.person_id
        cross join lateral jsonb_array_elements_text(r.pupil_ids) pupil(id)
        where r.bulletin_id = any(cast(:bulletins as uuid[])) and r.person_id = any(cast(:persons as uuid[]))
    )
    update owed set status = 'understood' from has
    where owed.bulletin_id = has.bulletin_id and owed.pupil_id = has.pupil_id
    and owed.status = any(cast(:may as text[])) returning {RETURNED}
    """
)


async def known(session: AsyncSession, bulletin_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these bulletins that are here (not erased since)."""
    return set(await session.scalars(KNOWN, {"bulletins": list(bulletin_ids)}))


async def write(session: AsyncSession, rows: Sequence[tuple[UUID, UUID, Iterable[UUID], str, str | None, Any]]) -> None:
    """Write outcomes (`NAMES`); an earlier one changes nothing."""
    plain = [(one[0], one[1], json.dumps([str(pupil) for pupil in one[2]]), *one[3:]) for one in rows]
    await insert_rows(session, REACH, NAMES, plain, LATER)


async def deliver(session: AsyncSession, pairs: Iterable[tuple[UUID, UUID]]) -> list[Owed]:
    """These homes (bulletin, pupil) have it; those for which that is news."""
    wanted = sorted(set(pairs))
    if not wanted:
        return []
    asked = {"bulletins": [one for one, _ in wanted], "pupils": [one for _, one in wanted]}
    return as_owed((await session.execute(DELIVER, {**asked, "may": list(MAY_BE_DELIVERED)})).all())


async def unreachable(session: AsyncSession, bulletin_ids: Iterable[UUID]) -> list[Owed]:
    """The mailings of these bulletins are over: the homes nobody of which has been reached."""
    wanted = list(bulletin_ids)
    if not wanted:
        return []
    asked = {"bulletins": wanted, "hopeful": ["delivered", *STILL_OPEN]}
    return as_owed((await session.execute(UNREACHABLE, asked)).all())


async def understand(session: AsyncSession, bulletin_ids: Iterable[UUID], persons: Iterable[UUID]) -> list[Owed]:
    """What these persons were told of and have read is understood; those duties for which that is news."""
    asked = {"bulletins": list(bulletin_ids), "persons": list(persons), "may": list(MAY_BE_UNDERSTOOD)}
    return as_owed((await session.execute(UNDERSTAND, asked)).all())
