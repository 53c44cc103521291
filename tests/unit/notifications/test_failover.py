"""How the shares of providers move: away from who is unwell, back when it is quiet, and never in jumps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.failover import (
    BETWEEN,
    STEP,
    WHOLE,
    Minute,
    Share,
    at_rest,
    chosen,
    errors,
    joined,
    moved,
)

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
REST = {"a": 50, "b": 50}
Traffic = Callable[[str, int], tuple[int, int, int]]  # provider, minute: taken, failed, slow


def rested(rest: dict[str, int] | None = None) -> list[Share]:
    return joined(at_rest(rest or REST), ())


def lived(
    minutes: int, traffic: Traffic, shares: Sequence[Share] | None = None, begin: int = 0, every: int = 10
) -> list[list[Share]]:
    """The shares every ten seconds, while each minute's traffic is counted as it begins."""
    counted: list[Minute] = []
    history = [list(shares or rested())]
    for minute in range(begin, begin + minutes):
        start = NOON + timedelta(minutes=minute)
        counted += [Minute(one.name, start, *traffic(one.name, minute)) for one in history[-1]]
        counted = [one for one in counted if start - one.minute <= timedelta(minutes=17)]
        for second in range(0, 60, every):
            history.append(moved(history[-1], counted, start + timedelta(seconds=second)))
    return history


def weights(shares: Sequence[Share]) -> dict[str, int]:
    return {share.name: share.weight for share in shares}


def well(_: str, __: int) -> tuple[int, int, int]:
    return (100, 0, 0)


def test_a_provider_that_fails_loses_ten_points_a_minute_until_it_has_none() -> None:
    after = lived(7, lambda name, _: (100, 60 if name == "a" else 0, 0))
    seen = [weights(shares)["a"] for shares in after[1::6]]
    assert seen == [40, 30, 20, 10, 0, 0, 0]
    assert weights(after[-1]) == {"a": 0, "b": 100}


def test_fifty_errors_in_a_minute_are_borne_and_one_more_is_not() -> None:
    at = NOON + timedelta(seconds=59)
    assert moved(rested(), [Minute("a", NOON, 100, 50)], at) == rested()
    assert weights(moved(rested(), [Minute("a", NOON, 100, 51)], at)) == {"a": 40, "b": 60}


def test_errors_on_both_sides_of_a_full_minute_count_together() -> None:
    minutes = [Minute("a", NOON, 60, 40), Minute("a", NOON + timedelta(minutes=1), 20, 20)]
    assert errors("a", minutes, NOON + timedelta(minutes=1, seconds=6)) == pytest.approx(56)
    assert errors("a", minutes, NOON + timedelta(minutes=1, seconds=54)) == pytest.approx(24)


def test_when_all_fail_nobody_is_preferred() -> None:
    assert lived(5, lambda *_: (100, 90, 0))[-1] == rested()


def test_a_slow_provider_loses_ten_points_every_five_minutes() -> None:
    after = lived(16, lambda name, _: (100, 0, 15 if name == "a" else 0))
    assert [weights(after[1 + 6 * minute])["a"] for minute in (0, 4, 5, 10, 15)] == [40, 40, 30, 20, 10]


def test_a_little_slowness_a_few_messages_and_slowness_of_all_move_nothing() -> None:
    assert lived(20, lambda name, _: (100, 0, 14 if name == "a" else 0))[-1] == rested()
    assert lived(20, lambda name, _: (1, 0, 1 if name == "a" else 0))[-1] == rested()
    assert lived(20, lambda *_: (100, 0, 90))[-1] == rested()


def test_after_a_quiet_quarter_the_shares_drift_back_step_by_step_and_rest_within_the_hour() -> None:
    broken = lived(6, lambda name, _: (100, 60 if name == "a" else 0, 0))[-1]
    lost_at = max(share.shifted_at for share in broken if share.shifted_at)
    history = lived(60, well, broken, begin=6)
    first = next(i for i, shares in enumerate(history) if weights(shares)["a"] > 0)
    assert timedelta(minutes=6, seconds=10 * (first - 1)) + NOON >= lost_at + timedelta(minutes=15)
    assert weights(history[first])["a"] == STEP
    rest = next(i for i, shares in enumerate(history) if weights(shares) == REST)
    assert timedelta(seconds=10 * rest) <= timedelta(minutes=60)
    assert weights(history[-1]) == REST


def test_a_provider_that_is_still_broken_when_it_is_tried_again_loses_the_step_again() -> None:
    broken = lived(6, lambda name, _: (100, 60 if name == "a" else 0, 0))[-1]
    history = lived(60, lambda name, _: (100, 60 if name == "a" else 0, 0), broken, begin=6)
    assert max(weights(shares)["a"] for shares in history) <= STEP


Troubles = st.lists(
    st.tuples(*[st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200)) for _ in range(3)]),
    min_size=1,
    max_size=25,
)


@given(st.lists(st.integers(0, 100), min_size=2, max_size=3), Troubles)
def test_whatever_happens_the_shares_are_whole_and_move_one_step_a_minute(rest: list[int], life: object) -> None:
    assert isinstance(life, list)
    names = ["a", "b", "c"][: len(rest)]
    history = lived(
        len(life), lambda name, minute: life[minute]["abc".index(name)], rested(dict(zip(names, rest, strict=False)))
    )
    last: datetime | None = None
    for before, after in itertools.pairwise(history):
        assert sum(share.weight for share in after) == WHOLE
        assert all(0 <= share.weight <= WHOLE for share in after)
        change = sum(abs(weights(after)[name] - weights(before)[name]) for name in names)
        assert change <= 2 * STEP
        if change:
            at = max(share.shifted_at for share in after if share.shifted_at)
            assert last is None or at - last >= BETWEEN
            last = at


@given(st.lists(st.integers(0, 100), min_size=2, max_size=3), Troubles)
def test_whatever_has_happened_two_quiet_hours_bring_the_shares_to_rest(rest: list[int], life: object) -> None:
    assert isinstance(life, list)
    wanted = dict(zip(["a", "b", "c"], rest, strict=False))
    after = lived(len(life), lambda name, minute: life[minute]["abc".index(name)], rested(wanted), every=30)
    quiet = lived(150, well, after[-1], begin=len(life), every=60)
    assert weights(quiet[-1]) == at_rest(wanted)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 100), min_size=1, max_size=5))
def test_shares_at_rest_come_to_a_hundred(wanted: dict[str, int]) -> None:
    assert sum(at_rest(wanted).values()) == WHOLE


def test_shares_are_kept_in_their_proportion() -> None:
    assert at_rest({"a": 70, "b": 30}) == {"a": 70, "b": 30}
    assert at_rest({"a": 0, "b": 0}) == {"a": 50, "b": 50}
    assert at_rest({"a": 100, "b": 0}) == {"a": 100, "b": 0}


def test_other_providers_than_those_that_were_kept_begin_at_rest() -> None:
    kept = [Share("a", 50, 10, NOON), Share("old", 50, 90)]
    assert joined(at_rest(REST), kept) == rested()
    assert weights(joined(at_rest(REST), [Share("a", 50, 10, NOON), Share("b", 50, 90)])) == {"a": 10, "b": 90}


def test_a_provider_is_drawn_as_often_as_it_has_points() -> None:
    shares = [Share("a", 50, 30), Share("b", 50, 70)]
    drawn = [chosen(shares, dice / 1000) for dice in range(1000)]
    assert (drawn.count("a"), drawn.count("b")) == (300, 700)


def test_whoever_was_tried_is_not_drawn_again_and_one_without_points_only_as_the_last() -> None:
    shares = [Share("a", 100, 100), Share("b", 0, 0)]
    assert {chosen(shares, dice / 10) for dice in range(10)} == {"a"}
    assert chosen(shares, 0.5, {"a"}) == "b"
    assert chosen(shares, 0.5, {"a", "b"}) is None
