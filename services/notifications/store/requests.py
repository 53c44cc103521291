"""Every query and bulk write of the lanes for single messages. Nothing here commits."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.ladder import notice_of
from services.notifications.domain.models import (
    ACTIVE,
    CLAIMABLE,
    Delivery,
    NotificationStatus,
    Request,
    Step,
)
from services.notifications.domain.replies import Outcome
from services.notifications.domain.timing import Sibling
from services.notifications.tables import attempt, call_list, delivery, notification, roster
from shared.db.bulk import insert_rows, rows_as_arrays
from shared.events.envelope import Received
from shared.events.notify import (
    Appointment,
    DeliveryStatus,
    Lane,
    NotificationKind,
    NotificationRequested,
    UnhurriedRequested,
)
from shared.events.people import Channel
from shared.events.roster import SchoolStated

REQUEST = (
    "notification_id", "kind", "school_id", "pupil_id", "day", "duty_id", "about_id", "lesson_count", "requested_at",
    "received_at", "traceparent", "status", "next_attempt_at", "person_id", "narrowed_to", "path", "appointment",
    "entry_id", "lane", "ways", "rung",
)  # fmt: skip
DELIVERY = (
    "delivery_id", "notification_id", "person_id", "why", "status", "tries", "may_have_arrived", "retry_at", "moved_at",
    "channel",
)  # fmt: skip
DELIVERY_AGAIN = (
    "on conflict (delivery_id) do update set why = excluded.why, status = excluded.status, tries = excluded.tries, "
    "may_have_arrived = excluded.may_have_arrived, retry_at = excluded.retry_at, moved_at = excluded.moved_at, "
    "channel = coalesce(excluded.channel, delivery.channel)"
)
ATTEMPT = (
    "attempt_id", "delivery_id", "owner", "channel", "fingerprint", "possible_duplicate", "why", "started_at",
)  # fmt: skip
CALL = ("notification_id", "pupil_id", "school_id", "day", "reason", "added_at")
# With a notice, what asks after it whether it was read is taken back, too.
RETRACT = text(
    "update notification as notice set retracted = true, next_attempt_at = least(notice.next_attempt_at, :now) "
    f"from notification as retraction where retraction.kind = '{NotificationKind.ABSENCE_RETRACTION}' "
    "and not notice.retracted and (notice.notification_id = retraction.about_id "
    f"or (notice.about_id = retraction.about_id and notice.kind = '{NotificationKind.STILL_UNREAD}')) "
    "and retraction.about_id = any(cast(:ids as uuid[]))"
)
MOVE = text(
    "update notification set status = moved.status, next_attempt_at = moved.again "
    "from unnest(cast(:ids as uuid[]), cast(:statuses as text[]), cast(:agains as timestamptz[])) "
    "as moved(id, status, again) where notification.notification_id = moved.id"
)
FINISH = text(
    "update attempt set finished_at = :now, outcome = done.outcome, reply_code = done.code, reference = done.reference "
    "from unnest(cast(:ids as uuid[]), cast(:outcomes as text[]), cast(:codes as int[]), cast(:references as text[])) "
    "as done(id, outcome, code, reference) "
    "where attempt.attempt_id = done.id and attempt.finished_at is null returning attempt.attempt_id"
)
Ones = tuple[UUID | None, UUID | None, UUID | None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one address, as it is written before the message leaves."""

    attempt_id: UUID
    delivery_id: UUID
    channel: str
    fingerprint: str
    possible_duplicate: bool
    why: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an attempt; `more_ways`: the person has another one to try.

    `reference`: the provider's own id of the message; `in_time`: it was handed over soon after it was to leave.
    """

    attempt_id: UUID
    delivery_id: UUID
    notification_id: UUID
    channel: str
    outcome: Outcome
    code: int | None = None
    more_ways: bool = False
    reference: str | None = None
    in_time: bool = False


async def keep_requests(
    session: AsyncSession, requests: Sequence[Received[NotificationRequested]], now: datetime
) -> None:
    """Keep what is new, to be done now, on the lane of the topic it came by.

    A notice whose retraction is known is marked, whichever came first.
    """
    rows = [_as_row(received, now) for received in requests]
    await insert_rows(session, notification, REQUEST, rows, "on conflict do nothing")
    touched = {e for received in requests for e in (received.event.notification_id, received.event.about_id) if e}
    await session.execute(_locked(sorted(touched)))
    await session.execute(RETRACT, {"ids": sorted(touched), "now": now})


async def claim(session: AsyncSession, lane: Lane, now: datetime, limit: int) -> list[Request]:
    """Lock what is due on one lane, oldest first, passing over what another process has in hand.

    A retraction is held while its notice is under way, or what asks after it, so that it never overtakes them.
    """
    about = notification.alias("about")
    asks = (about.c.about_id == notification.c.about_id) & (about.c.kind == NotificationKind.STILL_UNREAD)
    held = (notification.c.kind == NotificationKind.ABSENCE_RETRACTION) & exists().where(
        (about.c.notification_id == notification.c.about_id) | asks, about.c.status.in_(ACTIVE)
    )
    due = (
        select(notification)
        .where(
            notification.c.lane == lane,
            notification.c.status.in_(CLAIMABLE),
            notification.c.next_attempt_at <= now,
            ~held,
        )
        .order_by(notification.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_request(row) for row in await session.execute(due)]


async def locked(session: AsyncSession, ids: Iterable[UUID]) -> list[Request]:
    """Lock these notifications, in one order everywhere so that nobody waits in a circle."""
    return [_request(row) for row in await session.execute(_locked(sorted(set(ids))))]


async def deliveries_of(session: AsyncSession, notification_ids: Iterable[UUID]) -> Mapping[UUID, list[Delivery]]:
    """The deliveries of each notification."""
    found: dict[UUID, list[Delivery]] = defaultdict(list)
    mine = select(delivery).where(delivery.c.notification_id.in_(list(notification_ids)))
    for row in await session.execute(mine):
        found[row.notification_id].append(delivery_from(row))
    return found


async def siblings_of(session: AsyncSession, requests: Sequence[Request]) -> Mapping[UUID, list[Sibling]]:
    """For each of these notifications the others to the same ones about the same appointment."""
    about = [request for request in requests if request.appointment]
    if not about:
        return {}
    entries = {request.appointment.uid_of for request in about if request.appointment}
    pupils, people = ({r.pupil_id for r in about if r.pupil_id}, {r.to_id for r in about if r.to_id})
    same = notification.c.pupil_id.in_(pupils) | notification.c.person_id.in_(people)
    rows = await session.execute(select(notification).where(notification.c.entry_id.in_(entries), same))
    found: dict[Ones, list[Sibling]] = defaultdict(list)
    for other in (_request(row) for row in rows):
        if other.appointment:
            found[_ones(other)].append(Sibling(other.notification_id, other.kind, other.only, other.appointment))
    return {
        request.notification_id: [
            one for one in found[_ones(request)] if one.notification_id != request.notification_id
        ]
        for request in about
    }


async def refused(session: AsyncSession, notification_ids: Iterable[UUID]) -> set[tuple[UUID, str]]:
    """Delivery and fingerprint of every address that was refused for good in these notifications."""
    mine = (
        select(attempt.c.delivery_id, attempt.c.fingerprint)
        .join(delivery, delivery.c.delivery_id == attempt.c.delivery_id)
        .where(delivery.c.notification_id.in_(list(notification_ids)), attempt.c.outcome == Outcome.REFUSED)
    )
    return {(row.delivery_id, row.fingerprint) for row in await session.execute(mine)}


async def begin_attempts(session: AsyncSession, attempts: Sequence[Attempt], owner: int, now: datetime) -> None:
    """Write down what is about to be tried, so that a crash leaves a trace of it."""
    rows = [
        (a.attempt_id, a.delivery_id, owner, a.channel, a.fingerprint, a.possible_duplicate, a.why, now)
        for a in attempts
    ]
    await insert_rows(session, attempt, ATTEMPT, rows)


async def finish_attempts(session: AsyncSession, results: Sequence[Result], now: datetime) -> set[UUID]:
    """Write the results and return the attempts that were still open; another process may have closed some."""
    done = [(result.attempt_id, result.outcome, result.code, result.reference) for result in results]
    arrays = rows_as_arrays(("ids", "outcomes", "codes", "references"), done)
    rows = await session.execute(FINISH, {"now": now, **arrays})
    return {row.attempt_id for row in rows}


async def write_steps(session: AsyncSession, steps: Sequence[Step], now: datetime) -> None:
    """Write how notifications and deliveries moved, and hand to the school what cannot be done by mail."""
    rows = [(*_moved(d), now, d.channel) for step in steps for d in step.changed()]
    await insert_rows(session, delivery, DELIVERY, rows, DELIVERY_AGAIN)
    moves = [(step.request.notification_id, step.state.status, step.state.next_attempt_at) for step in steps]
    await session.execute(MOVE, rows_as_arrays(("ids", "statuses", "agains"), moves))
    await _keep_call_list(session, steps, now)


async def unfinished_owners(session: AsyncSession, lane: Lane) -> list[int]:
    """The senders that have attempts on this lane without a result. Each sender has only one lane."""
    mine = (
        select(attempt.c.owner)
        .join(delivery, delivery.c.delivery_id == attempt.c.delivery_id)
        .join(notification, notification.c.notification_id == delivery.c.notification_id)
        .where(attempt.c.finished_at.is_(None), notification.c.lane == lane)
    )
    return list(await session.scalars(mine.distinct()))


async def orphans(session: AsyncSession, owner: int) -> list[Result]:
    """The attempts a process that is gone has left open."""
    mine = (
        select(attempt.c.attempt_id, attempt.c.delivery_id, delivery.c.notification_id, attempt.c.channel)
        .join(delivery, delivery.c.delivery_id == attempt.c.delivery_id)
        .where(attempt.c.owner == owner, attempt.c.finished_at.is_(None))
    )
    return [Result(*row, Outcome.ORPHANED) for row in await session.execute(mine)]


async def put_off(session: AsyncSession, notification_id: UUID, until: datetime) -> None:
    """Leave a notification that cannot be handled alone for a while."""
    one = notification.c.notification_id == notification_id
    await session.execute(update(notification).where(one).values(next_attempt_at=until))


async def ask_again(session: AsyncSession, requests: Sequence[Request]) -> None:
    """Keep requests that this service makes itself, to be done now. One that is there already stays as it is."""
    rows = [_kept(request) for request in requests]
    await insert_rows(session, notification, REQUEST, rows, "on conflict do nothing")


async def tenants_of(session: AsyncSession, school_ids: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """The municipality of each of these schools, as far as it is known."""
    schools = (roster.c.event_type == SchoolStated.event_type) & roster.c.id.in_(list(school_ids))
    return {
        row.id: row.tenant_id for row in await session.execute(select(roster.c.id, roster.c.tenant_id).where(schools))
    }


async def _keep_call_list(session: AsyncSession, steps: Sequence[Step], now: datetime) -> None:
    """A call is about the notice itself, also when what failed asked after it: a retraction then takes it off."""
    calls = [
        (notice_of(r), r.pupil_id, r.school_id, r.day, step.state.reason, now)
        for step in steps
        for r in [step.request]
        if step.state.reason and r.pupil_id
    ]
    await insert_rows(session, call_list, CALL, calls, "on conflict do nothing")
    retracting = [step.request for step in steps if step.request.kind is NotificationKind.ABSENCE_RETRACTION]
    taken_back = [request.about_id for request in retracting if request.about_id]
    if taken_back:
        open_calls = call_list.c.withdrawn_at.is_(None) & call_list.c.notification_id.in_(taken_back)
        await session.execute(update(call_list).where(open_calls).values(withdrawn_at=now))


def _as_row(received: Received[NotificationRequested], now: datetime) -> tuple[Any, ...]:
    said = received.event
    return (
        said.notification_id,
        said.kind,
        said.school_id,
        said.pupil_id,
        said.day,
        said.duty_id,
        said.about_id,
        said.count,
        said.requested_at,
        now,
        received.traceparent,
        NotificationStatus.WAITING,
        now,
        said.to_id,
        json.dumps([str(one) for one in said.only]) if said.only else None,
        said.path,
        said.appointment.model_dump_json() if said.appointment else None,
        said.appointment.uid_of if said.appointment else None,
        Lane.NORMAL if isinstance(said, UnhurriedRequested) else Lane.URGENT,
        None,
        0,
    )


def _kept(request: Request) -> tuple[Any, ...]:
    """A request of our own as a row. It has no appointment."""
    return (
        request.notification_id,
        request.kind,
        request.school_id,
        request.pupil_id,
        request.day,
        request.duty_id,
        request.about_id,
        request.lesson_count,
        request.requested_at,
        request.received_at,
        request.traceparent,
        request.status,
        request.due_at,
        request.to_id,
        None if request.only is None else json.dumps(sorted(str(one) for one in request.only)),
        request.path,
        None,
        None,
        request.lane,
        None if request.ways is None else json.dumps(request.ways),
        request.rung,
    )


def _moved(d: Delivery) -> tuple[Any, ...]:
    return (d.delivery_id, d.notification_id, d.person_id, d.why, d.status, d.tries, d.may_have_arrived, d.retry_at)


def _locked(ids: Sequence[UUID]) -> Select[Any]:
    mine = select(notification).where(notification.c.notification_id.in_(ids))
    return mine.order_by(notification.c.notification_id).with_for_update()


def _request(row: Row[Any]) -> Request:
    return Request(
        row.notification_id,
        NotificationKind(row.kind),
        row.school_id,
        row.pupil_id,
        row.day,
        row.duty_id,
        row.about_id,
        row.lesson_count,
        row.requested_at,
        row.received_at,
        row.traceparent,
        NotificationStatus(row.status),
        row.retracted,
        row.person_id,
        _ids(row.narrowed_to),
        row.path,
        Appointment.model_validate(row.appointment) if row.appointment else None,
        Lane(row.lane),
        None if row.ways is None else tuple(Channel(way) for way in row.ways),
        row.rung,
        row.read_at,
        row.next_attempt_at,
    )


def _ones(request: Request) -> Ones:
    """Which appointment, and whom it is told."""
    return (request.appointment.uid_of if request.appointment else None, request.pupil_id, request.to_id)


def _ids(kept: Sequence[str] | None) -> frozenset[UUID] | None:
    return None if kept is None else frozenset(UUID(one) for one in kept)


def delivery_from(row: Row[Any]) -> Delivery:
    """A row of `delivery` as the rules see it."""
    return Delivery(
        row.delivery_id,
        row.notification_id,
        row.person_id,
        row.why,
        DeliveryStatus(row.status),
        row.tries,
        row.may_have_arrived,
        row.retry_at,
        Channel(row.channel) if row.channel else None,
        row.read_at,
    )
