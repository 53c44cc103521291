"""`skolbro import`: registries as files, lesson results as files, and what became of all that was read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.registry.decisions import Decided, Decisions
from services.registry.domain.asking import COMPARED_WHOLE, window_of
from services.registry.domain.kinds import Resource
from services.registry.domain.report import Run, RunKind
from services.registry.domain.ss12000 import Row
from services.registry.domain.values import Origin
from services.registry.errors import PageUnreadable
from services.registry.feeds import attendance_csv, folder
from services.registry.importer import Importer, batches, rows_of
from services.registry.settings import RegistrySettings, Source
from services.registry.store import held, quarantine, runs
from services.registry.store.held import Held
from services.registry.store.quarantine import Entry
from services.registry.sync import compare
from services.registry.tables import kit as tables
from shared.db.engine import is_passing
from shared.errors import SkolbroError
from shared.kit import make_kit
from shared.observe.logging import configure_logging
from shared.settings import KitSettings

COUNTS = ("read", "new", "changed", "unchanged", "held", "erased")
REASONS_SHOWN = 20
ENTRIES_SHOWN = 50
WAITS = "{decisions} changes would let more people know about a pupil and wait: see `skolbro import quarantine`."
NO_DATABASE = (
    "The registry's database does not answer ({fault}). Start it or check REGISTRY_DATABASE_URL, and try again."
)
FileArgument = Annotated[Path, typer.Argument(help="The file", show_default=False)]
SourceOption = Annotated[str, typer.Option("--source", help="The source it counts as")]

EntriesArgument = Annotated[list[UUID], typer.Argument(help="Ids from `skolbro import quarantine`", show_default=False)]
ByOption = Annotated[str, typer.Option("--by", help="Who has decided", prompt="Who has decided")]
NoteOption = Annotated[str | None, typer.Option("--note", help="Why")]
Work = Callable[[Importer, RegistrySettings, Console], Awaitable[None]]
Decide = Callable[[Decisions, list[UUID], str, str | None], Awaitable[Decided]]

import_app = typer.Typer(no_args_is_help=True, help="Bring in what registries export, and see what became of it.")


@import_app.command("ss12000")
def ss12000(
    directory: Annotated[Path, typer.Option("--dir", help="The folder with organisations.json, persons.json …")],
    source: SourceOption = "folder",
    complete: Annotated[
        bool, typer.Option("--complete", help="The lists are whole: erase what this source had and they lack")
    ] = False,
) -> None:
    """Import a folder of SS 12000 pages."""

    async def work(importer: Importer, settings: RegistrySettings, out: Console) -> None:
        for name in folder.unused(directory):
            out.print(f"{name} was left alone: its name is not that of a list.")
        run = await import_folder(importer, settings.source(source), directory, complete)
        await _tell(importer, run, out)

    _run(work)


@import_app.command("attendance")
def attendance(file: FileArgument, source: SourceOption = "attendance-file") -> None:
    """Import a plain file of lesson results."""

    async def work(importer: Importer, settings: RegistrySettings, out: Console) -> None:
        with Progress(console=out, transient=True) as progress:
            task = progress.add_task("Lesson results", total=file.stat().st_size if file.exists() else None)

            def advance(size: int) -> None:
                progress.advance(task, size)

            run = await import_attendance(importer, settings.source(source), file, advance)
        await _tell(importer, run, out)

    _run(work)


@import_app.command("report")
def report(
    limit: Annotated[int, typer.Option(help="How many runs and held rows to show")] = REASONS_SHOWN,
) -> None:
    """Show the latest runs and every reason why a row is held back."""

    async def work(importer: Importer, _: RegistrySettings, out: Console) -> None:
        async with importer.kit.sessions() as session:
            latest = await runs.last_runs(session, limit)
            waiting = await held.listed(session, limit)
            how_many = sum((await held.count(session)).values())
            decisions = await quarantine.count(session)
        out.print(_runs_table(latest))
        _print_held(out, waiting, how_many)
        _print_decisions(out, decisions)

    _run(work)


@import_app.command("quarantine")
def quarantined(
    limit: Annotated[int, typer.Option(help="How many entries to show")] = ENTRIES_SHOWN,
) -> None:
    """Show what a registry states that would let more people know about a pupil, and waits for a person."""

    async def work(importer: Importer, _: RegistrySettings, out: Console) -> None:
        async with importer.kit.sessions() as session:
            shown = await quarantine.listed(session, limit)
            how_many = await quarantine.count(session)
        out.print(_quarantine_table(shown, how_many) if shown else "Nothing waits for a decision.")

    _run(work)


@import_app.command("release")
def release(ids: EntriesArgument, by: ByOption, note: NoteOption = None) -> None:
    """Let entries of the quarantine through, exactly as the registry states them now."""
    _run(_deciding(Decisions.release, ids, by, note, "released"))


@import_app.command("refuse")
def refuse(ids: EntriesArgument, by: ByOption, note: NoteOption = None) -> None:
    """Keep entries of the quarantine out for as long as the registry states the same."""
    _run(_deciding(Decisions.refuse, ids, by, note, "refused"))


def _deciding(decide: Decide, ids: list[UUID], by: str, note: str | None, done: str) -> Work:
    async def work(importer: Importer, _: RegistrySettings, out: Console) -> None:
        decided = await decide(Decisions(importer.kit), ids, by, note)
        for entry in decided.done:
            out.print(f"{entry.id} is {done}.")
        if decided.gone:
            gone = ", ".join(str(one) for one in decided.gone)
            raise SkolbroError(f"Nothing waits any more under {gone}. `skolbro import quarantine` shows what does.")

    return work


async def import_folder(importer: Importer, source: Source, directory: Path, complete: bool) -> Run:
    """Import a folder of pages; with `complete`, erase what whole lists lack. Raises FileUnusable."""
    run = Run(source.name, RunKind.FOLDER, importer.kit.clock.now())
    origin = importer.origin(source)
    seen: dict[Resource, list[Row]] = {}
    unread = {
        file.resource for file in folder.files(directory) if not await _import_file(importer, origin, file, run, seen)
    }
    if complete:
        await _compare_all(importer, source, run, {r: rows for r, rows in seen.items() if r not in unread})
    run.count(fate for fate in await importer.retry_held(origin) if not fate.reason)
    await importer.finish(run)
    return run


async def import_attendance(importer: Importer, source: Source, file: Path, advance: Callable[[int], None]) -> Run:
    """Import a plain file of lesson results; `advance` hears of the bytes done. Raises FileUnusable."""
    run = Run(source.name, RunKind.ATTENDANCE_FILE, importer.kit.clock.now())
    origin = importer.origin(source)
    for batch in batches(attendance_csv.read_lines(file, origin.today)):
        run.count(await importer.take(origin, [row for row, _ in batch]))
        advance(sum(size for _, size in batch))
    await importer.finish(run)
    return run


async def _import_file(
    importer: Importer, origin: Origin, file: folder.FolderFile, run: Run, seen: dict[Resource, list[Row]]
) -> bool:
    """Import one file; False when it could not be read, which the run then says."""
    try:
        page = file.read()
    except PageUnreadable as fault:
        run.errors.append(f"{file.path.name}: {fault} The other files were imported; export this one again.")
        await importer.hold_page(origin.source, file.path.name, str(fault))
        return False
    rows = rows_of(file.resource, page.rows, origin)
    run.count(await importer.take(origin, rows, run.started_at))
    await importer.page_is_read(origin.source, file.path.name)
    seen.setdefault(file.resource, []).extend(rows)
    return True


async def _compare_all(importer: Importer, source: Source, run: Run, seen: dict[Resource, list[Row]]) -> None:
    window = window_of(run.started_at, source.zone, 0, 0)
    for resource, rows in seen.items():
        if resource in COMPARED_WHOLE:
            ids = {row.entity for row in rows if row.entity}
            await compare(importer, source, run, resource, ids, window, any(not row.entity for row in rows))


async def _tell(importer: Importer, run: Run, out: Console) -> None:
    """What a run did, and why rows of this source are held."""
    out.print(_counts_table(run))
    for error in run.errors:
        out.print(error, style="red", markup=False)
    async with importer.kit.sessions() as session:
        waiting = await held.listed(session, REASONS_SHOWN, run.source)
        how_many = sum((await held.count(session, run.source)).values())
        decisions = await quarantine.count(session, source=run.source)
    _print_held(out, waiting, how_many)
    _print_decisions(out, decisions)


def _counts_table(run: Run) -> Table:
    table = Table("list", *COUNTS, title=f"Source {run.source}")
    for resource, counts in run.counts().items():
        table.add_row(resource, *(str(counts[name]) for name in COUNTS))
    return table


def _runs_table(latest: Iterable[Any]) -> Table:
    table = Table("started", "source", "run", *COUNTS, "error", title="Latest runs")
    for run in latest:
        sums = [str(sum(counts[name] for counts in run.counts.values())) for name in COUNTS]
        table.add_row(f"{run.started_at:%Y-%m-%d %H:%M}", run.source, run.kind, *sums, run.error or "")
    return table


def _print_held(out: Console, waiting: Iterable[Held], how_many: int) -> None:
    if not how_many:
        out.print("Nothing is held back.")
        return
    table = Table("source", "list", "row", "since", "why", title=f"{how_many} held back")
    for row in waiting:
        table.add_row(row.source, row.resource, row.ref, f"{row.first_seen:%Y-%m-%d}", row.reason)
    out.print(table)


def _print_decisions(out: Console, decisions: int) -> None:
    if decisions:
        out.print(WAITS.format(decisions=decisions))


def _quarantine_table(shown: Iterable[Entry], how_many: int) -> Table:
    table = Table("id", "state", "what", "pupil", "person", "before", "after", "source", "since")
    table.title = f"{how_many} wait for a decision"
    for one in shown:
        texts = [json.dumps(side, ensure_ascii=False) for side in (one.before, one.after)]
        ids = [str(one.pupil_id or ""), str(one.person_id)]
        table.add_row(str(one.id), one.state, one.what, *ids, *texts, one.source, f"{one.first_seen:%Y-%m-%d %H:%M}")
    return table


@asynccontextmanager
async def _importer(settings: RegistrySettings) -> AsyncIterator[Importer]:
    """An importer on the service's database; Kafka is not needed, the running service's relay publishes."""
    kit = make_kit("registry", tables, KitSettings(), settings)
    configure_logging("registry", "warning")
    try:
        yield Importer(kit, settings.names())
    finally:
        await kit.close()


def _run(work: Work) -> None:
    """Do the work; an error we know ends the command with its sentence and status 1."""

    async def whole() -> None:
        settings = RegistrySettings()
        async with _importer(settings) as importer:
            await work(importer, settings, Console())

    try:
        asyncio.run(whole())
    except Exception as fault:
        if not isinstance(fault, SkolbroError) and not is_passing(fault):
            raise
        sentence = str(fault) if isinstance(fault, SkolbroError) else NO_DATABASE.format(fault=type(fault).__name__)
        Console(stderr=True).print(sentence, style="red", markup=False)
        raise typer.Exit(1) from None
