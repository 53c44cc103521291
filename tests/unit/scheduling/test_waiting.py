"""Whom a time that has become free helps most."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.waiting import LEAST, Waiter, by_need, offered_until

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
TUESDAY, THURSDAY = date(2026, 11, 17), date(2026, 11, 19)


def waiter(hours: int = 0, **more: object) -> Waiter:
    return Waiter(uuid4(), NOW - timedelta(hours=hours), **more)  # type: ignore[arg-type]


def test_who_has_no_time_at_all_comes_before_everybody() -> None:
    nothing, reunited = waiter(), waiter(9, has_time=True, own_day=THURSDAY, sibling_days=frozenset({TUESDAY}))
    assert by_need([reunited, nothing], TUESDAY) == [nothing, reunited]


def test_siblings_who_would_come_on_one_evening_come_before_who_has_waited_longer() -> None:
    longest = waiter(90, has_time=True, own_day=THURSDAY)
    reunited = waiter(1, has_time=True, own_day=THURSDAY, sibling_days=frozenset({TUESDAY}))
    assert by_need([longest, reunited], TUESDAY) == [reunited, longest]
    assert by_need([longest, reunited], date(2026, 11, 18)) == [longest, reunited]


def test_a_family_that_comes_on_one_evening_already_is_not_reunited() -> None:
    assert not waiter(own_day=TUESDAY, has_time=True, sibling_days=frozenset({TUESDAY})).reunites(TUESDAY)


def test_of_equals_who_let_fewer_offers_pass_and_then_who_waited_longest_comes_first() -> None:
    passed, new, old = waiter(90, passed=1), waiter(1), waiter(5)
    assert by_need([passed, new, old], TUESDAY) == [old, new, passed]


def test_an_offer_ends_before_the_talk_and_before_booking_does() -> None:
    day = timedelta(days=1)
    assert offered_until(NOW, 12, NOW + day, NOW + 9 * day) == NOW + day / 2
    assert offered_until(NOW, 12, NOW + day, NOW + day / 4) == NOW + day / 4
    assert offered_until(NOW, 48, NOW + day, NOW + 9 * day) == NOW + day - LEAST
    assert offered_until(NOW, 12, NOW + LEAST, NOW + day) is None


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 99)), max_size=12))
def test_nobody_is_lost_and_nobody_without_a_time_stands_behind_who_has_one(
    people: list[tuple[bool, bool, int, int]],
) -> None:
    waiters = [
        waiter(hours, has_time=has, passed=passed, sibling_days=frozenset({TUESDAY} if sibling else ()))
        for has, sibling, passed, hours in people
    ]
    order = by_need(waiters, TUESDAY)
    assert sorted(one.talk_id for one in order) == sorted(one.talk_id for one in waiters)
    assert [one.has_time for one in order] == sorted(one.has_time for one in order)
