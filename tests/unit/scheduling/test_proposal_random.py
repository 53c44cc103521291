"""What holds for every instance: the proposal is right, never worse than the greedy one, and the best there is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.scheduling.proposal import worker
from services.scheduling.proposal.answers import cost_of
from services.scheduling.proposal.child import SolverFailed, Told, propose
from services.scheduling.proposal.codec import from_json, to_json
from services.scheduling.proposal.greedy import solve_greedy
from services.scheduling.proposal.measures import check, measure
from services.scheduling.proposal.model import Answer, Fix, Instance, Left, Placed, Progress, Why, pins
from services.scheduling.proposal.solve import solve
from tests.bench.instances.generate import PLANS, generate
from tests.unit.scheduling.proposal_stage import anything

DICE = st.randoms(use_true_random=False)
OFTEN = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SELDOM = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@OFTEN
@given(DICE)
def test_a_proposal_is_right_and_proven_and_never_worse_than_the_greedy_one(dice: Random) -> None:
    made = anything(dice)
    greedy, best = solve_greedy(made), solve(made, 20)
    assert check(made, greedy) == []
    assert check(made, best) == []
    assert best.proven
    assert best.bound == pytest.approx(best.cost, abs=1 / 15)
    assert best.cost <= greedy.cost + 1e-6
    assert best.cost == cost_of(made, best)


@SELDOM
@given(DICE)
def test_nothing_is_better_than_what_is_proven(dice: Random) -> None:
    made = anything(dice, families=2, slots=4)
    if sum(len(family.talks) for family in made.families) > 3:
        return
    cheapest = min(cost_of(made, answer) for answer in every_answer(made) if not check(made, answer))
    assert solve(made, 20).cost == pytest.approx(cheapest, abs=1e-6)


def every_answer(made: Instance) -> Iterator[Answer]:
    """Every way to give talks times, sensible or not."""
    pinned = pins(made)
    talks = [talk for family in made.families for talk in family.talks if not talk.pinned]
    slots = {(time.round_id, time.host_id): sorted(time.slots, key=lambda s: s.starts) for time in made.hosts}
    each: list[list[Placed | None]] = []
    for talk in talks:
        theirs = slots[talk.round_id, talk.host_id]
        who = [one.interpreter_id for one in made.interpreters] if talk.language else [None]
        also = [(b.slot_id,) if talk.more_time else () for b in theirs[1:]] + [()]
        each.append(
            [None, *(Placed(talk.talk_id, s.slot_id, w, a) for s, a in zip(theirs, also, strict=True) for w in who)]
        )
    for chosen in product(*each):
        left = [Left(t.talk_id, Why.HOST_FULL, Fix.MORE_SLOTS) for t, c in zip(talks, chosen, strict=True) if c is None]
        yield Answer((*pinned, *(one for one in chosen if one)), tuple(left))


@SELDOM
@given(DICE)
def test_pinned_talks_stay_where_they_are(dice: Random) -> None:
    made = anything(dice)
    first = solve(made, 20)
    assert set(pins(made)) <= set(first.placed)


@SELDOM
@given(DICE)
def test_the_worker_says_what_the_solver_says(dice: Random) -> None:
    made, said = anything(dice), io.StringIO()
    assert worker.main(["--seconds", "20"], io.StringIO(json.dumps(to_json(made))), said) == 0
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert from_json(Answer, lines[0]["answer"]).source == "greedy"
    assert lines[-1]["final"]
    assert lines[-1]["rss_mb"] > 0
    assert alike(from_json(Answer, lines[-1]["answer"]), solve(made, 20))


@SELDOM
@given(DICE)
def test_an_instance_is_the_same_after_a_journey_as_json(dice: Random) -> None:
    made = anything(dice)
    assert from_json(Instance, json.loads(json.dumps(to_json(made)))) == made


def test_a_worse_incumbent_never_replaces_a_better_answer_and_a_wrong_one_is_not_taken() -> None:
    made = generate(PLANS["tiny"])
    best = solve(made, 20)
    nothing = Answer((), tuple(Left(t.talk_id, Why.HOST_FULL, Fix.MORE_SLOTS) for f in made.families for t in f.talks))
    assert solve(made, 20, nothing).cost == best.cost
    everybody_at_once = Answer(tuple(Placed(t.talk_id, f"{t.host_id}-0") for f in made.families for t in f.talks))
    assert check(made, solve(made, 20, everybody_at_once)) == []


def test_without_time_the_incumbent_is_the_answer_and_nothing_is_said_to_be_proven() -> None:
    made = generate(PLANS["class"])
    best = solve(made, 20)
    hurried = solve(made, 0.0, best)
    assert hurried.cost == best.cost
    assert check(made, hurried) == []
    assert solve(made, 0.0).cost <= solve_greedy(made).cost


def test_progress_only_rises_and_never_says_that_it_is_done() -> None:
    told: list[Progress] = []
    solve(generate(PLANS["class"]), 20, on_progress=told.append)
    percents = [one.percent for one in told]
    assert percents == sorted(percents)
    assert all(0 < percent < 100 for percent in percents)


async def test_a_child_process_answers_greedily_at_once_and_then_for_good() -> None:
    made = generate(PLANS["tiny"])
    told = [one async for one in propose(made, 20)]
    assert told[0].answer is not None
    assert told[0].answer.source == "greedy"
    assert told[-1].final
    assert told[-1].answer is not None
    assert alike(told[-1].answer, solve(made, 20))
    assert told[-1].rss_mb > 0


async def test_who_stops_listening_ends_the_child_process() -> None:
    listening = propose(generate(PLANS["tiny"]), 20)
    assert isinstance(await anext(listening), Told)
    await listening.aclose()  # type: ignore[attr-defined]


async def test_what_is_no_instance_is_refused_with_the_place() -> None:
    wrong = replace(generate(PLANS["tiny"]), zone=7)  # type: ignore[arg-type]
    with pytest.raises(SolverFailed, match="zone"):
        [one async for one in propose(wrong, 5)]


def alike(one: Answer, other: Answer) -> bool:
    """The same proposal, however long it took."""
    return replace(one, seconds=0) == replace(other, seconds=0)


def test_the_measures_of_a_school_are_better_than_those_of_the_greedy_answer() -> None:
    made = generate(PLANS["class"])
    greedy, best = measure(made, solve_greedy(made)), measure(made, solve(made, 20))
    assert best.placed >= greedy.placed
    assert best.one_evening >= greedy.one_evening
    assert {group.name for group in best.groups} == {"interpreter", "several", "one"}
