"""Times for a whole family: one evening, no rush, no wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduling.domain.bundles import (
    Block,
    Said,
    Situation,
    Slot,
    Wanted,
    best,
    bundles,
    by_day,
    chosen,
    free,
    standing,
)
from services.scheduling.domain.placing import Busy, in_the_way, too_far_apart

EVENING = datetime(2026, 11, 17, 14, tzinfo=UTC)
NEXT = EVENING + timedelta(days=2)
MINUTE = timedelta(minutes=1)
NORTH, SOUTH, ANNA, BO = (uuid4() for _ in range(4))


def slots(wanted: Wanted, *starts: datetime, pitch: int = 30) -> list[Slot]:
    """The host's times; each is followed by the next if that begins half an hour later."""
    host = wanted.host_id or uuid4()
    room = uuid4()
    return [
        Slot(
            slot_id=uuid4(),
            round_id=wanted.round_id,
            host_id=host,
            starts_at=one,
            ends_at=one + 25 * MINUTE,
            room_id=room,
            later_end=one + (pitch + 25) * MINUTE if one + pitch * MINUTE in starts else None,
        )
        for one in starts
    ]


def evening(first: datetime = EVENING, count: int = 6) -> list[datetime]:
    return [first + 30 * MINUTE * place for place in range(count)]


def child(school: UUID = NORTH, *guardians: UUID, **more: object) -> Wanted:
    return Wanted(uuid4(), uuid4(), school, uuid4(), guardians or (ANNA,), uuid4(), **more)  # type: ignore[arg-type]


def family(children: list[Wanted], times: list[list[datetime]], **more: object) -> Situation:
    found = [one for wanted, starts in zip(children, times, strict=True) for one in slots(wanted, *starts)]
    return Situation(slots=found, **more)  # type: ignore[arg-type]


def test_siblings_come_once_one_after_the_other() -> None:
    two = [child(), child()]
    found = bundles(free(two, family(two, [evening(), evening() + evening(NEXT)])))
    assert {len(one.days) for one in found} == {1}
    first = found[0].slots
    assert first[1].starts_at - first[0].starts_at == 30 * MINUTE


def test_between_schools_there_is_time_to_travel() -> None:
    two = [child(NORTH), child(SOUTH)]
    for one in bundles(free(two, family(two, [evening(), evening()]))):
        assert one.slots[1].starts_at - one.slots[0].ends_at >= 30 * MINUTE


def test_the_family_comes_twice_only_when_it_must() -> None:
    two = [child(), child()]
    apart = bundles(free(two, family(two, [[EVENING], [NEXT]])))
    assert [len(one.days) for one in apart] == [2]
    assert bundles(free(two, family(two, [[EVENING], []]))) == []


def test_both_guardians_times_count() -> None:
    one = child(NORTH, ANNA, BO)
    said = [
        Said(ANNA, EVENING, EVENING + 180 * MINUTE, gladly=True),
        Said(BO, EVENING + 120 * MINUTE, EVENING + 180 * MINUTE, gladly=False),
    ]
    found = bundles(free([one], family([one], [evening()], said=said)))
    assert found[0].starts_at == EVENING + 120 * MINUTE
    assert found[-1].starts_at < EVENING + 120 * MINUTE  # Bo has said no to it


def test_a_day_on_which_a_guardian_can_at_no_time_comes_after_one_on_which_everybody_can() -> None:
    one = child()
    said = [Said(ANNA, EVENING, EVENING, gladly=False), Said(ANNA, NEXT, NEXT + 180 * MINUTE, gladly=False)]
    found = bundles(free([one], family([one], [evening() + evening(NEXT)], said=said)))
    assert [len(bundle.days) for bundle in found[:6]] == [1] * 6
    assert {bundle.days[0] for bundle in found[:6]} == {NEXT.date()}


def test_a_sibling_s_talk_that_stands_is_kept_in_mind() -> None:
    one, others = child(), uuid4()
    there = Busy(ANNA, NEXT + 30 * MINUTE, NEXT + 60 * MINUTE, others, NORTH)
    around = family([one], [evening() + evening(NEXT)], busy=[there])
    found = bundles(free([one], around), standing([one], around))
    assert {one.starts_at for one in found[:2]} == {NEXT, NEXT + 60 * MINUTE}  # just before it, and just after
    assert NEXT + 30 * MINUTE not in {bundle.starts_at for bundle in found}


def test_a_family_that_needs_an_interpreter_sees_the_times_one_can_come() -> None:
    one, somebody = child(language="ar"), uuid4()
    block = Block(somebody, ("ar",), EVENING + 60 * MINUTE, EVENING + 120 * MINUTE)
    found = free([one], family([one], [evening()], blocks=[block]))[one.talk_id]
    assert [slot.starts_at - EVENING for slot in found] == [60 * MINUTE, 90 * MINUTE]
    assert {slot.placement.interpreter_id for slot in found} == {somebody}
    nobody = free([one], family([one], [evening()]))[one.talk_id]
    assert len(nobody) == 6
    assert all(slot.lacks_interpreter for slot in nobody)


def test_an_interpreter_is_at_one_talk_at_a_time() -> None:
    one, somebody = child(language="ar"), uuid4()
    block = Block(somebody, ("ar",), EVENING, EVENING + 180 * MINUTE)
    busy = [Busy(somebody, EVENING, EVENING + 25 * MINUTE, uuid4(), NORTH)]
    found = free([one], family([one], [evening(count=2)], blocks=[block], busy=busy))[one.talk_id]
    assert [slot.starts_at for slot in found] == [EVENING + 30 * MINUTE]


def test_more_time_is_two_slots_in_a_row() -> None:
    one = child(longer=True)
    found = free([one], family([one], [evening(count=3)]))[one.talk_id]
    assert [(slot.starts_at - EVENING, slot.ends_at - slot.starts_at) for slot in found] == [
        (0 * MINUTE, 55 * MINUTE),
        (30 * MINUTE, 55 * MINUTE),
    ]


def test_the_best_three_differ_in_when_the_family_comes() -> None:
    two = [child(), child()]
    found = bundles(free(two, family(two, [evening(), evening()])))
    assert len({one.starts_at for one in best(found)}) == 3
    listed = by_day(found)
    assert [one.starts_at for one in listed[EVENING.date()]] == sorted({one.starts_at for one in found})


def test_a_form_s_value_says_the_same_bundle() -> None:
    two = [child(), child()]
    one = bundles(free(two, family(two, [evening(), evening()])))[0]
    assert chosen(one.value) == [(slot.talk_id, slot.slot_id) for slot in one.slots]
    for odd in ("", ",", "x", "a:b", f"{uuid4()}", f"{two[0].talk_id}:{uuid4()},{two[0].talk_id}:{uuid4()}"):
        with pytest.raises(ValueError, match=r".*"):
            chosen(odd)


TIMES = st.lists(st.integers(0, 11), min_size=1, max_size=8, unique=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), TIMES), min_size=1, max_size=5), TIMES)
def test_no_bundle_asks_anybody_to_be_in_two_places(children: list[tuple[bool, list[int]]], taken: list[int]) -> None:
    mine = [child(NORTH if north else SOUTH) for north, _ in children]
    times = [[EVENING + 15 * MINUTE * place for place in sorted(places)] for _, places in children]
    busy = [Busy(mine[0].host_id or ANNA, EVENING + 15 * MINUTE * n, EVENING + 15 * MINUTE * (n + 1)) for n in taken]
    for bundle in bundles(free(mine, family(mine, times, busy=busy)))[:5]:
        placements = [slot.placement for slot in bundle.slots]
        assert {one.talk_id for one in placements} == {one.talk_id for one in mine}
        assert not in_the_way(placements, busy, EVENING)
        assert not too_far_apart(placements)
