"""The `skolbro` command: the demo, the servers of one machine, imports, and what an operator needs."""

from __future__ import annotations

import typer

from services import operations
from services.demo.command import demo, up
from services.registry.commands import import_app

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Skolbro carries what school and home owe each other.",
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(up)
app.add_typer(import_app, name="import")
operations.mount(app)


def main() -> None:
    """Entry point of the `skolbro` command."""
    app()


if __name__ == "__main__":
    main()
