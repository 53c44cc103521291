"""What a proposal may move, when people can come in the times of a round, and what an instance is made of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.scheduling.assembly import assemble
from services.scheduling.domain.proposals import (
    Occasion,
    Reason,
    better,
    free_of,
    glad_of,
    reason,
    stays,
    without,
)
from services.scheduling.domain.wishes import Needs, Stretch, Window, answered
from services.scheduling.proposal.greedy import solve_greedy
from services.scheduling.proposal.measures import check
from services.scheduling.proposal.model import Why as WhyNot
from services.scheduling.proposal.model import minute
from services.scheduling.store.facts import Facts, Taken
from services.scheduling.tables import Host, Interpreter, Round, Slot, Talk
from shared.events.roster import PersonStated
from shared.events.scheduling import TalkState
from shared.roster.access import Family, Verdict, Why

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
EVENING = Window(NOON, NOON + timedelta(hours=3))
NEXT = Window(NOON + timedelta(days=1), NOON + timedelta(days=1, hours=3))
SCHOOL, OTHER, ROUND = UUID(int=1), UUID(int=2), UUID(int=3)
HOST, ROOM, ANNA, BO = UUID(int=10), UUID(int=11), UUID(int=20), UUID(int=21)


def span(starts: int, ends: int) -> Window:
    """Minutes after noon."""
    return Window(NOON + timedelta(minutes=starts), NOON + timedelta(minutes=ends))


def can(starts: int, ends: int, *, gladly: bool = False) -> Stretch:
    return Stretch(NOON + timedelta(minutes=starts), NOON + timedelta(minutes=ends), gladly)


@pytest.mark.parametrize(
    ("occasion", "state", "pinned", "open_slot", "expected"),
    [
        (Occasion.ROUND, TalkState.WANTED, False, False, False),
        (Occasion.ROUND, TalkState.PROPOSED, False, True, False),
        (Occasion.ROUND, TalkState.PROPOSED, True, True, True),
        (Occasion.ROUND, TalkState.BOOKED, False, True, True),
        (Occasion.ROUND, TalkState.BOOKED, True, False, False),  # its host is not there after all
        (Occasion.AWAY, TalkState.PROPOSED, False, True, True),
        (Occasion.AWAY, TalkState.PROPOSED, False, False, False),
        (Occasion.AWAY, TalkState.WANTED, False, False, False),
    ],
)
def test_what_families_agreed_to_stays_and_in_an_emergency_all_that_can_be_held(
    occasion: Occasion, state: TalkState, pinned: bool, open_slot: bool, expected: bool
) -> None:
    assert stays(occasion, state, pinned=pinned, open_slot=open_slot) is expected


def test_a_talk_that_has_begun_is_not_moved_whatever_happens() -> None:
    assert stays(Occasion.AWAY, TalkState.BOOKED, pinned=False, open_slot=False, begun=True)
    assert not stays(Occasion.AWAY, TalkState.WANTED, pinned=False, open_slot=False, begun=True)


def test_when_a_host_is_away_talks_that_never_had_a_time_wait_for_the_next_proposal() -> None:
    assert not assemble(facts(talk(1, ANNA), occasion=Occasion.AWAY)).families
    lost = facts(talk(1, ANNA), occasion=Occasion.AWAY, lost=frozenset({talk(1).talk_id}))
    assert len(assemble(lost).families) == 1


def test_a_worse_answer_and_one_that_is_as_good_replace_nothing() -> None:
    assert better(5, None)
    assert better(4, 5)
    assert not better(5, 5)
    assert not better(6, 5)


def test_whoever_has_said_nothing_of_a_round_can_always_come() -> None:
    assert free_of([], [EVENING, NEXT]) is None
    assert free_of([Stretch(NOON - timedelta(days=9), NOON - timedelta(days=8))], [EVENING]) is None


def test_a_day_that_came_later_is_open_for_who_has_answered_about_the_others() -> None:
    said = answered([can(0, 30)], [EVENING])
    assert free_of(said, [EVENING, NEXT]) == (span(0, 30), NEXT)


def test_a_day_that_was_answered_with_no_stays_closed() -> None:
    said = answered([can(0, 30)], [EVENING, NEXT])
    assert free_of(said, [EVENING, NEXT]) == (span(0, 30),)
    assert free_of(answered([], [EVENING]), [EVENING]) == ()


def test_favourites_are_only_those_in_the_times_of_the_round() -> None:
    assert glad_of([can(-60, 30, gladly=True), can(60, 90)], [EVENING]) == (span(0, 30),)


def test_what_is_taken_is_cut_out_of_an_interpreters_block() -> None:
    assert without([span(0, 120)], [span(30, 60), span(110, 200)]) == (span(0, 30), span(60, 110))


def test_a_reason_is_kept_as_a_code_and_read_as_words() -> None:
    kept = str(Reason("no_interpreter", "interpreter"))
    assert reason(kept) == Reason("no_interpreter", "interpreter")
    assert "interpreter" in Reason("no_interpreter", "interpreter").words
    assert reason(None) is None
    assert Reason("of", "later").words
    assert Reason("of", "later").help


# What an instance is made of ------------------------------------------------------------------------------------------


def slot(number: int, **more: Any) -> Slot:
    starts = NOON + timedelta(minutes=30 * number)
    usual: dict[str, Any] = {"slot_id": UUID(int=100 + number), "round_id": ROUND, "host_id": HOST, "starts_at": starts}
    return Slot(**{**usual, "ends_at": starts + timedelta(minutes=25), "closed": False, **more})


def talk(number: int, *guardians: UUID, **more: Any) -> Talk:
    usual: dict[str, Any] = {
        "talk_id": UUID(int=200 + number),
        "version": 1,
        "tenant_id": SCHOOL,
        "school_id": SCHOOL,
        "round_id": ROUND,
        "group_id": SCHOOL,
        "pupil_id": UUID(int=300 + number),
        "guardian_ids": list(guardians),
        "host_id": HOST,
        "kind": "development",
        "state": "wanted",
        "changed_at": NOON,
    }
    return Talk(**{**usual, **more})


def facts(*talks: Talk, occasion: Occasion = Occasion.ROUND, **more: Any) -> Facts:
    its: dict[str, Any] = {
        "round_id": ROUND,
        "tenant_id": SCHOOL,
        "school_id": SCHOOL,
        "longest_run": 5,
        "pause_minutes": 5,
    }
    the_round = Round.model_construct(None, **its, video=True, talk_minutes=25)
    usual: dict[str, Any] = {
        "rounds": {ROUND: the_round},
        "zones": {ROUND: "Europe/Stockholm"},
        "windows": {ROUND: [EVENING]},
        "talks": list(talks),
        "hosts": [Host(round_id=ROUND, host_id=HOST, room_id=ROOM, video=True)],
        "slots": [slot(number) for number in range(6)],
        "families": {one.pupil_id: family(one) for one in talks},
    }
    return Facts(occasion, NOON - timedelta(days=7), **{**usual, **more})


def family(one: Talk, why: Why = Why.ANSWERS_FOR) -> Family:
    pupil = PersonStated(person_id=one.pupil_id, version=1, tenant_id=SCHOOL, born=date(2014, 1, 1))
    return Family(pupil, [Verdict(guardian, True, why) for guardian in one.guardian_ids], {})


def test_siblings_are_one_family_and_two_households_are_two() -> None:
    instance = assemble(facts(talk(1, ANNA, BO), talk(2, ANNA), talk(3, BO, household=2)))
    assert len(instance.families) == 1  # Anna and Bo share a talk
    apart = assemble(facts(talk(1, ANNA, household=1), talk(2, ANNA), talk(3, BO, household=2)))
    assert sorted(len(one.talks) for one in apart.families) == [1, 2]


def test_two_guardians_come_when_both_can() -> None:
    said = {ANNA: list(answered([can(0, 90)], [EVENING])), BO: list(answered([can(60, 180)], [EVENING]))}
    [one] = assemble(facts(talk(1, ANNA, BO), wishes=said)).families[0].talks
    assert one.free is not None
    assert [(window.starts, window.ends) for window in one.free] == [
        (minute(NOON) + 60, minute(NOON) + 90),
    ]


def test_two_guardians_who_never_meet_are_left_over_with_that_reason() -> None:
    said = {ANNA: list(answered([can(0, 30)], [EVENING])), BO: list(answered([can(60, 90)], [EVENING]))}
    answer = solve_greedy(assemble(facts(talk(1, ANNA, BO), wishes=said)))
    assert [one.why for one in answer.left] == [WhyNot.NO_COMMON_TIME]


def test_who_has_lost_the_right_is_not_asked_when() -> None:
    one = talk(1, ANNA, BO)
    lost = Family(family(one).pupil, [Verdict(ANNA, True, Why.ANSWERS_FOR), Verdict(BO, False, Why.ENDED)], {})
    said = {BO: list(answered([], [EVENING]))}
    [family_] = assemble(facts(one, wishes=said, families={one.pupil_id: lost})).families
    assert family_.talks[0].free is None


def test_booked_talks_are_pinned_where_they_are_and_proposed_ones_remember_where_they_were() -> None:
    here = {"starts_at": slot(0).starts_at, "ends_at": slot(0).ends_at, "slot_id": slot(0).slot_id}
    there = {"starts_at": slot(2).starts_at, "ends_at": slot(2).ends_at, "slot_id": slot(2).slot_id}
    instance = assemble(facts(talk(1, ANNA, state="booked", **here), talk(2, BO, state="proposed", **there)))
    booked, proposed = [one.talks[0] for one in instance.families]
    assert booked.pinned
    assert booked.pinned.slot_id == str(slot(0).slot_id)
    assert proposed.pinned is None
    assert proposed.was == str(slot(2).slot_id)
    answer = solve_greedy(instance)
    assert not check(instance, answer)
    assert answer.slot_of == {booked.talk_id: str(slot(0).slot_id), proposed.talk_id: str(slot(2).slot_id)}


def test_a_talk_whose_host_is_away_may_move_even_when_it_is_booked() -> None:
    here = {"starts_at": slot(0).starts_at, "ends_at": slot(0).ends_at, "slot_id": slot(0).slot_id}
    gone = [slot(0, closed=True), *[slot(number) for number in range(1, 6)]]
    instance = assemble(facts(talk(1, ANNA, state="booked", **here), slots=gone, occasion=Occasion.AWAY))
    assert instance.families[0].talks[0].pinned is None
    assert len(instance.hosts[0].slots) == 5


def test_times_that_have_been_that_are_used_elsewhere_and_of_talks_that_were_held_are_not_open() -> None:
    held = talk(1, ANNA, state="held", slot_id=slot(5).slot_id)
    busy = [Taken(HOST, slot(4).starts_at, slot(4).ends_at, SCHOOL, False)]
    given = facts(held, talk(2, BO), taken=busy, families={})
    given.now = slot(1).starts_at + timedelta(minutes=1)
    instance = assemble(given)
    assert [one.slot_id for one in instance.hosts[0].slots] == [str(slot(2).slot_id), str(slot(3).slot_id)]
    assert len(instance.families) == 1


def test_a_talk_at_another_school_is_something_the_family_comes_to_with_the_way_after_it_left_out() -> None:
    until = NOON + timedelta(minutes=30)
    busy = [Taken(ANNA, NOON, until, OTHER, False)]
    [family_] = assemble(facts(talk(1, ANNA), taken=busy)).families
    [fixed] = family_.fixed
    assert (fixed.school_id, fixed.people, fixed.ends - fixed.starts) == (str(OTHER), (str(ANNA),), 25)


def test_needs_become_language_video_and_more_time() -> None:
    needs = {ANNA: Needs("so", video=True), BO: Needs(more_time=True)}
    somali = Interpreter(interpreter_id=UUID(int=50), tenant_id=SCHOOL, name="A", languages=["so"])
    instance = assemble(facts(talk(1, ANNA, BO), needs=needs, interpreters=[somali], blocks={UUID(int=50): [EVENING]}))
    one = instance.families[0].talks[0]
    assert (one.language, one.video, one.more_time) == ("so", True, True)
    answer = solve_greedy(instance)
    assert not check(instance, answer)
    assert answer.placed[0].interpreter_id == str(UUID(int=50))
    assert len(answer.placed[0].also) == 1


def test_a_pupil_of_age_is_asked_alone() -> None:
    one = talk(1)
    said = {one.pupil_id: list(answered([can(60, 90)], [EVENING]))}
    [family_] = assemble(facts(one, wishes=said)).families
    assert family_.talks[0].people == (str(one.pupil_id),)
    assert family_.talks[0].free is not None
