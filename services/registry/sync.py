"""One turn with one source: what changed, what was deleted, and once a night everything compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from services.registry.domain.asking import COMPARED, COMPARED_WHOLE, Window, filters, last_night, may_erase, window_of
from services.registry.domain.kinds import ASKED_FOR, Resource
from services.registry.domain.ledger import Outcome
from services.registry.domain.report import Fate, Run, RunKind
from services.registry.domain.values import Origin
from services.registry.errors import NotOffered, PageUnreadable
from services.registry.feeds.http import Api
from services.registry.importer import Importer, rows_of
from services.registry.settings import Source
from services.registry.store import held, records, runs
from services.registry.store.runs import Progress
from shared.errors import Permanent, Transient

DELETED = "deletedEntities"
CLOCK_SLACK = timedelta(minutes=1)  # how far the source's clock may be behind ours when we ask what it deleted
RUNS_KEPT = timedelta(days=90)
TOO_MUCH = (
    "{source}: of {kept} {resource} the registry no longer lists {gone}. Nothing was erased, because that is more "
    "likely a fault there than the truth. If it is the truth, raise largest_erasure of this source for one night."
)
UNSURE = (
    "{source}: some {resource} came without a readable id, so nobody can tell which are gone. Nothing was erased; "
    "`skolbro import report` shows the rows."
)


@dataclass
class _List:
    """One list while it is read."""

    resource: Resource
    before: Progress
    full: bool
    seen: set[UUID] = field(default_factory=set)
    nameless: bool = False
    latest: datetime | None = None

    def note(self, fates: list[Fate]) -> None:
        """Remember which rows came, and the latest time of change among them."""
        for fate in fates:
            self.nameless = self.nameless or fate.row.entity is None
            if fate.row.entity:
                self.seen.add(fate.row.entity)
            if fate.modified and (self.latest is None or fate.modified > self.latest):
                self.latest = fate.modified

    def reached(self, started_at: datetime) -> Progress:
        """How far the list has now been read."""
        times = [instant for instant in (self.before.modified_after, self.latest) if instant]
        return Progress(max(times, default=None), started_at if self.full else self.before.last_full_at)


@dataclass
class SourceSync:
    """Takes turns with one source. Errors end up in the run's report as sentences; the database's are raised."""

    source: Source
    api: Api
    importer: Importer
    _erased_before: set[tuple[Resource, UUID]] = field(default_factory=set, init=False)

    async def pull(self) -> Run:
        """Read everything once and note what it did. A list that fails does not stop the others."""
        run = Run(self.source.name, RunKind.CHANGES, self.importer.kit.clock.now())
        origin = self.importer.origin(self.source)
        try:
            stated = {resource: await self._list(resource, run, origin) for resource in ASKED_FOR}
            await self._deletions(run, stated)
        except Transient as fault:
            run.errors.append(str(fault))
        again = await self.importer.retry_held(origin)
        run.count(fate for fate in again if fate.outcome is not Outcome.HELD)
        await self._finish(run)
        return run

    async def _list(self, resource: Resource, run: Run, origin: Origin) -> set[UUID]:
        """Read one list and return the ids of the rows it brought."""
        mine = await self._begin(resource, run)
        window = self._window(run)
        after = None if mine.full else mine.before.modified_after
        asked = filters(resource, after, window, self.source.expand_persons)
        try:
            async for page in self.api.pages(resource, asked):
                rows = rows_of(resource, page.rows, origin)
                fates = await self.importer.take(origin, rows, run.started_at if mine.full else None)
                run.count(fates)
                mine.note(fates)
            await self._complete(mine, run, window)
        except NotOffered:
            await self._remember(resource.value, mine.before, mine.reached(run.started_at))
        except Permanent as fault:
            await self._failed(resource, run, fault)
        return mine.seen

    async def _begin(self, resource: Resource, run: Run) -> _List:
        async with self.importer.kit.sessions() as session:
            before = await runs.progress(session, self.source.name, resource.value)
        due = last_night(run.started_at, self.source.nightly_at, self.source.zone)
        mine = _List(resource, before, full=before.last_full_at is None or before.last_full_at < due)
        if mine.full:
            run.kind = RunKind.FULL
        return mine

    async def _failed(self, resource: Resource, run: Run, fault: Permanent) -> None:
        run.errors.append(str(fault))
        if isinstance(fault, PageUnreadable):
            await self.importer.hold_page(self.source.name, resource.value, str(fault))

    async def _complete(self, mine: _List, run: Run, window: Window) -> None:
        """The list was read to its end: compare when it was all of it, and go on from here the next time."""
        if mine.full and mine.resource in COMPARED:
            await compare(self.importer, self.source, run, mine.resource, mine.seen, window, mine.nameless)
        await self.importer.page_is_read(self.source.name, mine.resource.value)
        await self._remember(mine.resource.value, mine.before, mine.reached(run.started_at))

    async def _deletions(self, run: Run, stated: dict[Resource, set[UUID]]) -> None:
        """Erase what the source says it deleted; not what it has sent in this same turn, nor the same twice."""
        async with self.importer.kit.sessions() as session:
            before = await runs.progress(session, self.source.name, DELETED)
        if before.modified_after is not None:
            try:
                gone = await self.api.deleted(before.modified_after - CLOCK_SLACK)
            except NotOffered:
                return
            except Permanent as fault:
                run.errors.append(str(fault))
                return
            await self._erase(run, {(r, ref) for r, refs in gone.items() for ref in refs}, stated)
        await self._remember(DELETED, before, Progress(run.started_at))

    async def _erase(self, run: Run, gone: set[tuple[Resource, UUID]], stated: dict[Resource, set[UUID]]) -> None:
        fresh = {(resource, ref) for resource, ref in gone - self._erased_before if ref not in stated[resource]}
        for resource in ASKED_FOR:
            if refs := [ref for one, ref in fresh if one is resource]:
                run.tally(resource).erased += await self.importer.erase(self.source.name, resource, refs)
        self._erased_before = fresh | (gone & self._erased_before)

    async def _remember(self, resource: str, before: Progress, reached: Progress) -> None:
        if reached != before:
            async with self.importer.kit.sessions.begin() as session:
                await runs.remember_progress(session, self.source.name, resource, reached)

    async def _finish(self, run: Run) -> None:
        await self.importer.finish(run)
        if run.kind is RunKind.FULL:
            async with self.importer.kit.sessions.begin() as session:
                await runs.forget_runs(session, run.started_at - RUNS_KEPT)

    def _window(self, run: Run) -> Window:
        back, ahead = self.source.lesson_days_back, self.source.lesson_days_ahead
        return window_of(run.started_at, self.source.zone, back, ahead)


async def compare(
    importer: Importer,
    source: Source,
    run: Run,
    resource: Resource,
    seen: set[UUID],
    window: Window,
    nameless: bool = False,
) -> None:
    """Erase what this source stated earlier and a full reading of the list did not bring again.

    Not when rows came `nameless`, and not when too much would go: then the run says so and nothing is erased.
    """
    async with importer.kit.sessions.begin() as session:
        kept = await records.count_live(session, source.name, resource, window.since, window.until)
        gone = await records.missing(session, source.name, resource, seen, window.since, window.until)
        if resource in COMPARED_WHOLE:
            await held.let_go_unsent(session, source.name, resource, run.started_at)
    if not gone:
        return
    if nameless or not may_erase(resource, len(gone), kept, source.largest_erasure):
        text = UNSURE if nameless else TOO_MUCH
        run.errors.append(text.format(source=source.name, resource=resource, kept=kept, gone=len(gone)))
        return
    run.tally(resource).erased += await importer.erase(source.name, resource, gone)
