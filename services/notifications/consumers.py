"""What the notifications service reads: requests to tell somebody, and its own copy of the roster.

With the roster it keeps what people decide for themselves: how they want to be told, and whom else they let know.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.models import ABOUT_A_PUPIL, TO_SOMEBODY
from services.notifications.errors import IncompleteRequest
from services.notifications.mailings.reader import mailing_reader
from services.notifications.narrowed import Narrowed
from services.notifications.store import mailings
from services.notifications.store.ladder import note_reads
from services.notifications.store.requests import keep_requests
from services.notifications.tables import kit as tables
from services.notifications.tables import metadata, roster
from shared.events.envelope import Outgoing
from shared.events.notify import Lane, MessageRead, NotificationKind, NotificationRequested, UnhurriedRequested
from shared.events.people import ConsentStated, PreferencesStated
from shared.events.roster import (
    ContactStated,
    GroupStated,
    GuardianshipsStated,
    PersonStated,
    SchoolStated,
    StaffStated,
)
from shared.messaging.reader import Batch, Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader
from shared.topics import NOTIFY_NORMAL, NOTIFY_URGENT, READS

ROSTER = (
    SchoolStated,
    PersonStated,
    ContactStated,
    GuardianshipsStated,
    PreferencesStated,
    ConsentStated,
    GroupStated,
    StaffStated,
)


@dataclass(frozen=True)
class Readers:
    """The readers of one process of this service, by what they read. Each has its own consumer group.

    The roster, which recipients are worked out from, and privacy requests are read by every process; what is asked for
    by those that send on its lane; and what was read by the one that climbs the ladder, which is the urgent lane's.
    """

    roster: Reader
    privacy: Reader
    lanes: Mapping[Lane, Reader]
    reads: Reader | None

    def all(self) -> list[Reader]:
        """All of them."""
        return [self.roster, self.privacy, *self.lanes.values(), *([self.reads] if self.reads else [])]


def readers(lanes: Collection[Lane] = tuple(Lane)) -> Readers:
    """The readers of a process that sends on these lanes."""
    by_lane = {
        Lane.URGENT: lambda: Reader("urgent", [NOTIFY_URGENT], [NotificationRequested], _keep),
        Lane.NORMAL: lambda: Reader("normal", [NOTIFY_NORMAL], [UnhurriedRequested], _keep),
        Lane.BULK: mailing_reader,
    }
    return Readers(
        roster=roster_reader(roster, *ROSTER),
        privacy=privacy_reader("notifications", tables, metadata, Narrowed()),
        lanes={lane: make() for lane, make in by_lane.items() if lane in lanes},
        reads=Reader("reads", [READS], [MessageRead], _note) if Lane.URGENT in lanes else None,
    )


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


async def _note(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    """Somebody has read something: a single message, or what a mailing was about."""
    reads = [received.event for received in batch.of(MessageRead)]
    await note_reads(session, reads)
    await mailings.note_read(session, reads)
    return []
