"""What a person decides about what waits: let it through exactly as the source states it now, or keep it out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry import outgoing
from services.registry.domain.record import Record, released
from services.registry.domain.statements import Key
from services.registry.store import quarantine, records
from services.registry.store.quarantine import Entry, State
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe.logging import get_logger

log = get_logger()


@dataclass(frozen=True)
class Decided:
    """The entries that were decided, and the ids of which nothing waits any more."""

    done: tuple[Entry, ...]
    gone: tuple[UUID, ...]


@dataclass(frozen=True)
class Decisions:
    """Releases and refuses entries of the quarantine. `by` is the id of a person, or who ran the command.

    With a `viewer`, somebody on a page, what was decided is also said for the audit.
    """

    kit: Kit
    viewer: UUID | None = None

    async def release(self, ids: Collection[UUID], by: str, note: str | None = None) -> Decided:
        """Let these through; others hear of it at once. What the source does not state any more is left alone."""
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            await records.one_writer(session)
            found = await quarantine.entries(session, ids)
            kept = await records.stored(session, [entry.key for entry in found])
            done, after = _let_through(found, kept, now)
            news = [one for key, one in after.items() if one.digest != kept[key].digest]
            await records.write(session, after.values())
            await say(session, self.kit.tables, outgoing.stated(news), now)
            await _settle(session, found, done, State.RELEASED, by, note, now)
            await self._trace(session, done, State.RELEASED, now)
        self.kit.outbox_written.set()
        return _told(ids, done, State.RELEASED)

    async def refuse(self, ids: Collection[UUID], by: str, note: str | None = None) -> Decided:
        """Keep these out for as long as the source states the same."""
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            await records.one_writer(session)
            done = await quarantine.entries(session, ids)
            await quarantine.decided(session, [entry.id for entry in done], State.REFUSED, by, note, now)
            await self._trace(session, done, State.REFUSED, now)
        self.kit.outbox_written.set()
        return _told(ids, done, State.REFUSED)

    async def _trace(self, session: AsyncSession, done: Iterable[Entry], state: State, now: datetime) -> None:
        if self.viewer:
            traces = outgoing.looked(done, self.viewer, f"quarantine {state.value}", now)
            await say(session, self.kit.tables, traces, now)


def _let_through(
    found: Iterable[Entry], kept: dict[Key, Record], now: datetime
) -> tuple[list[Entry], dict[Key, Record]]:
    """The entries that still wait, and their records as they then are."""
    done: list[Entry] = []
    after: dict[Key, Record] = {}
    for entry in found:
        record = after.get(entry.key) or kept.get(entry.key)
        waits = {one.id: one for one in record.waits(now.date())} if record else {}
        if record and entry.id in waits:
            after[entry.key] = released(record, waits[entry.id], now)
            done.append(entry)
    return done, after


async def _settle(
    session: AsyncSession,
    found: Iterable[Entry],
    done: Iterable[Entry],
    state: State,
    by: str,
    note: str | None,
    now: datetime,
) -> None:
    ids = {entry.id for entry in done}
    await quarantine.decided(session, ids, state, by, note, now)
    await quarantine.drop(session, [entry.id for entry in found if entry.id not in ids])


def _told(ids: Iterable[UUID], done: Iterable[Entry], state: State) -> Decided:
    mine = {entry.id: entry for entry in done}
    log.info("quarantine decided", state=state.value, entries=len(mine))
    return Decided(tuple(mine.values()), tuple(one for one in ids if one not in mine))
