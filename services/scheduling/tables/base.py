"""What the tables have in common: one metadata, the kit's tables, the copy of the roster.

A column with the id of somebody the row is about is called `person_id`, `pupil_id`, `guardian_id` or `signed_by` and is
erased with that person. Who only did their work (`host_id`, `author_id`) is the school's record and stays as a bare id.
"""

from __future__ import annotations

from sqlalchemy import DDL, DateTime, event
from sqlmodel import SQLModel

from shared.db.engine import new_metadata
from shared.messaging.tables import kit_tables
from shared.roster.projection import roster_table

metadata = new_metadata()
kit = kit_tables(metadata)
roster = roster_table(metadata)
INSTANT = DateTime(timezone=True)

# A resource's time as one stretch of numbers, so that PostgreSQL's own ranges can exclude an overlap: the id, read as
# a number, is the height of a floor, and the seconds are the place on it. (btree_gist, which excludes by two columns,
# is an extension that not every PostgreSQL has; decision 18.)
OCCUPIED = """
create or replace function occupied(resource uuid, during tstzrange) returns numrange
language sql immutable strict parallel safe as $$
  select numrange(
    floor_of.number * 100000000000 + extract(epoch from lower(during))::bigint,
    floor_of.number * 100000000000 + extract(epoch from upper(during))::bigint
  ) from (
    select ('x' || left(replace(resource::text, '-', ''), 16))::bit(64)::bigint * 18446744073709551616::numeric
      + ('x' || right(replace(resource::text, '-', ''), 16))::bit(64)::bigint as number
  ) floor_of
$$
"""
event.listen(metadata, "before_create", DDL(OCCUPIED.replace("%", "%%")))  # type: ignore[no-untyped-call]


class Base(SQLModel):
    """Base of this service's tables."""

    metadata = metadata
