"""Erasing from, and handing out, what the kit does not find by its name: lists of guardians, and what they promised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.rounds import Side
from services.scheduling.outgoing import commitment_stated, talk_stated
from services.scheduling.tables import Commitment, Occupancy, Preparation, Record, Round, Talk
from shared.db.engine import table_of
from shared.events.envelope import Outgoing
from shared.rights.about import Rows

TALK, RECORD, COMMITMENT = table_of(Talk), table_of(Record), table_of(Commitment)
PREPARATION, OCCUPANCY = table_of(Preparation), table_of(Occupancy)
NOBODY = UUID(int=0)  # what a home wrote is the child's too and stays; who of them wrote it does not
# About whom it is otherwise, and what others wrote, is not this person's to have.
KEPT = {
    "talk of a child": (TALK, ("talk_id", "school_id", "kind", "state", "starts_at", "ends_at")),
    "promised": (COMMITMENT, ("commitment_id", "talk_id", "owner", "what", "how", "due", "status")),
    "written for the home": (PREPARATION, ("talk_id", "side", "answers", "changed_at", "shared_at")),
}


class InLists:
    """This service's own part in privacy requests (`shared.rights.privacy.Part`)."""

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """The talks this guardian takes part in, what they promised there, and what they wrote for the home."""
        mine = {
            "talk of a child": TALK.c.guardian_ids.contains([person_id]),
            "promised": COMMITMENT.c.promised_by == person_id,
            "written for the home": (PREPARATION.c.author_id == person_id) & (PREPARATION.c.side == Side.HOME),
        }
        found: Rows = {}
        for name, (table, columns) in KEPT.items():
            rows = await session.execute(select(*[table.c[column] for column in columns]).where(mine[name]))
            found[name] = [to_jsonable_python(dict(row)) for row in rows.mappings()]
        return {name: rows for name, rows in found.items() if rows}

    async def erase(self, session: AsyncSession, ids: Sequence[UUID], now: datetime) -> tuple[int, list[Outgoing]]:
        """Take these persons out of the lists of others' talks, and let their own go from the topic too."""
        said = await _forgotten(session, ids)
        said += await _restated(session, ids, now)
        gone = len(said)
        for one in ids:
            present = update(RECORD).where(RECORD.c.present.contains([one]))
            await session.execute(present.values(present=func.array_remove(RECORD.c.present, one)))
        wrote = PREPARATION.c.author_id.in_(ids) & (PREPARATION.c.side == Side.HOME)
        await session.execute(update(PREPARATION).where(wrote).values(author_id=NOBODY))
        await session.execute(delete(OCCUPANCY).where(OCCUPANCY.c.resource_id.in_(ids)))
        return gone, said


async def _forgotten(session: AsyncSession, pupils: Sequence[UUID]) -> list[Outgoing]:
    """Tombstones for the talks and commitments about these pupils, which the kit deletes."""
    talks = select(Talk, Round).join(Round, Round.round_id == Talk.round_id).where(TALK.c.pupil_id.in_(pupils))  # type: ignore[arg-type]
    promised = await session.scalars(select(Commitment).where(COMMITMENT.c.pupil_id.in_(pupils)))
    said = [talk_stated(talk, round_) for talk, round_ in await session.execute(talks)]
    said += [commitment_stated(one) for one in promised]
    return [Outgoing(one.event, one.traceparent, tombstone=True) for one in said]


async def _restated(session: AsyncSession, guardians: Sequence[UUID], now: datetime) -> list[Outgoing]:
    """Others' talks and commitments without these guardians."""
    talks = select(Talk, Round).join(Round, Round.round_id == Talk.round_id)  # type: ignore[arg-type]
    theirs = talks.where(TALK.c.guardian_ids.overlap(list(guardians)), TALK.c.pupil_id.not_in(guardians))
    said = []
    for talk, round_ in (await session.execute(theirs)).all():
        talk.guardian_ids = [one for one in talk.guardian_ids if one not in guardians]
        talk.version, talk.changed_at = talk.version + 1, now
        said.append(talk_stated(talk, round_))
    mine = COMMITMENT.c.promised_by.in_(guardians) & COMMITMENT.c.pupil_id.not_in(guardians)
    for one in await session.scalars(select(Commitment).where(mine)):
        one.promised_by, one.version, one.changed_at = None, one.version + 1, now
        said.append(commitment_stated(one))
    await session.flush()
    return said
