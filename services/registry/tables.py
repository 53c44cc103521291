"""The tables of the registry service's own database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.engine import new_metadata
from shared.messaging.tables import kit_tables

Instant = DateTime(timezone=True)
metadata = new_metadata()
kit = kit_tables(metadata)

record = Table(
    "record",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("ref", Uuid, nullable=False, comment="the id of the source's row that answers for it"),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="of the payload; equal digests are no change"),
    Column("payload", JSONB, comment="the event without its version; null once erased"),
    Column("source", Text, nullable=False),
    Column("school_id", Uuid),
    Column("modified_at", Instant, comment="the source's own time of the last change"),
    Column("erased_at", Instant),
    Index("ix_record_ref", "kind", "ref"),
    Index("ix_record_live", "source", "kind", postgresql_where=text("erased_at is null")),
    Index(
        "ix_record_ties",
        literal_column("(payload -> 'ties')").label("ties"),
        postgresql_using="gin",
        postgresql_ops={"ties": "jsonb_path_ops"},
        postgresql_where=text("kind = 'guardianships'"),
    ),
)

held = Table(
    "held",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("ref", Text, nullable=False, comment="the row's id, or its place in a file, or a digest of it"),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, comment="the row as JSON, cut down to what we use; null: nothing to try again"),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False, comment="when the source last sent it; a retry does not count"),
    Column("tries", Integer, nullable=False),
    UniqueConstraint("source", "resource", "ref"),
)

sync_state = Table(
    "sync_state",
    metadata,
    Column("source", Text, primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("modified_after", Instant, comment="changes are asked for from here on"),
    Column("last_full_at", Instant),
)

subscription = Table(
    "subscription",
    metadata,
    Column("source", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

import_run = Table(
    "import_run",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=False),
    Column("counts", JSONB, nullable=False, comment="per list: read, new, changed, unchanged, held, erased"),
    Column("error", Text),
    Index("ix_import_run_started_at", "started_at"),
)
