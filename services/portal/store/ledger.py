"""The duty ledger: how far each duty has come, what is on record about it, and what became of messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.duties import Seen, marks
from services.portal.store.day import zones_of
from services.portal.tables import Delivery, Duty, DutyMoment
from shared.db.bulk import ONCE, insert_rows
from shared.db.engine import table_of
from shared.events.duties import RANK, DutyMoved
from shared.events.notify import DeliverySettled

COURSE = ("version", "kind", "status", "pupil_id", "school_id", "day", "moved_at")
DUTY_NAMES = ("duty_id", "flags", *COURSE)
MOMENT_NAMES = ("duty_id", "status", "at", "evidence_id", "reason")
DELIVERY_NAMES = ("delivery_id", "notification_id", "person_id", "school_id", "kind", "status", "why", "at")
# The furthest status wins, and whatever comes adds its flags: also what comes late.
NEWER = "duty.version < excluded.version"
FURTHER = (
    "on conflict (duty_id) do update set flags = duty.flags | excluded.flags, "
    + ", ".join(f"{name} = case when {NEWER} then excluded.{name} else duty.{name} end" for name in COURSE)
    + f" where {NEWER} or duty.flags | excluded.flags <> duty.flags"
)
# A status is reached once; of two words about it the earlier is true, in whichever order they come.
EARLIER = (
    "on conflict (duty_id, status) do update set at = excluded.at, evidence_id = excluded.evidence_id, "
    "reason = excluded.reason where excluded.at < duty_moment.at"
)


async def write_duties(session: AsyncSession, moves: Sequence[DutyMoved], default_zone: str) -> None:
    """Move duties forward, and keep each moment as evidence and in the duty's flags.

    Whether a moment was on the duty's day is judged here, once, by the school's clock (`default_zone` for a school
    that is not known yet). The same moments end in the same rows, however often and in whatever order they come.
    """
    furthest = {move.duty_id: move for move in sorted(moves, key=lambda move: RANK[move.status])}
    flags = _flags(moves, await zones_of(session, {move.school_id for move in moves}, default_zone))
    rows = [
        (m.duty_id, flags[m.duty_id], RANK[m.status], m.kind, m.status, m.pupil_id, m.school_id, m.day, m.at)
        for m in furthest.values()
    ]
    await insert_rows(session, table_of(Duty), DUTY_NAMES, rows, FURTHER)
    first = {(m.duty_id, m.status): m for m in sorted(moves, key=lambda move: move.at, reverse=True)}
    moments = [(m.duty_id, m.status, m.at, m.evidence_id, m.reason) for m in first.values()]
    await insert_rows(session, table_of(DutyMoment), MOMENT_NAMES, moments, EARLIER)


def _flags(moves: Sequence[DutyMoved], zones: Mapping[UUID, str]) -> Mapping[UUID, Seen]:
    found: defaultdict[UUID, Seen] = defaultdict(lambda: Seen(0))
    for move in moves:
        found[move.duty_id] |= marks(move.status, move.at, move.day, zones[move.school_id])
    return found


async def write_deliveries(session: AsyncSession, settled: Sequence[DeliverySettled]) -> None:
    """Keep what became of each message."""
    rows = [tuple(getattr(event, name) for name in DELIVERY_NAMES) for event in settled]
    await insert_rows(session, table_of(Delivery), DELIVERY_NAMES, rows, ONCE)
