"""Bad records are set aside, all of them, and cost the good ones next to nothing."""

from __future__ import annotations

import itertools
import random
import statistics
import time
from dataclasses import dataclass
from uuid import uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.events.envelope import Outgoing
from shared.ids import new_id
from shared.messaging.codec import Headers, headers_for
from shared.messaging.reader import Batch, Handler, Reader
from tests.on_servers import EFFECT, KIT, SOME_TIME, Told, a_kit, count, fresh_topic
from tests.stack import Stack

pytestmark = pytest.mark.connected
BATCHES, BATCH = 60, 500
OFFSETS = itertools.count(step=1000)
LEAST = 0.8  # a guard against a poison record that stops the rest; the figure itself is tests.bench.bad_input's
JUNK = (b"{", b'{"about": "\xff"}', b"[" * 10_000, b'{"about": "\\u0000"}', b"")


@dataclass
class Record:
    """A record as a reader is given it."""

    topic: str
    offset: int
    value: bytes | None
    headers: Headers
    key: bytes | None = b"k"
    partition: int = 0


def a_batch(event: type[Told], first: int, chance: random.Random, bad: int) -> list[Record]:
    """A batch of good records, and some bad ones besides."""
    values = [event(about=uuid4(), number=1).to_json() for _ in range(BATCH)]
    for _ in range(bad):
        values.insert(chance.randrange(len(values)), chance.choice(JUNK))
    headers = [headers_for(new_id(), event.event_type, "test", SOME_TIME, "k", None) for _ in values]
    return [Record(event.topic, first + n, value, headers[n]) for n, value in enumerate(values)]


async def test_bad_records_cost_the_good_ones_little_and_every_one_of_them_is_kept(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    kit, chance = await a_kit(stack, clock), random.Random(7)

    reader = Reader("told", [topic], [event], keep_effects(event))
    reader.kit = kit
    shares = [await share_of_speed(reader, event, chance)]
    while shares[-1] < LEAST and len(shares) < 3:  # other programs on the machine are no fault of ours
        shares.append(await share_of_speed(reader, event, chance))
    assert shares[-1] >= LEAST, shares
    assert await count(kit, KIT.dead_letter) == len(shares) * BATCHES * BATCH // 100
    assert await count(kit, EFFECT) == len(shares) * 2 * BATCHES * BATCH
    await kit.close()


def keep_effects(event: type[Told]) -> Handler:
    """A handler that writes one row and says one event for each event it is given."""

    async def handle(session: AsyncSession, batch: Batch) -> list[Outgoing]:
        events = [received.event for received in batch.of(event)]
        await session.execute(insert(EFFECT), [{"about": one.about, "number": one.number} for one in events])
        return [Outgoing(one) for one in events]

    return handle


async def share_of_speed(reader: Reader, event: type[Told], chance: random.Random) -> float:
    """How much of its speed a reader keeps among bad records: batches in mixed order, compared by their medians."""
    alone: list[float] = []
    mixed: list[float] = []
    for kind in chance.sample([alone, mixed] * BATCHES, 2 * BATCHES):
        batch = a_batch(event, next(OFFSETS), chance, BATCH // 100 if kind is mixed else 0)
        began = time.perf_counter()
        await reader.take(batch)
        kind.append(time.perf_counter() - began)
    return statistics.median(alone) / statistics.median(mixed)
