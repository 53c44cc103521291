"""The tables of the registry service's own database."""

from __future__ import annotations

from shared.db.engine import new_metadata
from shared.messaging.tables import kit_tables

metadata = new_metadata()
kit = kit_tables(metadata)
