"""The tables every service has beside its own: outbox, inbox, dead letters, read positions, due things."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from shared.db.walls import Wall, walled

Instant = DateTime(timezone=True)


@dataclass(frozen=True)
class KitTables:
    """The kit's tables in one service's metadata."""

    outbox: Table
    inbox: Table
    dead_letter: Table
    read_position: Table
    due: Table


def kit_tables(metadata: MetaData) -> KitTables:
    """Add the kit's tables to a service's metadata and return them."""
    return KitTables(
        outbox=_outbox(metadata),
        inbox=Table(
            "inbox",
            metadata,
            Column("event_id", Uuid, primary_key=True),
            Column("seen_at", Instant, nullable=False),
            **walled(Wall.MACHINE),
        ),
        dead_letter=_dead_letter(metadata),
        read_position=Table(
            "read_position",
            metadata,
            Column("cluster", Text, primary_key=True, comment="which life of the broker"),
            Column("topic", Text, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("next_offset", BigInteger, nullable=False),
            **walled(Wall.MACHINE),
        ),
        due=_due(metadata),
    )


def _outbox(metadata: MetaData) -> Table:
    return Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("value", LargeBinary, comment="null erases the key from a compacted topic"),
        Column("traceparent", Text),
        Column("created_at", Instant, nullable=False),
        Column("sent_at", Instant),
        Column("cluster", Text, comment="the life of the broker it was published in"),
        Column("partition", Integer),
        Column("offset", BigInteger),
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at is null")),
        Index("ix_outbox_published", "topic", "cluster", "partition", "offset"),
        **walled(Wall.MACHINE),
    )


def _dead_letter(metadata: MetaData) -> Table:
    return Table(
        "dead_letter",
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("cluster", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("key", LargeBinary),
        Column("value", LargeBinary, comment="the original bytes, untouched"),
        Column("headers", LargeBinary, nullable=False, comment="JSON, header values as base64"),
        Column("reason", Text, nullable=False),
        Column("parked_at", Instant, nullable=False),
        Column("replayed_at", Instant),
        UniqueConstraint("cluster", "topic", "partition", "offset"),
        **walled(Wall.MACHINE),
    )


def _due(metadata: MetaData) -> Table:
    return Table(
        "due",
        metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("kind", Text, nullable=False),
        Column("ref", Uuid, nullable=False, comment="what falls due; one row per kind and ref"),
        Column("due_at", Instant, nullable=False),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("last_error", Text),
        Column("traceparent", Text),
        UniqueConstraint("kind", "ref"),
        Index("ix_due_due_at", "due_at"),
        **walled(Wall.MACHINE),
    )
