"""Filters and pages of SS 12000: `limit`, an opaque `pageToken`, times of change."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.demo.records import Record

LARGEST_PAGE = 1000
WITH_A_TOKEN = {"pageToken", "limit"}
WITHOUT_EFFECT = {"expandReferenceNames"}


class BadFilter(ValueError):
    """The query cannot be answered; the text is the `message` of a 400."""


Test = Callable[[Record, datetime], bool]
TIMES: dict[str, Test] = {
    "meta.created.after": lambda record, at: record.created > at,
    "meta.created.before": lambda record, at: record.created <= at,
    "meta.modified.after": lambda record, at: record.modified > at,
    "meta.modified.before": lambda record, at: record.modified <= at,
}
START_TIMES: dict[str, Test] = {
    "startTime.onOrAfter": lambda record, at: datetime.fromisoformat(record.body["startTime"]) >= at,
    "startTime.onOrBefore": lambda record, at: datetime.fromisoformat(record.body["startTime"]) <= at,
}
END_TIMES: dict[str, Test] = {
    "endTime.onOrAfter": lambda record, at: datetime.fromisoformat(record.body["endTime"]) >= at,
    "endTime.onOrBefore": lambda record, at: datetime.fromisoformat(record.body["endTime"]) <= at,
}


@dataclass(frozen=True)
class Page:
    """Some entities in the order they last changed, and the token of what follows (None: nothing does)."""

    records: Sequence[Record]
    token: str | None


def page(records: Iterable[Record], query: Mapping[str, str], more: Mapping[str, Test], needs: set[str]) -> Page:
    """The page asked for. `more` are filters besides the times of change, `needs` those that must be there.

    A page starts after the last entity of the page before, not at a number: what changes while somebody reads
    comes (again) later and pushes nothing aside. Raises BadFilter.
    """
    asked, position = _continue(query) if "pageToken" in query else (_filters(query, more, needs), None)
    tests = {**TIMES, **more}
    found = [r for r in records if all(tests[name](r, at) for name, at in asked.items())]
    left = sorted((r for r in found if position is None or r.place > position), key=lambda record: record.place)
    limit = _limit(query)
    shown = left[:limit]
    return Page(shown, _token(asked, shown[-1]) if len(left) > limit else None)


def instant(value: str) -> datetime:
    """An RFC 3339 time. A plus sign that a client forgot to encode arrives as a blank. Raises BadFilter."""
    try:
        read = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        raise BadFilter(f"Not a time: {value[:40]}") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _filters(query: Mapping[str, str], more: Mapping[str, Test], needs: set[str]) -> dict[str, datetime]:
    names = set(query) - {"limit"} - WITHOUT_EFFECT
    if unknown := names - set(TIMES) - set(more):
        raise BadFilter(f"Unknown filter: {', '.join(sorted(unknown))}")
    if missing := needs - names:
        raise BadFilter(f"Required: {', '.join(sorted(missing))}")
    return {name: instant(query[name]) for name in names}


def _limit(query: Mapping[str, str]) -> int:
    try:
        limit = int(query.get("limit", LARGEST_PAGE))
    except ValueError:
        limit = 0
    if limit < 1:
        raise BadFilter("limit is a number from 1")
    return min(limit, LARGEST_PAGE)


def _token(asked: Mapping[str, datetime], last: Record) -> str:
    state = {"asked": {name: at.isoformat() for name, at in asked.items()}, "place": [str(last.modified), last.id]}
    return base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


def _continue(query: Mapping[str, str]) -> tuple[dict[str, datetime], tuple[datetime, str]]:
    if set(query) - WITH_A_TOKEN:
        raise BadFilter("Filter kan inte kombineras med pageToken")
    try:
        state: dict[str, Any] = json.loads(base64.urlsafe_b64decode(query["pageToken"]))
        modified, last_id = state["place"]
        return {name: instant(at) for name, at in state["asked"].items()}, (instant(modified), last_id)
    except (ValueError, KeyError, TypeError):
        raise BadFilter("Not one of our page tokens") from None
