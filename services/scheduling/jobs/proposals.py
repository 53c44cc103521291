"""A proposal is worked out: in a process of its own, while the service goes on, and again when it was cut short.

What falls due starts the work and plans itself once more for after it should have ended; so a service that is killed
in the middle leaves behind that the work is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.assembly import Draft, draft_of, figures
from services.scheduling.domain.proposals import UNFINISHED, Occasion, ProposalState, better
from services.scheduling.proposal.child import SolverFailed, Told, propose
from services.scheduling.proposal.model import Answer, Instance
from services.scheduling.proposing import KIND, places
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import proposals as store
from services.scheduling.store.facts import gather
from services.scheduling.tables import kit as tables
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.errors import SkolbroError
from shared.events.envelope import Outgoing
from shared.kit import Kit
from shared.observe.logging import get_logger

LEASE = timedelta(seconds=90)  # beyond the time the search may take: then it is begun again
LOOK_SECONDS = 1.0  # real ones: how often it is asked whether the proposal is still wanted
TRIES = 2  # a worker that dies is started once more
Propose = Callable[[Instance, float], AsyncIterator[Told]]
log = get_logger()


class UnwantedError(SkolbroError):
    """The proposal was adopted or discarded while it was being worked out."""


@dataclass
class Work:
    """One proposal while it is worked out. `cost` is that of the best answer so far."""

    proposal_id: UUID
    draft: Draft
    cost: float | None = None


def proposal_handlers(kit: Kit, settings: SchedulingSettings) -> Mapping[str, DueHandler]:
    """What to do when a proposal is due."""
    return Proposer(kit, settings).handlers()


@dataclass
class Proposer:
    """Works out the proposals of one service, each in a process of its own (`propose`)."""

    kit: Kit
    settings: SchedulingSettings
    propose: Propose = propose
    running: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)

    def handlers(self) -> Mapping[str, DueHandler]:
        """By what falls due."""
        return {KIND: self.due}

    async def due(self, session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        """Begin with these, and look again when they should be done."""
        wanted = await store.unfinished(session, [one.ref for one in due])
        again = now + timedelta(seconds=self.settings.solve_seconds) + LEASE
        await plan(session, tables, KIND, [(one, again, None) for one in wanted])
        for one in wanted:
            if one not in self.running:
                self.running[one] = asyncio.create_task(self._run(one))
        return []

    async def settled(self) -> None:
        """Wait until everything that was begun has ended."""
        await asyncio.gather(*self.running.values(), return_exceptions=True)

    async def _run(self, proposal_id: UUID) -> None:
        try:
            await self._work_out(proposal_id)
        except UnwantedError:
            log.info("proposal was decided about", proposal_id=str(proposal_id))
        except Exception as fault:  # it is due again
            log.error("proposal was cut short", proposal_id=str(proposal_id), exc_info=fault)
        finally:
            self.running.pop(proposal_id, None)

    async def _work_out(self, proposal_id: UUID) -> None:
        async with self.kit.sessions.begin() as session:
            proposal = await store.alone_with(session, proposal_id)
            if proposal is None or proposal.state not in UNFINISHED:
                return
            facts = await gather(session, proposal.round_ids, Occasion(proposal.why), self.kit.clock.now())
        work = Work(proposal_id, await asyncio.to_thread(draft_of, facts), proposal.measures.get("cost"))
        for attempt in range(TRIES):
            try:
                await self._search(work)
                break
            except SolverFailed as fault:
                log.warning("worker ended early", proposal_id=str(proposal_id), attempt=attempt, fault=str(fault))
        await self._finish(work)

    async def _search(self, work: Work) -> None:
        """Let the worker look for an answer, and for better ones. Raises SolverFailed or UnwantedError."""
        telling = self.propose(work.draft.instance, float(self.settings.solve_seconds))
        async for told in self._while_wanted(work, telling):
            if told.answer is not None:
                await self._consider(work, told.answer)
            elif told.progress is not None:
                await self._progress(work, told.progress.percent)

    async def _while_wanted(self, work: Work, telling: AsyncIterator[Told]) -> AsyncGenerator[Told]:
        """What the worker tells; the worker is ended as soon as nobody wants it any more."""
        reading: asyncio.Future[Told] | None = None
        try:
            while True:
                reading = asyncio.ensure_future(anext(telling))
                while not (await asyncio.wait([reading], timeout=LOOK_SECONDS))[0]:
                    await self._progress(work)
                try:
                    told = reading.result()
                except StopAsyncIteration:
                    return
                yield told
        finally:
            if reading is not None and not reading.done():
                reading.cancel()
                await asyncio.wait([reading])
            if isinstance(telling, AsyncGenerator):
                await telling.aclose()

    async def _consider(self, work: Work, answer: Answer) -> None:
        """Keep an answer that is better than the one that is there; never a worse one, nor one that is as good.

        One that is as good and proven says so.
        """
        as_good = work.cost == answer.cost and answer.proven
        if not (better(answer.cost, work.cost) or as_good):
            return
        said = await asyncio.to_thread(figures, work.draft, answer)
        async with self._mine(work) as (session, _):
            values = {"state": ProposalState.READY_GREEDY, "measures": said}
            await store.write_answer(session, work.proposal_id, places(answer), **values)
        work.cost = answer.cost

    async def _progress(self, work: Work, percent: int | None = None) -> None:
        async with self._mine(work) as (session, _):
            if percent is not None:
                await store.move_on(session, work.proposal_id, percent=max(0, min(99, percent)))

    async def _finish(self, work: Work) -> None:
        async with self._mine(work) as (session, now):
            state = ProposalState.FAILED if work.cost is None else ProposalState.READY
            await store.move_on(session, work.proposal_id, state=state, percent=100, ended_at=now)

    @asynccontextmanager
    async def _mine(self, work: Work) -> AsyncIterator[tuple[AsyncSession, datetime]]:
        """A transaction in which nobody else decides about the proposal. Raises UnwantedError when somebody has."""
        async with self.kit.sessions.begin() as session:
            proposal = await store.alone_with(session, work.proposal_id)
            if proposal is None or proposal.state not in UNFINISHED:
                raise UnwantedError("The proposal was decided about while it was being worked out.")
            yield session, self.kit.clock.now()
