"""The tables of the notifications service's own database. No address is kept here outside the roster copy."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
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
    Column("lane", Text, nullable=False, server_default="urgent", comment="shared.events.notify.Lane"),
    Column("ways", JSONB, comment="channels it is limited to, best first; null: those the person has chosen"),
    Column("rung", Integer, nullable=False, server_default="0", comment="how far up the ladder of channels it is"),
    Column("read_at", Instant, comment="when the first of those it went to read what it is about"),
    Index(
        "ix_notification_claimable",
        "lane",
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
    Column("channel", Text, comment="shared.events.people.Channel: the one it was last tried by"),
    Column("read_at", Instant),
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
    Column("reference", Text, comment="the provider's own id of the message"),
    Index("ix_attempt_reference", "reference", postgresql_where=text("reference is not null")),
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

mailing = Table(
    "mailing",
    metadata,
    Column("mailing_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False, comment="shared.events.notify.MailingKind"),
    Column("about_id", Uuid, nullable=False, index=True, comment="the bulletin or the like"),
    Column("author_id", Uuid),
    Column("group_ids", JSONB, nullable=False),
    Column("unread_of", Uuid, comment="a reminder: the mailing whose unread homes get it"),
    Column("day", Date, nullable=False),
    Column("path", Text, nullable=False),
    Column("must_read", Boolean, nullable=False),
    Column("texts", JSONB, nullable=False, comment="shared.events.notify.MailingText, in order"),
    Column("requested_at", Instant, nullable=False),
    Column("send_at", Instant, nullable=False),
    Column("status", Text, nullable=False, comment="domain.mailings.MailingStatus"),
    Column("spread_at", Instant, comment="when its addressees were written down"),
    Column("withdrawn_at", Instant),
    Column("traceparent", Text),
    Index("ix_mailing_waiting", "send_at", postgresql_where=text("status = 'waiting'")),
    Index("ix_mailing_sending", "send_at", postgresql_where=text("status = 'sending'")),
    **walled(Wall.SCHOOL),
)

addressee = Table(
    "addressee",
    metadata,
    Column("mailing_id", Uuid, ForeignKey(mailing.c.mailing_id), primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, nullable=False, unique=True, comment="derived from the mailing and the person"),
    Column("pupil_ids", JSONB, nullable=False, comment="the pupils it is about to this person"),
    Column("status", Text, nullable=False, comment="shared.events.notify.DeliveryStatus"),
    Column("why", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("may_have_arrived", Boolean, nullable=False, server_default=text("false")),
    Column("retry_at", Instant, comment="null when in flight or settled"),
    Column("owner", BigInteger, comment="the process that has it in flight; holds an advisory lock"),
    Column("channel", Text),
    Column("fingerprint", Text, comment="keyed digest of the address it was last tried at"),
    Column("refused", JSONB, comment="digests of addresses that refused it for good"),
    Column("reply_code", Integer),
    Column("moved_at", Instant, nullable=False),
    Column("read_at", Instant),
    Index("ix_addressee_claimable", "mailing_id", "retry_at", postgresql_where=text("retry_at is not null")),
    Index("ix_addressee_in_flight", "owner", postgresql_where=text("owner is not null")),
    Index("ix_addressee_person_id", "person_id"),
    **walled(Wall.PARENT, "mailing.mailing_id"),
)

digest_item = Table(
    "digest_item",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False),
    Column("school_id", Uuid, nullable=False),
    Column("pupil_id", Uuid),
    Column("source_id", Uuid, nullable=False, comment="the notification or the mailing it comes from"),
    Column("kind", Text, nullable=False, comment="NotificationKind or MailingKind"),
    Column("path", Text, nullable=False),
    Column("titles", JSONB, comment="by language: what a mailing is called"),
    Column("at", Instant, nullable=False),
    Column("digest_id", Uuid, nullable=False, comment="the notification that is to carry it"),
    Column("sent_at", Instant),
    Index("ix_digest_item_digest_id", "digest_id"),
    Index("ix_digest_item_person_id", "person_id"),
    **walled(Wall.SCHOOL),
)

suppression = Table(
    "suppression",
    metadata,
    Column("fingerprint", Text, primary_key=True, comment="keyed digest of the address"),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="domain.returns.Return"),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    **walled(Wall.MACHINE),
)

domain_minute = Table(
    "domain_minute",
    metadata,
    Column("domain", Text, primary_key=True, comment="of mail addresses"),
    Column("minute", Instant, primary_key=True),
    Column("used", Integer, nullable=False),
    **walled(Wall.MACHINE),
)

handover = Table(
    "handover",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("handed_over", Integer, nullable=False),
    Column("in_time", Integer, nullable=False, comment="within 10 seconds of when it was to leave"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("uncertain", Integer, nullable=False, server_default="0"),
    **walled(Wall.TENANT),
)

wording = Table(
    "wording",
    metadata,
    Column("wording_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False, comment="plain text with names in double braces; paragraphs by empty lines"),
    Column("author_id", Uuid, nullable=False),
    Column("at", Instant, nullable=False),
    Column("retired_at", Instant),
    UniqueConstraint("tenant_id", "kind", "language", "version"),
    **walled(Wall.TENANT),
)

trial = Table(
    "trial",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("author_id", Uuid, nullable=False),
    Column("since", Instant, nullable=False),
    **walled(Wall.TENANT),
)

guest = Table(
    "guest",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("address", Text, primary_key=True, comment="of somebody who is written to while the trial lasts"),
    Column("added_at", Instant, nullable=False),
    **walled(Wall.TENANT),
)

letter = Table(
    "letter",
    metadata,
    Column("letter_id", Uuid, primary_key=True),
    Column("school_id", Uuid, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("pupil_id", Uuid),
    Column("notification_id", Uuid, ForeignKey(notification.c.notification_id)),
    Column("mailing_id", Uuid, ForeignKey(mailing.c.mailing_id)),
    Column("wanted_at", Instant, nullable=False),
    Column("printed_at", Instant),
    Column("printed_by", Uuid, comment="the member of staff; only did their work"),
    Index("ix_letter_school_id", "school_id", "printed_at"),
    Index("ix_letter_person_id", "person_id"),
    **walled(Wall.SCHOOL),
)

provider = Table(
    "provider",
    metadata,
    Column("name", Text, primary_key=True),
    Column("weight", Integer, nullable=False, comment="of 100"),
    Column("shifted_at", Instant),
    **walled(Wall.MACHINE),
)

provider_minute = Table(
    "provider_minute",
    metadata,
    Column("name", Text, primary_key=True),
    Column("minute", Instant, primary_key=True),
    Column("taken", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("slow", Integer, nullable=False),
    **walled(Wall.MACHINE),
)
