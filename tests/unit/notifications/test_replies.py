"""What a mail server's answer means."""

from __future__ import annotations

import pytest

from services.notifications.channels.smtp import dot_stuffed
from services.notifications.domain.replies import Outcome, Reply, Stage, outcome_of

TABLE = [
    (Stage.FINAL, 250, Outcome.ACCEPTED),
    (Stage.FINAL, 251, Outcome.ACCEPTED),
    (Stage.RECIPIENT, 450, Outcome.LATER),
    (Stage.RECIPIENT, 421, Outcome.LATER),
    (Stage.DATA, 451, Outcome.LATER),
    (Stage.FINAL, 452, Outcome.LATER),
    (Stage.RECIPIENT, 550, Outcome.REFUSED),
    (Stage.DATA, 554, Outcome.REFUSED),
    (Stage.FINAL, 552, Outcome.REFUSED),
    (Stage.RECIPIENT, None, Outcome.LATER),
    (Stage.SENDER, None, Outcome.LATER),
    (Stage.DATA, None, Outcome.LATER),
    (Stage.FINAL, None, Outcome.UNCERTAIN),
    (Stage.CONNECT, None, Outcome.UNSENT),
    (Stage.CONNECT, 421, Outcome.UNSENT),
]


@pytest.mark.parametrize(("stage", "code", "outcome"), TABLE)
def test_a_reply_is_classified_by_its_code_and_by_how_far_the_conversation_had_come(
    stage: Stage, code: int | None, outcome: Outcome
) -> None:
    assert outcome_of(Reply(stage, code)) is outcome


def test_a_refusal_that_is_about_us_bounces_nobody() -> None:
    assert outcome_of(Reply(Stage.CONNECT, 535)) is Outcome.UNSENT
    assert outcome_of(Reply(Stage.SENDER, 550)) is Outcome.LATER


def test_a_line_that_is_only_a_dot_does_not_end_the_message() -> None:
    assert dot_stuffed(b"a\r\n.\r\n.b\r\n") == b"a\r\n..\r\n..b\r\n.\r\n"
    assert dot_stuffed(b".a\r\n") == b"..a\r\n.\r\n"
