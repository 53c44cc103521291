"""The worker that does what is due: claims with `for update skip locked`, one transaction per kind and batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.engine import is_passing
from shared.events.envelope import Outgoing
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe import metrics
from shared.observe.logging import get_logger

BATCH = 500
POLL_SECONDS = 0.25  # real seconds between looks
LONGEST_WAIT_MINUTES = 60
log = get_logger()


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that has fallen due: `ref` says which, `due_at` since when (UTC)."""

    ref: UUID
    due_at: datetime
    attempts: int
    traceparent: str | None


DueHandler = Callable[[AsyncSession, Sequence[Due], datetime], Awaitable[Sequence[Outgoing]]]
Gate = Callable[[], Awaitable[bool]]


async def always_open() -> bool:
    """The gate that never holds anything up."""
    return True


class DueWorker:
    """Does one service's due things. `gate` holds everything while it answers False."""

    def __init__(self, kit: Kit, handlers: Mapping[str, DueHandler], gate: Gate = always_open) -> None:
        self.kit = kit
        self.handlers = handlers
        self.gate = gate

    async def run(self) -> None:
        """Look and do until cancelled."""
        while True:
            try:
                done = await self.round() if await self.gate() else 0
            except Exception as fault:
                done = 0
                log.warning("due worker waits", fault=type(fault).__name__)
                await asyncio.sleep(POLL_SECONDS * 4)
            if not done:
                await self._rest()

    async def round(self) -> int:
        """Do what is due now, of every kind; return how many things that was."""
        return sum([await self._kind(kind) for kind in self.handlers])

    async def _kind(self, kind: str) -> int:
        try:
            return await self._claim_and_do(kind, self._due_now(kind))
        except Exception as fault:
            if is_passing(fault):
                raise
            log.error("due things failed together", kind=kind, exc_info=fault)
        return await self._one_by_one(kind)

    async def _one_by_one(self, kind: str) -> int:
        """After a batch failed: do each alone, and put off the one that is to blame."""
        due, done = self.kit.tables.due, 0
        async with self.kit.sessions() as session:
            ids = (await session.scalars(self._due_now(kind).with_only_columns(due.c.id))).all()
        for due_id in ids:
            try:
                done += await self._claim_and_do(kind, self._due_now(kind).where(due.c.id == due_id))
            except Exception as fault:
                if is_passing(fault):
                    raise
                await self._put_off(due_id, kind, fault)
                done += 1
        return done

    async def _claim_and_do(self, kind: str, wanted: Select[Any]) -> int:
        """Do those of the wanted things that no other worker holds, in one transaction; return how many."""
        due, now = self.kit.tables.due, self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            rows = (await session.execute(wanted.with_for_update(skip_locked=True))).all()
            if not rows:
                return 0
            await session.execute(delete(due).where(due.c.id.in_([row.id for row in rows])))
            outgoing = await self.handlers[kind](session, [_as_due(row) for row in rows], now)
            await say(session, self.kit.tables, outgoing, now)
        if outgoing:
            self.kit.outbox_written.set()
        metrics.DUE_DONE.labels(kind, "done").inc(len(rows))
        metrics.DUE_LATE.set((now - rows[0].due_at).total_seconds())
        return len(rows)

    def _due_now(self, kind: str) -> Select[Any]:
        """What is due of one kind, the oldest first, at most a batch."""
        due = self.kit.tables.due
        mine = select(due).where(due.c.kind == kind, due.c.due_at <= self.kit.clock.now())
        return mine.order_by(due.c.due_at, due.c.id).limit(BATCH)

    async def _put_off(self, due_id: int, kind: str, fault: Exception) -> None:
        """Try again after 1, 2, 4 … minutes, at most an hour; the error is kept beside it for an operator."""
        due = self.kit.tables.due
        minutes = func.least(func.power(2, due.c.attempts), LONGEST_WAIT_MINUTES)
        again = self.kit.clock.now() + minutes * bindparam("minute", timedelta(minutes=1))
        values = {"attempts": due.c.attempts + 1, "last_error": type(fault).__name__, "due_at": again}
        async with self.kit.sessions.begin() as session:
            await session.execute(update(due).where(due.c.id == due_id).values(values))
        metrics.DUE_DONE.labels(kind, "put_off").inc()
        log.error("due thing put off", kind=kind, due_id=due_id, exc_info=fault)

    async def _rest(self) -> None:
        """Wait for something newly planned, or for the next look."""
        metrics.DUE_LATE.set(0)
        self.kit.due_planned.clear()
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self.kit.due_planned.wait()
        except TimeoutError:
            pass


def _as_due(row: Row[Any]) -> Due:
    return Due(row.ref, row.due_at, row.attempts, row.traceparent)
