"""What the scheduling service reads: its own copy of the roster, and absence sums for the talk's page."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.privacy import InLists
from services.scheduling.store.absence import write_sums
from services.scheduling.tables import kit as tables
from services.scheduling.tables import metadata, roster
from shared.events.absence import AbsenceSummed
from shared.events.envelope import Outgoing
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
from shared.messaging.reader import Batch, Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader
from shared.topics import ABSENCES

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
        Reader("absence", [ABSENCES], [AbsenceSummed], _sums),
        privacy_reader("scheduling", tables, metadata, InLists()),
    ]


async def _sums(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
    await write_sums(session, [received.event for received in batch.of(AbsenceSummed)])
    return []
