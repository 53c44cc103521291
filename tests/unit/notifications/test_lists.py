"""How a mail says which list it is of, and how to leave it."""

from __future__ import annotations

import pytest

from services.notifications.domain.lists import list_headers
from shared.events.people import Subject

PORTAL, LIST = "https://portal.skola.example/", "skola.example"


@pytest.mark.parametrize("subject", list(Subject))
def test_what_may_be_left_has_both_headers_of_one_click_and_an_address_of_https(subject: Subject) -> None:
    headers = list_headers(subject, "a.token-of_ours", PORTAL, LIST)
    assert headers == {
        "List-Id": f"<{subject}.skola.example>",
        "List-Unsubscribe": "<https://portal.skola.example/unsubscribe/a.token-of_ours>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_what_must_be_read_is_of_a_list_that_cannot_be_left() -> None:
    assert list_headers(Subject.BULLETINS, None, PORTAL, LIST) == {"List-Id": "<bulletins.skola.example>"}


def test_what_the_law_requires_is_no_list() -> None:
    assert list_headers(None, "token", PORTAL, LIST) == {}
