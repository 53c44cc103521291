"""How the services are doing, by their own latest word."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.tables import ServiceHealth, SourceState
from shared.db.bulk import insert_rows, newer_wins
from shared.db.engine import table_of
from shared.events.operations import HealthReported

HEALTH_NAMES = ("service", "version", "dead_letters", "reported_at")
SOURCE_NAMES = ("name", "tenant_id", "last_run_at", "last_good_at", "error", "held", "quarantined")
NEWEST = "on conflict (name) do update set " + ", ".join(f"{name} = excluded.{name}" for name in SOURCE_NAMES[1:])


async def write_health(session: AsyncSession, reports: Sequence[HealthReported]) -> None:
    """Keep the newest report of each service, and of each registry the newest report names."""
    newest = {report.service: report for report in sorted(reports, key=lambda report: report.version)}
    table = table_of(ServiceHealth)
    rows = [tuple(getattr(report, name) for name in HEALTH_NAMES) for report in newest.values()]
    written = await insert_rows(session, table, HEALTH_NAMES, rows, newer_wins(table, ("service",), HEALTH_NAMES))
    fresh = [source for row in written for source in newest[row.service].sources]
    sources = [tuple(getattr(source, name) for name in SOURCE_NAMES) for source in fresh]
    await insert_rows(session, table_of(SourceState), SOURCE_NAMES, sources, NEWEST)
