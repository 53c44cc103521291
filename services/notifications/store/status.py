"""How messages leave, for one municipality: counted by the hour when they left, and what waits at this moment.

Everything is asked in one statement, with the machine's reach: which addresses are suppressed and how providers do is
nobody's municipality's. Of what has an owner only this municipality's is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.sending import Count, Figures, Provider, Waiting
from shared.events.notify import Lane

DAYS = 30
NOTHING = Count()
FIGURES = text(
    "select ("
    " select coalesce(jsonb_agg(f), '[]') from ("
    "  select lane, (hour at time zone :zone)::date as day,"
    "  sum(handed_over) as handed_over, sum(in_time) as in_time, sum(failed) as failed, sum(uncertain) as uncertain,"
    "  coalesce(sum(handed_over) filter (where hour >= :hour), 0) as h_handed_over,"
    "  coalesce(sum(in_time) filter (where hour >= :hour), 0) as h_in_time,"
    "  coalesce(sum(failed) filter (where hour >= :hour), 0) as h_failed,"
    "  coalesce(sum(uncertain) filter (where hour >= :hour), 0) as h_uncertain,"
    "  coalesce(sum(handed_over) filter (where hour >= :day), 0) as d_handed_over,"
    "  coalesce(sum(in_time) filter (where hour >= :day), 0) as d_in_time,"
    "  coalesce(sum(failed) filter (where hour >= :day), 0) as d_failed,"
    "  coalesce(sum(uncertain) filter (where hour >= :day), 0) as d_uncertain"
    "  from handover where tenant_id = :tenant and hour >= :since group by lane, 2 order by 2, lane"
    " ) as f) as figures, ("
    " select coalesce(jsonb_agg(w), '[]') from ("
    "  select lane, count(*) filter (where next_attempt_at <= :now) as due,"
    "  count(*) filter (where next_attempt_at > :now) as later,"
    "  min(next_attempt_at) filter (where next_attempt_at <= :now) as since"
    "  from notification where status in ('waiting', 'retrying') and school_id = any(cast(:schools as uuid[]))"
    "  group by lane union all"
    "  select 'bulk', count(*) filter (where retry_at <= :now), count(*) filter (where retry_at > :now),"
    "  min(retry_at) filter (where retry_at <= :now)"
    "  from addressee join mailing using (mailing_id) where retry_at is not null and mailing.tenant_id = :tenant"
    " ) as w) as waiting,"
    " (select count(*) from suppression where until > :now) as suppressed,"
    " (select coalesce(jsonb_agg(p), '[]') from (select name, weight from provider order by name) as p) as providers,"
    " (select since from trial where tenant_id = :tenant) as trial_since"
)


async def figures(
    session: AsyncSession, tenant_id: UUID, schools: Collection[UUID], zone: str, now: datetime
) -> Figures:
    """How messages leave in this municipality. `zone` says where its days begin. Needs the machine's reach."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    given = {
        "tenant": tenant_id,
        "schools": list(schools),
        "zone": zone,
        "now": now,
        "hour": hour - timedelta(hours=1),
        "day": hour - timedelta(hours=24),
        "since": hour - timedelta(days=DAYS),
    }
    row = (await session.execute(FIGURES, given)).one()
    return Figures(
        hour=_sums(row.figures, "h_"),
        day=_sums(row.figures, "d_"),
        month=_sums(row.figures, ""),
        days=_by_day(row.figures),
        waiting={Lane(one["lane"]): _waiting(one) for one in row.waiting},
        suppressed=row.suppressed,
        providers=tuple(Provider(one["name"], one["weight"]) for one in row.providers),
        trial_since=row.trial_since,
    )


def _count(row: Mapping[str, Any], prefix: str) -> Count:
    return Count(*(int(row[f"{prefix}{name}"]) for name in ("handed_over", "in_time", "failed", "uncertain")))


def _sums(rows: Collection[Mapping[str, Any]], prefix: str) -> dict[Lane, Count]:
    found = dict.fromkeys(Lane, NOTHING)
    for row in rows:
        found[Lane(row["lane"])] += _count(row, prefix)
    return found


def _by_day(rows: Collection[Mapping[str, Any]]) -> dict[date, Count]:
    found: dict[date, Count] = {}
    for row in rows:
        day = date.fromisoformat(row["day"])
        found[day] = found.get(day, NOTHING) + _count(row, "")
    return found


def _waiting(row: Mapping[str, Any]) -> Waiting:
    return Waiting(row["due"], row["later"], datetime.fromisoformat(row["since"]) if row["since"] else None)
