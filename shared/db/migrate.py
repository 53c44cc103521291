"""Migrations: one folder per service, run as a one-shot under a lock before the service starts."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, pool, text

from shared.db.walls import put_up

ROOT = Path(__file__).resolve().parents[2]
MIGRATION_LOCK = 7_305_521


def alembic_config(service: str, url: str) -> Config:
    """Alembic's settings for one service: its own folder, its own database."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "services" / service / "migrations"))
    config.set_main_option("version_path_separator", "os")
    config.attributes["url"] = url
    config.attributes["metadata"] = import_module(f"services.{service}.tables").metadata
    return config


def migrate(service: str, url: str) -> None:
    """Bring the service's database to the newest version and put up its walls, as the owner of its tables.

    Safe to run twice and from two places at once. Raises SkolbroError when a table of the code has no migration yet.
    """
    config = alembic_config(service, url)
    config.attributes["walls"] = True
    command.upgrade(config, "head")


def run_migrations() -> None:
    """What each service's `migrations/env.py` calls: one connection, one lock, one transaction."""
    config = context.config
    metadata: MetaData = config.attributes["metadata"]
    engine = create_engine(config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, compare_type=True)
        with context.begin_transaction():
            connection.execute(text("set local lock_timeout = '10s'"))
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            context.run_migrations()
            if config.attributes.get("walls"):
                put_up(connection, metadata)
        connection.commit()
    engine.dispose()
