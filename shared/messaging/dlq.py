"""Looking at dead letters and putting them back, for the operator's commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.engine import connect, reaching
from shared.db.reach import MACHINE
from shared.errors import Permanent
from shared.messaging.broker import make_producer
from shared.messaging.dead_letters import decode_headers
from shared.settings import KitSettings

LETTERS = text(
    'select id, topic, partition, "offset", key, value, headers, reason, parked_at, replayed_at '
    "from dead_letter where (cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[]))) order by id"
)
REPLAYED = text("update dead_letter set replayed_at = :now where id = :id")
HAS_HELD = text("select to_regclass('held') is not null")
HELD = text("select source, kind, ref, reason from held order by source, kind, ref")


@dataclass(frozen=True)
class Letter:
    """One record that was set aside. `payload` and `key` are the bytes as they came and may be personal."""

    service: str
    id: int
    record: str
    parked_at: datetime
    replayed_at: datetime | None
    reason: str
    topic: str
    headers: Sequence[tuple[str, bytes]]
    key: bytes | None
    payload: bytes | None

    def summary(self) -> dict[str, Any]:
        """What may be shown to anybody who runs the service."""
        return {
            "service": self.service,
            "id": self.id,
            "record": self.record,
            "parked_at": self.parked_at.isoformat(),
            "replayed_at": self.replayed_at.isoformat() if self.replayed_at else None,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Held:
    """One row of a registry feed that was held back."""

    source: str
    kind: str
    ref: str
    reason: str


async def letters(service: str, url: str, ids: Sequence[int] | None = None) -> list[Letter]:
    """A service's dead letters, oldest first; only those with these ids when `ids` is given."""
    async with _connection(url) as connection:
        rows = await connection.execute(LETTERS, {"ids": None if ids is None else list(ids)})
        return [_letter(service, row) for row in rows]


async def held(url: str) -> list[Held]:
    """What the registry service holds back; nothing where it keeps no such table."""
    async with _connection(url) as connection:
        if not await connection.scalar(HAS_HELD):
            return []
        return [Held(row.source, row.kind, str(row.ref), row.reason) for row in await connection.execute(HELD)]


async def replay(service: str, url: str, settings: KitSettings, ids: Sequence[int] | None = None) -> int:
    """Put dead letters back on their topic as they came, and return how many.

    Without ids: all that were not put back before. Every reader of the topic sees the record again and recognises
    what it has used already. Raises Permanent when an id is unknown, a KafkaError when Kafka does not take one;
    those before it are back on their topic then and are marked.
    """
    found = await letters(service, url, ids)
    if unknown := set(ids or ()) - {letter.id for letter in found}:
        raise Permanent(f"The service {service} has no dead letter {', '.join(map(str, sorted(unknown)))}.")
    chosen = [letter for letter in found if ids is not None or letter.replayed_at is None]
    producer = make_producer(settings, f"{service}.dlq")
    await producer.start()
    try:
        async with _connection(url) as connection:
            for letter in chosen:
                await producer.send_and_wait(letter.topic, letter.payload, key=letter.key, headers=list(letter.headers))
                await connection.execute(REPLAYED, {"now": datetime.now(UTC), "id": letter.id})
                await connection.commit()
    finally:
        await producer.stop()
    return len(chosen)


def readable_headers(headers: Sequence[tuple[str, bytes]]) -> Mapping[str, str]:
    """Headers for a person; bytes that are no text are shown escaped."""
    return {name: value.decode("utf-8", "backslashreplace") for name, value in headers}


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[AsyncConnection]:
    async with reaching(connect(url, 0), MACHINE).connect() as connection:
        yield connection


def _letter(service: str, row: Row[Any]) -> Letter:
    return Letter(
        service=service,
        id=row.id,
        record=f"{row.topic}/{row.partition}/{row.offset}",
        parked_at=row.parked_at,
        replayed_at=row.replayed_at,
        reason=row.reason,
        topic=row.topic,
        headers=decode_headers(row.headers),
        key=row.key,
        payload=row.value,
    )
