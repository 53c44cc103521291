"""What follows when a message comes back: its address is left alone for a while, and the person's next way is tried."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.deliveries import conclude
from services.notifications.domain.models import Step
from services.notifications.domain.returns import Return, Sent, came_back, suppression
from services.notifications.outgoing import said
from services.notifications.store import requests
from services.notifications.store import returns as store
from services.notifications.store.returns import Address
from shared.events.envelope import Outgoing

NOT_THERE = frozenset({Return.HARD, Return.SOFT})


async def returned(session: AsyncSession, sent: Sent, kind: Return, now: datetime) -> list[Outgoing]:
    """Do what follows from a report on what was sent; what is to be said of it. The same report twice does no more.

    Not arrived (for good or this time): what was tried at that address counts as refused, so that the person's next
    address or way is tried at once, and when none is left a notice goes on the school's call list. The duty stays
    “delivered” in the ledger, which never goes back; it is the call list that makes somebody act. A delay is only a
    delay; a complaint is about the address and ends nothing that was sent.
    """
    if kind not in NOT_THERE:
        await _remember(session, await store.address_of(session, sent), kind, now)
        return []
    notification_id = await store.notification_of(session, sent.delivery_id)
    if notification_id is None:
        await _remember(session, await store.take_back_mailing(session, sent, kind, now), kind, now)
        return []
    return said(await _taken_back(session, notification_id, sent, kind, now), now)


async def _taken_back(
    session: AsyncSession, notification_id: UUID, sent: Sent, kind: Return, now: datetime
) -> list[Step]:
    """The step the notification takes, if it takes one. It is locked first, as everywhere."""
    [request] = await requests.locked(session, [notification_id])
    address = await store.address_of(session, sent)
    back = await store.take_back(session, sent.delivery_id, address, kind, now) if address else None
    if back is None:
        return []
    await _remember(session, address, kind, now)
    before = (await requests.deliveries_of(session, [notification_id]))[notification_id]
    after = [
        came_back(one, back.was_open, back.elsewhere, now) if one.delivery_id == sent.delivery_id else one
        for one in before
    ]
    if after == before:
        return []
    step = Step(request, before, after, conclude(request, after, now))
    await requests.write_steps(session, [step], now)
    return [step]


async def _remember(session: AsyncSession, address: Address | None, kind: Return, now: datetime) -> None:
    """What is known of the address by this."""
    if address is None or kind is Return.DELAYED:
        return
    if kind is Return.DELIVERED:
        await store.arrived(session, [address.fingerprint])
    elif one := suppression(await store.standing_of(session, address.fingerprint), kind, now):
        await store.suppress(session, address, one)
