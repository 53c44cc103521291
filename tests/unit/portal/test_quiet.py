"""Preferences as they come out of a form."""

from __future__ import annotations

from datetime import time

import pytest

from services.portal.domain.quiet import ONE_MISSING, SAME, UNREADABLE, Wishes, as_typed, read


def typed(**fields: str) -> dict[str, str]:
    return {"language": "sv", "email": "on", **fields}


@pytest.mark.parametrize("said", ["21:30", "21.30", "21:30:00", " 21:30 "])
def test_a_time_is_read_as_people_write_it(said: str) -> None:
    form = read(typed(quiet_from=said, quiet_to="7:00"))
    assert not form.errors
    assert (form.wishes.quiet_from, form.wishes.quiet_to) == (time(21, 30), time(7))


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"quiet_from": "25:00", "quiet_to": "07:00"}, {"quiet_from": UNREADABLE}),
        ({"quiet_from": "21:60", "quiet_to": "٢٢:٠٠"}, {"quiet_from": UNREADABLE, "quiet_to": UNREADABLE}),
        ({"quiet_from": "21:30"}, {"quiet_to": ONE_MISSING}),
        ({"quiet_to": "07:00"}, {"quiet_from": ONE_MISSING}),
        ({"quiet_from": "21:30", "quiet_to": "21.30"}, {"quiet_to": SAME}),
    ],
)
def test_what_cannot_be_meant_is_said_beside_its_field(fields: dict[str, str], errors: dict[str, str]) -> None:
    assert read(typed(**fields)).errors == errors


def test_a_language_we_do_not_write_in_is_an_error() -> None:
    assert set(read(typed(language="tlh")).errors) == {"language"}


def test_a_box_that_is_not_ticked_is_not_sent_at_all() -> None:
    assert not read({"language": "sv"}).wishes.email


def test_the_form_shows_what_was_wished() -> None:
    wishes = Wishes("nn", False, time(22), time(6, 30))
    assert read(as_typed(wishes)).wishes == wishes
