"""How a delivery moves: begun, answered, cancelled; and what its notification comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.notifications.domain.models import (
    NOTICES,
    UNHURRIED,
    Because,
    CallReason,
    Delivery,
    NotificationStatus,
    Request,
    State,
)
from services.notifications.domain.replies import POSSIBLY_ARRIVED, Outcome
from shared.events.notify import DeliveryStatus, NotificationKind
from shared.events.people import Channel

COSTS_NOTHING = frozenset({Outcome.UNSENT, Outcome.ORPHANED})
HAVE_IT = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.DIGESTED})  # or will, by another message
RIGHTLY_UNSENT = frozenset({Because.UNWANTED, Because.BEGUN, Because.REPLACED, Because.EMPTY})


@dataclass(frozen=True, slots=True)
class Budget:
    """How often and how many times a delivery is tried."""

    retry: timedelta
    tries: int


def begin(delivery: Delivery, why: str | None = None, channel: Channel | None = None) -> Delivery:
    """An attempt begins by this channel, on this verdict; the one it was decided on when none is given."""
    return replace(delivery, status=DeliveryStatus.SENDING, why=why or delivery.why, retry_at=None, channel=channel)


def put_aside(delivery: Delivery, why: str) -> Delivery:
    """It waits for the person's digest, which carries it and ends it."""
    return replace(delivery, status=DeliveryStatus.DIGESTED, why=why, retry_at=None)


def hold(delivery: Delivery, until: datetime) -> Delivery:
    """Nothing is tried before that instant; what was tried already stays so."""
    return replace(delivery, retry_at=until)


def cancel(delivery: Delivery, why: str) -> Delivery:
    """Nothing more will be tried; what may have arrived stays so."""
    return replace(delivery, status=DeliveryStatus.CANCELLED, why=why, retry_at=None)


def give_up(delivery: Delivery) -> Delivery:
    """The time or the tries are spent."""
    return replace(delivery, status=DeliveryStatus.GIVEN_UP, retry_at=None)


def answered(delivery: Delivery, outcome: Outcome, more_ways: bool, budget: Budget, now: datetime) -> Delivery:
    """The delivery after an attempt. One that reached no server, or that our own process left open, costs no try.

    A refused way leads to the person's next one at once; an attempt our own process left open is repeated
    at once; everything else waits for the retry interval.
    """
    tried = replace(
        delivery,
        tries=delivery.tries + (outcome not in COSTS_NOTHING),
        may_have_arrived=delivery.may_have_arrived or outcome in POSSIBLY_ARRIVED,
    )
    if outcome is Outcome.ACCEPTED:
        return replace(tried, status=DeliveryStatus.DELIVERED, retry_at=None)
    if outcome is Outcome.REFUSED and not more_ways:
        return replace(tried, status=DeliveryStatus.BOUNCED, retry_at=None)
    if tried.tries >= budget.tries:
        return give_up(tried)
    at_once = outcome in (Outcome.REFUSED, Outcome.ORPHANED)
    status = DeliveryStatus.UNCERTAIN if outcome in POSSIBLY_ARRIVED else DeliveryStatus.DEFERRED
    return replace(tried, status=status, retry_at=now if at_once else now + budget.retry)


def conclude(
    request: Request, deliveries: Sequence[Delivery], now: datetime, nobody: CallReason = CallReason.NO_GUARDIAN
) -> State:
    """Where the notification stands with these deliveries. `nobody`: the reason when there is none to try."""
    statuses = {delivery.status for delivery in deliveries}
    again = [delivery.retry_at for delivery in deliveries if delivery.retry_at is not None]
    if DeliveryStatus.SENDING in statuses:
        return State(NotificationStatus.SENDING)
    if again:
        status = NotificationStatus.WAITING if statuses == {DeliveryStatus.PENDING} else NotificationStatus.RETRYING
        return State(status, now if request.retracted else min(again))
    if statuses & HAVE_IT:
        return State(NotificationStatus.DONE)
    failed = statuses & {DeliveryStatus.BOUNCED, DeliveryStatus.GIVEN_UP}
    if request.retracted or (not failed and _needs_nobody(request, deliveries)):
        return State(NotificationStatus.CANCELLED)
    return State(NotificationStatus.UNREACHED, reason=_call_reason(request, statuses, nobody))


def _needs_nobody(request: Request, deliveries: Sequence[Delivery]) -> bool:
    """True when it is right that nobody was written to: nobody had the notice, or nobody wants or needs the mail."""
    if request.kind in UNHURRIED:
        return any(delivery.why in RIGHTLY_UNSENT for delivery in deliveries)
    return request.kind is NotificationKind.ABSENCE_RETRACTION


def _call_reason(request: Request, statuses: set[DeliveryStatus], nobody: CallReason) -> CallReason | None:
    """Why the school is to call, if it is. Whoever did not read has had the notice, whatever became of the repeat."""
    if request.kind is NotificationKind.STILL_UNREAD:
        return CallReason.UNREAD
    if request.kind not in NOTICES:
        return None
    if DeliveryStatus.GIVEN_UP in statuses:
        return CallReason.GIVEN_UP
    return CallReason.BOUNCED if DeliveryStatus.BOUNCED in statuses else nobody
