"""What the scheduling service reads: its own copy of the roster."""

from __future__ import annotations

from services.scheduling.tables import roster
from shared.events.roster import (
    GroupStated,
    GuardianshipsStated,
    PersonStated,
    SchoolStated,
    StaffStated,
)
from shared.messaging.reader import Reader
from shared.roster.projection import roster_reader


def readers() -> list[Reader]:
    """The readers of this service."""
    kinds = (SchoolStated, PersonStated, GuardianshipsStated, GroupStated, StaffStated)
    return [roster_reader(roster, *kinds)]
