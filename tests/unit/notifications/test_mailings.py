"""What is to be done about somebody a mailing is for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from services.notifications.channels.protocol import Way
from services.notifications.domain.mailings import Act, Home, Mailing, Row, born_by, decide, reason_of, text_for
from services.notifications.domain.models import Because
from shared.clock import is_of_age
from shared.events.notify import DeliveryStatus, MailingKind, MailingText
from shared.events.people import Channel, How
from shared.roster.access import Why

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
MAIL = Way(Channel.EMAIL, "anna@home.example")
ROW = Row(uuid4(), uuid4(), (uuid4(),), DeliveryStatus.PENDING, 0, False, NOW)
HOME = Home(pupils=ROW.pupil_ids, why=Why.ANSWERS_FOR, ways=(MAIL,))
MAILING = Mailing(
    mailing_id=uuid4(), tenant_id=uuid4(), school_id=uuid4(), kind=MailingKind.BULLETIN, about_id=uuid4(),
    author_id=None, group_ids=(), day=NOW.date(), path="/", must_read=False, texts=(), send_at=NOW,
)  # fmt: skip
LATER = NOW + timedelta(hours=8)


@pytest.mark.parametrize(
    ("home", "act"),
    [
        (HOME, Act.SEND),
        (replace(HOME, ways=()), Act.LETTER),
        (replace(HOME, ways=(), missing=True), Act.LATER),
        (replace(HOME, pupils=(), why=Because.NO_TIE), Act.END),
        (replace(HOME, pupils=(), why=Because.NO_TIE, missing=True), Act.LATER),
        (replace(HOME, how=How.OFF), Act.END),
        (replace(HOME, how=How.DIGEST), Act.DIGEST),
        (replace(HOME, how=How.DIGEST, not_before=LATER), Act.DIGEST),
        (replace(HOME, not_before=LATER), Act.WAIT),
        (replace(HOME, not_before=NOW), Act.SEND),
    ],
)
def test_a_right_comes_first_then_a_wish_then_the_hour_then_the_way(home: Home, act: Act) -> None:
    assert decide(MAILING, home, ROW, NOW).act is act


def test_what_must_be_read_comes_in_spite_of_a_wish_but_not_of_a_lost_right_or_the_night() -> None:
    must = replace(MAILING, must_read=True)
    assert decide(must, replace(HOME, how=How.OFF), ROW, NOW).act is Act.SEND
    assert decide(must, replace(HOME, how=How.OFF, pupils=()), ROW, NOW).act is Act.END
    assert decide(must, replace(HOME, not_before=LATER), ROW, NOW).until == LATER


def test_what_was_tried_already_is_not_put_aside_for_a_digest() -> None:
    tried = replace(ROW, status=DeliveryStatus.DEFERRED)
    assert decide(MAILING, replace(HOME, how=How.DIGEST), tried, NOW).act is Act.SEND


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(("en",), "en"), (("nn", "no"), "nb"), (("so", None, "en-US"), "en"), (("so",), "sv"), ((), "sv")],
)
def test_the_first_text_in_a_language_somebody_wants_else_the_first(wanted: tuple[str, ...], found: str) -> None:
    texts = [MailingText(language=tag, subject="x", text="x", html="x") for tag in ("sv", "nb", "en")]
    assert texts[text_for(texts, wanted)].language == found


@pytest.mark.parametrize("today", [date(2026, 11, 23), date(2026, 2, 28), date(2026, 3, 1), date(2028, 2, 29)])
def test_those_born_by_then_are_those_who_are_of_age(today: date) -> None:
    days = [born_by(today) + timedelta(days=step) for step in range(-400, 400)]
    assert [born <= born_by(today) for born in days] == [is_of_age(born, today) for born in days]


def test_the_message_says_why_it_comes() -> None:
    assert [reason_of(why).value for why in (Why.ONESELF, Why.PUPIL_AGREED, Why.ANSWERS_FOR)] == [
        "oneself", "consented", "guardian",
    ]  # fmt: skip
