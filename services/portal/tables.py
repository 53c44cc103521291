"""The tables of the portal service's own database."""

from __future__ import annotations

from shared.db.engine import new_metadata
from shared.messaging.tables import kit_tables
from shared.roster.projection import roster_table

metadata = new_metadata()
kit = kit_tables(metadata)
roster = roster_table(metadata)
