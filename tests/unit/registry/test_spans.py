"""Days on which somebody has a right."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.spans import Spans, common, from_day, joined, lacking, span_of

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(8)]
SPANS = st.lists(st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)), max_size=4).map(
    lambda pairs: joined(*(span for pair in pairs for span in span_of(*pair)))
)


def days(spans: Spans) -> set[date]:
    return {day for day in DAYS if any(first <= day < after for first, after in spans)}


def test_an_open_end_lasts_for_ever_and_one_that_ends_before_it_begins_never_was() -> None:
    assert span_of(None, None) == ((date.min, date.max),)
    assert span_of(DAYS[3], DAYS[3]) == ()


def test_days_that_meet_become_one_span() -> None:
    assert joined((DAYS[2], DAYS[4]), (DAYS[0], DAYS[2]), (DAYS[5], DAYS[6])) == (
        (DAYS[0], DAYS[4]),
        (DAYS[5], DAYS[6]),
    )


@given(one=SPANS, other=SPANS, today=st.sampled_from(DAYS))
def test_spans_are_sets_of_days(one: Spans, other: Spans, today: date) -> None:
    assert days(joined(*one, *other)) == days(one) | days(other)
    assert days(common(one, other)) == days(one) & days(other)
    assert days(lacking(one, other)) == days(one) - days(other)
    assert days(from_day(one, today)) == {day for day in days(one) if day >= today}
