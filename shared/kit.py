"""What every part of a running service shares: its name, database, clock, and the kit's tables."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.clock import Clock
from shared.db.engine import Sessions, connect, reaching, session_factory
from shared.db.reach import MACHINE
from shared.messaging.life import Life
from shared.messaging.tables import KitTables
from shared.settings import KitSettings, ServiceSettings


@dataclass
class Kit:
    """One service's engine room. `cluster` is the broker's present life, known once it has answered.

    `engine` and `sessions` are the machine's own and reach every row; `people` has the same connections but reaches
    nothing until the transaction says whose it is (`shared.db.reach.reach_as`).
    """

    service: str
    tables: KitTables
    engine: AsyncEngine
    sessions: Sessions
    people: Sessions
    clock: Clock
    settings: KitSettings
    own: ServiceSettings
    cluster: str = ""
    life: Life = field(init=False)
    outbox_written: asyncio.Event = field(default_factory=asyncio.Event)
    due_planned: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.life = Life(self.settings)

    async def close(self) -> None:
        """Let go of the database and the broker."""
        await self.life.close()
        await self.engine.dispose()


def make_kit(service: str, tables: KitTables, settings: KitSettings, own: ServiceSettings) -> Kit:
    """Assemble the engine room from settings; nothing is connected yet."""
    pool = connect(own.database_url, own.database_pool)
    machine = reaching(pool, MACHINE)
    sessions, people = session_factory(machine), session_factory(pool)
    return Kit(service, tables, machine, sessions, people, settings.clock(), settings, own)
