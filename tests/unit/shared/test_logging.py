from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from shared.errors import Permanent
from shared.observe.logging import configure_logging, describe_fault, get_logger


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    configure_logging("tests", "error")


def fail(name: str) -> None:
    known = {"name": name}
    try:
        raise KeyError(f"no row for {known}")
    except KeyError as missing:
        raise ValueError(f"cannot handle {name}") from missing


def test_a_fault_is_logged_with_its_places_and_without_the_persons_it_was_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("absence", "info")
    try:
        fail("Ada Andersson")
    except ValueError as fault:
        get_logger().error("handler failed", exc_info=fault)
        logging.getLogger("some.library").error("it failed", exc_info=True)
    printed = capsys.readouterr().out
    ours, theirs = [json.loads(line) for line in printed.splitlines()]
    assert "Andersson" not in printed
    assert ours["exception"]["type"] == theirs["exception"]["type"] == "ValueError"
    assert ours["exception"]["cause"]["type"] == "KeyError"
    assert ours["exception"]["frames"][-1].endswith(" fail")
    assert ours["service"] == theirs["service"] == "absence"


def test_our_own_errors_keep_their_text_which_is_written_for_a_person() -> None:
    assert describe_fault(Permanent("The school is unknown."))["text"] == "The school is unknown."


def test_faults_that_came_together_are_all_described() -> None:
    told = describe_fault(ExceptionGroup("two", [ValueError("x"), OSError("y")]))
    assert [fault["type"] for fault in told["faults"]] == ["ValueError", "OSError"]


def test_one_line_is_one_event(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("absence", "info")
    get_logger().info("started", readers=2)
    assert json.loads(capsys.readouterr().out)["readers"] == 2
