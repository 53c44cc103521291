"""What is done every local midnight: one due thing for each zone that has schools, which plans itself again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import DEFAULT_ZONE, local_date, midnight
from shared.due.plan import plan
from shared.due.worker import Due
from shared.events.roster import SchoolStated
from shared.ids import derived_id
from shared.kit import Kit
from shared.messaging.tables import KitTables
from shared.roster.projection import everything

Zones = Mapping[str, Sequence[SchoolStated]]


def next_midnight(now: datetime, zone: str) -> datetime:
    """The next 00:00 on a clock in this IANA zone, in UTC; a day of 23 or 25 hours ends where it ends."""
    return midnight(local_date(now, zone) + timedelta(days=1), zone)


@dataclass(frozen=True)
class Nights:
    """The nights of one service. `kind` is what they are planned under in `tables.due`."""

    kind: str
    tables: KitTables
    roster: Table

    async def begin(self, kit: Kit) -> None:
        """Let the nights begin: a zone that has none yet is looked through now, and from then on at its midnights."""
        async with kit.sessions.begin() as session:
            await self._begin(session, await self._by_zone(session), kit.clock.now())
        kit.due_planned.set()

    async def struck(self, session: AsyncSession, due: Sequence[Due], now: datetime) -> Zones:
        """The zones whose midnight it is, in order, with their schools; their next midnight is planned."""
        zones = await self._by_zone(session)
        over = {thing.ref for thing in due}
        mine = {zone: zones[zone] for zone in sorted(zones) if self.ref(zone) in over}
        await plan(session, self.tables, self.kind, [(self.ref(zone), next_midnight(now, zone), None) for zone in mine])
        await self._begin(session, zones, now)
        return mine

    def ref(self, zone: str) -> UUID:
        """What the nights of a zone are planned as."""
        return derived_id(self.kind, zone)

    async def _begin(self, session: AsyncSession, zones: Iterable[str], now: datetime) -> None:
        due = self.tables.due.c
        planned = set(await session.scalars(select(due.ref).where(due.kind == self.kind)))
        fresh = [(self.ref(zone), now, None) for zone in zones if self.ref(zone) not in planned]
        await plan(session, self.tables, self.kind, fresh)

    async def _by_zone(self, session: AsyncSession) -> dict[str, list[SchoolStated]]:
        """The schools of each zone. One zone is there before any school is."""
        zones: dict[str, list[SchoolStated]] = defaultdict(list, {DEFAULT_ZONE: []})
        for school in await everything(session, self.roster, SchoolStated):
            zones[school.zone].append(school)
        return zones
