"""How the connected registries are doing, for those who answer for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.settings import Source
from services.registry.store import held, quarantine, runs
from shared.events.operations import SourceHealth
from shared.health import Sources

LONGEST_ERROR = 2000


def condition_of(sources: Sequence[Source]) -> Sources:
    """What `shared.health` asks: how each of these is doing at the moment."""
    return partial(conditions, sources=sources)


async def conditions(session: AsyncSession, sources: Iterable[Source]) -> list[SourceHealth]:
    """Each source with its last turn, and how much of it waits for a person."""
    turns = await runs.turns(session)
    return [await _condition(session, source, turns.get(source.name)) for source in sources]


async def _condition(session: AsyncSession, source: Source, turn: runs.Turn | None) -> SourceHealth:
    return SourceHealth(
        name=source.name,
        tenant_id=source.tenant_id,
        last_run_at=turn.last_run_at if turn else None,
        last_good_at=turn.last_good_at if turn else None,
        error=turn.error[:LONGEST_ERROR] if turn and turn.error else None,
        held=sum((await held.count(session, source.name)).values()),
        quarantined=await quarantine.count(session, source=source.name),
    )
