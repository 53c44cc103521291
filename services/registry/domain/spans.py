"""Days on which somebody has a right: spans `first <= day < after`, sorted, apart from each other, none empty."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

Span = tuple[date, date]
Spans = tuple[Span, ...]


def span_of(starts: date | None, ends: date | None) -> Spans:
    """The days from `starts` until before `ends`; None is open. No days when it ends before it begins."""
    first, after = starts or date.min, ends or date.max
    return ((first, after),) if first < after else ()


def joined(*spans: Span) -> Spans:
    """All these days."""
    whole: list[Span] = []
    for first, after in sorted(spans):
        if whole and first <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(after, whole[-1][1]))
        else:
            whole.append((first, after))
    return tuple(whole)


def common(one: Iterable[Span], other: Spans) -> Spans:
    """The days that are in both."""
    pairs = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return joined(*((first, after) for first, after in pairs if first < after))


def lacking(wanted: Spans, allowed: Spans) -> Spans:
    """The days that are wanted and not allowed."""
    gaps = zip((date.min, *(after for _, after in allowed)), (*(first for first, _ in allowed), date.max), strict=True)
    return common(wanted, tuple((first, after) for first, after in gaps if first < after))


def from_day(spans: Spans, day: date) -> Spans:
    """Those of the days that are not over on that day."""
    return common(spans, ((day, date.max),))
