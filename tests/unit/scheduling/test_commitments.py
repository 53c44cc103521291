"""The life of what was agreed, and when it is asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.commitments import (
    ASKED_AFTER_DUE,
    Answer,
    Move,
    Question,
    after,
    has_promised,
    is_late,
    may_move,
    next_question,
)
from shared.events.scheduling import CommitmentStatus, Owner

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
EVERY = timedelta(days=14)
ONGOING = CommitmentStatus.ONGOING


def test_it_goes_from_ongoing_over_done_to_fulfilled() -> None:
    assert after(Move.DONE, ONGOING) is CommitmentStatus.DONE
    assert after(Move.FULFILLED, CommitmentStatus.DONE) is CommitmentStatus.FULFILLED
    assert after(Move.AGAIN, CommitmentStatus.DONE) is ONGOING
    assert after(Move.STOPPED, ONGOING) is CommitmentStatus.STOPPED


def test_what_is_fulfilled_stays_so_and_a_proposal_cannot_be_done() -> None:
    assert not any(after(move, CommitmentStatus.FULFILLED) for move in Move)
    assert after(Move.DONE, CommitmentStatus.PROPOSED) is None
    assert after(Move.FULFILLED, CommitmentStatus.PROPOSED) is None


def test_whoever_promised_only_says_that_it_is_done() -> None:
    for move, school, promised in product(Move, (True, False), (True, False)):
        assert may_move(move, school=school, promised=promised) is (school or (promised and move is Move.DONE))


def test_a_pupils_promise_is_the_pupils() -> None:
    pupil, anna = uuid4(), uuid4()
    assert has_promised(Owner.PUPIL, None, pupil, pupil)
    assert not has_promised(Owner.PUPIL, None, pupil, anna)
    assert has_promised(Owner.GUARDIAN, anna, pupil, anna)
    assert not has_promised(Owner.GUARDIAN, anna, pupil, pupil)


def test_it_is_late_from_the_day_after() -> None:
    due = date(2026, 11, 17)
    assert not is_late(ONGOING, due, due)
    assert is_late(ONGOING, due, due + timedelta(days=1))
    assert not is_late(CommitmentStatus.DONE, due, due + timedelta(days=1))
    assert not is_late(ONGOING, None, due)


@given(st.sampled_from(CommitmentStatus), st.none() | st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_questions_come_evenly_and_end(status: CommitmentStatus, due: date | None) -> None:
    now, asked = NOW, 0
    while (when := next_question(status, NOW, due, now, EVERY)) is not None:
        assert when == now + EVERY
        now, asked = when, asked + 1
    if status is not ONGOING:
        assert asked == 0
    last = NOW.date() + timedelta(days=183) if due is None else due + ASKED_AFTER_DUE
    assert now.date() <= max(last, NOW.date())


def test_a_question_is_open_until_it_expires_or_the_promise_is_over() -> None:
    question = Question(NOW, NOW + EVERY)
    assert question.is_open(ONGOING, NOW)
    assert not question.is_open(ONGOING, NOW + EVERY)
    assert not question.is_open(CommitmentStatus.DONE, NOW)


def test_silence_is_what_was_nudged_and_not_answered() -> None:
    assert not Question(NOW, NOW + EVERY).silent
    assert Question(NOW, NOW + EVERY, nudged_at=NOW).silent
    assert not Question(NOW, NOW + EVERY, NOW, Answer.WELL, nudged_at=NOW).silent
