"""Whom to write to, what to cancel, when to hand over to the school."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.domain.deliveries import answered, begin, conclude
from services.notifications.domain.models import (
    Because,
    CallReason,
    Delivery,
    NotificationStatus,
    Request,
)
from services.notifications.domain.planning import PATIENCE, UNHURRIED_FOR, Plan, delivery_id, last_call, plan
from services.notifications.domain.replies import Outcome
from shared.events.notify import DeliveryStatus, NotificationKind
from shared.events.people import How
from shared.roster.access import Why
from tests.unit.notifications.factories import ANNA, BO, BUDGET, NOW, candidate, request, situation

RETRACTION = NotificationKind.ABSENCE_RETRACTION
RIGHTS = NotificationKind.RIGHTS_ASKED
MORNING = NOW + timedelta(hours=9)


def told(made: Plan) -> set[object]:
    return {delivery.person_id for delivery, _ in made.begun}


def delivery(asked: Request, person: object, status: DeliveryStatus, **changes: object) -> Delivery:
    plain = Delivery(delivery_id(asked.notification_id, person), asked.notification_id, person, "", status)  # type: ignore[arg-type]
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_notice_goes_to_everyone_with_the_right_and_to_nobody_else() -> None:
    asked = request()
    made = plan(situation(asked, [candidate(asked, ANNA), candidate(asked, BO, allowed=False)]), NOW)
    assert told(made) == {ANNA}
    assert made.step.state.status is NotificationStatus.SENDING


def test_nobody_with_the_right_puts_the_notice_on_the_call_list() -> None:
    asked = request()
    who = [candidate(asked, BO, allowed=False)]
    state = plan(situation(asked, who, nobody=CallReason.PUPIL_ADULT), NOW).step.state
    assert (state.status, state.reason) == (NotificationStatus.UNREACHED, CallReason.PUPIL_ADULT)


def test_an_incomplete_roster_is_waited_for_but_not_for_ever() -> None:
    asked = request()
    unknown = situation(asked, [], complete=False, nobody=CallReason.PUPIL_UNKNOWN)
    waiting = plan(unknown, NOW).step.state
    assert waiting.status is NotificationStatus.WAITING
    assert waiting.next_attempt_at is not None
    assert waiting.next_attempt_at > NOW
    assert plan(unknown, NOW + PATIENCE).step.state.reason is CallReason.PUPIL_UNKNOWN


def test_one_who_has_lost_the_right_since_the_first_try_is_not_tried_again() -> None:
    asked = request(status=NotificationStatus.RETRYING)
    waiting = delivery(asked, ANNA, DeliveryStatus.DEFERRED, retry_at=NOW)
    made = plan(situation(asked, [candidate(asked, ANNA, allowed=False)], [waiting]), NOW)
    assert told(made) == set()
    assert [(d.status, d.why) for d in made.step.settled()] == [(DeliveryStatus.CANCELLED, Why.ENDED)]
    assert made.step.state.reason is CallReason.NO_GUARDIAN


def test_one_whose_tie_has_gone_from_the_registry_is_not_tried_again() -> None:
    asked = request(status=NotificationStatus.RETRYING)
    waiting = delivery(asked, ANNA, DeliveryStatus.DEFERRED, retry_at=NOW)
    made = plan(situation(asked, [candidate(asked, BO)], [waiting]), NOW)
    assert told(made) == {BO}
    assert [(d.status, d.why) for d in made.step.settled()] == [(DeliveryStatus.CANCELLED, Because.NO_TIE)]


def test_a_delivery_is_left_alone_until_its_time() -> None:
    asked = request(status=NotificationStatus.RETRYING)
    later = delivery(asked, ANNA, DeliveryStatus.DEFERRED, retry_at=NOW + timedelta(seconds=9))
    made = plan(situation(asked, [candidate(asked, ANNA)], [later]), NOW)
    assert told(made) == set()
    assert made.step.state.next_attempt_at == later.retry_at


def test_after_the_last_call_a_delivery_is_given_up_and_the_school_told() -> None:
    asked = request(status=NotificationStatus.RETRYING)
    waiting = delivery(asked, ANNA, DeliveryStatus.DEFERRED, retry_at=NOW)
    made = plan(situation(asked, [candidate(asked, ANNA)], [waiting], last_call=NOW), NOW)
    assert made.step.state.reason is CallReason.GIVEN_UP


def test_the_last_call_is_the_schools_midnight_and_at_least_four_hours_on() -> None:
    assert last_call(NOW, "Europe/Stockholm") == datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    evening = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
    assert last_call(evening, "Europe/Stockholm") == evening + timedelta(hours=4)


def test_a_retracted_notice_is_cancelled_where_it_has_not_gone_out() -> None:
    asked = request(status=NotificationStatus.RETRYING, retracted=True)
    had = delivery(asked, ANNA, DeliveryStatus.DELIVERED, may_have_arrived=True)
    waiting = delivery(asked, BO, DeliveryStatus.DEFERRED, retry_at=NOW)
    made = plan(situation(asked, [candidate(asked, ANNA), candidate(asked, BO)], [had, waiting]), NOW)
    assert told(made) == set()
    assert [(d.person_id, d.why) for d in made.step.settled()] == [(BO, Because.RETRACTED)]
    assert made.step.state.status is NotificationStatus.DONE


def test_a_notice_retracted_before_anything_went_out_ends_as_cancelled_and_calls_nobody() -> None:
    asked = request(retracted=True)
    state = plan(situation(asked, [candidate(asked, ANNA)]), NOW).step.state
    assert (state.status, state.reason) == (NotificationStatus.CANCELLED, None)


def test_a_retraction_goes_only_to_those_who_may_have_had_the_notice_and_still_have_the_right() -> None:
    asked = request(RETRACTION)
    both = [candidate(asked, ANNA), candidate(asked, BO)]
    assert told(plan(situation(asked, both, noticed=[ANNA]), NOW)) == {ANNA}
    lost = [candidate(asked, ANNA, allowed=False), candidate(asked, BO)]
    made = plan(situation(asked, lost, noticed=[ANNA]), NOW)
    assert told(made) == set()
    assert made.step.state.status is NotificationStatus.CANCELLED


def test_a_retraction_whose_notice_went_to_nobody_ends_as_cancelled() -> None:
    asked = request(RETRACTION)
    assert plan(situation(asked, [candidate(asked, ANNA)]), NOW).step.state.status is NotificationStatus.CANCELLED


@pytest.mark.parametrize(
    ("outcome", "more", "status", "waits"),
    [
        (Outcome.ACCEPTED, False, DeliveryStatus.DELIVERED, None),
        (Outcome.REFUSED, False, DeliveryStatus.BOUNCED, None),
        (Outcome.REFUSED, True, DeliveryStatus.DEFERRED, 0),
        (Outcome.LATER, False, DeliveryStatus.DEFERRED, 25),
        (Outcome.UNSENT, False, DeliveryStatus.DEFERRED, 25),
        (Outcome.UNCERTAIN, False, DeliveryStatus.UNCERTAIN, 25),
        (Outcome.ORPHANED, False, DeliveryStatus.UNCERTAIN, 0),
    ],
)
def test_an_answer_moves_the_delivery(outcome: Outcome, more: bool, status: DeliveryStatus, waits: int | None) -> None:
    flying = begin(delivery(request(), ANNA, DeliveryStatus.PENDING))
    after = answered(flying, outcome, more, BUDGET, NOW)
    assert after.status is status
    assert after.retry_at == (None if waits is None else NOW + timedelta(seconds=waits))


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_may_have_arrived_stays_so_whatever_comes_after(outcome: Outcome) -> None:
    flying = begin(delivery(request(), ANNA, DeliveryStatus.PENDING))
    possibly = outcome in (Outcome.ACCEPTED, Outcome.UNCERTAIN, Outcome.ORPHANED)
    assert answered(flying, outcome, False, BUDGET, NOW).may_have_arrived is possibly
    uncertain = answered(flying, Outcome.UNCERTAIN, False, BUDGET, NOW)
    assert answered(begin(uncertain), outcome, False, BUDGET, NOW).may_have_arrived


@pytest.mark.parametrize("free", [Outcome.UNSENT, Outcome.ORPHANED])
def test_the_tries_are_spent_by_servers_and_not_by_one_that_is_away_or_by_our_own_end(free: Outcome) -> None:
    flying = begin(delivery(request(), ANNA, DeliveryStatus.PENDING))
    for _ in range(100):
        flying = answered(flying, free, False, BUDGET, NOW)
    assert not flying.is_settled
    for _ in range(BUDGET.tries):
        flying = answered(flying, Outcome.LATER, False, BUDGET, NOW)
    assert flying.status is DeliveryStatus.GIVEN_UP


def test_the_school_calls_only_when_every_address_of_everyone_has_failed() -> None:
    asked = request()
    bounced = delivery(asked, ANNA, DeliveryStatus.BOUNCED)
    assert conclude(asked, [bounced], NOW).reason is CallReason.BOUNCED
    assert conclude(asked, [bounced, delivery(asked, BO, DeliveryStatus.DELIVERED)], NOW).reason is None
    assert conclude(asked, [bounced, delivery(asked, BO, DeliveryStatus.SENDING)], NOW).reason is None


def test_a_message_to_the_school_itself_never_lands_on_the_call_list() -> None:
    asked = request(NotificationKind.LESSONS_UNREPORTED, pupil_id=None)
    state = plan(situation(asked, []), NOW).step.state
    assert (state.status, state.reason) == (NotificationStatus.UNREACHED, None)


def test_what_is_not_urgent_is_held_back_until_the_quiet_hours_are_over_and_then_sent() -> None:
    asked = request(RIGHTS)
    night = plan(situation(asked, [candidate(asked, ANNA, not_before=MORNING)]), NOW)
    assert told(night) == set()
    assert (night.step.state.status, night.step.state.next_attempt_at) == (NotificationStatus.WAITING, MORNING)
    assert night.step.settled() == []
    held = night.step.after
    morning = plan(situation(asked, [candidate(asked, ANNA, not_before=MORNING)], held), MORNING)
    assert told(morning) == {ANNA}


def test_one_who_is_held_back_holds_nobody_else_up_and_is_not_forgotten_when_the_other_has_it() -> None:
    asked = request(RIGHTS)
    made = plan(situation(asked, [candidate(asked, ANNA, not_before=MORNING), candidate(asked, BO)]), NOW)
    assert told(made) == {BO}
    after = [
        answered(one, Outcome.ACCEPTED, False, BUDGET, NOW) if one.person_id == BO else one for one in made.step.after
    ]
    state = conclude(asked, after, NOW)
    assert (state.status, state.next_attempt_at) == (NotificationStatus.RETRYING, MORNING)


def test_a_repeat_of_what_is_not_urgent_waits_for_the_morning_too() -> None:
    asked = request(RIGHTS, status=NotificationStatus.RETRYING)
    waiting = delivery(asked, ANNA, DeliveryStatus.DEFERRED, retry_at=NOW, tries=1)
    made = plan(situation(asked, [candidate(asked, ANNA, not_before=MORNING)], [waiting]), NOW)
    assert told(made) == set()
    assert made.step.after == [replace(waiting, retry_at=MORNING)]


def test_one_held_back_who_loses_the_right_before_the_morning_is_not_written_to() -> None:
    asked = request(RIGHTS)
    held = plan(situation(asked, [candidate(asked, ANNA, not_before=MORNING)]), NOW).step.after
    made = plan(situation(asked, [candidate(asked, ANNA, allowed=False)], held), MORNING)
    assert told(made) == set()
    assert [(one.status, one.why) for one in made.step.settled()] == [(DeliveryStatus.CANCELLED, Why.ENDED)]


def test_one_who_wants_no_mail_has_it_settled_without_sending_and_nobody_is_called() -> None:
    asked = request(RIGHTS)
    made = plan(situation(asked, [candidate(asked, ANNA, how=How.OFF)]), NOW)
    assert told(made) == set()
    assert [(one.status, one.why) for one in made.step.settled()] == [(DeliveryStatus.CANCELLED, Because.UNWANTED)]
    assert (made.step.state.status, made.step.state.reason) == (NotificationStatus.CANCELLED, None)


def test_a_pupil_who_cannot_be_asked_is_nobody_for_the_school_to_call() -> None:
    asked = request(RIGHTS)
    for who in (candidate(asked, ANNA, allowed=False), candidate(asked, ANNA, addresses=())):
        state = plan(situation(asked, [who]), NOW).step.state
        assert (state.status, state.reason) == (NotificationStatus.UNREACHED, None)


def test_every_try_is_made_on_the_verdict_of_its_own_moment() -> None:
    asked = request(status=NotificationStatus.RETRYING)
    waiting = delivery(asked, ANNA, DeliveryStatus.DEFERRED, retry_at=NOW, why=Why.ANSWERS_FOR)
    [(again, _)] = plan(situation(asked, [candidate(asked, ANNA, why=Why.PUPIL_AGREED)], [waiting]), NOW).begun
    assert again.why == Why.PUPIL_AGREED


def test_what_is_not_urgent_is_tried_for_a_week_because_it_may_have_to_wait_for_the_morning() -> None:
    assert last_call(NOW, "Europe/Stockholm", unhurried=True) == NOW + UNHURRIED_FOR
