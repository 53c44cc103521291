"""What falls due is done once, at its time, and one that cannot be done holds nobody up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.due.plan import cancel, plan
from shared.due.worker import Due, DueHandler, DueWorker
from shared.events.envelope import Outgoing
from shared.kit import Kit
from tests.on_servers import KIT, a_kit, count, twin
from tests.stack import Stack

pytestmark = pytest.mark.connected
ZONE = ZoneInfo("Europe/Stockholm")


async def planned(kit: Kit, *things: tuple[UUID, datetime]) -> None:
    async with kit.sessions.begin() as session:
        await plan(session, KIT, "digest", [(ref, due_at, None) for ref, due_at in things])


def noting(done: list[tuple[UUID, datetime]], poison: UUID | None = None, seconds: float = 0) -> DueHandler:
    """A handler that notes what it did and when; `poison` it cannot do."""

    async def handle(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        await asyncio.sleep(seconds)
        if any(one.ref == poison for one in due):
            raise ValueError("cannot be done")
        done.extend((one.ref, now) for one in due)
        return []

    return handle


async def test_each_thing_is_done_once_by_two_workers_and_neither_waits_for_the_other(
    stack: Stack, clock: ManualClock
) -> None:
    kit, done = await a_kit(stack, clock), list[tuple[UUID, datetime]]()
    refs, inside, together = [uuid4() for _ in range(1200)], 0, False
    await planned(kit, *[(ref, clock.now() - timedelta(minutes=1)) for ref in refs])
    note = noting(done, seconds=0.8)  # on a busy machine one of the two may begin that much later

    async def handle(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        nonlocal inside, together
        inside += 1
        together = together or inside == 2
        answer = await note(session, due, now)
        inside -= 1
        return answer

    other = twin(kit)
    workers = [DueWorker(each, {"digest": handle}) for each in (kit, other)]
    while await count(kit, KIT.due):
        await asyncio.gather(*[worker.round() for worker in workers])
    assert Counter(ref for ref, _ in done) == Counter(refs)
    assert together
    await kit.close()
    await other.close()


async def test_one_that_cannot_be_done_is_put_off_longer_each_time_and_the_rest_is_done(
    stack: Stack, clock: ManualClock
) -> None:
    kit, done, poison = await a_kit(stack, clock), list[tuple[UUID, datetime]](), uuid4()
    refs = [uuid4() for _ in range(30)]
    await planned(kit, *[(ref, clock.now()) for ref in [*refs[:15], poison, *refs[15:]]])
    worker, waits = DueWorker(kit, {"digest": noting(done, poison)}), []
    for _ in range(8):
        await worker.round()
        async with kit.sessions() as session:
            [left] = (await session.execute(select(KIT.due))).all()
        waits.append((left.due_at - clock.now()) / timedelta(minutes=1))
        clock.instant = left.due_at
    assert sorted(ref for ref, _ in done) == sorted(refs)
    assert (left.ref, left.last_error, left.attempts) == (poison, "ValueError", 8)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    await kit.close()


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2027, 3, 28), 23),  # clocks go forward
        (date(2026, 10, 25), 25),  # clocks go back
        (date(2028, 2, 29), 24),
    ],
)
async def test_on_a_day_of_any_length_a_digest_goes_out_once_at_half_past_seven_where_the_school_is(
    stack: Stack, clock: ManualClock, day: date, hours: int
) -> None:
    kit, done, ref = await a_kit(stack, clock), list[tuple[UUID, datetime]](), uuid4()
    midnight, next_midnight = (
        datetime.combine(d, time(), ZONE).astimezone(UTC) for d in (day, day + timedelta(days=1))
    )
    await planned(kit, (ref, datetime.combine(day, time(7, 30), ZONE).astimezone(UTC)))
    worker = DueWorker(kit, {"digest": noting(done)})
    clock.instant = midnight
    while clock.now() < next_midnight:
        await worker.round()
        clock.advance(timedelta(minutes=15))
    assert (next_midnight - midnight) == timedelta(hours=hours)
    assert [(at, when.astimezone(ZONE).time()) for at, when in done] == [(ref, time(7, 30))]
    await kit.close()


async def test_planning_again_moves_it_and_cancelling_forgets_it(stack: Stack, clock: ManualClock) -> None:
    kit, done, moved, dropped = await a_kit(stack, clock), list[tuple[UUID, datetime]](), uuid4(), uuid4()
    await planned(kit, (moved, clock.now()), (dropped, clock.now()))
    await planned(kit, (moved, clock.now() + timedelta(hours=1)))
    async with kit.sessions.begin() as session:
        await cancel(session, "digest", [dropped, uuid4()])
    worker = DueWorker(kit, {"digest": noting(done)})
    assert await worker.round() == 0
    clock.advance(timedelta(hours=1))
    assert await worker.round() == 1
    assert [ref for ref, _ in done] == [moved]
    await kit.close()


async def test_nothing_is_done_while_the_gate_is_shut(stack: Stack, clock: ManualClock) -> None:
    kit, done, is_open = await a_kit(stack, clock), list[tuple[UUID, datetime]](), False
    await planned(kit, (uuid4(), clock.now()))

    async def gate() -> bool:
        return is_open

    running = asyncio.create_task(DueWorker(kit, {"digest": noting(done)}, gate).run())
    await asyncio.sleep(0.6)
    assert not done
    is_open = True
    kit.due_planned.set()
    async with asyncio.timeout(5):
        while not done:  # noqa: ASYNC110 - the worker runs in its own task
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await kit.close()
