"""The queue in which families book: in order, many in one transaction, none refused because there are many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.scheduling.booking import Answer, Reply, Request, serve
from services.scheduling.errors import Clash, Crowded
from shared.db.engine import is_passing
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe.logging import get_logger

TOGETHER = 64  # requests served in one transaction
LONGEST_QUEUE = 20_000  # more than a town has families
TRIES = 3
log = get_logger()


@dataclass
class Desk:
    """One process's queue. Whoever asks is answered in the order of coming; a fault is the asker's own."""

    kit: Kit
    together: int = TOGETHER
    queue: deque[tuple[Request, asyncio.Future[Answer]]] = field(default_factory=deque)
    at_work: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> Answer:
        """Stand in the queue and be served. Raises Crowded when there is no hope, or the database is too busy."""
        if len(self.queue) >= LONGEST_QUEUE:
            raise Crowded("Very many are booking at this moment. Nothing was changed; try again in a moment.")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.queue.append((request, future))
        if self.at_work is None or self.at_work.done():
            self.at_work = asyncio.create_task(self._work())
        return await asyncio.shield(future)

    async def _work(self) -> None:
        while self.queue:
            batch = self._next()
            try:
                answers = await self._serve([request for request, _ in batch])
            except Exception as fault:
                await self._one_by_one(batch, fault)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    _settle(future, answer)

    def _next(self) -> list[tuple[Request, asyncio.Future[Answer]]]:
        """Those at the head of the queue who do not want the same talk, or ask with the same key."""
        batch: list[tuple[Request, asyncio.Future[Answer]]] = []
        seen: set[UUID | str] = set()
        while self.queue and len(batch) < self.together:
            request = self.queue[0][0]
            marks = {talk for talk, _ in request.wanted} | {mark for mark in (request.key, request.hold) if mark}
            if seen & marks or (request.hold and batch):  # which talks a hold has is not known yet
                break
            seen |= marks
            batch.append(self.queue.popleft())
            if request.hold:
                break
        return batch

    async def _one_by_one(self, batch: Sequence[tuple[Request, asyncio.Future[Answer]]], fault: Exception) -> None:
        """After a batch failed: each alone, so that one fault is not everybody's."""
        if len(batch) > 1:
            log.warning("booking one by one", fault=type(fault).__name__, waiting=len(batch))
        for request, future in batch:
            try:
                _settle(future, await self._alone(request))
            except Exception as own:
                if not future.done():
                    future.set_exception(own)

    async def _alone(self, request: Request) -> Answer:
        """Try a few times: what clashed in the database is seen by the next try, which then finds others' times."""
        for left in reversed(range(TRIES)):
            try:
                return (await self._serve([request]))[0]
            except (Clash, Crowded):
                if not left:
                    raise
            except DBAPIError as fault:
                if not left or not is_passing(fault):
                    raise
        raise AssertionError

    async def _serve(self, requests: Sequence[Request]) -> list[Answer]:
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            answers, said = await serve(session, requests, now)
            await say(session, self.kit.tables, said, now)
        if said:
            self.kit.outbox_written.set()
        if any(one.reply in (Reply.BOOKED, Reply.HELD) for one in answers):
            self.kit.due_planned.set()
        return answers


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)
