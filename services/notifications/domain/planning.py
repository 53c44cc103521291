"""What is to be done about one notification now: whom to write to, what to cancel, when to look again.

Worked out from the roster as it stands at this moment, every time: custody, age and marking change, and a
message that reaches the wrong parent can be dangerous.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notifications.channels.protocol import Way
from services.notifications.domain.deliveries import (
    RIGHTLY_UNSENT,
    begin,
    cancel,
    conclude,
    give_up,
    hold,
    put_aside,
)
from services.notifications.domain.models import (
    Because,
    CallReason,
    Delivery,
    NotificationStatus,
    Request,
    State,
    Step,
)
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.notify import DeliveryStatus, NotificationKind
from shared.events.people import How
from shared.ids import derived_id

PATIENCE = timedelta(minutes=2)  # how long the roster may be behind the request
LOOK_AGAIN = timedelta(seconds=3)
AT_LEAST = timedelta(hours=4)  # an evening's request is tried into the night
UNHURRIED_FOR = timedelta(days=7)  # longer than any night, and than most failures of a mail server


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who might be told: the verdict with its reason, and the ways not refused yet, best first.

    `languages` in the order they are wanted; `consented`: told by consent and not by a right of one's own. Of what is
    not urgent: `how` the person wants it, and before `not_before` nobody is disturbed; `digest_at` is when their next
    digest leaves, on a clock in `zone`. `breaks`: it comes now in spite of what the person has asked for.
    """

    delivery_id: UUID
    person_id: UUID | None
    allowed: bool
    why: str
    ways: tuple[Way, ...] = ()
    languages: tuple[str, ...] = ()
    neutral: bool = False
    consented: bool = False
    how: How = How.INSTANT
    not_before: datetime | None = None
    breaks: bool = False
    digest_at: datetime | None = None
    zone: str = DEFAULT_ZONE


@dataclass(frozen=True)
class Situation:
    """All that counts for one notification at one moment.

    `complete` is false while the roster may still be on its way; `noticed` are those who were (or may have been)
    sent the notice a retraction takes back; after `last_call` nothing is tried again. `pointless`: why nothing is sent
    to anybody (any more), whoever may be told.
    """

    request: Request
    candidates: Sequence[Candidate]
    deliveries: Sequence[Delivery]
    last_call: datetime
    complete: bool = True
    noticed: frozenset[UUID] = frozenset()
    nobody: CallReason = CallReason.NO_GUARDIAN
    pointless: Because | None = None


@dataclass(frozen=True)
class Plan:
    """The step to be written, the attempts to be begun with it, and what is put aside for a digest."""

    step: Step
    begun: Sequence[tuple[Delivery, Candidate]] = ()
    aside: Sequence[tuple[Delivery, Candidate]] = ()


def delivery_id(notification_id: UUID, person_id: UUID | None) -> UUID:
    """The delivery of a notification to a person, the same for ever; None is the school itself."""
    return derived_id("delivery", notification_id, person_id or "school")


def last_call(requested_at: datetime, zone: str, unhurried: bool = False) -> datetime:
    """Until when a message is tried: the end of the school's local day, and at least four hours.

    What is not urgent is tried for a week: it may have to wait for a morning first.
    """
    if unhurried:
        return requested_at + UNHURRIED_FOR
    tomorrow = local_date(requested_at, zone) + timedelta(days=1)
    return max(datetime.combine(tomorrow, time(), ZoneInfo(zone)), requested_at + AT_LEAST)


def plan(situation: Situation, now: datetime) -> Plan:
    """Decide. Nobody without the right now is ever begun; a delivery that may not go on is ended with its reason."""
    candidates = {candidate.delivery_id: candidate for candidate in _audience(situation)}
    deliveries = {delivery.delivery_id: delivery for delivery in situation.deliveries}
    for candidate in candidates.values():
        deliveries.setdefault(candidate.delivery_id, _new(situation.request, candidate))
    after, moves = [], []
    for before in deliveries.values():
        candidate_now = candidates.get(before.delivery_id)
        moved = _move(before, candidate_now, situation, now)
        if moved.status is not DeliveryStatus.PENDING or moved.retry_at:
            after.append(moved)
        if candidate_now and moved is not before:
            moves.append((moved, candidate_now))
    begun = [move for move in moves if move[0].status is DeliveryStatus.SENDING]
    aside = [move for move in moves if move[0].status is DeliveryStatus.DIGESTED]
    return Plan(Step(situation.request, situation.deliveries, after, _state(situation, after, now)), begun, aside)


def postponed(made: Plan, delivery_ids: Container[UUID], until: datetime, now: datetime) -> Plan:
    """The same plan, but what it would begin of these deliveries waits until then. That is no try of anything."""
    known = {delivery.delivery_id: delivery for delivery in made.step.before}
    late = {delivery.delivery_id for delivery, _ in made.begun if delivery.delivery_id in delivery_ids}
    after = [
        hold(known.get(one.delivery_id) or replace(one, status=DeliveryStatus.PENDING, channel=None), until)
        if one.delivery_id in late
        else one
        for one in made.step.after
    ]
    step = replace(made.step, after=after, state=conclude(made.step.request, after, now))
    return replace(made, step=step, begun=[move for move in made.begun if move[0].delivery_id not in late])


def _audience(situation: Situation) -> list[Candidate]:
    """A retraction goes to those who may have had the notice, and to nobody else."""
    if situation.request.kind is not NotificationKind.ABSENCE_RETRACTION:
        return list(situation.candidates)
    return [candidate for candidate in situation.candidates if candidate.person_id in situation.noticed]


def _new(request: Request, candidate: Candidate) -> Delivery:
    return Delivery(candidate.delivery_id, request.notification_id, candidate.person_id, candidate.why)


def _move(delivery: Delivery, candidate: Candidate | None, situation: Situation, now: datetime) -> Delivery:
    new = delivery.status is DeliveryStatus.PENDING and delivery.retry_at is None
    if not new and delivery.retry_at is None:
        return delivery
    hindrance = _hindrance(candidate, situation)
    if hindrance or candidate is None:
        return _ended(delivery, new, hindrance or Because.NO_TIE)
    if not new and now >= situation.last_call:
        return give_up(delivery)
    due = delivery.retry_at is None or delivery.retry_at <= now
    return _begun(delivery, candidate, now) if due else delivery


def _ended(delivery: Delivery, new: bool, hindrance: str) -> Delivery:
    """Not sent. Of one that was never begun nothing is kept, except why it was right that it was not.

    One that came back, when no other way is left, stays what it is.
    """
    if delivery.status is DeliveryStatus.BOUNCED and hindrance == Because.NO_ADDRESS:
        return replace(delivery, retry_at=None)
    return delivery if new and hindrance not in RIGHTLY_UNSENT else cancel(delivery, hindrance)


def _begun(delivery: Delivery, candidate: Candidate, now: datetime) -> Delivery:
    """Begun on the verdict of this moment, held back while the person is not to be disturbed, or put aside.

    Only what has not been tried yet goes into a digest: what may have arrived is not told twice in two ways.
    """
    if candidate.how is How.DIGEST and delivery.status is DeliveryStatus.PENDING:
        return put_aside(delivery, candidate.why)
    if candidate.not_before and candidate.not_before > now:
        return hold(delivery, candidate.not_before)
    return begin(delivery, candidate.why, candidate.ways[0].channel)


def _hindrance(candidate: Candidate | None, situation: Situation) -> str | None:
    """Why this person may not be written to (any more)."""
    if situation.request.retracted:
        return Because.RETRACTED
    if candidate is None:
        return Because.NO_TIE
    if not candidate.allowed:
        return candidate.why
    if situation.pointless:
        return situation.pointless
    if candidate.how is How.OFF:
        return Because.UNWANTED
    return None if candidate.ways else Because.NO_ADDRESS


def _state(situation: Situation, after: Sequence[Delivery], now: datetime) -> State:
    request = situation.request
    patient = not situation.complete and now < request.received_at + PATIENCE
    if not after and patient and not request.retracted:
        return State(NotificationStatus.WAITING, now + LOOK_AGAIN)
    return conclude(request, after, now, situation.nobody)
