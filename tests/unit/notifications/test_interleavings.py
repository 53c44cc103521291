"""However requests, answers and the roster interleave: no retraction without a notice, no notice twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.domain.models import ACTIVE, CLAIMABLE, Delivery, NotificationStatus, Request, Step
from services.notifications.domain.planning import plan
from services.notifications.domain.replies import POSSIBLY_ARRIVED, Outcome
from services.notifications.outgoing import duty_statuses
from services.notifications.recorder import settle
from services.notifications.store.requests import Result
from shared.events.duties import DutyStatus
from shared.events.notify import DeliveryStatus, NotificationKind
from tests.unit.notifications.factories import ANNA, BO, BUDGET, NOW, candidate, request, situation

PEOPLE = (ANNA, BO)


@dataclass
class Lane:
    """The urgent lane with its tables as dictionaries: the rules are the real ones."""

    now: datetime = NOW
    requests: dict[UUID, Request] = field(default_factory=dict)
    deliveries: dict[UUID, list[Delivery]] = field(default_factory=lambda: defaultdict(list))
    again: dict[UUID, datetime | None] = field(default_factory=dict)
    allowed: set[UUID] = field(default_factory=lambda: set(PEOPLE))
    attempts: list[tuple[UUID, UUID]] = field(default_factory=list)
    outcomes: dict[tuple[UUID, UUID], list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    said: list[tuple[UUID, DutyStatus]] = field(default_factory=list)

    def arrive(self, asked: Request) -> None:
        if asked.notification_id in self.requests:
            return
        self.requests[asked.notification_id], self.again[asked.notification_id] = asked, self.now
        for other in list(self.requests.values()):
            if other.about_id in self.requests:
                notice = self.requests[other.about_id]
                self.requests[other.about_id] = replace(notice, retracted=True)
                self.again[other.about_id] = self.now

    def look(self, identity: UUID) -> None:
        asked = self.requests.get(identity)
        again = self.again.get(identity)
        notice = self.requests.get(asked.about_id) if asked and asked.about_id else None
        held = notice is not None and notice.status in ACTIVE
        if asked is None or asked.status not in CLAIMABLE or held or again is None or again > self.now:
            return
        people = [candidate(asked, person, person in self.allowed) for person in PEOPLE]
        about = self.deliveries[asked.about_id] if asked.about_id else []
        noticed = {d.person_id for d in about if d.may_have_arrived and d.person_id}
        made = plan(situation(asked, people, self.deliveries[identity], noticed), self.now)
        for delivery, who in made.begun:
            assert who.person_id in self.allowed
            assert not asked.retracted
            assert delivery.person_id is not None
            self.attempts.append((identity, delivery.person_id))
        self.keep(made.step)

    def answer(self, identity: UUID, person: UUID, outcome: Outcome) -> None:
        flying = [d for d in self.deliveries[identity] if d.person_id == person and d.status is DeliveryStatus.SENDING]
        for one in flying:
            self.outcomes[identity, person].append(outcome)
            result = Result(one.delivery_id, one.delivery_id, identity, "email", outcome)
            results = {one.delivery_id: result}
            self.keep(settle(self.requests[identity], self.deliveries[identity], results, BUDGET, self.now))

    def keep(self, step: Step) -> None:
        identity = step.request.notification_id
        self.said += [(identity, status) for status in duty_statuses(step)]
        self.deliveries[identity] = list(step.after)
        self.requests[identity] = replace(step.request, status=step.state.status)
        self.again[identity] = step.state.next_attempt_at


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.sampled_from(["notice", "retraction"])),
        st.tuples(st.just("look"), st.sampled_from(["notice", "retraction"])),
        st.tuples(
            st.just("answer"),
            st.sampled_from(["notice", "retraction"]),
            st.sampled_from(PEOPLE),
            st.sampled_from(list(Outcome)),
        ),
        st.tuples(st.just("wait"), st.sampled_from([1, 30])),
        st.tuples(st.just("custody"), st.sampled_from(PEOPLE)),
    ),
    max_size=40,
)


def play(moves: list[tuple[object, ...]]) -> tuple[Lane, Request, Request]:
    notice = request()
    retraction = request(NotificationKind.ABSENCE_RETRACTION, about_id=notice.notification_id)
    asked = {"notice": notice, "retraction": retraction}
    lane = Lane()
    for kind, *details in moves:
        if kind == "arrive":
            lane.arrive(asked[str(details[0])])
        elif kind == "look":
            lane.look(asked[str(details[0])].notification_id)
        elif kind == "answer":
            lane.answer(asked[str(details[0])].notification_id, details[1], details[2])  # type: ignore[arg-type]
        elif kind == "wait":
            lane.now += timedelta(seconds=details[0])  # type: ignore[arg-type]
        else:
            lane.allowed ^= {details[0]}  # type: ignore[arg-type]
    return lane, notice, retraction


@settings(max_examples=600, deadline=None)
@given(MOVES)
def test_no_interleaving_sends_a_retraction_without_a_notice_or_a_message_twice(
    moves: list[tuple[object, ...]],
) -> None:
    lane, notice, retraction = play(moves)
    first_retraction = len(lane.attempts)
    for place, (identity, person) in enumerate(lane.attempts):
        if identity == retraction.notification_id:
            first_retraction = min(first_retraction, place)
            assert POSSIBLY_ARRIVED & set(lane.outcomes[notice.notification_id, person])
    assert all(identity != notice.notification_id for identity, _ in lane.attempts[first_retraction:])
    for (identity, person), outcomes in lane.outcomes.items():
        assert Outcome.ACCEPTED not in outcomes[:-1]
        assert lane.attempts.count((identity, person)) - len(outcomes) in (0, 1)


@settings(max_examples=300, deadline=None)
@given(MOVES)
def test_whatever_happened_before_everything_comes_to_an_end_and_a_corrected_duty_is_retracted(
    moves: list[tuple[object, ...]],
) -> None:
    lane, notice, retraction = play(moves)
    lane.arrive(notice)
    lane.arrive(retraction)
    for _ in range(4 * BUDGET.tries):
        lane.now += timedelta(seconds=30)
        for asked in (notice, retraction):
            lane.look(asked.notification_id)
            for person in PEOPLE:
                lane.answer(asked.notification_id, person, Outcome.ACCEPTED)
    over = {lane.requests[asked.notification_id].status for asked in (notice, retraction)}
    assert over <= {NotificationStatus.DONE, NotificationStatus.CANCELLED, NotificationStatus.UNREACHED}
    if lane.requests[retraction.notification_id].status is not NotificationStatus.UNREACHED:
        assert (retraction.notification_id, DutyStatus.RETRACTED) in lane.said
