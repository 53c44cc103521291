"""Talks and what was agreed, as the scheduling service states them: the newest of each, forgotten when it says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.tables import Commitment, Talk, TalkGuest
from shared.db.bulk import ONCE, insert_rows, newer_wins
from shared.db.engine import table_of
from shared.events.envelope import Erased
from shared.events.scheduling import CommitmentStated, TalkState, TalkStated

TALK, GUEST, COMMITMENT = table_of(Talk), table_of(TalkGuest), table_of(Commitment)
STATED = (
    "talk_id", "version", "tenant_id", "school_id", "pupil_id", "kind", "state", "starts_at", "ends_at", "place",
    "video", "sequence", "answer_by", "books_from", "books_until",
)  # fmt: skip
TALK_NAMES = (*STATED, "was_from", "was_to", "pupil_signed", "heard_at")
COMMITMENT_STATED = ("commitment_id", "version", "tenant_id", "pupil_id", "talk_id", "owner", "due", "status")
# A talk that has lost its time still says when it was to be, so that a calendar can take it back.
KEEP_TIMES = newer_wins(TALK, ("talk_id",), TALK_NAMES)
for _name in ("was_from", "was_to"):
    KEEP_TIMES = KEEP_TIMES.replace(
        f"{_name} = excluded.{_name}", f"{_name} = coalesce(excluded.{_name}, talk.{_name})"
    )
# Conditions on a talk `t`: it is arranged for the reader; the reader has signed its plan.
MINE = "exists (select from talk_guest g where g.talk_id = t.talk_id and g.person_id = :me)"
SIGNED = (
    "(t.pupil_id = :me and t.pupil_signed "
    "or exists (select from talk_guest g where g.talk_id = t.talk_id and g.person_id = :me and g.signed))"
)


async def write_talks(session: AsyncSession, stated: Iterable[TalkStated], now: datetime) -> None:
    """Keep the newest statement of each talk, for whom it is arranged, and who of them has signed."""
    newest = {one.talk_id: one for one in sorted(stated, key=lambda one: one.version)}
    rows = [(*_values(one, STATED), *_time(one), one.pupil_id in one.signed_by, now) for one in newest.values()]
    written = await insert_rows(session, TALK, TALK_NAMES, rows, KEEP_TIMES)
    fresh = [row.talk_id for row in written]
    if not fresh:
        return
    await session.execute(delete(GUEST).where(GUEST.c.talk_id.in_(fresh)))
    guests = [(one, guest, guest in newest[one].signed_by) for one in fresh for guest in set(newest[one].guardian_ids)]
    await insert_rows(session, GUEST, ("talk_id", "person_id", "signed"), guests, ONCE)


async def write_commitments(session: AsyncSession, stated: Iterable[CommitmentStated], now: datetime) -> None:
    """Keep the newest statement of each commitment."""
    newest = {one.commitment_id: one for one in sorted(stated, key=lambda one: one.version)}
    rows = [(*_values(one, COMMITMENT_STATED), now) for one in newest.values()]
    names = (*COMMITMENT_STATED, "heard_at")
    await insert_rows(session, COMMITMENT, names, rows, newer_wins(COMMITMENT, ("commitment_id",), names))


async def forget(session: AsyncSession, erased: Sequence[Erased]) -> None:
    """Forget the talks and commitments that are no more."""
    talks, agreed = ([UUID(one.erased_key) for one in erased if one.erased_type == kind.event_type]
                     for kind in (TalkStated, CommitmentStated))  # fmt: skip
    if talks:
        await session.execute(delete(GUEST).where(GUEST.c.talk_id.in_(talks)))
        await session.execute(delete(TALK).where(TALK.c.talk_id.in_(talks)))
    if agreed:
        await session.execute(delete(COMMITMENT).where(COMMITMENT.c.commitment_id.in_(agreed)))


def _values(event: Any, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(event, name) for name in names)


def _time(talk: TalkStated) -> tuple[datetime | None, datetime | None]:
    """The time to remember; one that nobody was ever told of is none."""
    return (None, None) if talk.state is TalkState.WANTED else (talk.starts_at, talk.ends_at)
