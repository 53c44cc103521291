"""Where a person is recognised in raw bytes: dead letters, and what was said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import MetaData, delete, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import TextClause

from shared.events.roster import ContactStated
from shared.messaging.dead_letters import decode_headers
from shared.messaging.tables import KitTables
from shared.rights.about import Rows
from shared.topics import PRIVACY, PRIVACY_ANSWERS

Mark = tuple[bytes, bytes]  # both must be there; the second may be empty
SEEN = (
    "exists (select from unnest(cast(:firsts as bytea[]), cast(:seconds as bytea[])) as mark(first, second) "
    "where position(mark.first in {column}) > 0 and position(mark.second in {column}) > 0)"
)


async def marks_by(session: AsyncSession, metadata: MetaData, ids: Sequence[UUID]) -> list[Mark]:
    """By what these persons are recognised: the id; where this service knows them, each address, and both names."""
    found = [id_mark(one) for one in ids]
    roster = metadata.tables.get("roster")
    if roster is not None:
        mine = (roster.c.event_type == ContactStated.event_type) & roster.c.id.in_(ids)
        for state in await session.scalars(select(roster.c.state).where(mine)):
            found += marks_of(ContactStated.model_validate(state))
    return found


def id_mark(person_id: UUID) -> Mark:
    """The id as it is written in keys, headers and JSON."""
    return str(person_id).encode(), b""


def marks_of(contact: ContactStated) -> list[Mark]:
    """By what somebody is recognised besides the id: as written, and as JSON may escape it."""
    marks = [(one, "") for one in (*contact.emails, *contact.phones) if one]
    if contact.given_name and contact.family_name:
        marks.append((contact.given_name, contact.family_name))
    escaped = [(json.dumps(one)[1:-1], json.dumps(other)[1:-1]) for one, other in marks]
    return [(one.encode(), other.encode()) for one, other in dict.fromkeys([*marks, *escaped])]


def seen_in(column: str, marks: Sequence[Mark]) -> TextClause:
    """True for bytes in which somebody is recognised. `column` is SQL of ours."""
    firsts, seconds = [one for one, _ in marks], [other for _, other in marks]
    return text(SEEN.format(column=column)).bindparams(firsts=firsts, seconds=seconds)


async def forget_parked(session: AsyncSession, tables: KitTables, marks: Sequence[Mark]) -> int:
    """Delete the dead letters in which somebody is recognised; how many there were."""
    ids = await _parked_ids(session, tables, marks)
    if ids:
        await session.execute(delete(tables.dead_letter).where(tables.dead_letter.c.id.in_(ids)))
    return len(ids)


async def parked(session: AsyncSession, tables: KitTables, marks: Sequence[Mark]) -> Rows:
    """The dead letters in which somebody is recognised, to be handed out."""
    letter = tables.dead_letter
    ids = await _parked_ids(session, tables, marks)
    rows = await session.execute(select(letter).where(letter.c.id.in_(ids)).order_by(letter.c.id))
    found = [
        {
            "topic": row.topic,
            "reason": row.reason,
            "parked_at": row.parked_at.isoformat(),
            "value": (row.value or b"").decode("utf-8", "backslashreplace"),
        }
        for row in rows
    ]
    return {"dead_letter": found} if found else {}


async def _parked_ids(session: AsyncSession, tables: KitTables, marks: Sequence[Mark]) -> list[int]:
    """Headers are kept as base64, in which nothing can be searched, so they are looked through here."""
    letter = tables.dead_letter
    plain = seen_in("coalesce(key, '') || ' '::bytea || coalesce(value, '')", marks)
    ids = set(await session.scalars(select(letter.c.id).where(plain)))
    for row in await session.execute(select(letter.c.id, letter.c.headers)):
        values = b"\n".join(value for _, value in decode_headers(row.headers))
        if any(one in values and other in values for one, other in marks):
            ids.add(row.id)
    return sorted(ids)


async def forget_said(session: AsyncSession, tables: KitTables, ids: Sequence[UUID]) -> None:
    """Delete what was said under the persons' keys or names them, sent or not; tombstones and requests stay."""
    outbox = tables.outbox
    named = or_(outbox.c.key.in_([str(one) for one in ids]), seen_in("value", [id_mark(one) for one in ids]))
    mine = named & outbox.c.value.is_not(None) & (outbox.c.topic != PRIVACY.name)
    await session.execute(delete(outbox).where(mine))
    await forget_answers(session, tables)


async def forget_answers(session: AsyncSession, tables: KitTables) -> None:
    """Delete this service's answers that have been sent: they may carry an export."""
    outbox = tables.outbox
    sent = (outbox.c.topic == PRIVACY_ANSWERS.name) & outbox.c.sent_at.is_not(None) & outbox.c.value.is_not(None)
    await session.execute(delete(outbox).where(sent))
