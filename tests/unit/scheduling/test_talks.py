"""The rules of a talk: who reads what, when it can have been held, and who signs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.rounds import Side
from services.scheduling.domain.talks import (
    OPEN,
    SIDES,
    Part,
    Parties,
    Signed,
    answered,
    may_hold,
    may_prepare,
    may_read,
    may_sign,
    missing,
)
from shared.events.scheduling import TalkState

ZONE = "Europe/Stockholm"
NOW = datetime(2026, 11, 17, 14, 0, tzinfo=UTC)
MENTOR, PUPIL, ANNA, BO, PRINCIPAL = (uuid4() for _ in range(5))


def parties(born: date | None = date(2014, 3, 1), homes: tuple[UUID, ...] = (ANNA, BO)) -> Parties:
    return Parties(PUPIL, MENTOR, homes, (ANNA, BO), born, NOW.date())


def signed(*people: UUID, version: int = 1) -> list[Signed]:
    return [Signed(one, version, NOW) for one in people]


def test_each_side_reads_its_own_and_what_others_have_shown() -> None:
    for part, side, shown in product(SIDES, Side, (True, False)):
        assert may_read(part, side, shown) is (shown or SIDES[part] is side)
    assert not any(may_read(Part.READER, side, shown) for side, shown in product(Side, (True, False)))


def test_nobody_prepares_a_talk_that_is_over() -> None:
    for part, state in product(Part, TalkState):
        assert may_prepare(part, state) is (state in OPEN and part is not Part.READER)


def test_a_talk_is_held_on_its_day_or_later_by_the_school() -> None:
    midnight = datetime(2026, 11, 17, 23, 30, tzinfo=UTC)  # 00:30 on the 18th in Stockholm
    assert may_hold(Part.SCHOOL, TalkState.BOOKED, midnight, midnight.replace(hour=23, minute=1), ZONE)
    assert not may_hold(Part.SCHOOL, TalkState.BOOKED, midnight, NOW, ZONE)
    assert may_hold(Part.SCHOOL, TalkState.WANTED, None, NOW, ZONE)
    assert may_hold(Part.SCHOOL, TalkState.MISSED, NOW, NOW, ZONE)
    assert not may_hold(Part.HOME, TalkState.BOOKED, NOW, NOW, ZONE)
    assert not may_hold(Part.SCHOOL, TalkState.HELD, NOW, NOW, ZONE)


def test_a_plan_waits_for_mentor_pupil_and_each_guardian() -> None:
    lacking = missing(parties(), signed(ANNA), 1)
    assert (lacking.school, lacking.pupil, lacking.guardian_ids) == (True, True, (BO,))
    assert not missing(parties(), signed(MENTOR, PUPIL, ANNA, BO), 1)


def test_the_principal_signs_for_the_school_but_a_guardian_does_not() -> None:
    assert not missing(parties(), signed(PRINCIPAL, PUPIL, ANNA, BO), 1)
    assert missing(parties(homes=(ANNA,)), signed(BO, PUPIL, ANNA), 1).school


def test_signatures_under_an_earlier_version_do_not_count() -> None:
    assert missing(parties(), signed(MENTOR, PUPIL, ANNA, BO, version=1), 2)


def test_small_children_are_not_waited_for_and_pupils_of_age_sign_without_guardians() -> None:
    small, grown = parties(date(2017, 1, 1)), parties(date(2008, 1, 1), homes=())
    assert not missing(small, signed(MENTOR, ANNA, BO), 1)
    assert not missing(grown, signed(MENTOR, PUPIL), 1)
    assert not may_sign(Part.HOME, grown, ANNA)
    assert may_sign(Part.PUPIL, small, PUPIL)


def test_somebody_whose_age_is_unknown_is_waited_for() -> None:
    assert missing(parties(None), signed(MENTOR, ANNA, BO), 1).pupil


def test_who_lost_custody_neither_signs_nor_is_waited_for() -> None:
    assert not may_sign(Part.HOME, parties(homes=(ANNA,)), BO)
    assert missing(parties(homes=(ANNA,)), [], 1).guardian_ids == (ANNA,)


@given(st.sets(st.sampled_from([MENTOR, PUPIL, ANNA, BO, PRINCIPAL])), st.integers(1, 3))
def test_a_signature_more_never_leaves_more_missing(people: set[UUID], version: int) -> None:
    before = missing(parties(), signed(*people, version=version), version)
    after = missing(parties(), signed(*people, BO, version=version), version)
    assert set(after.guardian_ids) <= set(before.guardian_ids)
    assert (after.school, after.pupil) == (before.school, before.pupil)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text()))
def test_answers_are_those_of_the_questions_and_can_be_kept(typed: dict[str, str]) -> None:
    said = answered(["a", "b"], typed)
    assert set(said) <= {"a", "b"}
    assert all(words.strip() and "\x00" not in words for words in said.values())
