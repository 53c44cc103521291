"""Holds, and what requests to book have led to. None of this commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.placing import Choice
from services.scheduling.tables import Booking, Hold, Occupancy, roster
from shared.db.bulk import ONCE
from shared.db.engine import table_of
from shared.roster.access import Family, Why, families, oneself

HOLD, BOOKING, OCCUPANCY = table_of(Hold), table_of(Booking), table_of(Occupancy)
RECORD = text(
    "insert into booking (key, person_id, tenant_id, talk_ids, at) "
    "select key, person, tenant, string_to_array(talks, ',')::uuid[], :now from unnest(cast(:keys as text[]), "
    "cast(:people as uuid[]), cast(:tenants as uuid[]), cast(:talks as text[])) as n(key, person, tenant, talks) "
    + ONCE
)


async def earlier(session: AsyncSession, keys: Iterable[str]) -> dict[str, list[Booking]]:
    """What has been booked with these keys, by whomever."""
    wanted = list(keys)
    if not wanted:
        return {}
    found: dict[str, list[Booking]] = {}
    for one in await session.scalars(select(Booking).where(BOOKING.c.key.in_(wanted))):
        found.setdefault(one.key, []).append(one)
    return found


async def record(
    session: AsyncSession, booked: Sequence[tuple[str, UUID, UUID, Sequence[UUID]]], now: datetime
) -> None:
    """Remember what each (key, person, tenant, talks) led to."""
    if booked:
        values: dict[str, Any] = {
            "keys": [key for key, *_ in booked],
            "people": [person for _, person, _, _ in booked],
            "tenants": [tenant for _, _, tenant, _ in booked],
            "talks": [",".join(map(str, talks)) for *_, talks in booked],
            "now": now,
        }
        await session.execute(RECORD, values)


async def holds(session: AsyncSession, hold_ids: Iterable[UUID]) -> dict[UUID, Hold]:
    """These holds, as far as they are there."""
    wanted = list(hold_ids)
    if not wanted:
        return {}
    found = await session.scalars(select(Hold).where(HOLD.c.hold_id.in_(wanted)))
    return {one.hold_id: one for one in found}


def choices_of(hold: Hold) -> list[Choice]:
    """What a hold keeps."""
    return [Choice.from_json(one) for one in hold.choices]


async def put_hold(session: AsyncSession, hold: Hold) -> None:
    """Remember a hold."""
    session.add(hold)
    await session.flush()


async def prolong(session: AsyncSession, hold: Hold, until: datetime) -> None:
    """Keep the times of a hold until then."""
    talks = [one.talk_id for one in choices_of(hold)]
    values = {"until": until, "extended": hold.extended + 1}
    await session.execute(update(HOLD).where(HOLD.c.hold_id == hold.hold_id).values(values))
    rows = update(OCCUPANCY).where(OCCUPANCY.c.talk_id.in_(talks), OCCUPANCY.c.hold_id == hold.hold_id)
    await session.execute(rows.values(hold_until=until))


async def let_go(session: AsyncSession, found: Sequence[Hold]) -> list[UUID]:
    """End these holds; the slots that are free by it."""
    if not found:
        return []
    ids = [one.hold_id for one in found]
    chosen = [choice for one in found for choice in choices_of(one)]
    mine = OCCUPANCY.c.talk_id.in_([one.talk_id for one in chosen]) & OCCUPANCY.c.hold_id.in_(ids)
    await session.execute(delete(OCCUPANCY).where(mine))
    await session.execute(delete(HOLD).where(HOLD.c.hold_id.in_(ids)))
    return [one.slot_id for one in chosen]


async def deciding(session: AsyncSession, on: dict[UUID, date]) -> dict[UUID, frozenset[UUID]]:
    """For each pupil: who may book for them on that day (their school's): those who answer, or from 18 themselves."""
    found = await families(session, roster, on, on)
    return {pupil_id: _deciding(family, on[pupil_id]) for pupil_id, family in found.items()}


def _deciding(family: Family, day: date) -> frozenset[UUID]:
    if oneself(family.pupil, day).allowed:
        return frozenset({family.pupil.person_id})
    return frozenset(one.guardian_id for one in family.verdicts if one.allowed and one.why is Why.ANSWERS_FOR)
