"""The `skolbro` command."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Skolbro carries what school and home owe each other."
)


def main() -> None:
    """Entry point of the `skolbro` command."""
    app()
