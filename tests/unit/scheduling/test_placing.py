"""What a talk takes, and what stands in its way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.scheduling.domain.placing import (
    LONGEST_HOLD,
    TRAVEL,
    WALK,
    Board,
    Busy,
    Choice,
    Placement,
    as_busy,
    in_the_way,
    is_over,
    too_far_apart,
    uses,
)

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NORTH, SOUTH = uuid4(), uuid4()
HOST, OTHER_HOST, PUPIL, SIBLING, GUARDIAN = (uuid4() for _ in range(5))


def talk(
    minutes: int = 0,
    host: UUID = HOST,
    pupil: UUID = PUPIL,
    school: UUID = NORTH,
    *,
    talk_id: UUID | None = None,
    video: bool = False,
) -> Placement:
    starts = NOW + minutes * MINUTE
    return Placement(
        talk_id=talk_id or uuid4(),
        slot_id=uuid4(),
        starts_at=starts,
        ends_at=starts + 25 * MINUTE,
        school_id=school,
        host_id=host,
        pupil_id=pupil,
        guardian_ids=(GUARDIAN,),
        video=video,
    )


def test_those_who_come_need_the_way_after_it_and_the_host_does_not() -> None:
    one = talk()
    ends = {taken.resource_id: taken.ends_at for taken in uses(one)}
    assert ends == {HOST: one.ends_at, PUPIL: one.ends_at + WALK, GUARDIAN: one.ends_at + WALK}
    assert {taken.ends_at for taken in uses(talk(video=True))} == {one.ends_at}


def test_a_host_can_hold_the_next_talk_at_once_and_a_guardian_has_to_walk() -> None:
    there = list(as_busy(talk()))
    assert not in_the_way([talk(25, pupil=SIBLING, host=HOST)], [b for b in there if b.resource_id == HOST], NOW)
    assert in_the_way([talk(25, OTHER_HOST, SIBLING)], there, NOW)
    assert not in_the_way([talk(30, OTHER_HOST, SIBLING)], there, NOW)


def test_between_two_schools_there_is_time_to_travel_unless_one_is_by_video() -> None:
    there = list(as_busy(talk()))
    almost = 25 + TRAVEL // MINUTE - 1
    assert in_the_way([talk(almost, OTHER_HOST, SIBLING, SOUTH)], there, NOW)
    assert in_the_way([talk(-almost, OTHER_HOST, SIBLING, SOUTH)], there, NOW)
    assert not in_the_way([talk(almost + 1, OTHER_HOST, SIBLING, SOUTH)], there, NOW)
    assert not in_the_way([talk(30, OTHER_HOST, SIBLING, SOUTH, video=True)], there, NOW)


def test_what_the_talk_itself_has_now_is_not_in_its_way() -> None:
    known = uuid4()
    old = [Busy(b.resource_id, b.starts_at, b.ends_at, known) for b in as_busy(talk())]
    assert not in_the_way([talk(10, talk_id=known)], old, NOW)
    assert in_the_way([talk(10)], old, NOW)


def test_a_hold_counts_until_it_is_over_and_not_for_who_holds_it() -> None:
    hold = uuid4()
    there = [Busy(HOST, NOW, NOW + 25 * MINUTE, uuid4(), NORTH, False, hold, NOW + MINUTE)]
    assert in_the_way([talk()], there, NOW)
    assert not in_the_way([talk()], there, NOW, hold=hold)
    assert not in_the_way([talk()], there, NOW + MINUTE)


def test_a_hold_longer_than_any_is_from_a_clock_that_jumped() -> None:
    assert not is_over(NOW + LONGEST_HOLD, NOW)
    assert is_over(NOW + LONGEST_HOLD + MINUTE, NOW)
    assert not is_over(None, NOW)


def test_on_the_board_the_first_has_it_and_its_old_time_is_free() -> None:
    first, second = talk(pupil=uuid4()), talk(pupil=uuid4())
    old = [Busy(HOST, NOW + 60 * MINUTE, NOW + 85 * MINUTE, first.talk_id, NORTH)]
    board = Board(old, NOW)
    assert not board.in_the_way([first])
    board.take([first])
    assert set(board.in_the_way([second])) == {second.talk_id}
    assert not board.in_the_way([talk(60, pupil=uuid4(), school=NORTH)])


def test_a_choice_is_kept_as_it_was() -> None:
    for one in (Choice(uuid4(), uuid4()), Choice(uuid4(), uuid4(), uuid4(), longer=True)):
        assert Choice.from_json(one.to_json()) == one


@given(st.lists(st.tuples(st.integers(0, 240), st.booleans(), st.booleans()), min_size=2, max_size=5))
def test_what_is_not_in_each_others_way_is_never_too_far_apart(times: list[tuple[int, bool, bool]]) -> None:
    placed: list[Placement] = []
    for minutes, north, video in times:
        one = talk(minutes, uuid4(), uuid4(), NORTH if north else SOUTH, video=video)
        if not in_the_way([one], [b for other in placed for b in as_busy(other)], NOW):
            placed.append(one)
    assert not too_far_apart(placed)
