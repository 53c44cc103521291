"""Commitments and the questions between talks: kept, changed, asked, answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import select

from services.scheduling.domain.commitments import Answer, Question
from services.scheduling.tables import CheckIn, Commitment, Record, Talk
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.roster import StaffStated
from shared.events.scheduling import CommitmentStatus

COMMITMENT, CHECK_IN, TALK, RECORD = (table_of(one) for one in (Commitment, CheckIn, Talk, Record))
CHECK_IN_NAMES = ("check_in_id", "commitment_id", "person_id", "asked_at", "expires_at")


@dataclass(frozen=True)
class Asked:
    """A question with what it is about, for whoever holds its link: nothing that names anybody."""

    check_in: CheckIn
    status: CommitmentStatus
    kind: str
    agreed_at: datetime | None
    school_id: UUID

    @property
    def question(self) -> Question:
        """The question as it stands."""
        one = self.check_in
        answer = Answer(one.answer) if one.answer else None
        return Question(one.asked_at, one.expires_at, one.answered_at, answer, one.nudged_at)


async def add(session: AsyncSession, commitment: Commitment) -> None:
    """Keep a new commitment."""
    session.add(commitment)
    await session.flush()


async def commitment(session: AsyncSession, commitment_id: UUID) -> Commitment | None:
    """A commitment within reach."""
    return await session.get(Commitment, commitment_id)


async def of_talk(session: AsyncSession, talk_id: UUID) -> list[Commitment]:
    """What a talk has led to, to be changed."""
    mine = select(Commitment).where(COMMITMENT.c.talk_id == talk_id).with_for_update()
    return list(await session.scalars(mine.execution_options(populate_existing=True)))


async def change(
    session: AsyncSession, commitment_id: UUID, seen: int, now: datetime, **values: Any
) -> Commitment | None:
    """Write version `seen` + 1 of a commitment and answer it; None when another version is there meanwhile."""
    mine = (COMMITMENT.c.commitment_id == commitment_id) & (COMMITMENT.c.version == seen)
    changed = {"version": seen + 1, "changed_at": now, **values}
    statement = update(Commitment).where(mine).values(changed).returning(Commitment)
    return await session.scalar(statement.execution_options(populate_existing=True))


async def begin(session: AsyncSession, talk_id: UUID, now: datetime) -> list[Commitment]:
    """What was proposed in a talk goes on from now; answers what does."""
    proposed = (COMMITMENT.c.talk_id == talk_id) & (COMMITMENT.c.status == CommitmentStatus.PROPOSED)
    changed = {"status": CommitmentStatus.ONGOING, "version": COMMITMENT.c.version + 1, "changed_at": now}
    statement = update(Commitment).where(proposed).values(changed).returning(Commitment)
    return list(await session.scalars(statement.execution_options(populate_existing=True)))


async def to_ask(session: AsyncSession, ids: Iterable[UUID]) -> list[tuple[Commitment, datetime]]:
    """These commitments, each with when it was agreed; those of talks that were not held are not there."""
    statement = (
        select(Commitment, RECORD.c.held_at)
        .join(RECORD, RECORD.c.talk_id == COMMITMENT.c.talk_id)
        .where(COMMITMENT.c.commitment_id.in_(list(ids)))
    )
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def ask(session: AsyncSession, questions: Sequence[CheckIn]) -> None:
    """Keep new questions."""
    rows = [[getattr(one, name) for name in CHECK_IN_NAMES] for one in questions]
    await insert_rows(session, CHECK_IN, CHECK_IN_NAMES, rows)


async def asked(session: AsyncSession, check_in_id: UUID, *, lock: bool = False) -> Asked | None:
    """A question by the secret of its link. Needs the machine's reach: whoever holds the link is nobody we know."""
    statement = (
        select(CheckIn, COMMITMENT.c.status, COMMITMENT.c.school_id, TALK.c.kind, RECORD.c.held_at)
        .join(COMMITMENT, COMMITMENT.c.commitment_id == CHECK_IN.c.commitment_id)
        .join(TALK, TALK.c.talk_id == COMMITMENT.c.talk_id)
        .outerjoin(RECORD, RECORD.c.talk_id == COMMITMENT.c.talk_id)
        .where(CHECK_IN.c.check_in_id == check_in_id)
    )
    row = (await session.execute(statement.with_for_update(of=CHECK_IN) if lock else statement)).first()
    return Asked(row[0], CommitmentStatus(row.status), row.kind, row.held_at, row.school_id) if row else None


async def answer(session: AsyncSession, check_in_id: UUID, said: Answer, now: datetime) -> None:
    """Keep how it is going."""
    mine = CHECK_IN.c.check_in_id == check_in_id
    await session.execute(update(CHECK_IN).where(mine).values(answer=said, answered_at=now))


async def silent(session: AsyncSession, ids: Iterable[UUID], now: datetime) -> list[tuple[CheckIn, Commitment]]:
    """Of these questions, those still open and unanswered that nobody was nudged about; from now on somebody is."""
    still = CHECK_IN.c.answered_at.is_(None) & CHECK_IN.c.nudged_at.is_(None) & (CHECK_IN.c.expires_at > now)
    going_on = COMMITMENT.c.status == CommitmentStatus.ONGOING
    statement = (
        select(CheckIn, Commitment)
        .join(COMMITMENT, COMMITMENT.c.commitment_id == CHECK_IN.c.commitment_id)
        .where(CHECK_IN.c.check_in_id.in_(list(ids)), still, going_on)
        .with_for_update(of=CHECK_IN)
    )
    found = [(row[0], row[1]) for row in await session.execute(statement)]
    nudged = [one.check_in_id for one, _ in found]
    await session.execute(update(CHECK_IN).where(CHECK_IN.c.check_in_id.in_(nudged)).values(nudged_at=now))
    return found


POSTS = text(
    "select state from roster where event_type = :staff "
    "and (state ->> 'school_id')::uuid = any(cast(:schools as uuid[]))"
)


async def posts(session: AsyncSession, school_ids: Iterable[UUID]) -> list[StaffStated]:
    """Everybody's posts at these schools."""
    asked_for = {"staff": StaffStated.event_type, "schools": list(school_ids)}
    return [StaffStated.model_validate(state) for state in await session.scalars(POSTS, asked_for)]
