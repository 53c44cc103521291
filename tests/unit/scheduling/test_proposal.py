"""The rules of a proposal, each on an instance small enough to be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from services.scheduling.proposal.answers import shortages
from services.scheduling.proposal.codec import from_json, to_json
from services.scheduling.proposal.measures import check, measure
from services.scheduling.proposal.model import (
    Answer,
    Family,
    Fix,
    Fixed,
    Instance,
    InterpreterTime,
    Left,
    Placed,
    Slot,
    TalkWanted,
    Why,
    Window,
    bundles,
    common,
    instant,
    merged,
    minute,
)
from services.scheduling.proposal.solve import solve
from tests.unit.scheduling.proposal_stage import (
    FOUR,
    NEXT_DAY,
    PITCH,
    at,
    between,
    family,
    host,
    instance,
    row,
    talk,
)

SECONDS = 20


def solved(made: Instance) -> Answer:
    """The proven proposal, which is right."""
    answer = solve(made, SECONDS)
    assert check(made, answer) == []
    assert answer.proven
    return answer


def starts(made: Instance, answer: Answer) -> dict[str, int]:
    """Minutes after four, by talk."""
    slots = {slot.slot_id: slot for time in made.hosts for slot in time.slots}
    return {one.talk_id: slots[one.slot_id].starts - FOUR for one in answer.placed if one.slot_id in slots}


def test_siblings_come_one_after_the_other_on_one_evening() -> None:
    slots = {of: (*row(4, of), *at(NEXT_DAY, of=of)) for of in ("anna", "bo")}
    both = family(talk("a", "anna", "mother"), talk("b", "bo", "mother"))
    others = [family(talk(f"{n}", "anna"), free=(between(0, 60),)) for n in range(2)]
    made = instance([host(of, slots[of]) for of in slots], [both, *others])
    times = starts(made, solved(made))
    assert abs(times["a"] - times["b"]) == PITCH
    assert {times["0"], times["1"]} == {0, PITCH}


def test_siblings_whose_hosts_are_free_far_apart_still_get_both_talks() -> None:
    made = instance(
        [host("anna", at(0, of="anna")), host("bo", at(180, of="bo"))],
        [family(talk("a", "anna", "mother"), talk("b", "bo", "mother"))],
    )
    answer = solved(made)
    assert len(answer.placed) == 2
    assert measure(made, answer).one_evening == 100
    assert measure(made, answer).usable_gap == 0
    assert answer.cost == 40


def test_a_family_comes_when_it_would_like_to() -> None:
    made = instance([host(slots=row(6))], [family(talk("a"), glad=(between(120, 180),))])
    assert starts(made, solved(made))["a"] in {120, 150}


def test_a_host_gets_a_break_after_the_longest_run() -> None:
    made = instance([host(slots=row(8), longest_run=3)], [family(talk(f"{n}")) for n in range(8)])
    answer = solved(made)
    assert len(answer.placed) == 6
    assert {one.fix for one in answer.left} == {Fix.MORE_SLOTS}


def test_a_pause_that_is_long_enough_is_a_break() -> None:
    made = instance([host(slots=at(0, 30, 75, 105), longest_run=2)], [family(talk(f"{n}")) for n in range(4)])
    assert len(solved(made).placed) == 4


def test_a_pinned_talk_stays_and_nobody_else_gets_its_time() -> None:
    slots = row(3)
    pinned = replace(talk("a"), pinned=slots[1])
    made = instance([host(slots=slots)], [family(pinned, glad=(between(0, 30),)), family(talk("b")), family(talk("c"))])
    times = starts(made, solved(made))
    assert times["a"] == PITCH
    assert {times["b"], times["c"]} == {0, 2 * PITCH}


def test_a_pinned_talk_stays_at_a_time_the_host_has_closed_meanwhile() -> None:
    elsewhere = Slot("closed", FOUR + 10, FOUR + 35)
    made = instance([host(slots=row(2))], [family(replace(talk("a"), pinned=elsewhere)), family(talk("b"))])
    answer = solved(made)
    assert answer.slot_of["a"] == "closed"
    assert [(one.talk_id, one.why) for one in answer.left] == [("b", Why.HOST_FULL)]


def test_the_other_sibling_comes_right_after_a_pinned_talk() -> None:
    slots = row(6, "anna")
    children = (replace(talk("a", "anna", "mother"), pinned=slots[3]), talk("b", "bo", "mother"))
    made = instance([host("anna", slots), host("bo", row(6, "bo"))], [family(*children)])
    assert starts(made, solved(made))["b"] in {2 * PITCH, 4 * PITCH}


def test_a_talk_of_another_round_draws_the_family_to_that_evening() -> None:
    slots = (*row(2), *at(NEXT_DAY, NEXT_DAY + PITCH))
    fixed = Fixed(FOUR + NEXT_DAY, FOUR + NEXT_DAY + 25, "school", ("guardian a",))
    made = instance([host(slots=slots)], [family(talk("a"), fixed=(fixed,))])
    assert starts(made, solved(made))["a"] == NEXT_DAY + PITCH


@pytest.mark.parametrize(("interpreters", "placed"), [(0, 0), (1, 1), (2, 2)])
def test_as_many_talks_are_interpreted_at_once_as_there_are_interpreters(interpreters: int, placed: int) -> None:
    there = [InterpreterTime(f"i{n}", ("ar", "so"), (between(0, 60),)) for n in range(interpreters)]
    families = [family(talk(of, of, language="ar")) for of in ("anna", "bo")]
    made = instance([host(of, at(0, of=of)) for of in ("anna", "bo")], families, there)
    answer = solved(made)
    assert len(answer.placed) == placed
    assert len({one.interpreter_id for one in answer.placed}) == placed
    assert {(one.why, one.fix) for one in answer.left} <= {(Why.NO_INTERPRETER, Fix.INTERPRETER)}


def test_when_an_interpreter_cancels_the_answer_says_which_times_one_is_needed_at() -> None:
    families = [family(talk("a", language="ar"), free=(between(30, 90),))]
    there = instance([host(slots=row(4))], families, [InterpreterTime("i", ("ar",), (between(0, 240),))])
    assert solved(there).placed[0].interpreter_id == "i"
    cancelled = replace(there, interpreters=(InterpreterTime("i", ("ar",), ()),))
    assert solved(cancelled).left == (Left("a", Why.NO_INTERPRETER, Fix.INTERPRETER, ("h@30", "h@60")),)


def test_an_interpreter_at_one_school_does_not_interpret_at_another() -> None:
    families = [family(talk(of, of, language="ar")) for of in ("anna", "bo")]
    hosts = [host("anna", row(2, "anna"), "north"), host("bo", row(2, "bo"), "south")]
    made = instance(hosts, families, [InterpreterTime("i", ("ar",), (between(0, 240),), "north")])
    assert [one.talk_id for one in solved(made).left] == ["bo"]


def test_siblings_keep_their_interpreter() -> None:
    children = [talk(of, of, "mother", language="ar") for of in ("anna", "bo")]
    there = [InterpreterTime(f"i{n}", ("ar",), (between(0, 240),)) for n in range(2)]
    made = instance([host(of, row(3, of)) for of in ("anna", "bo")], [family(*children)], there)
    assert len({one.interpreter_id for one in solved(made).placed}) == 1


def test_more_pupils_than_times_says_how_many_are_left_and_what_would_fix_it() -> None:
    made = instance([host(slots=row(3))], [family(talk(f"{n}")) for n in range(5)])
    answer = solved(made)
    assert [(one.why, one.fix, one.times) for one in answer.left] == [(Why.HOST_FULL, Fix.MORE_SLOTS, ())] * 2
    (short,) = shortages(made, answer)
    assert (short.left, short.free, short.missing) == (2, 0, 2)


def test_a_family_that_cannot_come_at_any_time_is_told_the_times_that_are_free() -> None:
    made = instance([host(slots=row(4))], [family(talk("a"), free=(between(300, 400),)), family(talk("b"), free=())])
    answer = solved(made)
    free = ("h@0", "h@30", "h@60")
    assert {(one.why, one.fix, one.times) for one in answer.left} == {(Why.NO_COMMON_TIME, Fix.OTHER_TIME, free)}
    assert shortages(made, answer)[0].missing == 0


@pytest.mark.parametrize("hosts", [[], [host(slots=())]])
def test_a_host_who_has_opened_no_time_is_named_as_the_reason(hosts: list[object]) -> None:
    made = instance(hosts, [family(talk("a"))])  # type: ignore[arg-type]
    assert solved(made).left == (Left("a", Why.NO_SLOT, Fix.MORE_SLOTS),)


def test_windows_that_overlap_or_touch_are_one() -> None:
    windows = (between(30, 50), between(0, 40), between(50, 55), between(60, 60))
    made = instance([host(slots=at(30))], [family(talk("a"), free=windows)])
    assert starts(made, solved(made)) == {"a": 30}
    assert merged(windows) == (between(0, 55),)


def test_what_two_guardians_have_in_common_is_when_both_can() -> None:
    hers, his = (between(0, 60), between(40, 120)), (between(90, 200),)
    assert common([hers, None, his]) == (between(90, 120),)
    assert common([None, None]) is None
    assert common([hers, (between(130, 140),)]) == ()


def test_a_guardian_of_children_at_five_schools_has_time_to_travel_between_them() -> None:
    names = [f"school{n}" for n in range(5)]
    hosts = [host(f"h{n}", row(11, f"h{n}"), name) for n, name in enumerate(names)]
    made = instance(hosts, [family(*(talk(f"{n}", f"h{n}", "mother") for n in range(5)))])
    answer = solved(made)
    times = sorted(starts(made, answer).values())
    assert len(times) == 5
    assert all(later - earlier >= 25 + 30 for earlier, later in pairwise(times))
    assert measure(made, answer).usable_gap == 100


def test_a_guardian_of_children_at_five_schools_comes_twice_when_one_evening_is_too_short() -> None:
    slots = [(*row(4, f"h{n}"), *row(4, f"h{n}", NEXT_DAY)) for n in range(5)]
    hosts = [host(f"h{n}", slots[n], f"school{n}") for n in range(5)]
    made = instance(hosts, [family(*(talk(f"{n}", f"h{n}", "mother") for n in range(5)))])
    answer = solved(made)
    assert len(answer.placed) == 4  # two a day is all that fits into two hours with a journey between
    assert answer.left[0].why is Why.HOST_FULL


def test_a_longer_way_between_two_schools_is_kept() -> None:
    hosts = [host("anna", at(0, of="anna"), "north"), host("bo", at(60, 90, of="bo"), "south")]
    near = instance(hosts, [family(talk("a", "anna", "mother"), talk("b", "bo", "mother"))])
    assert starts(near, solved(near))["b"] == 60
    far = replace(near, ways=(("south", "north", 50),))
    assert starts(far, solved(far))["b"] == 90


def test_by_video_nobody_travels() -> None:
    hosts = [host("anna", at(0, of="anna"), "north"), host("bo", at(30, of="bo"), "south")]
    children = [talk(name, of, "mother", video=True) for name, of in (("a", "anna"), ("b", "bo"))]
    made = instance(hosts, [family(*children)])
    assert solved(made).left == ()
    assert len(solve(instance(hosts, [family(*(replace(one, video=False) for one in children))])).left) == 1


def test_two_households_of_a_pupil_are_never_there_at_once() -> None:
    hers = TalkWanted("hers", "anna", ("pupil", "mother"))
    his = TalkWanted("his", "bo", ("pupil", "father"))
    one_time = instance([host(of, at(0, of=of)) for of in ("anna", "bo")], [family(hers), family(his)])
    assert len(solved(one_time).placed) == 1
    two_times = replace(one_time, hosts=(one_time.hosts[0], host("bo", at(0, 30, of="bo"))))
    assert starts(two_times, solved(two_times)) == {"hers": 0, "his": 30}
    assert bundles({"hers": ["mother"], "his": ["father"], "sister": ["mother"]}) == [("hers", "sister"), ("his",)]


def test_a_host_who_is_a_guardian_is_not_at_both_talks() -> None:
    own_child = TalkWanted("own", "bo", ("child", "anna"))
    made = instance([host(of, at(0, of=of)) for of in ("anna", "bo")], [family(own_child), family(talk("a", "anna"))])
    assert len(solved(made).placed) == 1


def test_two_hosts_of_one_room_use_it_in_turn() -> None:
    hosts = [host(of, row(2, of), room_id="the room") for of in ("anna", "bo")]
    made = instance(hosts, [family(talk(f"{of}{n}", of)) for of in ("anna", "bo") for n in range(2)])
    assert len(solved(made).placed) == 2


def test_a_host_in_two_rounds_is_one_person() -> None:
    hosts = [host(slots=row(2)), host(slots=at(15, of="again"), round_id="again")]
    made = instance(hosts, [family(talk("a")), family(talk("b", round_id="again"))])
    assert len(solved(made).placed) == 1


def test_more_time_keeps_the_next_time_free() -> None:
    made = instance([host(slots=row(3))], [family(talk("long", more_time=True)), family(talk("a")), family(talk("b"))])
    answer = solved(made)
    (long,) = [one for one in answer.placed if one.talk_id == "long"]
    assert len(long.also) == 1
    assert len(answer.left) == 1
    assert answer.left[0].talk_id != "long"


def test_pressure_does_not_hit_vulnerable_families_first() -> None:
    there = [InterpreterTime("i", ("ar",), (between(0, 60),))]
    families = [family(talk("a")), family(talk("b", language="ar")), family(talk("c"))]
    made = instance([host(slots=at(0))], families, there)
    assert [one.talk_id for one in solved(made).placed] == ["b"]


def test_what_was_proposed_before_stays_unless_something_is_gained() -> None:
    families = [family(replace(talk(f"{n}"), was=f"h@{30 * n}")) for n in range(4)]
    made = instance([host(slots=row(6))], families)
    assert starts(made, solved(made)) == {f"{n}": 30 * n for n in range(4)}


def test_times_are_instants_when_the_clocks_change() -> None:
    change = minute(datetime(2026, 10, 25, 0, 45, tzinfo=UTC))  # 02:45, and 02:15 half an hour later
    slots = {
        of: tuple(Slot(f"{of}{n}", change + 30 * n, change + 30 * n + 25) for n in range(2)) for of in ("anna", "bo")
    }
    children = family(talk("a", "anna", "mother"), talk("b", "bo", "mother"), free=(Window(change, change + 55),))
    made = instance([host(of, slots[of]) for of in slots], [children])
    answer = solved(made)
    assert len(answer.placed) == 2
    assert measure(made, answer).mean_wait_min == 5
    assert instant(change) == datetime(2026, 10, 25, 0, 45, tzinfo=UTC)


def test_an_evening_ends_at_midnight_where_the_school_is() -> None:
    late = minute(datetime(2026, 10, 24, 21, 30, tzinfo=UTC))  # 23:30 in Stockholm; the next slot is on another day
    hosts = [host("anna", (Slot("late", late, late + 25),)), host("bo", (Slot("early", late + 30, late + 55),))]
    made = instance(hosts, [family(talk("a", "anna", "mother"), talk("b", "bo", "mother"))])
    assert measure(made, solved(made)).one_evening == 0
    assert measure(replace(made, zone="UTC"), solved(replace(made, zone="UTC"))).one_evening == 100


def test_without_families_there_is_nothing_to_do() -> None:
    assert solved(instance([host(slots=row(2))], [])).placed == ()


WRONG = instance(
    [host(slots=row(4), longest_run=2), host("other", at(0, 60, of="other"), "south")],
    [
        family(talk("a"), talk("b", "other", "guardian a"), free=(between(0, 90),)),
        family(talk("c", language="ar")),
        family(talk("d", pinned=row(4)[3])),
    ],
    [InterpreterTime("i", ("ar",), (between(30, 60),))],
)
PIN = Placed("d", "h@90")
REST = tuple(Left(name, Why.HOST_FULL, Fix.MORE_SLOTS) for name in "abc")


@pytest.mark.parametrize(
    ("placed", "complaint"),
    [
        ((PIN, Placed("a", "h@30"), Placed("c", "h@30", "i")), "at once"),
        ((PIN, Placed("a", "h@0"), Placed("b", "other@0")), "cannot be at"),
        ((PIN, Placed("a", "h@30"), Placed("b", "other@60")), "cannot be at"),
        ((PIN, Placed("a", "h@90")), "cannot come"),
        ((PIN, Placed("a", "h@60"), Placed("c", "h@30", "i")), "no break"),
        ((PIN, Placed("c", "h@30")), "nobody who interprets"),
        ((PIN, Placed("c", "h@0", "i")), "not there"),
        ((PIN, Placed("a", "other@0")), "not opened"),
        ((Placed("d", "h@60"),), "was moved"),
        ((PIN, Placed("a", "h@0", None, ("h@30",))), "the time it needs"),
        ((PIN, Placed("a", "h@0"), Placed("a", "h@30")), "2 times"),
        ((PIN, Placed("e", "h@0")), "unknown"),
    ],
)
def test_whatever_is_wrong_with_an_answer_is_found(placed: tuple[Placed, ...], complaint: str) -> None:
    left = tuple(one for one in REST if one.talk_id not in {two.talk_id for two in placed})
    found = check(WRONG, Answer(placed, left))
    assert any(complaint in sentence for sentence in found), found


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"zone": "UTC", "hosts": {}, "families": []}, "Instance.hosts is not a list"),
        ({"zone": "UTC", "hosts": [{"host_id": "h", "school_id": "s", "slots": [["a", 1]]}], "families": []}, "slots"),
        ({"zone": "UTC", "hosts": [], "families": [{"family_id": 7, "talks": []}]}, "family_id is not of the kind str"),
        ({"zone": "UTC", "families": []}, "hosts"),
        ([], "Instance is not a Instance"),
    ],
)
def test_json_that_is_no_instance_is_refused_with_the_place(wrong: object, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        from_json(Instance, wrong)


def test_json_leaves_out_what_is_usual_and_keeps_what_is_not() -> None:
    one = Family("f", (talk("a"),), free=())
    assert to_json(one) == {
        "family_id": "f",
        "talks": [{"talk_id": "a", "host_id": "h", "people": ["pupil a", "guardian a"]}],
        "free": [],
    }
    assert from_json(Family, to_json(one)) == one
