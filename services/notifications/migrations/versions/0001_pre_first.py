"""pre first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('dead_letter',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('cluster', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('offset', sa.BigInteger(), nullable=False),
    sa.Column('key', sa.LargeBinary(), nullable=True),
    sa.Column('value', sa.LargeBinary(), nullable=True, comment='the original bytes, untouched'),
    sa.Column('headers', sa.LargeBinary(), nullable=False, comment='JSON, header values as base64'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('parked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('replayed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dead_letter')),
    sa.UniqueConstraint('cluster', 'topic', 'partition', 'offset', name=op.f('uq_dead_letter_cluster_topic_partition_offset'))
    )
    op.create_table('due',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('ref', sa.Uuid(), nullable=False, comment='what falls due; one row per kind and ref'),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('traceparent', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_due')),
    sa.UniqueConstraint('kind', 'ref', name=op.f('uq_due_kind_ref'))
    )
    op.create_index('ix_due_due_at', 'due', ['due_at'], unique=False)
    op.create_table('inbox',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('event_id', name=op.f('pk_inbox'))
    )
    op.create_table('notification',
    sa.Column('notification_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('pupil_id', sa.Uuid(), nullable=True),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('duty_id', sa.Uuid(), nullable=True),
    sa.Column('about_id', sa.Uuid(), nullable=True, comment='the notice that a retraction takes back'),
    sa.Column('lesson_count', sa.Integer(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('traceparent', sa.Text(), nullable=True),
    sa.Column('status', sa.Text(), nullable=False, comment='domain.models.NotificationStatus'),
    sa.Column('next_attempt_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('retracted', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('notification_id', name=op.f('pk_notification'))
    )
    op.create_index('ix_notification_about_id', 'notification', ['about_id'], unique=False, postgresql_where=sa.text('about_id is not null'))
    op.create_index('ix_notification_claimable', 'notification', ['next_attempt_at'], unique=False, postgresql_where=sa.text("status in ('waiting', 'retrying')"))
    op.create_index('ix_notification_pupil_day', 'notification', ['pupil_id', 'day'], unique=False)
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('event_type', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=True, comment='null erases the key from a compacted topic'),
    sa.Column('traceparent', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cluster', sa.Text(), nullable=True, comment='the life of the broker it was published in'),
    sa.Column('partition', sa.Integer(), nullable=True),
    sa.Column('offset', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )
    op.create_index('ix_outbox_published', 'outbox', ['topic', 'cluster', 'partition', 'offset'], unique=False)
    op.create_index('ix_outbox_unsent', 'outbox', ['id'], unique=False, postgresql_where=sa.text('sent_at is null'))
    op.create_table('read_position',
    sa.Column('cluster', sa.Text(), nullable=False, comment='which life of the broker'),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('next_offset', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('cluster', 'topic', 'partition', name=op.f('pk_read_position'))
    )
    op.create_table('roster',
    sa.Column('event_type', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('state', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('event_type', 'id', name=op.f('pk_roster'))
    )
    op.create_table('call_list',
    sa.Column('notification_id', sa.Uuid(), nullable=False),
    sa.Column('pupil_id', sa.Uuid(), nullable=False),
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False, comment='domain.models.CallReason'),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True, comment='the school corrected itself: nobody needs to be called'),
    sa.ForeignKeyConstraint(['notification_id'], ['notification.notification_id'], name=op.f('fk_call_list_notification_id_notification')),
    sa.PrimaryKeyConstraint('notification_id', name=op.f('pk_call_list'))
    )
    op.create_index('ix_call_list_school_day', 'call_list', ['school_id', 'day'], unique=False)
    op.create_table('delivery',
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('notification_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True, comment='null is the school itself'),
    sa.Column('why', sa.Text(), nullable=False, comment='why this person is told, or is told no more'),
    sa.Column('status', sa.Text(), nullable=False, comment='shared.events.notify.DeliveryStatus'),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('may_have_arrived', sa.Boolean(), nullable=False),
    sa.Column('retry_at', sa.DateTime(timezone=True), nullable=True, comment='null when in flight or settled'),
    sa.Column('moved_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['notification_id'], ['notification.notification_id'], name=op.f('fk_delivery_notification_id_notification')),
    sa.PrimaryKeyConstraint('delivery_id', name=op.f('pk_delivery'))
    )
    op.create_index(op.f('ix_delivery_notification_id'), 'delivery', ['notification_id'], unique=False)
    op.create_index('ix_delivery_person_id', 'delivery', ['person_id'], unique=False)
    op.create_table('attempt',
    sa.Column('attempt_id', sa.Uuid(), nullable=False),
    sa.Column('delivery_id', sa.Uuid(), nullable=False),
    sa.Column('owner', sa.BigInteger(), nullable=False, comment='the process that made it; holds an advisory lock'),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.Text(), nullable=False, comment='keyed digest of the address'),
    sa.Column('possible_duplicate', sa.Boolean(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False, comment='the verdict it was made on'),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True, comment='domain.replies.Outcome'),
    sa.Column('reply_code', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['delivery_id'], ['delivery.delivery_id'], name=op.f('fk_attempt_delivery_id_delivery')),
    sa.PrimaryKeyConstraint('attempt_id', name=op.f('pk_attempt'))
    )
    op.create_index(op.f('ix_attempt_delivery_id'), 'attempt', ['delivery_id'], unique=False)
    op.create_index('ix_attempt_unfinished', 'attempt', ['owner'], unique=False, postgresql_where=sa.text('finished_at is null'))


def downgrade() -> None:
    op.drop_index('ix_attempt_unfinished', table_name='attempt', postgresql_where=sa.text('finished_at is null'))
    op.drop_index(op.f('ix_attempt_delivery_id'), table_name='attempt')
    op.drop_table('attempt')
    op.drop_index('ix_delivery_person_id', table_name='delivery')
    op.drop_index(op.f('ix_delivery_notification_id'), table_name='delivery')
    op.drop_table('delivery')
    op.drop_index('ix_call_list_school_day', table_name='call_list')
    op.drop_table('call_list')
    op.drop_table('roster')
    op.drop_table('read_position')
    op.drop_index('ix_outbox_unsent', table_name='outbox', postgresql_where=sa.text('sent_at is null'))
    op.drop_index('ix_outbox_published', table_name='outbox')
    op.drop_table('outbox')
    op.drop_index('ix_notification_pupil_day', table_name='notification')
    op.drop_index('ix_notification_claimable', table_name='notification', postgresql_where=sa.text("status in ('waiting', 'retrying')"))
    op.drop_index('ix_notification_about_id', table_name='notification', postgresql_where=sa.text('about_id is not null'))
    op.drop_table('notification')
    op.drop_table('inbox')
    op.drop_index('ix_due_due_at', table_name='due')
    op.drop_table('due')
    op.drop_table('dead_letter')
