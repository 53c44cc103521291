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
from shared.db.walls import Wall, walled
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
    Column("tenant_id", Uuid),
    Column("stated", JSONB, comment="what the source said last, where a part of it waits for a person"),
    Column("bounds", JSONB, comment="how far it may widen by itself; null: no further than the payload"),
    Column("since", Instant, comment="when it was first known"),
    Index("ix_record_ref", "kind", "ref"),
    Index(
        "ix_record_post",
        literal_column("(payload ->> 'person_id')").label("holder"),
        postgresql_where=text("kind = 'staff'"),
    ),
    Index("ix_record_live", "source", "kind", postgresql_where=text("erased_at is null")),
    Index(
        "ix_record_ties",
        literal_column("(coalesce(stated, payload) -> 'ties')").label("ties"),
        postgresql_using="gin",
        postgresql_ops={"ties": "jsonb_path_ops"},
        postgresql_where=text("kind = 'guardianships'"),
    ),
    **walled(Wall.MACHINE),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Uuid, primary_key=True, comment="derived from what is stated: another statement is another row"),
    Column("tenant_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False, comment="guardianships or person: whose record waits"),
    Column("pupil_id", Uuid, comment="whose ties they are; null where a person's own record waits"),
    Column("person_id", Uuid, nullable=False),
    Column("what", Text, nullable=False, comment="a code word, see domain/widening.py"),
    Column("before", JSONB, nullable=False, comment="what is in force; no names"),
    Column("after", JSONB, nullable=False, comment="what the source states; no names"),
    Column("source", Text, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("state", Text, nullable=False, comment="waiting, released or refused"),
    Column("decided_by", Text),
    Column("decided_at", Instant),
    Column("note", Text),
    Index("ix_quarantine_subject", literal_column("coalesce(pupil_id, person_id)").label("subject"), "kind"),
    Index("ix_quarantine_open", "tenant_id", "first_seen", postgresql_where=text("state <> 'released'")),
    **walled(Wall.TENANT),
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
    **walled(Wall.MACHINE),
)

sync_state = Table(
    "sync_state",
    metadata,
    Column("source", Text, primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("modified_after", Instant, comment="changes are asked for from here on"),
    Column("last_full_at", Instant),
    **walled(Wall.MACHINE),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("digest", Text, primary_key=True, comment="keyed digest of the id of a person who was erased"),
    Column("forgotten_at", Instant, nullable=False),
    **walled(Wall.MACHINE),
)

source_state = Table(
    "source_state",
    metadata,
    Column("source", Text, primary_key=True),
    Column("last_run_at", Instant, nullable=False, comment="when it was last asked, or a file of it read"),
    Column("last_good_at", Instant, comment="when that last went without a fault"),
    Column("error", Text, comment="what was wrong the last time"),
    **walled(Wall.MACHINE),
)

subscription = Table(
    "subscription",
    metadata,
    Column("source", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    **walled(Wall.MACHINE),
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
    **walled(Wall.MACHINE),
)
