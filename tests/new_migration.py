"""Write a service's next migration from the difference between its tables and its migrations so far.

Usage: python -m tests.new_migration SERVICE pre|post NAME
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.operations.ops import CreateTableOp, MigrationScript
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from shared.db.migrate import alembic_config
from tests.stack import running_stack


def main(service: str, phase: str, name: str) -> None:
    """Start a throwaway database, bring it to the newest version, and let Alembic write what is missing."""
    with running_stack() as stack:
        config = alembic_config(service, stack.owner_url(stack.fresh_database(MetaData())))
        command.upgrade(config, "head")  # without the walls: some of their tables are what is to be written
        number = f"{len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1:04}"
        script = command.revision(
            config, f"{phase} {name}", autogenerate=True, rev_id=number, process_revision_directives=_without_walls
        )
    path = Path(getattr(script, "path", ""))
    path.rename(path.with_name(f"{number}_{phase}_{name}.py"))


def _without_walls(_context: object, _revision: object, scripts: list[MigrationScript]) -> None:
    """A table's wall is no part of a migration: it is put up anew, from the code, after each."""
    for made in (made for script in scripts for steps in script.upgrade_ops_list for made in steps.ops):
        if isinstance(made, CreateTableOp):
            made.info = {}


if __name__ == "__main__":
    main(*sys.argv[1:4])
