"""What the tables have in common: one metadata, the kit's tables, the copy of the roster.

A column with the id of somebody the row is about is called `person_id`, `pupil_id`, `guardian_id` or `signed_by` and is
erased with that person. Who only did their work (`author_id`, `approver_id`) is the school's record and stays as an id.
"""

from __future__ import annotations

from sqlalchemy import DateTime
from sqlmodel import SQLModel

from shared.db.engine import new_metadata
from shared.messaging.tables import kit_tables
from shared.roster.projection import roster_table

metadata = new_metadata()
kit = kit_tables(metadata)
roster = roster_table(metadata)
INSTANT = DateTime(timezone=True)


class Base(SQLModel):
    """Base of this service's tables."""

    metadata = metadata
