"""What the notifications service reads: requests to tell somebody, and its own copy of the roster.

With the roster it keeps what people decide for themselves: how they want to be told, and whom else they let know.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.models import ABOUT_A_PUPIL, TO_SOMEBODY
from services.notifications.errors import IncompleteRequest
from services.notifications.narrowed import Narrowed
from services.notifications.store.requests import keep_requests
from services.notifications.tables import kit as tables
from services.notifications.tables import metadata, roster
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.people import ConsentStated, PreferencesStated
from shared.events.roster import ContactStated, GuardianshipsStated, PersonStated, SchoolStated
from shared.messaging.reader import Batch, Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader
from shared.topics import NOTIFY_URGENT

ROSTER = (SchoolStated, PersonStated, ContactStated, GuardianshipsStated, PreferencesStated, ConsentStated)


def readers() -> list[Reader]:
    """The readers of this service: first the roster that recipients are worked out from, then what is asked for."""
    return [
        roster_reader(roster, *ROSTER),
        Reader("urgent", [NOTIFY_URGENT], [NotificationRequested], _keep),
        privacy_reader("notifications", tables, metadata, Narrowed()),
    ]


def check(request: NotificationRequested) -> None:
    """Raise IncompleteRequest when nobody could be told by this request."""
    if request.kind in ABOUT_A_PUPIL and request.pupil_id is None:
        raise IncompleteRequest(f"A request of the kind {request.kind} must say which pupil it is about.")
    if request.kind is NotificationKind.ABSENCE_RETRACTION and request.about_id is None:
        raise IncompleteRequest("A retraction must say which earlier notification it takes back.")
    if request.kind in TO_SOMEBODY and request.pupil_id is None and request.to_id is None:
        raise IncompleteRequest(f"A request of the kind {request.kind} must say which pupil or person it is for.")


async def _keep(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    usable = []
    for received in batch.of(NotificationRequested):
        try:
            check(received.event)
        except IncompleteRequest as fault:
            batch.reject(received, str(fault))
        else:
            usable.append(received)
    await keep_requests(session, usable, batch.now)
    return []
