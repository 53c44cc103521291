"""Alembic's entry for this service; the work is in the kit."""

from shared.db.migrate import run_migrations

run_migrations()
