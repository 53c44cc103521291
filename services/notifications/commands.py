"""`skolbro bounces`: mail that came back, from files or a pipe, for mail servers that cannot hand it over by SMTP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.notifications.bounces import LARGEST, Bounces
from services.notifications.domain.returns import Return
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import kit as tables
from shared.db.engine import is_passing
from shared.errors import SkolbroError
from shared.kit import make_kit
from shared.observe.logging import configure_logging
from shared.settings import KitSettings

TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h: mail servers keep the mail and try again
NO_DATABASE = (
    "The database of the notifications service does not answer ({fault}). Nothing is lost: give the same mail again "
    "when it does, or check NOTIFICATIONS_DATABASE_URL."
)


class Busy(SkolbroError):
    """The database does not answer; another try may."""


def bounces(
    files: Annotated[list[Path] | None, typer.Argument(help="Mails, one a file; without any, one on the input")] = None,
    to: Annotated[str | None, typer.Option(help="The address it came to, when the mail does not say it")] = None,
) -> None:
    """Read mail that came back: reports of what did not arrive, and complaints. Anything else is left alone."""
    out = Console()
    try:
        kinds = asyncio.run(_take(list(_mails(files or [])), to))
    except SkolbroError as fault:
        out.print(escape(str(fault)))
        raise typer.Exit(TEMPORARY if isinstance(fault, Busy) else 1) from None
    for kind in Return:
        if kind in kinds:
            out.print(f"{kind}: {kinds.count(kind)}")
    out.print(f"no report on anything of ours: {kinds.count(None)}")


def _mails(files: list[Path]) -> Iterator[bytes]:
    """The mails; of a larger one than a report can be only its beginning, which says all that counts."""
    if not files:
        yield sys.stdin.buffer.read(LARGEST)
    for file in files:
        try:
            with file.open("rb") as source:
                yield source.read(LARGEST)
        except OSError as fault:
            raise SkolbroError(f"The file {file} cannot be read ({type(fault).__name__}).") from None


async def _take(mails: list[bytes], to: str | None) -> list[Return | None]:
    settings = NotificationsSettings()
    configure_logging("notifications", "error")
    kit = make_kit("notifications", tables, KitSettings(), settings)
    taker = Bounces(kit, settings)
    try:
        return [await taker.take(mail, to) for mail in mails]
    except Exception as fault:
        if is_passing(fault):
            raise Busy(NO_DATABASE.format(fault=type(fault).__name__)) from None
        raise
    finally:
        await kit.close()
