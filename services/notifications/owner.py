"""Which process an attempt belongs to, and what becomes of the attempts of a process that is gone.

Each sender holds an advisory lock for as long as it lives; PostgreSQL lets go of it when the process dies,
however it dies. An attempt whose owner's lock is free will never get an answer: it may have arrived (RFC 1047).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.store import requests as store
from services.notifications.store.requests import Result
from shared.db.engine import is_passing
from shared.events.notify import Lane
from shared.kit import Kit
from shared.observe.logging import get_logger

LOCK_SPACE = 7_305_523
LOOK_SECONDS = 5.0  # real seconds between looks for attempts that others have left open
RETRY_SECONDS = 1.0
LOCK = text("select pg_try_advisory_lock(:space, :owner)")
UNLOCK = text("select pg_advisory_unlock(:space, :owner)")
Record = Callable[[Sequence[Result]], Awaitable[None]]
log = get_logger()


class Owner:
    """One sender's name in the attempts of its lane. `held` is set while the lock is known to be ours."""

    def __init__(self, kit: Kit, record: Record, lane: Lane = Lane.URGENT) -> None:
        self.kit = kit
        self.lane = lane
        self.record = record
        self.number = 0
        self.held = asyncio.Event()

    async def keep(self) -> None:
        """Hold the lock and adopt what others leave behind, until cancelled; take it anew when it is lost.

        Each call is a new owner: what an earlier call left open in this process is adopted like any other's.
        """
        self.number = secrets.randbelow(2**31)
        while True:
            try:
                await self._hold()
            except Exception as fault:
                if not is_passing(fault):
                    raise
                log.warning("sender lost its lock", fault=type(fault).__name__)
            finally:
                self.held.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _hold(self) -> None:
        async with self.kit.engine.connect() as pooled:
            connection = await pooled.execution_options(isolation_level="AUTOCOMMIT")
            try:
                while not await self._take(connection, self.number):  # a lost connection of ours may live on
                    self.number = secrets.randbelow(2**31)
                while True:
                    await self._adopt(connection)
                    self.held.set()
                    await asyncio.sleep(LOOK_SECONDS)
            finally:
                await connection.invalidate()  # a pooled connection would keep the lock

    async def _adopt(self, connection: AsyncConnection) -> None:
        """Record the lane's open attempts of every process that is gone as orphaned."""
        async with self.kit.sessions() as session:
            others = [owner for owner in await store.unfinished_owners(session, self.lane) if owner != self.number]
        for owner in others:
            if await self._take(connection, owner):
                await self._record_orphans(owner)
                await connection.execute(UNLOCK, {"space": LOCK_SPACE, "owner": owner})

    async def _record_orphans(self, owner: int) -> None:
        async with self.kit.sessions() as session:
            left = await store.orphans(session, owner)
        if left:
            log.warning("attempts without an answer", owner=owner, attempts=len(left))
            await self.record(left)

    async def _take(self, connection: AsyncConnection, owner: int) -> bool:
        return bool(await connection.scalar(LOCK, {"space": LOCK_SPACE, "owner": owner}))
