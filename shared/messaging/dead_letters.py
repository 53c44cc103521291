"""Dead letters: records that could not be used, kept with their reason and their bytes as they came."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.bulk import insert_rows
from shared.errors import Halted
from shared.messaging.codec import Headers, Record
from shared.messaging.tables import KitTables

NAMES = ("cluster", "topic", "partition", "offset", "key", "value", "headers", "reason", "parked_at")
LIMIT_TEXT = (
    "{bad} of the last {seen} records could not be used, so reading has stopped before more are set aside. "
    "Nothing is lost: what was read is kept and the rest waits in Kafka. Look at `skolbro dlq list`, mend the "
    "cause, and restart the service."
)


@dataclass(frozen=True)
class Unusable:
    """A record that cannot be used, and why, in words for a person."""

    record: Record
    reason: str


@dataclass
class DeadLetterLimit:
    """Stops a reader that finds nearly everything unreadable: then the fault is ours, not the records'.

    Over the last `window` records at most `share` may be unusable; the first `least` bad ones are always allowed.
    """

    window: int = 1000
    share: float = 0.5
    least: int = 100
    _recent: deque[tuple[int, int]] = field(default_factory=deque, init=False)

    def check(self, good: int, bad: int) -> None:
        """Count a batch. Raises Halted when too much of what was read lately is unusable."""
        self._recent.append((good, bad))
        while sum(g + b for g, b in self._recent) - sum(self._recent[0]) >= self.window:
            self._recent.popleft()
        spoiled, seen = sum(b for _, b in self._recent), sum(g + b for g, b in self._recent)
        if spoiled > self.least and spoiled > self.share * seen:
            raise Halted(LIMIT_TEXT.format(bad=spoiled, seen=seen))


async def park(
    session: AsyncSession, tables: KitTables, cluster: str, unusable: Sequence[Unusable], now: datetime
) -> None:
    """Write the records to the dead letters; one that comes again is there already."""
    rows = [
        (
            cluster,
            bad.record.topic,
            bad.record.partition,
            bad.record.offset,
            bad.record.key,
            bad.record.value,
            encode_headers(bad.record.headers),
            bad.reason.replace("\x00", "\\0"),  # PostgreSQL's text cannot hold NUL
            now,
        )
        for bad in unusable
    ]
    await insert_rows(session, tables.dead_letter, NAMES, rows, "on conflict do nothing")


async def forget(session: AsyncSession, tables: KitTables, places: Sequence[tuple[str, bytes]]) -> None:
    """Erase what is parked under these topics and keys: a tombstone reaches the dead letters too."""
    letter = tables.dead_letter
    if places:
        await session.execute(delete(letter).where(tuple_(letter.c.topic, letter.c.key).in_(places)))


def encode_headers(headers: Headers) -> bytes:
    """Header values may be any bytes; kept as JSON with base64."""
    return json.dumps([[name, base64.b64encode(value or b"").decode()] for name, value in headers]).encode()


def decode_headers(stored: bytes) -> list[tuple[str, bytes]]:
    """The headers as they came."""
    return [(name, base64.b64decode(value)) for name, value in json.loads(stored)]
