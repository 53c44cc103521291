"""Who has read what, and what has asked after it. Nothing here commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import case, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.models import Delivery
from services.notifications.store.requests import delivery_from
from services.notifications.tables import delivery, notification
from shared.db.bulk import rows_as_arrays
from shared.events.notify import MessageRead, NotificationKind

# First who has read it, then that it was read by somebody it went to.
READ_FROM = (
    "from unnest(cast(:abouts as uuid[]), cast(:people as uuid[]), cast(:moments as timestamptz[])) "
    "as seen(about, person, moment) "
)
MEANT = (
    f"(notification.notification_id = seen.about or (notification.kind = '{NotificationKind.STILL_UNREAD}' "
    "and notification.about_id = seen.about))"
)
READ_BY = text(
    f"update delivery set read_at = least(delivery.read_at, seen.moment) {READ_FROM} join notification on {MEANT} "
    "where delivery.notification_id = notification.notification_id and delivery.person_id = seen.person "
    "and delivery.read_at is distinct from least(delivery.read_at, seen.moment)"
)
READ = text(
    f"update notification set read_at = least(notification.read_at, seen.moment) {READ_FROM} where {MEANT} "
    "and exists (select from delivery where delivery.notification_id = notification.notification_id "
    "and delivery.person_id = seen.person)"
)


async def note_reads(session: AsyncSession, reads: Sequence[MessageRead]) -> None:
    """Remember when somebody to whom a message went first read what it is about. Others who read it do not count.

    What asks whether a notice was read is about that notice: reading the one is reading the other.
    """
    rows = rows_as_arrays(("abouts", "people", "moments"), [(one.about_id, one.person_id, one.at) for one in reads])
    if rows["abouts"]:
        await session.execute(READ_BY, rows)
        await session.execute(READ, rows)


async def chains_of(session: AsyncSession, notices: Iterable[UUID]) -> Mapping[UUID, list[Delivery]]:
    """For each of these notices its own deliveries, and those of all that has asked after it since."""
    first = list(set(notices))
    if not first:
        return {}
    notice = case((notification.c.kind == NotificationKind.STILL_UNREAD, notification.c.about_id))
    root = func.coalesce(notice, notification.c.notification_id)
    asks = notification.c.about_id.in_(first) & (notification.c.kind == NotificationKind.STILL_UNREAD)
    mine = (
        select(delivery, root.label("root"))
        .join(notification, notification.c.notification_id == delivery.c.notification_id)
        .where(notification.c.notification_id.in_(first) | asks)
    )
    found: dict[UUID, list[Delivery]] = defaultdict(list)
    for row in await session.execute(mine):
        found[row.root].append(delivery_from(row))
    return found
