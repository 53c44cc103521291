"""The `skolbro` command: the demo, the servers of one machine, imports, and what an operator needs."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import typer

from services import operations, person
from services.demo.command import demo, up
from services.notifications.commands import bounces
from services.registry.commands import import_app
from services.scheduling.commands import school_year_app

DATA = Path(".skolbro")


def import_here(context: typer.Context) -> None:
    """Bring in what registries export, and see what became of it."""
    if "--help" in sys.argv:
        return
    from deploy.embedded.at_hand import database

    context.with_resource(database(DATA, "registry"))


def school_year_here(context: typer.Context) -> None:
    """Terms and breaks, on which talks are laid or not."""
    if "--help" in sys.argv:
        return
    from deploy.embedded.at_hand import database

    context.with_resource(database(DATA, "scheduling"))


def person_here(context: typer.Context) -> None:
    """What is kept about a person: hand it out, erase it."""
    if "--help" in sys.argv:
        return
    from deploy.embedded.at_hand import database, join_running

    context.obj = None if join_running(DATA) or "PORTAL_DATABASE_URL" in os.environ else "services are down"
    context.with_resource(database(DATA, "registry" if context.invoked_subcommand == "release" else "portal"))


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Skolbro carries what school and home owe each other.",
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(up)
app.command()(bounces)
app.add_typer(import_app, name="import", callback=import_here)
app.add_typer(school_year_app, name="school-year", callback=school_year_here)
operations.mount(app)
person.mount(app, person_here)


def main() -> None:
    """Entry point of the `skolbro` command. On one machine it finds the servers that run on its data."""
    with contextlib.suppress(ImportError):  # an installation without the embedded servers is told by its environment
        from deploy.embedded.at_hand import join_running

        if sys.argv[1:2] not in (["demo"], ["up"]):
            join_running(DATA)
    app()


if __name__ == "__main__":
    main()
