"""What is asked again of whom, by which channel, and when nothing more is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.notifications.domain.ladder import RUNGS, begins, next_rung, used_by
from services.notifications.domain.models import CallReason, Delivery, NotificationStatus, State, Step
from services.notifications.domain.planning import delivery_id, plan
from shared.events.notify import DeliveryStatus, Lane, NotificationKind
from shared.events.people import Channel
from tests.unit.notifications.factories import ANNA, BO, NOW, candidate, request, situation

STILL = NotificationKind.STILL_UNREAD
LATER = NOW + timedelta(hours=2)
NOTICE = request()


def had(person: UUID, channel: Channel = Channel.EMAIL, **changes: object) -> Delivery:
    plain = Delivery(
        delivery_id(NOTICE.notification_id, person),
        NOTICE.notification_id,
        person,
        "",
        DeliveryStatus.DELIVERED,
        may_have_arrived=True,
        channel=channel,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_what_nobody_has_read_is_asked_again_of_those_told_by_the_channels_not_used() -> None:
    again = next_rung(NOTICE, [had(ANNA), had(BO)], LATER)
    assert again is not None
    assert (again.kind, again.about_id, again.rung, again.lane) == (STILL, NOTICE.notification_id, 1, Lane.URGENT)
    assert again.ways == (Channel.PUSH, Channel.SMS)
    assert again.only == frozenset({ANNA, BO})
    assert (again.status, again.due_at, again.requested_at) == (NotificationStatus.WAITING, LATER, LATER)
    assert again.path == f"/n/{NOTICE.notification_id}"
    assert again.pupil_id == NOTICE.pupil_id


def test_each_rung_stands_on_the_one_before_until_no_channel_is_left() -> None:
    chain = [had(ANNA)]
    first = next_rung(NOTICE, chain, LATER)
    assert first is not None
    chain.append(had(ANNA, Channel.PUSH, notification_id=first.notification_id))
    second = next_rung(first, chain, LATER)
    assert second is not None
    assert (second.about_id, second.rung, second.ways) == (NOTICE.notification_id, 2, (Channel.SMS,))
    chain.append(had(ANNA, Channel.SMS, notification_id=second.notification_id))
    last = next_rung(second, chain, LATER)
    assert last is not None
    assert last.ways == ()
    assert len({NOTICE.notification_id, first.notification_id, second.notification_id, last.notification_id}) == 4


def test_the_same_rung_is_the_same_request_however_often_it_is_climbed() -> None:
    first, again = next_rung(NOTICE, [had(ANNA)], LATER), next_rung(NOTICE, [had(ANNA)], LATER)
    assert first is not None
    assert first == again


@pytest.mark.parametrize(
    ("changes", "chain"),
    [
        ({"retracted": True}, [had(ANNA)]),
        ({"read_at": NOW}, [had(ANNA)]),
        ({}, [had(ANNA), had(BO, read_at=NOW)]),
        ({}, [had(ANNA, status=DeliveryStatus.BOUNCED, may_have_arrived=False)]),
        ({}, [had(ANNA, Channel.SIMULATED)]),
        ({}, []),
    ],
)
def test_the_ladder_ends_when_it_is_taken_back_or_read_and_where_nobody_really_had_it(
    changes: dict[str, object], chain: list[Delivery]
) -> None:
    assert next_rung(replace(NOTICE, **changes), chain, LATER) is None  # type: ignore[arg-type]


def test_two_who_had_it_by_different_channels_can_each_be_asked_by_the_other() -> None:
    again = next_rung(NOTICE, [had(ANNA), had(BO, Channel.PUSH)], LATER)
    assert again is not None
    assert again.ways == RUNGS
    assert used_by([had(ANNA), had(BO, Channel.PUSH), had(BO, Channel.SMS)]) == {
        ANNA: {Channel.EMAIL},
        BO: {Channel.PUSH, Channel.SMS},
    }


def test_only_what_must_be_read_begins_a_ladder_when_it_first_arrives() -> None:
    done = State(NotificationStatus.DONE)
    assert begins(Step(NOTICE, [], [had(ANNA)], done))
    assert begins(Step(request(STILL), [], [had(ANNA)], done))
    assert not begins(Step(NOTICE, [had(ANNA)], [had(ANNA), had(BO)], done))
    assert not begins(Step(replace(NOTICE, retracted=True), [], [had(ANNA)], done))
    assert not begins(Step(request(NotificationKind.ABSENCE_NOTICE_LATE), [], [had(ANNA)], done))
    assert not begins(Step(request(NotificationKind.TALK_BOOKED), [], [had(ANNA)], done))


@pytest.mark.parametrize("people", [[], [candidate(request(STILL), ANNA, addresses=())]])
def test_when_nobody_can_be_asked_by_another_channel_the_school_calls_because_it_is_unread(
    people: list[object],
) -> None:
    asked = request(STILL, about_id=NOTICE.notification_id, ways=())
    state = plan(situation(asked, people), NOW).step.state  # type: ignore[arg-type]
    assert (state.status, state.reason) == (NotificationStatus.UNREACHED, CallReason.UNREAD)
