"""A whole school day, from the registry to the mailbox: nothing lost, nothing twice, nobody told who must not be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.demo, pytest.mark.timeout(600)]
SKOLBRO = Path(sys.executable).with_name("skolbro")
# A mail whose fate was unknown may come twice, and be recognised. How many mails the round of talks makes depends on
# who comes first to a time: whose talk is moved, and which news was overtaken by other news before it was sent.
UNSTEADY = ("seconds", "repeats", "talk_mails")


def played(*options: str, seconds: float = 280) -> dict[str, Any]:
    """The figures of one day; stdout holds them and nothing else."""
    run = [str(SKOLBRO), "demo", "--once", "--json", *options]
    done = subprocess.run(run, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    figures: dict[str, Any] = json.loads(line)
    return figures


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """With the half-year before it."""
    return played(seconds=560)


def test_every_duty_is_met_once_and_nobody_else_is_told(undisturbed: dict[str, Any]) -> None:
    figures = undisturbed
    assert (figures["lost"], figures["duplicates"], figures["misdirected"], figures["repeats"]) == (0, 0, 0, 0)
    assert figures["notices_delivered"] + figures["unreachable"] == figures["notices_owed"] > 40
    assert figures["retractions"] > 5
    assert figures["unreachable"] >= 5
    assert (figures["pupils"], figures["lessons"]) == (1200, 239)
    assert figures["marks"] > 5_800


def test_a_round_of_talks_goes_from_wishes_to_signed_plans_beside_it(undisturbed: dict[str, Any]) -> None:
    figures = undisturbed
    assert figures["talks_placed"] == figures["talks_wanted"] == 51
    assert figures["plans_signed"] == figures["talks_held"] >= 10
    assert figures["families_one_evening"] == figures["families_several"] > 0
    assert (figures["talks_lost"], figures["undone"]) == (0, 0)
    assert figures["talk_mails"] > 200


def test_three_bulletins_of_every_class_reach_every_home_once_and_one_of_them_is_late(
    undisturbed: dict[str, Any],
) -> None:
    figures = undisturbed
    assert figures["bulletins_sent"] == figures["bulletins_owed"] == 144
    assert figures["bulletins_late"] == 1
    assert figures["families_reached"] == figures["families_owed"] > 3_200
    assert figures["bulletin_mails"] > 5_000
    assert (figures["bulletins_lost"], figures["bulletins_twice"], figures["bulletins_misdirected"]) == (0, 0, 0)


def test_killing_every_service_in_the_middle_of_its_work_changes_nothing(undisturbed: dict[str, Any]) -> None:
    killed = played("--no-half-year", "--kill", "each")
    assert steady(killed) == steady(undisturbed)


def steady(figures: dict[str, Any]) -> dict[str, Any]:
    """What is the same on every such day, with the half-year or without it."""
    of_the_half_year = ("bulletin", "families_owed", "families_reached")
    return {
        name: figure
        for name, figure in figures.items()
        if name not in UNSTEADY and not name.startswith(of_the_half_year)
    }
