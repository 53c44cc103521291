"""Why a message came, in words for every verdict there is, and where it leads."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.models import Because
from services.portal.domain.family import WANTS_NO_MAIL, Message
from services.portal.web import sentences
from services.portal.web.staff_words import VERDICTS
from shared.events.notify import NotificationKind
from shared.roster.access import Why

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def message(kind: str = NotificationKind.TALK_TO_READ, path: str | None = None) -> Message:
    return Message(uuid4(), kind, "delivered", NOW, path=path)


@pytest.mark.parametrize("verdict", [*Why, *(one for one in Because if one is not Because.SCHOOL)])
def test_every_verdict_about_a_person_has_a_sentence_of_its_own(verdict: str) -> None:
    assert sentences.why(str(verdict)) != sentences.WHY_SHOWN


@pytest.mark.parametrize("because", Because)
def test_staff_read_every_verdict_in_words(because: Because) -> None:
    assert VERDICTS[because.value]


def test_the_verdict_of_those_who_want_no_mail_is_the_same_text_on_both_sides() -> None:
    assert Because.UNWANTED.value == WANTS_NO_MAIL


@pytest.mark.parametrize(
    "path", [None, "", "/", "//evil.example", "/\\evil", "https://evil.example", "/%2f/evil", "/\n/x"]
)
def test_a_message_without_a_path_of_ours_leads_where_its_kind_does(path: str | None) -> None:
    assert sentences.opens(message(path=path)) == ("To the talks", "/talks")


def test_a_message_leads_to_the_path_it_came_with() -> None:
    own = f"/talks/{uuid4()}"
    assert sentences.opens(message(path=own)) == (sentences.OPEN, own)
    assert sentences.opens(message(NotificationKind.TALK_WISHES, "/talks/wishes")) == sentences.WISHES_OPEN


@given(st.text(max_size=40))
def test_no_text_that_came_with_a_message_leads_to_another_host(path: str) -> None:
    found = sentences.opens(message(path=path))
    assert found is not None
    assert found[1].startswith("/")
    assert not found[1].startswith(("//", "/\\"))


@pytest.mark.parametrize("kind", [NotificationKind.ABSENCE_NOTICE, NotificationKind.RIGHTS_ASKED, "unheard_of"])
def test_what_has_its_own_page_leads_nowhere_else(kind: str) -> None:
    assert sentences.opens(message(kind, "/talks")) is None
