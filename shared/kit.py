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


class Bell(asyncio.Event):
    """An event that others hear too: setting it sets every listener, each of which is cleared by whoever waits on it.

    So several workers of one process can sleep on "something is due" without one waking in place of another.
    """

    def __init__(self) -> None:
        super().__init__()
        self._listeners: list[Bell] = []

    def set(self) -> None:
        """Wake whoever waits on this and on its listeners."""
        super().set()
        for listener in self._listeners:
            listener.set()

    def listener(self) -> Bell:
        """A bell that rings whenever this one does, and on its own."""
        bell = Bell()
        self._listeners.append(bell)
        return bell


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
    due_planned: Bell = field(default_factory=Bell)
    _beside: list[Kit] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.life = Life(self.settings)

    def beside(self, pool: int) -> Kit:
        """An engine room for one lane of this service: `pool` connections and a wake-up of its own.

        Clock, settings and the relay's wake-up are the same; what wakes this kit wakes the lane as well. It is closed
        with this one.
        """
        connections = connect(self.own.database_url, pool)
        machine = reaching(connections, MACHINE)
        lane = Kit(
            service=self.service,
            tables=self.tables,
            engine=machine,
            sessions=session_factory(machine),
            people=session_factory(connections),
            clock=self.clock,
            settings=self.settings,
            own=self.own,
            cluster=self.cluster,
            outbox_written=self.outbox_written,
            due_planned=self.due_planned.listener(),
        )
        self._beside.append(lane)
        return lane

    async def close(self) -> None:
        """Let go of the database and the broker."""
        await self.life.close()
        await asyncio.gather(*[lane.close() for lane in self._beside])
        await self.engine.dispose()


def make_kit(service: str, tables: KitTables, settings: KitSettings, own: ServiceSettings) -> Kit:
    """Assemble the engine room from settings; nothing is connected yet."""
    pool = connect(own.database_url, own.database_pool)
    machine = reaching(pool, MACHINE)
    sessions, people = session_factory(machine), session_factory(pool)
    return Kit(service, tables, machine, sessions, people, settings.clock(), settings, own)
