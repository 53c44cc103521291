"""What the bulletins service reads: its own copy of the roster, what mailings came to, and what there is to tell of."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.filling import reached
from services.bulletins.privacy import InLists
from services.bulletins.store import facts
from services.bulletins.tables import kit as tables
from services.bulletins.tables import metadata, roster
from shared.events.absence import AbsenceSummed
from shared.events.envelope import Erased, Outgoing
from shared.events.notify import MailingSettled
from shared.events.people import ConsentStated
from shared.events.roster import (
    ContactStated,
    GroupStated,
    GuardianshipsStated,
    PersonStated,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from shared.events.scheduling import MeetingStated, TalkStated
from shared.messaging.reader import Batch, Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader
from shared.topics import ABSENCES, DELIVERIES, TALKS

ROSTER = (
    SchoolStated,
    PersonStated,
    ContactStated,
    GuardianshipsStated,
    GroupStated,
    StaffStated,
    SubjectStated,
    ConsentStated,
)


def readers() -> list[Reader]:
    """The readers of this service."""
    return [
        roster_reader(roster, *ROSTER),
        Reader("deliveries", [DELIVERIES], [MailingSettled], _deliveries),
        Reader("talks", [TALKS], (TalkStated, MeetingStated), _talks),
        Reader("absence", [ABSENCES], [AbsenceSummed], _sums),
        privacy_reader("bulletins", tables, metadata, InLists()),
    ]


async def _deliveries(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    return await reached(session, [one.event for one in batch.of(MailingSettled)], batch.now)


async def _talks(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    events = [one.event for one in batch.received]
    stated = facts.still_standing(events)
    await facts.forget(session, [one for one in events if isinstance(one, Erased)])
    await facts.write_talks(session, [one for one in stated if isinstance(one, TalkStated)])
    await facts.write_meetings(session, [one for one in stated if isinstance(one, MeetingStated)])
    return []


async def _sums(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    await facts.write_sums(session, [one.event for one in batch.of(AbsenceSummed)])
    return []
