"""How many messages were handed over, and how many of them in time: counted by the hour, lane and municipality.

The measure is GOV.UK Notify's: the share handed to the provider within 10 seconds of when it was to leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.replies import Outcome
from services.notifications.tables import handover
from shared.db.bulk import insert_rows
from shared.events.notify import Lane

IN_TIME = timedelta(seconds=10)
NAMES = ("tenant_id", "lane", "hour", "handed_over", "in_time", "failed", "uncertain")
ADD = "on conflict (tenant_id, lane, hour) do update set " + ", ".join(
    f"{name} = handover.{name} + excluded.{name}" for name in NAMES[3:]
)
UNKNOWN = frozenset({Outcome.UNCERTAIN, Outcome.ORPHANED})
Handed = tuple[UUID | None, Lane, bool, Outcome]


async def count(session: AsyncSession, rows: Iterable[Handed], now: datetime) -> None:
    """Add these results (municipality, lane, in time, outcome) to the present hour: one statement, whatever the number.

    What is only put off is not counted, and neither is what belongs to no municipality. The rows are locked in order,
    so two senders never wait for each other in a circle.
    """
    sums: Counter[tuple[UUID, Lane, int]] = Counter()
    for tenant, lane, in_time, outcome in rows:
        if tenant is not None:
            sums.update((tenant, lane, column) for column in _columns(in_time, outcome))
    hour = now.replace(minute=0, second=0, microsecond=0)
    places = sorted({(tenant, lane) for tenant, lane, _ in sums})
    added = [(tenant, lane, hour, *(sums[tenant, lane, column] for column in range(4))) for tenant, lane in places]
    await insert_rows(session, handover, NAMES, added, ADD)


def is_in_time(waited: timedelta, speed: float = 1.0) -> bool:
    """True when it took at most 10 seconds; where the clock runs `speed` times as fast, 10 real ones."""
    return waited <= IN_TIME * speed


def _columns(in_time: bool, outcome: Outcome) -> tuple[int, ...]:
    """Which of the four counters a result adds to."""
    if outcome is Outcome.ACCEPTED:
        return (0, 1) if in_time else (0,)
    if outcome is Outcome.REFUSED:
        return (2,)
    return (3,) if outcome in UNKNOWN else ()
