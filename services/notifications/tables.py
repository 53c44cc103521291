"""The tables of the notifications service's own database. No address is kept here outside the roster copy."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.engine import new_metadata
from shared.db.walls import Wall, walled
from shared.messaging.tables import Instant, kit_tables
from shared.roster.projection import roster_table

metadata = new_metadata()
kit = kit_tables(metadata)
roster = roster_table(metadata)

notification = Table(
    "notification",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("pupil_id", Uuid),
    Column("day", Date, nullable=False),
    Column("duty_id", Uuid),
    Column("about_id", Uuid, comment="the notice that a retraction takes back"),
    Column("lesson_count", Integer, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("traceparent", Text),
    Column("status", Text, nullable=False, comment="domain.models.NotificationStatus"),
    Column("next_attempt_at", Instant),
    Column("retracted", Boolean, nullable=False, server_default=text("false")),
    Column("person_id", Uuid, comment="the one person it is to; null: whoever may know about the pupil, or the school"),
    Column(
        "narrowed_to",
        JSONB,
        comment="ids; null is not narrowed, an empty list is nobody any more",
    ),
    Column("path", Text, comment="what it opens in the portal; null is the message itself"),
    Column("appointment", JSONB, comment="shared.events.notify.Appointment"),
    Column("entry_id", Uuid, comment="the appointment's own id, the same in all that is said about it"),
    Index(
        "ix_notification_claimable",
        "next_attempt_at",
        postgresql_where=text("status in ('waiting', 'retrying')"),
    ),
    Index("ix_notification_about_id", "about_id", postgresql_where=text("about_id is not null")),
    Index("ix_notification_pupil_day", "pupil_id", "day"),
    Index("ix_notification_person_id", "person_id", postgresql_where=text("person_id is not null")),
    Index("ix_notification_entry_id", "entry_id", postgresql_where=text("entry_id is not null")),
    **walled(Wall.SCHOOL),
)

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("notification_id", Uuid, ForeignKey(notification.c.notification_id), nullable=False, index=True),
    Column("person_id", Uuid, comment="null is the school itself"),
    Column("why", Text, nullable=False, comment="why this person is told, or is told no more"),
    Column("status", Text, nullable=False, comment="shared.events.notify.DeliveryStatus"),
    Column("tries", Integer, nullable=False),
    Column("may_have_arrived", Boolean, nullable=False),
    Column("retry_at", Instant, comment="null when in flight or settled"),
    Column("moved_at", Instant, nullable=False),
    Index("ix_delivery_person_id", "person_id"),
    **walled(Wall.PARENT, "notification.notification_id"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, ForeignKey(delivery.c.delivery_id), nullable=False, index=True),
    Column("owner", BigInteger, nullable=False, comment="the process that made it; holds an advisory lock"),
    Column("channel", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, comment="keyed digest of the address"),
    Column("possible_duplicate", Boolean, nullable=False),
    Column("why", Text, nullable=False, comment="the verdict it was made on"),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Text, comment="domain.replies.Outcome"),
    Column("reply_code", Integer),
    Index("ix_attempt_unfinished", "owner", postgresql_where=text("finished_at is null")),
    **walled(Wall.PARENT, "delivery.delivery_id"),
)

call_list = Table(
    "call_list",
    metadata,
    Column("notification_id", Uuid, ForeignKey(notification.c.notification_id), primary_key=True),
    Column("pupil_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Column("reason", Text, nullable=False, comment="domain.models.CallReason"),
    Column("added_at", Instant, nullable=False),
    Column("withdrawn_at", Instant, comment="the school corrected itself: nobody needs to be called"),
    Index("ix_call_list_school_day", "school_id", "day"),
    **walled(Wall.SCHOOL),
)
