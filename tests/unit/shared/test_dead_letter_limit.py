from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Halted
from shared.messaging.dead_letters import DeadLetterLimit, decode_headers, encode_headers

Batches = list[tuple[int, int]]
batches = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)).filter(any), max_size=60)


def halts(limit: DeadLetterLimit, counted: Batches) -> bool:
    try:
        for good, bad in counted:
            limit.check(good, bad)
    except Halted:
        return True
    return False


@given(batches)
def test_a_few_bad_records_never_stop_a_reader(counted: Batches) -> None:
    few, left = [], 100
    for good, bad in counted:
        few.append((good, min(bad, left)))
        left -= few[-1][1]
    assert not halts(DeadLetterLimit(), few)


@given(batches)
def test_a_reader_goes_on_while_at_least_half_of_each_batch_is_good(counted: Batches) -> None:
    assert not halts(DeadLetterLimit(), [(max(good, bad), bad) for good, bad in counted])


@given(batches)
def test_after_a_thousand_records_without_a_good_one_every_reader_has_stopped(before: Batches) -> None:
    limit = DeadLetterLimit()
    if not halts(limit, before):
        assert halts(limit, [(0, 100)] * 11)


@given(st.integers(1, 50))
def test_what_is_long_past_does_not_count(batches_ago: int) -> None:
    limit = DeadLetterLimit()
    assert not halts(limit, [(100, 99), *[(1000, 0)] * batches_ago, (0, 100)])


def test_the_reason_for_stopping_says_what_happened_what_is_kept_and_what_to_do() -> None:
    with pytest.raises(Halted, match=r"101 of the last 101 .* Nothing is lost: .* `skolbro dlq list`"):
        DeadLetterLimit().check(0, 101)


@given(st.lists(st.tuples(st.text(), st.binary())))
def test_headers_of_any_bytes_are_kept_as_they_came(headers: list[tuple[str, bytes]]) -> None:
    assert decode_headers(encode_headers(headers)) == headers
