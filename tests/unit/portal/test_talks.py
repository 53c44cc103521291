"""What a talk waits for, which one is next, and how what was agreed is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.domain.duties import (
    LETTERS,
    NOTICE,
    TALKS,
    Outcome,
    Seen,
    courses,
    how_far,
    how_it_stands,
    outcomes,
    stands,
)
from services.portal.domain.talks import Ask, Counted, Talk, agreed, asked, asks, next_talk, shown_first
from shared.events.duties import DutyKind
from shared.events.scheduling import CommitmentStatus, Owner, TalkKind, TalkState

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
PUPILS = [UUID(int=number) for number in (1, 2, 3)]


def talk(
    state: TalkState, *, starts: datetime | None = None, pupil: UUID = PUPILS[0], **more: datetime | bool | None
) -> Talk:
    ends = starts + timedelta(minutes=25) if starts else None
    values = {"talk_id": uuid4(), "pupil_id": pupil, "kind": TalkKind.DEVELOPMENT, "state": state}
    return Talk.model_validate({**values, "starts_at": starts, "ends_at": ends, **more})


MOMENTS = st.none() | st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR)
ANY_TALK = st.builds(
    talk,
    st.sampled_from(TalkState),
    starts=MOMENTS,
    pupil=st.sampled_from(PUPILS),
    answer_by=MOMENTS,
    books_from=MOMENTS,
    books_until=MOMENTS,
    signed=st.booleans(),
)


@pytest.mark.parametrize(
    ("one", "ask"),
    [
        (talk(TalkState.WANTED), None),
        (talk(TalkState.WANTED, answer_by=NOW + HOUR), Ask.WISHES),
        (talk(TalkState.WANTED, answer_by=NOW), None),
        (talk(TalkState.WANTED, books_from=NOW), Ask.BOOK),
        (talk(TalkState.WANTED, books_from=NOW + HOUR), None),
        (talk(TalkState.WANTED, books_from=NOW - HOUR, books_until=NOW), None),
        (talk(TalkState.WANTED, answer_by=NOW + HOUR, books_from=NOW), Ask.BOOK),
        (talk(TalkState.PROPOSED, starts=NOW + HOUR), Ask.ANSWER),
        (talk(TalkState.PROPOSED, starts=NOW), None),
        (talk(TalkState.BOOKED, starts=NOW + HOUR), None),
        (talk(TalkState.HELD, starts=NOW - HOUR), Ask.SIGN),
        (talk(TalkState.HELD, starts=NOW - HOUR, signed=True), None),
        (talk(TalkState.SIGNED), None),
        (talk(TalkState.MISSED), None),
        (talk(TalkState.CANCELLED), None),
    ],
)
def test_a_talk_waits_for_one_thing_at_a_time(one: Talk, ask: Ask | None) -> None:
    assert asks(one, NOW) is ask


@given(st.lists(ANY_TALK, max_size=8))
def test_every_talk_that_waits_is_asked_about_exactly_once_and_no_other_is(talks: list[Talk]) -> None:
    found = asked(talks, NOW)
    about = [talk.talk_id for one in found for talk in one.talks]
    assert sorted(about) == sorted(talk.talk_id for talk in talks if asks(talk, NOW))
    assert all(asks(talk, NOW) is one.ask for one in found for talk in one.talks)
    assert all(one.until is None or one.until > NOW for one in found)


@given(st.lists(ANY_TALK, max_size=8))
def test_what_is_soonest_over_comes_first(talks: list[Talk]) -> None:
    ends = [one.until for one in asked(talks, NOW)]
    assert ends == sorted(ends, key=lambda until: (until is None, until or NOW))


def test_several_children_are_asked_about_in_one() -> None:
    both = [talk(TalkState.WANTED, pupil=pupil, books_from=NOW) for pupil in PUPILS[:2]]
    [one] = asked(both, NOW)
    assert (one.path, one.pupils) == ("/talks/book", tuple(PUPILS[:2]))


@given(st.lists(ANY_TALK, max_size=8))
def test_the_next_talk_is_the_first_that_is_not_over(talks: list[Talk]) -> None:
    found = next_talk(talks, NOW)
    coming = [talk for talk in talks if talk.comes(NOW)]
    assert (found is None) == (not coming)
    assert found is None or all(
        found.starts_at <= talk.starts_at for talk in coming if found.starts_at and talk.starts_at
    )


def test_staff_see_the_time_first_then_what_is_to_be_signed_then_what_has_no_time() -> None:
    wanted, held = talk(TalkState.WANTED), talk(TalkState.HELD, starts=NOW - HOUR)
    booked = talk(TalkState.BOOKED, starts=NOW + HOUR)
    assert shown_first([wanted, held, booked], NOW) is booked
    assert shown_first([wanted, held], NOW) is held
    assert shown_first([wanted], NOW) is wanted
    assert shown_first([talk(TalkState.SIGNED)], NOW) is None


def test_what_was_agreed_is_counted_by_whose_it_is() -> None:
    day = date(2026, 12, 1)
    lines = [
        Counted(Owner.SCHOOL, CommitmentStatus.ONGOING, 3, 1, day),
        Counted(Owner.SCHOOL, CommitmentStatus.FULFILLED, 2, 2, day - timedelta(days=9)),
        Counted(Owner.GUARDIAN, CommitmentStatus.ONGOING, 1, 0, day + timedelta(days=1)),
        Counted(Owner.PUPIL, CommitmentStatus.DONE, 1, 0, None),
    ]
    found = agreed(lines)
    assert found is not None
    assert (found.ongoing, found.late, found.done, found.next_due) == (4, 1, 3, day)
    assert [share.owner for share in found.shares] == [Owner.SCHOOL, Owner.PUPIL, Owner.GUARDIAN]
    assert agreed([]) is None


EVERY = st.integers(0, 2 * max(Seen) - 1).map(Seen)


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (Seen(0), Outcome.WAITING),
        (Seen.SENT, Outcome.WAITING),
        (Seen.SENT | Seen.OVER, Outcome.MISSED),
        (Seen.MISSED, Outcome.MISSED),
        (Seen.MET, Outcome.MET),
        (Seen.MET | Seen.OVER | Seen.MISSED, Outcome.MET),
        (Seen.DELIVERED | Seen.TOLD_IN_TIME, Outcome.WAITING),  # a mail carries out no talk
        (Seen.UNREACHABLE | Seen.CALL_IN_TIME | Seen.OVER, Outcome.MISSED),
        (Seen.RETRACTED | Seen.MET, Outcome.RETRACTED),
    ],
)
@pytest.mark.parametrize("kind", TALKS)
def test_a_talk_is_met_when_it_is_held_and_missed_when_the_term_ends_without_it(
    seen: Seen, outcome: Outcome, kind: DutyKind
) -> None:
    assert stands(seen, kind) is outcome


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (Seen(0), Outcome.WAITING),
        (Seen.SENT, Outcome.WAITING),
        (Seen.SENT | Seen.OVER, Outcome.MISSED),
        (Seen.MISSED, Outcome.MISSED),
        (Seen.DELIVERED | Seen.OVER, Outcome.MET),
        (Seen.MISSED | Seen.DELIVERED, Outcome.MET),
        (Seen.UNDERSTOOD, Outcome.MET),
        (Seen.UNREACHABLE | Seen.SENT | Seen.OVER, Outcome.UNREACHABLE),
        (Seen.UNREACHABLE | Seen.DELIVERED, Outcome.MET),
        (Seen.RETRACTED | Seen.DELIVERED, Outcome.RETRACTED),
    ],
)
@pytest.mark.parametrize("kind", LETTERS)
def test_a_bulletin_is_met_when_it_has_come_late_or_not_and_read_or_not(
    seen: Seen, outcome: Outcome, kind: DutyKind
) -> None:
    assert stands(seen, kind) is outcome
    assert Outcome.UNDERSTOOD not in outcomes(seen | Seen.UNDERSTOOD, kind)


@given(EVERY, st.sampled_from(DutyKind), st.sampled_from(Outcome))
def test_every_duty_of_every_kind_stands_in_exactly_one_of_its_own_ways(
    seen: Seen, kind: DutyKind, outcome: Outcome
) -> None:
    found = outcomes(seen, kind)
    assert len(found.intersection(how_it_stands(kind))) == 1
    assert kind is NOTICE or found <= {*how_far(kind), *how_it_stands(kind)}
    assert (int(seen) in courses(outcome, kind)) == (outcome in found)
