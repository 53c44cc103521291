"""What a new edition changed, in words that can be counted, and which edition holds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.information import Changes, Topic, changes, known_topic, paragraphs, year_of
from services.bulletins.domain.readers import Sent
from services.bulletins.informing import chain, edited, holding
from services.bulletins.store.archive import Entry
from shared.events.notify import MailingKind

TEXTS = st.lists(st.sampled_from(["one", "two", "three", "four"]), max_size=6)


def body(*some: str) -> dict[str, str]:
    """A text of these paragraphs."""
    return {"body": "\n\n".join(some)}


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (body("a", "b", "c"), body("a", "b", "c"), Changes()),
        (body("a", "b", "c"), body("a", "x", "c"), Changes(changed=1)),
        (body("a", "c"), body("a", "b", "c", "d"), Changes(added=2)),
        (body("a", "b", "c"), body("c"), Changes(removed=2)),
        (body("a", "b"), body("x", "y", "z"), Changes(changed=2, added=1)),
        (body("a  b\nc"), body("a b c"), Changes()),
        ({"learning": "a"}, {"learning": "a", "activities": "b"}, Changes(added=1)),
        (body(), body("a"), Changes(added=1)),
    ],
)
def test_a_new_edition_is_told_in_paragraphs(before: dict[str, str], after: dict[str, str], found: Changes) -> None:
    assert changes(before, after) == found
    assert found.any == (found != Changes())


@given(TEXTS, TEXTS)
def test_what_is_counted_makes_the_one_text_of_the_other(before: list[str], after: list[str]) -> None:
    found = changes(body(*before), body(*after))
    assert len(before) + found.added - found.removed == len(after)
    assert found.any == (before != after)
    assert paragraphs(body(*after)["body"]) == after


def entry(bulletin_id: UUID, edition: int, replaces: UUID | None = None) -> Entry:
    """An edition."""
    at = datetime(2026, 8, edition, tzinfo=UTC)
    sent = Sent(bulletin_id, uuid4(), frozenset(), at, at.date())
    return Entry(sent, MailingKind.INFORMATION, uuid4(), {"sv": "Mål"}, edition=edition, replaces_id=replaces)


def test_what_nothing_replaces_holds_and_every_edition_leads_to_all_of_them() -> None:
    one, two, three, other = (uuid4() for _ in range(4))
    entries = [entry(one, 1), entry(two, 2, one), entry(three, 3, two), entry(other, 1)]
    assert [found.bulletin_id for found in holding(entries)] == [three, other]
    for start in (one, two, three):
        assert [found.bulletin_id for found in chain(entries, start)] == [three, two, one]
    assert [found.bulletin_id for found in chain(entries[1:], three)] == [three, two]


def test_editions_in_a_circle_do_not_go_on_for_ever() -> None:
    one, two = uuid4(), uuid4()
    entries = [entry(one, 1, two), entry(two, 2, one)]
    assert {found.bulletin_id for found in chain(entries, one)} == {one, two}


def test_editions_are_compared_in_a_language_both_have() -> None:
    one, two, three = uuid4(), uuid4(), uuid4()
    entries = [entry(three, 3, two), entry(two, 2, one), entry(one, 1)]
    texts = {one: {"sv": body("a")}, two: {"sv": body("b"), "en": body("b")}, three: {"ar": body("x")}}
    found = edited(entries, texts, "en")
    assert [one.changes for one in found] == [None, Changes(changed=1), None]


def test_topics_are_a_closed_vocabulary_and_a_school_year_begins_in_august() -> None:
    assert known_topic("goals") is Topic.GOALS
    assert known_topic("gossip") is None
    assert known_topic(None) is None
    assert (year_of(date(2026, 7, 31)), year_of(date(2026, 8, 1))) == ("2025/2026", "2026/2027")
