"""The duty ledger: how far each duty has come, what is on record about it, and what became of messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.duties import Seen, marks
from services.portal.store.day import zones_of
from services.portal.tables import Delivery, Duty, DutyMoment
from shared.db.bulk import ONCE, insert_rows
from shared.db.engine import table_of
from shared.events.duties import RANK, DutyMoved, DutyStatus
from shared.events.notify import DeliverySettled, MailingSettled
from shared.ids import derived_id

COURSE = ("version", "kind", "status", "pupil_id", "school_id", "day", "moved_at")
DUTY_NAMES = ("duty_id", "flags", *COURSE)
MOMENT_NAMES = ("duty_id", "status", "at", "evidence_id", "reason")
DELIVERY_NAMES = (
    "delivery_id", "notification_id", "person_id", "school_id", "kind", "status", "why", "at", "pupil_id", "path",
)  # fmt: skip
# The furthest status wins, of two words about it the later; and whatever comes adds its flags, also what comes late.
# Two words of the same instant are told apart by what they say, so that their order never matters.
NEWER = (
    "(duty.version, duty.moved_at, duty.day, duty.school_id) < "
    "(excluded.version, excluded.moved_at, excluded.day, excluded.school_id)"
)
FURTHER = (
    "on conflict (duty_id) do update set flags = duty.flags | excluded.flags, "
    + ", ".join(f"{name} = case when {NEWER} then excluded.{name} else duty.{name} end" for name in COURSE)
    + f" where {NEWER} or duty.flags | excluded.flags <> duty.flags"
)


def _order(row: str) -> str:
    """A moment's place among those of its duty and status, as `_first` has it: with evidence before without."""
    evidence, reason = f"{row}.evidence_id", f"{row}.reason"
    none = f"'{UUID(int=0)}'::uuid"
    return (
        f"({row}.at, {evidence} is null, coalesce({evidence}, {none}), "
        f"{reason} is null, coalesce({reason}, '') collate \"C\")"
    )


# A status is reached once; of two words about it the earlier is true, in whichever order they come.
EARLIER = (
    "on conflict (duty_id, status) do update set at = excluded.at, evidence_id = excluded.evidence_id, "
    f"reason = excluded.reason where {_order('excluded')} < {_order('duty_moment')}"
)
# A mailing has a later word about a person when what waited for a digest has left, or when a mail comes back.
LATEST = (
    "on conflict (delivery_id) do update set status = excluded.status, at = excluded.at "
    "where (delivery.at, delivery.status) < (excluded.at, excluded.status)"
)
WHERE = text("select duty_id, school_id, day from duty where duty_id = any(cast(:ids as uuid[]))")
RECORD = text(
    """
    select d.duty_id, d.school_id, d.day, m.status, m.at from duty d join duty_moment m on m.duty_id = d.duty_id
    where d.duty_id = any(cast(:ids as uuid[]))
    union all
    select d.duty_id, d.school_id, d.day, 'understood', a.at from duty d join acknowledgement a on a.duty_id = d.duty_id
    where d.duty_id = any(cast(:ids as uuid[]))
    """
)
JUDGED = text(
    "update duty set flags = judged.flags "
    "from unnest(cast(:ids as uuid[]), cast(:flags as bigint[])) as judged(duty_id, flags) "
    "where duty.duty_id = judged.duty_id and duty.flags <> judged.flags"
)


async def write_duties(session: AsyncSession, moves: Sequence[DutyMoved], default_zone: str) -> None:
    """Move duties forward, and keep each moment as evidence and in the duty's flags.

    Whether a moment was on the duty's day is judged here, by the school's clock (`default_zone` for a school that is
    not known yet): once, and again when the duty is said to be another school's or to have another last day. The same
    moments end in the same rows, however often and in whatever order they come.
    """
    if not moves:
        return
    furthest = {move.duty_id: move for move in sorted(moves, key=_said)}
    before = (await session.execute(WHERE, {"ids": list(furthest)})).all()
    flags = _flags(moves, await zones_of(session, {move.school_id for move in moves}, default_zone))
    rows = [
        (m.duty_id, flags[m.duty_id], RANK[m.status], m.kind, m.status, m.pupil_id, m.school_id, m.day, m.at)
        for m in furthest.values()
    ]
    await insert_rows(session, table_of(Duty), DUTY_NAMES, rows, FURTHER)
    first = {(m.duty_id, m.status): m for m in sorted(moves, key=_first, reverse=True)}
    moments = [(m.duty_id, m.status, m.at, m.evidence_id, m.reason) for m in first.values()]
    await insert_rows(session, table_of(DutyMoment), MOMENT_NAMES, moments, EARLIER)
    if moved := _moved(before, moves):
        await _judge_again(session, moved, default_zone)


def _said(move: DutyMoved) -> tuple[int, datetime, date, UUID]:
    """How far a move has come, and how late it was said: as NEWER has it."""
    return RANK[move.status], move.at, move.day, move.school_id


def _first(move: DutyMoved) -> tuple[Any, ...]:
    evidence, reason = move.evidence_id, move.reason
    return move.at, evidence is None, evidence or UUID(int=0), reason is None, reason or ""


def _flags(moves: Iterable[Any], zones: Mapping[UUID, str]) -> Mapping[UUID, Seen]:
    """What these moments (moves, or rows of RECORD) put on record about each duty."""
    found: defaultdict[UUID, Seen] = defaultdict(lambda: Seen(0))
    for move in moves:
        found[move.duty_id] |= marks(DutyStatus(move.status), move.at, move.day, zones[move.school_id])
    return found


def _moved(before: Iterable[Any], moves: Iterable[DutyMoved]) -> list[UUID]:
    """The duties about which not all, what is kept and what is said now, has the same school and day."""
    places: defaultdict[UUID, set[tuple[UUID, date]]] = defaultdict(set)
    for one in (*before, *moves):
        places[one.duty_id].add((one.school_id, one.day))
    return [duty_id for duty_id, found in places.items() if len(found) > 1]


async def _judge_again(session: AsyncSession, duty_ids: Sequence[UUID], default_zone: str) -> None:
    """Work their flags out anew from all that is on record, by the school and day they have now.

    The rows are locked by what was written before, so no acknowledgement comes between.
    """
    record = (await session.execute(RECORD, {"ids": list(duty_ids)})).all()
    flags = _flags(record, await zones_of(session, {row.school_id for row in record}, default_zone))
    await session.execute(JUDGED, {"ids": list(flags), "flags": [int(seen) for seen in flags.values()]})


async def write_mailings(session: AsyncSession, settled: Sequence[MailingSettled]) -> None:
    """Keep what became of one text to very many, a row for each person as for any message; the latest word stands."""
    rows = {}
    for part in sorted(settled, key=lambda part: (part.at, str(part.part_id))):
        for person in part.people:
            delivery_id = derived_id("mailing", part.mailing_id, person.person_id)
            about = person.pupil_ids[0] if len(person.pupil_ids) == 1 else None
            rows[delivery_id] = (
                delivery_id, part.mailing_id, person.person_id, part.school_id, part.kind, person.status, None, part.at,
                about, part.path,
            )  # fmt: skip
    await insert_rows(session, table_of(Delivery), DELIVERY_NAMES, list(rows.values()), LATEST)


async def write_deliveries(session: AsyncSession, settled: Sequence[DeliverySettled]) -> None:
    """Keep what became of each message."""
    rows = [tuple(getattr(event, name) for name in DELIVERY_NAMES) for event in settled]
    await insert_rows(session, table_of(Delivery), DELIVERY_NAMES, rows, ONCE)
