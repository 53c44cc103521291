"""What the school is shown of what homes say: never fewer than five together, and nothing that can be subtracted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.feedback import (
    FEWEST,
    LONGEST,
    NEEDED,
    TOO_LONG,
    About,
    Answer,
    gathered,
    may_change,
    sums,
    wrong,
)

CLASSES = [uuid4() for _ in range(4)]
SOME = st.lists(st.tuples(st.sampled_from([*CLASSES, None]), st.sampled_from([1, 3, 5, None])), max_size=40)


def said(group: UUID | None, score: int | None = 4, words: str = "") -> Answer:
    """What a home of a class said."""
    return Answer(About.BULLETIN, uuid4(), group, score, words)


def test_four_answers_are_nothing_and_five_are_a_sum() -> None:
    four = [said(CLASSES[0], score) for score in (1, 1, 5, None)]
    assert sums(four) is None
    found = sums([*four, said(CLASSES[0], 5, "Good.")])
    assert found is not None
    assert (found.number, found.scores, found.scored, found.mean) == (5, (2, 0, 0, 0, 2), 4, 3.0)
    assert found.words == ("Good.",)


def test_words_stand_in_an_order_that_does_not_say_who_wrote_when() -> None:
    words = [f"word {place}" for place in range(9)]
    forwards = sums([said(CLASSES[0], 4, one) for one in words])
    backwards = sums([said(CLASSES[0], 4, one) for one in reversed(words)])
    assert forwards is not None
    assert forwards == backwards
    assert list(forwards.words) not in (words, words[::-1])


def test_small_classes_are_counted_together_or_not_at_all() -> None:
    large = [said(CLASSES[0]) for _ in range(6)]
    two, three = [said(CLASSES[1]) for _ in range(2)], [said(CLASSES[2]) for _ in range(3)]
    found = gathered([*large, *two, *three])
    assert [(line.group_id, line.sums.number) for line in found.lines] == [(CLASSES[0], 6), (None, 5)]
    assert not found.hidden
    found = gathered([*large, *two])
    assert [line.group_id for line in found.lines] == [CLASSES[0]]
    assert found.hidden


@given(SOME)
def test_no_line_is_of_fewer_than_five_and_all_are_shown_once_or_hidden(some: list[tuple[UUID | None, int]]) -> None:
    found = gathered([said(group, score) for group, score in some])
    assert all(line.sums.number >= FEWEST for line in found.lines)
    shown = sum(line.sums.number for line in found.lines)
    assert shown <= len(some)
    assert found.hidden == (shown < len(some))
    assert len(some) - shown < FEWEST


@pytest.mark.parametrize(
    ("score", "words", "why"),
    [
        (None, "", NEEDED),
        (9, "", NEEDED),
        (4, "", None),
        (None, "Thanks.", None),
        (4, "x" * LONGEST, None),
        (4, "x" * (LONGEST + 1), TOO_LONG),
    ],
)
def test_an_answer_is_one_of_five_or_some_words(score: int | None, words: str, why: str | None) -> None:
    assert wrong(score, words) == why


def test_an_answer_can_be_changed_until_thirty_days_have_passed() -> None:
    first = datetime(2026, 11, 2, tzinfo=UTC)
    assert may_change(first, first + timedelta(days=30, seconds=-1))
    assert not may_change(first, first + timedelta(days=30))
