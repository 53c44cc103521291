"""The open instance set: the generator always makes the same, and the committed files are what it makes."""

from __future__ import annotations

import gzip
import json

import pytest

from services.scheduling.proposal.codec import from_json
from services.scheduling.proposal.greedy import solve_greedy
from services.scheduling.proposal.measures import check, measure
from services.scheduling.proposal.model import Instance
from tests.bench.arrivals import bundle, first_come, naive, near
from tests.bench.instances.generate import COMMITTED, HERE, PLANS, generate, text_of


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_instance_is_what_the_generator_makes(name: str) -> None:
    text = gzip.decompress((HERE / f"{name}.json.gz").read_bytes()).decode()
    assert text == text_of(name)
    assert from_json(Instance, json.loads(text)) == generate(PLANS[name])


def test_the_instances_in_the_repository_are_small() -> None:
    assert sum(path.stat().st_size for path in HERE.iterdir() if path.is_file()) < 1_000_000


@pytest.mark.parametrize("name", PLANS)
def test_every_fourth_family_has_siblings_and_every_class_is_full(name: str) -> None:
    plan, made = PLANS[name], generate(PLANS[name])
    children = [one.people[0] for family in made.families for one in family.talks]
    assert len(set(children)) == plan.pupils
    several, homes = (
        sum(len(f.talks) > 1 for f in made.families),
        sum(not f.family_id.endswith("b") for f in made.families),
    )
    assert several / homes == pytest.approx(plan.siblings, abs=0.05)


@pytest.mark.parametrize("booking", [naive, near, bundle])
def test_who_comes_first_is_served_by_the_same_rules(booking: object) -> None:
    made = generate(PLANS["class"])
    for answer in first_come(made, booking, 2):  # type: ignore[arg-type]
        assert check(made, answer) == []
        assert measure(made, answer).placed > 70


def test_the_greedy_answer_for_a_whole_school_is_right() -> None:
    made = generate(PLANS["school-092"])
    answer = solve_greedy(made)
    assert check(made, answer) == []
    assert answer.seconds < 5  # well under half a second on a machine that does nothing else
