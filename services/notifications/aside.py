"""What waits for somebody's digest: how a message gets into it, and how it ends with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.digesting import put_aside, settle
from services.notifications.domain.digest import DigestItem
from services.notifications.domain.models import Delivery, Request, Step
from services.notifications.domain.planning import Candidate, Plan
from shared.events.notify import DeliveryStatus, NotificationKind


async def keep_aside(session: AsyncSession, plans: Sequence[Plan], now: datetime) -> None:
    """Put what these plans leave to digests where the digests find it."""
    items = [_item(made.step.request, *one) for made in plans for one in made.aside]
    await put_aside(session, [item for item in items if item], now)


async def settle_digests(session: AsyncSession, steps: Sequence[Step], now: datetime) -> None:
    """End with each digest that is over what it carried, as the digest itself has ended, and say so."""
    over: dict[DeliveryStatus, list[UUID]] = defaultdict(list)
    for step in steps:
        if step.request.kind is NotificationKind.DIGEST:
            for delivery in step.settled():
                over[delivery.status].append(step.request.notification_id)
    for status, ids in over.items():
        await settle(session, ids, status, now)


def _item(request: Request, delivery: Delivery, candidate: Candidate) -> DigestItem | None:
    if delivery.person_id is None or candidate.digest_at is None:
        return None
    return DigestItem(
        person_id=delivery.person_id,
        school_id=request.school_id,
        source_id=request.notification_id,
        kind=request.kind,
        path=request.path or f"/n/{request.notification_id}",
        at=candidate.digest_at,
        zone=candidate.zone,
        pupil_id=request.pupil_id,
    )
