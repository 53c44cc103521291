"""What is said about a notification, and that it belongs to the trace it began in."""

from __future__ import annotations

from services.notifications.domain.models import NotificationStatus, State, Step
from services.notifications.domain.planning import plan
from services.notifications.outgoing import said
from shared.events.notify import NotificationKind
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
