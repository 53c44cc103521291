"""How many mails may leave to a domain in a minute. A counter for each domain and minute: no rows are ever counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import rows_as_arrays

MINUTE = timedelta(minutes=1)
KEPT = timedelta(minutes=10)
# The counter is how many were asked for; granted are those that begin below the limit. So the one statement needs no
# condition, and two who ask at once are one behind the other at the row.
ASK = text(
    "with gone as (delete from domain_minute where (domain, minute) in (select domain, minute from domain_minute "
    "where domain = any(cast(:domains as text[])) and minute < :forgotten for update skip locked)) "
    "insert into domain_minute as kept (domain, minute, used) select domain, :minute, wanted "
    "from unnest(cast(:domains as text[]), cast(:wanted as int[])) as asked(domain, wanted) "
    "on conflict (domain, minute) do update set used = kept.used + excluded.used "
    "returning domain, coalesce(old.used, 0) as before, new.used as after"
)


def domain_of(address: str) -> str:
    """The domain of a mail address, in lower case."""
    return address.rpartition("@")[2].lower()


def next_minute(now: datetime) -> datetime:
    """When what was not granted may be asked for again."""
    return now.replace(second=0, microsecond=0) + MINUTE


async def within_limits(
    session: AsyncSession, domains: Mapping[str, int], limits: Mapping[str, int], now: datetime
) -> dict[str, int]:
    """How many mails to each of these domains (in lower case) may leave in this minute, of so many that are ready.

    All, where there is no limit; the database is asked only about the others, in one statement. What is granted is
    used up, sent or not. The rest waits for `next_minute` and costs no try. The counter is locked until the caller's
    transaction ends, so ask late in it.
    """
    limited = sorted((domain, wanted) for domain, wanted in domains.items() if domain in limits and wanted > 0)
    if not limited:
        return dict(domains)
    minute = next_minute(now) - MINUTE
    values = {**rows_as_arrays(("domains", "wanted"), limited), "minute": minute, "forgotten": minute - KEPT}
    rows = await session.execute(ASK, values)
    granted = {row.domain: min(row.after, limits[row.domain]) - min(row.before, limits[row.domain]) for row in rows}
    return {**domains, **granted}
