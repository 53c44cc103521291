"""Interpreters, the stretches of time they are booked for, and the talks that need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.rounds import Time
from services.scheduling.tables import Interpreter, InterpreterBlock
from shared.db.engine import table_of
from shared.ids import derived_id, new_id

INTERPRETER, BLOCK = table_of(Interpreter), table_of(InterpreterBlock)
LISTED = text(
    """
    select i.interpreter_id, i.name, i.languages, coalesce((
        select jsonb_agg(jsonb_build_array(b.block_id, b.starts_at, b.ends_at, b.cancelled, (
            select count(*) from talk t where t.interpreter_id = i.interpreter_id and t.starts_at < b.ends_at
            and b.starts_at < t.ends_at and t.state in ('proposed', 'booked'))) order by b.starts_at)
        from interpreter_block b where b.interpreter_id = i.interpreter_id and b.ends_at > :since), '[]') as blocks
    from interpreter i where i.tenant_id = :tenant order by i.name, i.interpreter_id
    """
)
CANCEL = text(
    """
    update interpreter_block b set cancelled = true from interpreter i
    where b.block_id = :block and i.interpreter_id = b.interpreter_id and i.tenant_id = :tenant and not b.cancelled
    returning b.block_id, b.interpreter_id, b.starts_at, b.ends_at
    """
)
# Talks that this interpreter would have been at, and that no other block of theirs holds.
WITHOUT = text(
    """
    select t.talk_id, t.slot_id, t.state, t.starts_at, t.ends_at, (
        select array_agg(distinct n.interpreter) from need n
        where n.person_id = any(t.guardian_ids || t.pupil_id) and n.interpreter is not null) as languages
    from talk t where t.interpreter_id = :interpreter and t.starts_at < :ends and :starts < t.ends_at
    and t.starts_at > :now and t.slot_id is not null and t.state in ('proposed', 'booked')
    and not exists (select from interpreter_block b where b.interpreter_id = :interpreter and not b.cancelled
        and b.starts_at <= t.starts_at and t.ends_at <= b.ends_at)
    order by t.starts_at
    """
)
OTHERS = text(
    """
    select i.interpreter_id from interpreter i join interpreter_block b on b.interpreter_id = i.interpreter_id
    where i.tenant_id = :tenant and i.interpreter_id <> :interpreter and i.languages @> cast(:languages as text[])
    and not b.cancelled and b.starts_at <= :starts and :ends <= b.ends_at
    and not exists (select from occupancy o where o.resource_id = i.interpreter_id
        and o.during && tstzrange(:starts, :ends) and (o.hold_until is null or o.hold_until > :now))
    order by i.interpreter_id
    """
)


@dataclass(frozen=True)
class Block:
    """A stretch of time for which somebody is booked; how many talks lie in it."""

    block_id: UUID
    starts_at: datetime
    ends_at: datetime
    cancelled: bool
    talks: int


@dataclass(frozen=True)
class Speaker:
    """An interpreter with the stretches that are not over."""

    interpreter_id: UUID
    name: str
    languages: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Bereft:
    """A talk that has lost its interpreter. `languages`: what its home has said it needs."""

    talk_id: UUID
    slot_id: UUID
    state: str
    starts_at: datetime
    ends_at: datetime
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Gone:
    """A stretch that was cancelled."""

    block_id: UUID
    interpreter_id: UUID
    starts_at: datetime
    ends_at: datetime


async def speakers(session: AsyncSession, tenant_id: UUID, since: datetime) -> list[Speaker]:
    """The interpreters of a municipality, with their stretches that end after `since`. One statement."""
    rows = (await session.execute(LISTED, {"tenant": tenant_id, "since": since})).all()
    return [Speaker(row.interpreter_id, row.name, tuple(row.languages), _blocks(row.blocks)) for row in rows]


async def add_interpreter(session: AsyncSession, tenant_id: UUID, name: str, languages: Sequence[str]) -> UUID:
    """Write somebody who interprets; their id."""
    interpreter_id = new_id()
    its = {"interpreter_id": interpreter_id, "tenant_id": tenant_id, "name": name, "languages": list(languages)}
    await session.execute(insert(INTERPRETER).values(its))
    return interpreter_id


async def add_block(session: AsyncSession, tenant_id: UUID, interpreter_id: UUID, time: Time) -> bool:
    """Book somebody for a stretch of time, once; False when they do not interpret in this municipality."""
    theirs = text("select 1 from interpreter where interpreter_id = :id and tenant_id = :tenant")
    if (await session.execute(theirs, {"id": interpreter_id, "tenant": tenant_id})).first() is None:
        return False
    its = {"block_id": derived_id("block", interpreter_id, *time), "interpreter_id": interpreter_id}
    put = insert(BLOCK).values(**its, starts_at=time[0], ends_at=time[1], cancelled=False)
    await session.execute(put.on_conflict_do_update(index_elements=["block_id"], set_={"cancelled": False}))
    return True


async def cancel(session: AsyncSession, tenant_id: UUID, block_id: UUID) -> Gone | None:
    """Cancel a stretch; None when there is none in this municipality, or it is cancelled already."""
    row = (await session.execute(CANCEL, {"block": block_id, "tenant": tenant_id})).first()
    return Gone(*row) if row else None


async def bereft(session: AsyncSession, gone: Gone, now: datetime) -> list[Bereft]:
    """The talks ahead that have no interpreter now."""
    asked = {"interpreter": gone.interpreter_id, "starts": gone.starts_at, "ends": gone.ends_at, "now": now}
    rows = (await session.execute(WITHOUT, asked)).all()
    return [
        Bereft(row.talk_id, row.slot_id, row.state, row.starts_at, row.ends_at, tuple(row.languages or ()))
        for row in rows
    ]


async def others(
    session: AsyncSession, tenant_id: UUID, gone: Gone, talk: Bereft, languages: Iterable[str], now: datetime
) -> list[UUID]:
    """Who else speaks these languages and is booked and free then."""
    asked = {"tenant": tenant_id, "interpreter": gone.interpreter_id, "languages": list(languages), "now": now}
    rows = await session.execute(OTHERS, {**asked, "starts": talk.starts_at, "ends": talk.ends_at})
    return [row.interpreter_id for row in rows.all()]


async def languages_of(session: AsyncSession, interpreter_id: UUID) -> list[str]:
    """What somebody interprets."""
    found = await session.get(Interpreter, interpreter_id)
    return found.languages if found else []


def _blocks(said: Any) -> tuple[Block, ...]:
    return tuple(Block(UUID(a), datetime.fromisoformat(b), datetime.fromisoformat(c), d, e) for a, b, c, d, e in said)
