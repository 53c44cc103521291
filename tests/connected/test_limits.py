"""How many mails may leave to a domain in a minute, whoever asks at the same time: on a real database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from deploy.embedded.postgres import Postgres
from services.notifications.store.limits import domain_of, next_minute, within_limits
from services.notifications.tables import domain_minute, metadata
from services.notifications.tables import kit as tables
from shared.clock import ManualClock
from shared.kit import Kit
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
GMAIL, HOTMAIL, FREE = "gmail.com", "hotmail.com", "kommun.example"
LIMITS = {GMAIL: 10, HOTMAIL: 3}
WANTED = st.dictionaries(st.sampled_from([GMAIL, HOTMAIL, FREE]), st.integers(0, 9), min_size=1)
CLAIM = st.tuples(WANTED, st.booleans(), st.integers(0, 2))


@asynccontextmanager
async def room(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Kit]:
    """An engine room with nothing counted yet."""
    kit = kit_off_kafka(postgres, "notifications", metadata, tables, clock)
    try:
        yield kit
    finally:
        await kit.close()


async def claim(kit: Kit, wanted: dict[str, int], ends_well: bool = True, pause: int = 0) -> Counter[str]:
    """One claim in a transaction of its own; what it may send, which is nothing when it was rolled back."""
    async with kit.sessions() as session:
        granted = await within_limits(session, wanted, LIMITS, kit.clock.now())
        await asyncio.sleep(pause / 1000)
        await (session.commit() if ends_well else session.rollback())
    return Counter(granted if ends_well else {})


async def test_never_more_than_the_limit_leave_in_a_minute_whatever_claims_come_at_once(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with room(postgres, clock) as kit:
        loop = asyncio.get_running_loop()

        async def minute(claims: list[tuple[dict[str, int], bool, int]]) -> None:
            clock.advance(timedelta(minutes=1))
            found = await asyncio.gather(*[claim(kit, *one) for one in claims])
            for (wanted, ends_well, _), granted in zip(claims, found, strict=True):
                assert all(0 <= granted[domain] <= wanted[domain] for domain in wanted)
                assert granted[FREE] == (wanted.get(FREE, 0) if ends_well else 0)
            asked = Counter[str]()
            for wanted, ends_well, _ in claims:
                asked.update(wanted if ends_well else {})
            for domain, most in LIMITS.items():
                assert sum(granted[domain] for granted in found) == min(most, asked[domain])

        @given(st.lists(CLAIM, min_size=1, max_size=8))
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def minutes(claims: list[tuple[dict[str, int], bool, int]]) -> None:
            asyncio.run_coroutine_threadsafe(minute(claims), loop).result(30)

        await asyncio.to_thread(minutes)


async def test_what_is_over_the_limit_may_leave_in_the_next_minute(postgres: Postgres, clock: ManualClock) -> None:
    async with room(postgres, clock) as kit:
        assert (await claim(kit, {GMAIL: 25}))[GMAIL] == 10
        assert (await claim(kit, {GMAIL: 15}))[GMAIL] == 0
        clock.instant = next_minute(clock.now())
        assert (await claim(kit, {GMAIL: 15}))[GMAIL] == 10
        assert next_minute(clock.now()) - clock.now() == timedelta(minutes=1)


async def test_where_nothing_is_limited_the_database_is_not_asked_and_else_once(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with room(postgres, clock) as kit, kit.sessions() as session:
        await session.connection()
        said: list[str] = []
        event.listen(kit.engine.sync_engine, "before_cursor_execute", lambda *given: said.append(given[2]))
        assert await within_limits(session, {FREE: 700}, LIMITS, clock.now()) == {FREE: 700}
        assert await within_limits(session, {GMAIL: 7}, {}, clock.now()) == {GMAIL: 7}
        assert said == []
        assert await within_limits(session, {GMAIL: 7, HOTMAIL: 7, FREE: 7}, LIMITS, clock.now()) == {
            GMAIL: 7,
            HOTMAIL: 3,
            FREE: 7,
        }
        assert len(said) == 1


async def test_a_domain_never_has_more_than_a_few_counters(postgres: Postgres, clock: ManualClock) -> None:
    async with room(postgres, clock) as kit:
        for _ in range(30):
            clock.advance(timedelta(minutes=1))
            await claim(kit, {GMAIL: 1})
        async with kit.sessions() as session:
            minutes = list(await session.scalars(select(domain_minute.c.minute)))
        assert 1 <= len(minutes) <= 12


def test_the_domain_is_what_is_behind_the_last_at_in_lower_case() -> None:
    assert domain_of('"a@b"@Gmail.COM') == GMAIL
