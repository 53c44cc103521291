"""What every service does when a person asks to see, or wants erased, everything that is kept about them.

Which rows are about a person follows from how columns are named (`shared.rights.about`); what a service knows in
another form it adds as its own part. A log that is only ever added to (`Wall.APPEND_ONLY`) is handed out and stays:
it holds ids, and who looked at whom must be answerable afterwards.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from shared.events.envelope import Erased, Outgoing, Received
from shared.events.privacy import PrivacyAnswered, PrivacyRequested, PrivacyWish
from shared.messaging.outbox import LARGEST_VALUE
from shared.messaging.reader import Batch, Reader
from shared.messaging.tables import KitTables
from shared.observe.logging import get_logger
from shared.rights.about import About, Rows
from shared.rights.traces import forget_answers, forget_parked, forget_said, marks_by, parked
from shared.topics import PRIVACY

TOO_LARGE = "This is too much for one answer: {rows} rows. Ask the operator for a copy from the database of {service}."
log = get_logger()


class Part(Protocol):
    """What one service adds to what the kit does by itself."""

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """Rows about the person, by a name for them, that naming alone does not find."""

    async def erase(self, session: AsyncSession, ids: Sequence[UUID], now: datetime) -> tuple[int, list[Outgoing]]:
        """Erase them, before the kit erases the rest; how many there were, and what is to be said."""


def privacy_reader(
    service: str, tables: KitTables, metadata: MetaData, own: Part | None = None, keeps: Collection[str] = ()
) -> Reader:
    """The reader that does this service's part in the transaction in which it is answered.

    `keeps` names tables that are left alone although a person is named in them. Persons to be erased who come
    together are erased together; what was found is then counted in the answer about the first of them.
    """
    work = _Work(service, tables, metadata, own, About(metadata, frozenset(keeps)))

    async def answer(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        if batch.of(Erased):
            await forget_answers(session, tables)
        asked = batch.of(PrivacyRequested)
        said = [await work.export(session, one, batch.now) for one in asked if one.event.wish is PrivacyWish.EXPORT]
        gone = [one for one in asked if one.event.wish is PrivacyWish.ERASE]
        return [*said, *await work.erase(session, gone, batch.now)] if gone else said

    return Reader("privacy", [PRIVACY], [PrivacyRequested], answer)


@dataclass(frozen=True)
class _Work:
    """One service's part."""

    service: str
    tables: KitTables
    metadata: MetaData
    own: Part | None
    about: About

    async def export(self, session: AsyncSession, asked: Received[PrivacyRequested], now: datetime) -> Outgoing:
        person_id = asked.event.person_id
        content = await self.about.export(session, person_id)
        content |= await self.own.export(session, person_id) if self.own else {}
        content |= await parked(session, self.tables, await marks_by(session, self.metadata, [person_id]))
        rows = sum(len(lot) for lot in content.values())
        return self._answer(asked, now, rows, packed(content, self.service))

    async def erase(
        self, session: AsyncSession, asked: Sequence[Received[PrivacyRequested]], now: datetime
    ) -> list[Outgoing]:
        ids = [one.event.person_id for one in asked]
        marks = await marks_by(session, self.metadata, ids)
        rows, said = await self.own.erase(session, ids, now) if self.own else (0, [])
        rows += await self.about.erase(session, ids, self.tables)
        rows += await forget_parked(session, self.tables, marks)
        await forget_said(session, self.tables, ids)
        counts = [rows, *[0] * (len(asked) - 1)]
        return [*said, *[self._answer(one, now, count) for one, count in zip(asked, counts, strict=True)]]

    def _answer(
        self, asked: Received[PrivacyRequested], now: datetime, rows: int, content: str | None = None
    ) -> Outgoing:
        request_id = asked.event.request_id
        log.info("privacy", wish=asked.event.wish.value, request=str(request_id), rows=rows)
        answer = PrivacyAnswered(
            request_id=request_id, service=self.service, rows=rows, content=content, answered_at=now
        )
        return Outgoing(answer, asked.traceparent)


def packed(content: Rows, service: str) -> str:
    """The content as it travels: compressed, because ten years of lessons would not fit else.

    What even then is too large is replaced by a sentence, the largest lists first.
    """
    while True:
        plain = json.dumps(content, ensure_ascii=False).encode()
        text = json.dumps({"gzip": base64.b64encode(gzip.compress(plain)).decode()})
        if len(text) < LARGEST_VALUE - 1000:
            return text
        largest = max(content, key=lambda name: len(json.dumps(content[name])))
        content = {**content, largest: [{"left out": TOO_LARGE.format(rows=len(content[largest]), service=service)}]}


def unpacked(text: str) -> Mapping[str, list[dict[str, Any]]]:
    """The content of an answer. Raises ValueError when it is none."""
    said = json.loads(text)
    found: Mapping[str, list[dict[str, Any]]] = json.loads(gzip.decompress(base64.b64decode(said["gzip"])))
    return found
