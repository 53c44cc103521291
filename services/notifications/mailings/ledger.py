"""The recorder's own connection: results are written in one round trip, each statement a transaction.

A session from the pool costs five round trips (a ping, the beginning, the reach, the statement, the end) and four times
the work in this process; with a result for each mail that was a third of all there was to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.store.mailings import ANSWER_NOW, Answer, answer_values
from shared.db.reach import MACHINE
from shared.kit import Kit

# As `shared.db.reach.SAY`, for as long as the connection lives.
SAY_FOR_GOOD = (
    "select set_config('role', %(role)s, false), set_config('app.tenant', %(tenant)s, false), "
    "set_config('app.schools', %(schools)s, false)"
)


class Ledger:
    """Writes answers. The connection is made when first needed, and anew after a fault."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self._pooled: AsyncConnection | None = None
        self._driver: psycopg.AsyncConnection[Any] | None = None

    async def write(self, answers: Sequence[Answer], owner: int, now: datetime) -> None:
        """Write these; when it returns they are committed. Raises what the database or its driver raises."""
        try:
            driver = self._driver or await self._connected()
            await driver.execute(ANSWER_NOW, answer_values(answers, owner, now), prepare=True)
        except BaseException:
            await self.close()
            raise

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        pooled = await self.kit.engine.connect()
        self._pooled = await pooled.execution_options(isolation_level="AUTOCOMMIT")
        raw = await self._pooled.get_raw_connection()
        driver: psycopg.AsyncConnection[Any] = raw.driver_connection  # type: ignore[assignment]
        await driver.execute(SAY_FOR_GOOD, MACHINE.settings())
        self._driver = driver
        return driver

    async def close(self) -> None:
        """Let the connection go. It reaches everything, so nobody else gets it."""
        pooled, self._pooled, self._driver = self._pooled, None, None
        if pooled is not None:
            await pooled.invalidate()
            await pooled.close()
