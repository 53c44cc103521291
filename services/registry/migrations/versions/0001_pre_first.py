"""The first tables: records, held rows, progress, runs, subscriptions, and the kit's own."""

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
    op.create_table('held',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('resource', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False, comment="the row's id, or its place in a file, or a digest of it"),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('payload', sa.LargeBinary(), nullable=True, comment='the row as JSON, cut down to what we use; null: nothing to try again'),
    sa.Column('first_seen', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen', sa.DateTime(timezone=True), nullable=False, comment='when the source last sent it; a retry does not count'),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_held')),
    sa.UniqueConstraint('source', 'resource', 'ref', name=op.f('uq_held_source_resource_ref'))
    )
    op.create_table('import_run',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='per list: read, new, changed, unchanged, held, erased'),
    sa.Column('error', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_run'))
    )
    op.create_index('ix_import_run_started_at', 'import_run', ['started_at'], unique=False)
    op.create_table('inbox',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('event_id', name=op.f('pk_inbox'))
    )
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
    op.create_table('record',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('ref', sa.Uuid(), nullable=False, comment="the id of the source's row that answers for it"),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False, comment='of the payload; equal digests are no change'),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='the event without its version; null once erased'),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('school_id', sa.Uuid(), nullable=True),
    sa.Column('modified_at', sa.DateTime(timezone=True), nullable=True, comment="the source's own time of the last change"),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('kind', 'id', name=op.f('pk_record'))
    )
    op.create_index('ix_record_live', 'record', ['source', 'kind'], unique=False, postgresql_where=sa.text('erased_at is null'))
    op.create_index('ix_record_ref', 'record', ['kind', 'ref'], unique=False)
    op.create_index('ix_record_ties', 'record', [sa.literal_column("(payload -> 'ties')").label('ties')], unique=False, postgresql_using='gin', postgresql_ops={'ties': 'jsonb_path_ops'}, postgresql_where=sa.text("kind = 'guardianships'"))
    op.create_table('subscription',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('remote_id', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('source', name=op.f('pk_subscription'))
    )
    op.create_table('sync_state',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('resource', sa.Text(), nullable=False),
    sa.Column('modified_after', sa.DateTime(timezone=True), nullable=True, comment='changes are asked for from here on'),
    sa.Column('last_full_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('source', 'resource', name=op.f('pk_sync_state'))
    )


def downgrade() -> None:
    op.drop_table('sync_state')
    op.drop_table('subscription')
    op.drop_index('ix_record_ties', table_name='record', postgresql_using='gin', postgresql_ops={'ties': 'jsonb_path_ops'}, postgresql_where=sa.text("kind = 'guardianships'"))
    op.drop_index('ix_record_ref', table_name='record')
    op.drop_index('ix_record_live', table_name='record', postgresql_where=sa.text('erased_at is null'))
    op.drop_table('record')
    op.drop_table('read_position')
    op.drop_index('ix_outbox_unsent', table_name='outbox', postgresql_where=sa.text('sent_at is null'))
    op.drop_index('ix_outbox_published', table_name='outbox')
    op.drop_table('outbox')
    op.drop_table('inbox')
    op.drop_index('ix_import_run_started_at', table_name='import_run')
    op.drop_table('import_run')
    op.drop_table('held')
    op.drop_index('ix_due_due_at', table_name='due')
    op.drop_table('due')
    op.drop_table('dead_letter')
