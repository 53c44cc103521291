"""How far each source was read, what each run did, and our subscriptions at the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.report import Run
from services.registry.tables import import_run, source_state, subscription, sync_state


@dataclass(frozen=True)
class Progress:
    """How far one list of a source was read."""

    modified_after: datetime | None = None
    last_full_at: datetime | None = None


@dataclass(frozen=True)
class Subscription:
    """A standing order at a source to be told about changes."""

    target: str
    remote_id: str
    expires_at: datetime


async def progress(session: AsyncSession, source: str, resource: str) -> Progress:
    """How far the list was read; nothing yet when it is new."""
    mine = (sync_state.c.source == source) & (sync_state.c.resource == resource)
    row = (await session.execute(select(sync_state).where(mine))).first()
    return Progress(row.modified_after, row.last_full_at) if row else Progress()


async def remember_progress(session: AsyncSession, source: str, resource: str, reached: Progress) -> None:
    """Note how far the list was read."""
    values = {"modified_after": reached.modified_after, "last_full_at": reached.last_full_at}
    statement = insert(sync_state).values(source=source, resource=resource, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["source", "resource"], set_=values))


@dataclass(frozen=True)
class Turn:
    """How the last turn with a source went."""

    last_run_at: datetime
    last_good_at: datetime | None = None
    error: str | None = None


async def note_turn(session: AsyncSession, run: Run, now: datetime) -> None:
    """Note that a source was asked, whether or not it had anything new."""
    values = {"last_run_at": now, "error": run.error()}
    good = {} if run.errors else {"last_good_at": now}
    statement = insert(source_state).values(source=run.source, **values, **good)
    await session.execute(statement.on_conflict_do_update(index_elements=["source"], set_=values | good))


async def turns(session: AsyncSession) -> dict[str, Turn]:
    """How the last turn with each source went."""
    rows = await session.execute(select(source_state))
    return {row.source: Turn(row.last_run_at, row.last_good_at, row.error) for row in rows}


async def add_run(session: AsyncSession, run: Run, now: datetime) -> None:
    """Note what a run did. One that only met the same fault as the run before makes that one last longer."""
    if run.errors and not run.has_news() and await _prolong_last(session, run, now):
        return
    values = {
        "id": run.id,
        "source": run.source,
        "kind": run.kind.value,
        "started_at": run.started_at,
        "finished_at": now,
        "counts": run.counts(),
        "error": run.error(),
    }
    await session.execute(insert(import_run).values(**values))


async def _prolong_last(session: AsyncSession, run: Run, now: datetime) -> bool:
    mine = select(import_run.c.id).where(import_run.c.source == run.source)
    last = mine.order_by(import_run.c.started_at.desc()).limit(1).scalar_subquery()
    same = (import_run.c.id == last) & (import_run.c.error == run.error())
    prolonged = update(import_run).where(same).values(finished_at=now).returning(import_run.c.id)
    return await session.scalar(prolonged) is not None


async def last_runs(session: AsyncSession, limit: int) -> Sequence[Row[Any]]:
    """The latest runs, newest first."""
    return (await session.execute(select(import_run).order_by(import_run.c.started_at.desc()).limit(limit))).all()


async def forget_runs(session: AsyncSession, before: datetime) -> None:
    """Forget runs that began before that time."""
    await session.execute(delete(import_run).where(import_run.c.started_at < before))


async def subscription_of(session: AsyncSession, source: str) -> Subscription | None:
    """Our subscription at the source, if we have one."""
    row = (await session.execute(select(subscription).where(subscription.c.source == source))).first()
    return Subscription(row.target, row.remote_id, row.expires_at) if row else None


async def remember_subscription(session: AsyncSession, source: str, ours: Subscription) -> None:
    """Note our subscription at the source."""
    values = {"target": ours.target, "remote_id": ours.remote_id, "expires_at": ours.expires_at}
    statement = insert(subscription).values(source=source, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["source"], set_=values))
