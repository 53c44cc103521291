"""What the bulletins service reads: its own copy of the roster."""

from __future__ import annotations

from services.bulletins.tables import kit as tables
from services.bulletins.tables import metadata, roster
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
from shared.messaging.reader import Reader
from shared.rights.privacy import privacy_reader
from shared.roster.projection import roster_reader

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
    return [roster_reader(roster, *ROSTER), privacy_reader("bulletins", tables, metadata)]
