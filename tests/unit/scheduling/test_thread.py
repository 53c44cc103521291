"""The red thread, and absence as it is laid on the table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.commitments import Answer, Question
from services.scheduling.domain.risks import Risk, Trend, absence
from services.scheduling.domain.thread import Agreed, thread
from shared.events.scheduling import CommitmentStatus, Owner, TalkKind

NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
SPRING, AUTUMN = uuid4(), uuid4()


def agreed(talk: UUID, held: int | None = 0, **more: Any) -> Agreed:
    """Something agreed in a talk that was held that many days ago; None: not held."""
    held_at = None if held is None else NOW - timedelta(days=held)
    usual = {
        "commitment_id": uuid4(),
        "version": 1,
        "talk_id": talk,
        "school_id": uuid4(),
        "pupil_id": uuid4(),
        "kind": TalkKind.DEVELOPMENT,
        "household": 0,
        "held_at": held_at,
        "at": held_at or NOW,
        "owner": Owner.PUPIL,
        "promised_by": None,
        "what": "Reads",
        "how": "",
        "due": None,
        "status": CommitmentStatus.ONGOING,
        "changed_at": held_at or NOW,
    }
    return Agreed(**{**usual, **more})


def test_it_begins_with_the_last_talk_and_leaves_out_the_one_that_is_opened() -> None:
    now = uuid4()
    found = thread([agreed(SPRING, 200), agreed(AUTUMN, 20), agreed(now, 0)], [AUTUMN], before=now)
    assert [knot.talk_id for knot in found.knots] == [AUTUMN, SPRING]
    assert found.last is not None
    assert found.last.mine
    assert not found.earlier[0].mine
    assert [one.talk_id for one in found.going_on] == [SPRING]


def test_what_was_only_proposed_was_never_agreed() -> None:
    dropped = agreed(SPRING, 10, status=CommitmentStatus.STOPPED, changed_at=NOW - timedelta(days=11))
    stopped = agreed(SPRING, 10, status=CommitmentStatus.STOPPED, changed_at=NOW)
    proposed = agreed(AUTUMN, None, status=CommitmentStatus.PROPOSED)
    [knot] = thread([dropped, stopped, proposed]).knots
    assert knot.agreed == (stopped,)


def test_of_questions_the_last_answer_says_how_it_goes_and_the_last_silence_shows() -> None:
    answered = Question(NOW, NOW, NOW, Answer.WELL)
    silent = Question(NOW + timedelta(days=14), NOW, nudged_at=NOW)
    one = agreed(SPRING, questions=(answered, silent))
    assert one.last is answered
    assert one.silent


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 900), st.sampled_from(CommitmentStatus))))
def test_nothing_agreed_is_lost_and_nothing_is_there_twice(
    drawn: list[tuple[int, int | None, CommitmentStatus]],
) -> None:
    talks = [uuid4() for _ in range(5)]
    some = [agreed(talks[talk], held, status=status) for talk, held, status in drawn]
    inside = [one.commitment_id for knot in thread(some).knots for one in knot.agreed]
    assert sorted(inside) == sorted(one.commitment_id for one in some if one.was_agreed)
    times = [knot.at for knot in thread(some).knots]
    assert sum(thread(some).counts.values()) == len(inside)
    assert len(times) == len({one.talk_id for one in some if one.was_agreed})


def subject(planned: int, invalid: int, valid: int = 0, subject_id: UUID | None = None) -> dict[str, Any]:
    return {
        "subject_id": str(subject_id or uuid4()),
        "lessons": 10,
        "planned": planned,
        "valid": valid,
        "invalid": invalid,
    }


def test_norway_warns_of_ten_per_cent_without_a_reason_in_a_subject() -> None:
    table = absence([subject(1000, 99), subject(1000, 100), subject(1000, 20, 500)], "Europe/Oslo")
    assert [one.risk for one in table.subjects] == [Risk.RISK, Risk.NEAR, Risk.NONE]


def test_sweden_has_no_number_so_much_absence_is_worth_talking_about() -> None:
    table = absence([subject(1000, 100, 60), subject(1000, 100)], "Europe/Stockholm")
    assert sorted(one.risk for one in table.subjects) == [Risk.NONE, Risk.TALK]


def test_how_it_has_moved_since_the_last_talk() -> None:
    swedish = uuid4()
    before = [subject(1000, 100, subject_id=swedish)]
    for invalid, trend in ((200, Trend.MORE), (110, Trend.SAME), (20, Trend.LESS)):
        table = absence([subject(1000, invalid, subject_id=swedish)], "Europe/Stockholm", before)
        assert table.trend is trend
        assert table.subjects[0].trend is trend
    assert absence(before, "Europe/Stockholm").trend is Trend.UNKNOWN


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000))))
def test_any_sums_make_a_table(drawn: list[tuple[int, int, int]]) -> None:
    table = absence([subject(*one) for one in drawn], "Europe/Oslo")
    assert table.missed == sum(one[1] + one[2] for one in drawn)
    assert len(table.subjects) == len(drawn)


def test_lateness_is_asked_of_the_day_at_the_school() -> None:
    assert agreed(SPRING, due=date(2026, 11, 1)).late(date(2026, 11, 2))
