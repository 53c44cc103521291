"""What is said about a notification, and that it belongs to the trace it began in."""

from __future__ import annotations

from services.notifications.domain.models import CallReason, Delivery, NotificationStatus, State, Step
from services.notifications.domain.planning import delivery_id, plan
from services.notifications.outgoing import said
from shared.events.duties import DutyMoved
from shared.events.notify import DeliverySettled, DeliveryStatus, NotificationKind
from shared.roster.access import Why
from tests.unit.notifications.factories import ANNA, NOW, candidate, request, situation

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def test_what_is_said_carries_the_trace_of_the_request_on() -> None:
    asked = request(traceparent=TRACE)
    [sent] = said([plan(situation(asked, [candidate(asked, ANNA)]), NOW).step], NOW)
    assert sent.traceparent is not None
    assert sent.traceparent.split("-")[1] == "a" * 32
    assert sent.traceparent != TRACE


def test_a_request_without_a_duty_moves_none() -> None:
    unreached = State(NotificationStatus.UNREACHED)
    assert said([Step(request(duty_id=None), (), (), unreached)], NOW) == []
    assert len(said([Step(request(), (), (), unreached)], NOW)) == 1


def test_a_message_to_the_school_moves_no_duty_of_a_pupil() -> None:
    asked = request(NotificationKind.LESSONS_UNREPORTED)
    assert said([Step(asked, (), (), State(NotificationStatus.UNREACHED))], NOW) == []


def test_a_duty_that_reached_nobody_says_why_in_a_code_word_and_one_that_did_says_nothing() -> None:
    asked = request()
    unreached = State(NotificationStatus.UNREACHED, reason=CallReason.NO_ADDRESS)
    [moved] = said([Step(asked, (), (), unreached)], NOW)
    assert isinstance(moved.event, DutyMoved)
    assert moved.event.reason == "no_address"
    [sent] = said([plan(situation(asked, [candidate(asked, ANNA)]), NOW).step], NOW)
    assert isinstance(sent.event, DutyMoved)
    assert sent.event.reason is None


def test_a_settled_delivery_says_on_which_verdict_it_was_sent() -> None:
    asked = request(duty_id=None)
    mine = delivery_id(asked.notification_id, ANNA)
    had = Delivery(mine, asked.notification_id, ANNA, Why.PUPIL_AGREED, DeliveryStatus.DELIVERED)
    [settled] = said([Step(asked, (), [had], State(NotificationStatus.DONE))], NOW)
    assert isinstance(settled.event, DeliverySettled)
    assert settled.event.why == "the pupil, being of age, has agreed"


def test_a_question_to_a_pupil_moves_no_duty() -> None:
    asked = request(NotificationKind.RIGHTS_ASKED)
    assert said([Step(asked, (), (), State(NotificationStatus.UNREACHED))], NOW) == []
