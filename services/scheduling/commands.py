"""`skolbro school-year import`: terms and breaks of a municipality, or of one school, from a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape

from services.scheduling.domain.year_files import LARGEST, Unread
from services.scheduling.school_year import Imported, import_year
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import kit as tables
from services.scheduling.tables import roster
from shared.db.engine import is_passing
from shared.errors import SkolbroError
from shared.events.roster import SchoolStated
from shared.ids import tenant_id
from shared.kit import Kit, make_kit
from shared.observe.logging import configure_logging
from shared.roster.projection import everything
from shared.settings import KitSettings

NO_DATABASE = (
    "The database of the scheduling service does not answer ({fault}). Start it or check SCHEDULING_DATABASE_URL, "
    "and try again."
)
NOT_KNOWN = "No school of “{name}” is known here. Nothing was imported; check how the municipality is written."
NO_SCHOOL = "“{name}” has no school called “{school}”. Nothing was imported. It has: {there}."

school_year_app = typer.Typer(no_args_is_help=True, help="Terms and breaks, on which talks are laid or not.")


@school_year_app.callback()
def school_year() -> None:
    """Terms and breaks, on which talks are laid or not."""


@school_year_app.command("import")
def bring(
    file: Annotated[Path, typer.Argument(help="An iCalendar or CSV file", show_default=False)],
    municipality: Annotated[str, typer.Option("--municipality", help="Its name, as in the settings of the registry")],
    school: Annotated[str | None, typer.Option("--school", help="Only of this school")] = None,
) -> None:
    """Take what can be read of the file, and say of every other row why it was held back."""
    out = Console()
    try:
        report = asyncio.run(_bring(file, municipality, school))
    except SkolbroError as fault:
        out.print(escape(str(fault)))
        raise typer.Exit(1) from None
    out.print(f"{report.terms} terms and {report.breaks} breaks are new or changed, {report.known} were known already.")
    for held in report.held:
        out.print(escape(f"Row {held.row} was held back: {held.reason % held.values}"))
    raise typer.Exit(2 if report.held else 0)


async def _bring(file: Path, municipality: str, school: str | None) -> Imported:
    content = _read(file)
    settings, kit_settings = SchedulingSettings(), KitSettings()
    configure_logging("scheduling", "error")
    kit = make_kit("scheduling", tables, kit_settings, settings)
    try:
        return await _write(kit, content, municipality, school)
    except Unread as fault:
        raise SkolbroError(fault.reason % fault.values) from None
    except Exception as fault:
        if is_passing(fault):
            raise SkolbroError(NO_DATABASE.format(fault=type(fault).__name__)) from None
        raise
    finally:
        await kit.close()


async def _write(kit: Kit, content: bytes, municipality: str, school: str | None) -> Imported:
    tenant = tenant_id(municipality)
    async with kit.sessions.begin() as session:
        mine = [one for one in await everything(session, roster, SchoolStated) if one.tenant_id == tenant]
        schools = [one for one in mine if one.kind != "municipality"]
        if not schools:
            raise SkolbroError(NOT_KNOWN.format(name=municipality))
        own = _the_school(schools, municipality, school) if school else None
        return await import_year(session, tenant, schools, own, content)


def _the_school(schools: list[SchoolStated], municipality: str, name: str) -> UUID:
    found = [one.school_id for one in schools if one.name.strip().casefold() == name.strip().casefold()]
    if len(found) == 1:
        return found[0]
    there = ", ".join(sorted(one.name for one in schools))
    raise SkolbroError(NO_SCHOOL.format(name=municipality, school=name, there=there))


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            return source.read(LARGEST + 1)
    except OSError as fault:
        raise SkolbroError(f"The file {file} cannot be read ({type(fault).__name__}).") from None
