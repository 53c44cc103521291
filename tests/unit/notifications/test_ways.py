"""By which way somebody is written to, what a refused way leads to, and what a choice makes of a message."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.notifications.channels.protocol import Way
from services.notifications.claims import let_go
from services.notifications.domain.deliveries import answered
from services.notifications.domain.ladder import ways_left
from services.notifications.domain.models import Because, NotificationStatus
from services.notifications.domain.planning import Plan, plan, postponed
from services.notifications.domain.replies import Outcome
from shared.events.notify import DeliveryStatus, NotificationKind
from shared.events.people import Channel, How
from tests.unit.notifications.factories import ANNA, BO, BUDGET, NOW, candidate, request, situation

TALK = NotificationKind.TALK_WISHES
MAIL, OTHER = Way(Channel.EMAIL, "a@b.se"), Way(Channel.EMAIL, "c@d.se")
PUSH, SMS = Way(Channel.PUSH, '{"endpoint": "https://push.example/1"}'), Way(Channel.SMS, "+46701234567")
MINUTE = timedelta(minutes=1)


def planned(*ways: Way, **changes: Any) -> Plan:
    asked = request(TALK)
    return plan(situation(asked, [candidate(asked, ANNA, ways=ways, **changes)]), NOW)


@pytest.mark.parametrize("way", [MAIL, PUSH, SMS])
def test_the_best_way_is_tried_first_and_the_delivery_says_which_that_was(way: Way) -> None:
    [(delivery, _)] = planned(way, OTHER).begun
    assert delivery.channel is way.channel


def test_one_with_no_way_left_is_not_written_to() -> None:
    made = planned()
    assert made.begun == []
    assert made.step.state.status is NotificationStatus.UNREACHED


def test_a_way_that_is_refused_leads_to_the_next_one_at_once_and_the_last_one_ends_it() -> None:
    [(delivery, _)] = planned(MAIL, PUSH).begun
    onwards = answered(delivery, Outcome.REFUSED, more_ways=True, budget=BUDGET, now=NOW)
    assert (onwards.status, onwards.retry_at) == (DeliveryStatus.DEFERRED, NOW)
    over = answered(delivery, Outcome.REFUSED, more_ways=False, budget=BUDGET, now=NOW)
    assert over.status is DeliveryStatus.BOUNCED


def test_a_request_takes_only_the_ways_it_is_limited_to_in_the_persons_order_and_none_used_before() -> None:
    have = (MAIL, OTHER, PUSH, SMS)
    assert ways_left(have, None, frozenset()) == have
    assert ways_left(have, (Channel.SMS, Channel.PUSH), frozenset()) == (PUSH, SMS)
    assert ways_left(have, None, frozenset({Channel.EMAIL, Channel.PUSH})) == (SMS,)
    assert ways_left(have, (), frozenset()) == ()


def test_what_is_chosen_for_the_digest_is_put_aside_and_not_over_yet() -> None:
    made = planned(MAIL, how=How.DIGEST, not_before=NOW + MINUTE)
    assert made.begun == []
    [(delivery, _)] = made.aside
    assert delivery.status is DeliveryStatus.DIGESTED
    assert made.step.settled() == []
    assert made.step.state.status is NotificationStatus.DONE


def test_what_has_been_tried_already_stays_out_of_the_digest() -> None:
    asked = request(TALK, status=NotificationStatus.RETRYING)
    [(begun, _)] = plan(situation(asked, [candidate(asked, ANNA)]), NOW).begun
    tried = answered(begun, Outcome.UNCERTAIN, more_ways=False, budget=BUDGET, now=NOW)
    later = NOW + MINUTE
    made = plan(situation(asked, [candidate(asked, ANNA, how=How.DIGEST)], [tried]), later)
    assert made.aside == []
    assert [delivery.status for delivery, _ in made.begun] == [DeliveryStatus.SENDING]


def test_what_was_held_back_for_the_night_can_still_go_into_the_digest() -> None:
    asked = request(TALK)
    held = plan(situation(asked, [candidate(asked, ANNA, not_before=NOW + MINUTE)]), NOW).step.after
    made = plan(situation(asked, [candidate(asked, ANNA, how=How.DIGEST)], held), NOW + MINUTE)
    assert [delivery.status for delivery, _ in made.aside] == [DeliveryStatus.DIGESTED]


def test_what_somebody_wants_not_at_all_is_cancelled_and_says_so() -> None:
    [ended] = planned(MAIL, how=How.OFF).step.settled()
    assert (ended.status, ended.why) == (DeliveryStatus.CANCELLED, Because.UNWANTED)


def test_what_a_domain_does_not_take_now_waits_without_costing_a_try_and_holds_up_nobody_else() -> None:
    asked = request(TALK)
    made = plan(situation(asked, [candidate(asked, ANNA), candidate(asked, BO)]), NOW)
    [late] = [delivery.delivery_id for delivery, _ in made.begun if delivery.person_id == ANNA]
    after = postponed(made, {late}, NOW + MINUTE, NOW)
    assert [delivery.person_id for delivery, _ in after.begun] == [BO]
    waiting = next(delivery for delivery in after.step.after if delivery.person_id == ANNA)
    assert (waiting.status, waiting.tries, waiting.retry_at) == (DeliveryStatus.PENDING, 0, NOW + MINUTE)
    assert waiting.channel is None
    assert after.step.settled() == []
    again = plan(situation(asked, [candidate(asked, ANNA)], [waiting]), NOW + MINUTE)
    assert [delivery.person_id for delivery, _ in again.begun] == [ANNA]


def test_a_repeat_that_is_put_off_keeps_its_tries() -> None:
    asked = request(TALK, status=NotificationStatus.RETRYING)
    [(begun, _)] = plan(situation(asked, [candidate(asked, ANNA)]), NOW).begun
    tried = answered(begun, Outcome.LATER, more_ways=False, budget=BUDGET, now=NOW)
    later = NOW + MINUTE
    made = plan(situation(asked, [candidate(asked, ANNA)], [tried]), later)
    [waiting] = postponed(made, {tried.delivery_id}, later + MINUTE, later).step.after
    assert waiting == replace(tried, retry_at=later + MINUTE)


def test_a_message_is_late_only_from_when_it_was_to_leave() -> None:
    asked = request(TALK)
    made = plan(situation(asked, [candidate(asked, ANNA)]), NOW)
    assert let_go(made, made.begun[0][0]) == asked.requested_at
    morning = NOW + timedelta(hours=9)
    held = plan(situation(asked, [candidate(asked, ANNA, not_before=morning)]), NOW).step.after
    at_last = plan(situation(asked, [candidate(asked, ANNA)], held), morning)
    assert let_go(at_last, at_last.begun[0][0]) == morning


def test_a_digest_is_late_only_from_its_own_time() -> None:
    seven = NOW + timedelta(hours=1)
    asked = request(NotificationKind.DIGEST, due_at=seven)
    made = plan(situation(asked, [candidate(asked, ANNA)]), seven)
    assert let_go(made, made.begun[0][0]) == seven


def test_an_empty_digest_is_cancelled_and_calls_nobody() -> None:
    asked = request(NotificationKind.DIGEST)
    made = plan(situation(asked, [candidate(asked, ANNA)], pointless=Because.EMPTY), NOW)
    assert [(one.status, one.why) for one in made.step.settled()] == [(DeliveryStatus.CANCELLED, Because.EMPTY)]
    assert (made.step.state.status, made.step.state.reason) == (NotificationStatus.CANCELLED, None)
