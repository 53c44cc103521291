"""Write a service's next migration from the difference between its tables and its migrations so far.

Usage: python -m tests.new_migration SERVICE pre|post NAME
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from shared.db.migrate import alembic_config, migrate
from tests.stack import running_stack


def main(service: str, phase: str, name: str) -> None:
    """Start a throwaway database, bring it to the newest version, and let Alembic write what is missing."""
    with running_stack() as stack:
        url = stack.fresh_database(MetaData())
        migrate(service, url)
        config = alembic_config(service, url)
        number = f"{len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1:04}"
        script = command.revision(config, f"{phase} {name}", autogenerate=True, rev_id=number)
    path = Path(getattr(script, "path", ""))
    path.rename(path.with_name(f"{number}_{phase}_{name}.py"))


if __name__ == "__main__":
    main(*sys.argv[1:4])
