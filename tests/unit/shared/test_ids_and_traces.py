from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import derived_id, new_id
from shared.observe.tracing import continued, new_traceparent


def test_the_same_parts_always_name_the_same_thing() -> None:
    assert derived_id("notice", 7, "2026-11-23") == derived_id("notice", 7, "2026-11-23")
    assert derived_id("a", "bc") != derived_id("ab", "c")
    assert new_id() != new_id()


def test_a_trace_goes_on_one_step() -> None:
    first = new_traceparent()
    second = continued(first)
    assert first.split("-")[1] == second.split("-")[1]
    assert first.split("-")[2] != second.split("-")[2]


@given(st.none() | st.text())
def test_a_trace_nobody_can_read_begins_anew(broken: str | None) -> None:
    version, trace, span, flags = continued(broken).split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
