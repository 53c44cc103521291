"""What the bulletins service reads: its own copy of the roster."""

from __future__ import annotations

from services.bulletins.tables import kit as tables
from services.bulletins.tables import metadata, roster
from shared.events.people import ConsentStated
from shared.events.roster import (
    GroupStated,
    GuardianshipsStated,
    PersonStated,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from shared.messaging.reader import Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader


def readers() -> list[Reader]:
    """The readers of this service."""
    kinds = (SchoolStated, PersonStated, GuardianshipsStated, GroupStated, StaffStated, SubjectStated, ConsentStated)
    return [roster_reader(roster, *kinds), privacy_reader("bulletins", tables, metadata)]
