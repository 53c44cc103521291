"""The one road of a row into the registry: understand, compare, keep, say; all of a batch in one transaction.

Used by the connectors, by what is pushed to us, and by the commands. What it says lies in the outbox when it
returns; the relay of the running service publishes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry import outgoing
from services.registry.domain.kinds import KINDS, Kind, Resource
from services.registry.domain.ledger import Ledger, Outcome
from services.registry.domain.reading import Parsed, needs, parse, translate
from services.registry.domain.record import Record, erased
from services.registry.domain.report import Fate, Run
from services.registry.domain.ss12000 import Row, logins_of, row_of
from services.registry.domain.statements import Key, Known, Reading
from services.registry.domain.values import Origin
from services.registry.settings import Source
from services.registry.store import forgotten, held, quarantine, records, runs
from shared.clock import local_date
from shared.db.engine import is_passing
from shared.errors import Permanent
from shared.events.envelope import Outgoing
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe import metrics
from shared.observe.logging import get_logger

BATCH = 1000
OUR_FAULT = "Storing it failed ({fault}); this is a fault in Skolbro, see the service's log. The row was kept here."
T = TypeVar("T")
log = get_logger()


@dataclass(frozen=True)
class Importer:
    """Imports rows. `sources` names every connected source: what one of them states, another cannot overwrite."""

    kit: Kit
    sources: frozenset[str]

    def origin(self, source: Source) -> Origin:
        """Where rows come from, with today's date there."""
        today, key = local_date(self.kit.clock.now(), source.zone), self.kit.settings.login_key
        secret = key.get_secret_value().encode() if key else b""
        return Origin(source.name, source.zone, source.language, today, source.tenant_id, secret)

    async def take(
        self, origin: Origin, rows: Iterable[Row], full_since: datetime | None = None, retry: bool = False
    ) -> list[Fate]:
        """Import rows in order and return what became of each. One bad row never holds up the others.

        `full_since` is when a full reading began: what the source says now then counts whatever time of change it
        claims. Raises the database's error when it is away; batches before that are kept.
        """
        fates: list[Fate] = []
        async with self.kit.sessions() as session:
            await forgotten.check(session, self.kit.settings)
        for batch in batches(rows):
            fates += await self._surely(origin, batch, full_since, retry)
        for fate in fates:
            metrics.REGISTRY_ROWS.labels(fate.row.resource.value, fate.outcome.value).inc()
        return fates

    async def erase(self, source: str, resource: Resource, refs: Iterable[UUID]) -> int:
        """Erase what this source stated by these rows of a list; returns how many rows were still there.

        A row that was only held back here counts too.
        """
        gone = 0
        for batch in batches(refs):
            gone += await self._erase(source, resource, batch)
        metrics.REGISTRY_ROWS.labels(resource.value, Outcome.ERASED.value).inc(gone)
        return gone

    async def retry_held(self, origin: Origin) -> list[Fate]:
        """Try every held row of the source again; those that go through are held no more."""
        fates: list[Fate] = []
        after = 0
        while True:
            async with self.kit.sessions() as session:
                waiting = await held.waiting(session, origin.source, after, BATCH, origin.today)
            if not waiting:
                return fates
            fates += await self.take(origin, [row for _, row in waiting], retry=True)
            after = waiting[-1][0]

    async def hold_page(self, source: str, ref: str, reason: str) -> None:
        """Note that a page or file could not be read."""
        async with self.kit.sessions.begin() as session:
            await held.hold_page(session, source, ref, reason, self.kit.clock.now())

    async def page_is_read(self, source: str, ref: str) -> None:
        """A page or file that could not be read before now could."""
        async with self.kit.sessions.begin() as session:
            await held.let_go(session, source, [(held.PAGE, ref)])

    async def finish(self, run: Run) -> None:
        """Note that there was a run, and what it did when it did something."""
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            await runs.note_turn(session, run, now)
            if run.did_something():
                log.info("run", source=run.source, kind=run.kind.value, counts=run.counts(), errors=len(run.errors))
                await runs.add_run(session, run, now)

    async def _surely(
        self, origin: Origin, rows: Sequence[Row], full_since: datetime | None, retry: bool
    ) -> list[Fate]:
        """Import a batch; when the database refuses it, halve it down to the row to blame and hold that one."""
        try:
            return await self._import(origin, [parse(row) for row in rows], full_since, retry)
        except Exception as fault:
            if is_passing(fault):
                raise
            if len(rows) > 1:
                half = len(rows) // 2
                first = await self._surely(origin, rows[:half], full_since, retry)
                return first + await self._surely(origin, rows[half:], full_since, retry)
            _log_fault(origin.source, rows[0], fault)
            return await self._import(origin, [_blamed(rows[0], fault)], full_since, retry)

    async def _import(
        self, origin: Origin, parsed: Sequence[Parsed], full_since: datetime | None, retry: bool
    ) -> list[Fate]:
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            await records.one_writer(session)
            gone = await forgotten.load(session, self.kit.settings)
            parsed = gone.rows(parsed)
            mine = origin.tenant_id if origin.source in self.sources else None
            known = await records.known(session, needs(parsed), mine)
            readings = gone.readings([_read(one, origin, known) for one in parsed])
            stored = await records.stored(session, _keys(reading for reading, _ in readings))
            ledger = Ledger(origin, now, stored, self.sources - {origin.source}, full_since)
            fates = [_apply(one.row, *reading, ledger) for one, reading in zip(parsed, readings, strict=True)]
            await self._settle_held(session, origin.source, fates, now, retry)
            ledger.hide(await records.addressed(session, ledger.in_hiding()))
            said = outgoing.stated(ledger.news())
            await self._keep(session, ledger.touched.values(), said, now)
            await quarantine.keep(session, ledger.waiting(), now)
        if said:
            self.kit.outbox_written.set()
        return fates

    async def _settle_held(
        self, session: AsyncSession, source: str, fates: Sequence[Fate], now: datetime, retry: bool
    ) -> None:
        last = {(fate.row.resource.value, fate.row.ref): fate for fate in fates}
        await held.let_go(session, source, [place for place, fate in last.items() if not fate.reason])
        bad = [(fate.row, fate.reason) for fate in last.values() if fate.reason]
        await held.hold(session, source, bad, now, retry)

    async def _erase(self, source: str, resource: Resource, refs: Sequence[UUID]) -> int:
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            await records.one_writer(session)
            before = await records.of_rows(session, source, resource, refs)
            after = [erased(one, now) for one in before]
            said = outgoing.gone(before, after)
            await self._keep(session, after, said, now)
            await quarantine.forget(session, [one.key for one in before])
            waited = await held.let_go(session, source, [(resource.value, str(ref)) for ref in refs])
        if said:
            self.kit.outbox_written.set()
        return len(waited | {str(one.ref) for one in before if one.kind is KINDS[resource][0]})

    async def _keep(
        self, session: AsyncSession, kept: Iterable[Record], said: Sequence[Outgoing], now: datetime
    ) -> None:
        """The records and what is said about them, in one transaction."""
        await records.write(session, kept)
        await say(session, self.kit.tables, said, now)


def batches(things: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """The things in lists of at most `size`."""
    batch: list[T] = []
    for thing in things:
        batch.append(thing)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def rows_of(resource: Resource, raw: Iterable[object], origin: Origin) -> list[Row]:
    """Rows as they were read, cut down to what we use."""
    return [row_of(resource, one, origin.today, logins=logins_of(resource, one, origin)) for one in raw]


def _keys(readings: Iterable[Reading]) -> Iterator[Key]:
    """What must be compared: everything stated, and each pupil whose ties are (how long have they been known?)."""
    for stated in (one for reading in readings for one in reading.stated):
        yield stated.key
        if stated.kind is Kind.GUARDIANSHIPS:
            yield Kind.PERSON, stated.id


def _read(parsed: Parsed, origin: Origin, known: Known) -> tuple[Reading, str]:
    """What a row states, or nothing and why."""
    try:
        return translate(parsed, origin, known), ""
    except Permanent as reason:
        return Reading(()), str(reason)


def _apply(row: Row, reading: Reading, unreadable: str, ledger: Ledger) -> Fate:
    """Let the ledger take what a row states; a part that could not be used makes the row a held one."""
    objections = [text for stated in reading.stated for text in ledger.objections(stated)]
    outcomes = [ledger.take(stated) for stated in reading.stated]
    reasons = dict.fromkeys(text for text in (unreadable, *reading.notes, *objections) if text)
    modified = reading.stated[0].modified if reading.stated else None
    if reasons:
        return Fate(row, Outcome.HELD, " ".join(reasons), modified)
    return Fate(row, _together(outcomes), "", modified)


def _together(outcomes: Collection[Outcome]) -> Outcome:
    """The row's own outcome is the first; a change in what hangs on it makes an unchanged row a changed one."""
    first, *rest = outcomes
    if first is Outcome.UNCHANGED and any(one is not Outcome.UNCHANGED for one in rest):
        return Outcome.CHANGED
    return first


def _log_fault(source: str, row: Row, fault: Exception) -> None:
    """Where it failed, for whoever mends it; a database's error may quote the row and is only named."""
    quotes = isinstance(fault, DBAPIError | Permanent)
    name = type(fault).__name__
    log.error("row not stored", source=source, ref=row.ref, fault=name, exc_info=None if quotes else fault)


def _blamed(row: Row, fault: Exception) -> Parsed:
    reason = str(fault) if isinstance(fault, Permanent) else OUR_FAULT.format(fault=type(fault).__name__)
    return Parsed(row, None, reason)
