"""`skolbro demo` and `skolbro up`."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import structlog
import typer
from rich.console import Console
from rich.table import Table

from deploy.embedded.forked import FIRST_PORT, get_ready
from deploy.embedded.process import StartFailed
from services.demo.municipality import FEWEST_PUPILS

if TYPE_CHECKING:  # the servers are heavy and an installation without the demo has none: `skolbro --help` does without
    from services.demo.ledger import Figures
    from services.demo.run import Demo, Wishes

DATA = Path(".skolbro")
SPEED, SPEED_ONCE = 60.0, 300.0
GRACE, GRACE_ONCE = 15, 30  # minutes on the demo's clock; at 300 times the speed, 30 are six real seconds
STOPPED = 130
T = TypeVar("T")

Once = Annotated[bool, typer.Option("--once", help="Play one day on its own data and free ports, then stop.")]
Json = Annotated[bool, typer.Option("--json", help="With --once: the figures as one line of JSON on stdout.")]
Speed = Annotated[float | None, typer.Option(min=1, help="How many times as fast as life (60; with --once 300).")]
Schools = Annotated[int, typer.Option(min=1, max=30, help="How many schools the municipality has.")]
Pupils = Annotated[int, typer.Option(min=FEWEST_PUPILS, help="How many pupils.")]
Port = Annotated[int, typer.Option(min=1, max=65_000, help="The first port; the portal is there, the rest above it.")]
Data = Annotated[Path, typer.Option(help="Where the database, the logs and the demo's memory are kept.")]
Seed = Annotated[int, typer.Option(help="Another number grows another municipality.")]
HalfYear = Annotated[bool, typer.Option(help="Play the half-year of bulletins that led to the first day before it.")]
Kill = Annotated[list[str] | None, typer.Option(hidden=True)]


def demo(
    once: Once = False,
    as_json: Json = False,
    speed: Speed = None,
    schools: Schools = 3,
    pupils: Pupils = 1200,
    port: Port = FIRST_PORT,
    data: Data = DATA,
    seed: Seed = 7,
    half_year: HalfYear = True,
    kill: Kill = None,
) -> None:
    """A municipality that does not exist and one school day in it, live."""
    _begin()
    from services.demo.run import Wishes

    with _folder(data, once) as folder:
        wishes = Wishes(
            data=folder,
            once=once,
            speed=speed or (SPEED_ONCE if once else SPEED),
            schools=schools,
            pupils=pupils,
            seed=seed,
            half_year=half_year,
            first_port=None if once else port,
            grace_minutes=GRACE_ONCE if once else GRACE,
            kill=tuple(kill or ()),
        )
        figures = _run(_demo(wishes, as_json=as_json).run, folder)
        if once and not (figures and figures.ok):
            raise typer.Exit(STOPPED if figures is None else 1)


def up(port: Port = FIRST_PORT, data: Data = DATA) -> None:
    """Skolbro alone on this machine, to be connected to a real registry (REGISTRY_SOURCES)."""
    _begin()
    _run(lambda: _up(port, data), data)


async def _up(port: int, data: Path) -> None:
    from deploy.embedded.process import require_free
    from deploy.embedded.stack import Stack, ports_from

    console, ports = Console(stderr=True, soft_wrap=True), ports_from(port)
    require_free(ports.values())
    stack = Stack(data, ports)
    try:
        stack.start_servers()
        await stack.start_services({})
        console.print(f"Skolbro is up: http://127.0.0.1:{port}  (Ctrl-C stops it, logs in {data / 'logs'})")
        await stack.keep()
    finally:
        stack.stop()


def _demo(wishes: Wishes, *, as_json: bool) -> Demo:
    from services.demo.run import Demo

    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def done(figures: Figures, seconds: float) -> None:
        if as_json:
            typer.echo(json.dumps(figures.as_json(seconds)))
        else:
            Console(highlight=False).print(_table(figures, seconds))
        if not wishes.once:
            console.print("The day is over. The pages stay until Ctrl-C.")

    return Demo(wishes, console.print, lambda demo: _welcome(console, demo), done)


def _welcome(console: Console, demo: Demo) -> None:
    world, port = demo.world, demo.stack.ports["portal"]
    day = world.plan.day
    pupils, schools = len(world.stage.whole.pupils), len(world.stage.whole.schools)
    console.print(
        f"A municipality with {schools} schools and {pupils:,} pupils. It is {day:%A %d %B %Y}, a quarter to eight."
    )
    console.print(f"  Step in as… http://127.0.0.1:{port}")
    console.print(f"  Live page   http://127.0.0.1:{port}/live")
    console.print(f"  Mailboxes   http://127.0.0.1:{world.ports.pages}")
    minutes = (world.plan.closes - world.plan.opens).total_seconds() / world.clock.speed / 60
    console.print(f"  The day takes about {minutes:.0f} min. Ctrl-C stops everything.")


def _table(figures: Figures, seconds: float) -> Table:
    table = Table(title="The day in figures", show_header=False)
    for name, value in figures.as_json(seconds).items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    return table


@contextmanager
def _folder(data: Path, once: bool) -> Iterator[Path]:
    """The data folder; for one day a new one, which is kept (and named) only when something went wrong."""
    if not once:
        yield data
        return
    folder = Path(tempfile.mkdtemp(prefix="skolbro-demo-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own when we are root
    try:
        yield folder
    except typer.Exit:
        typer.echo(f"What there was is kept in {folder}.", err=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _run(work: Callable[[], Coroutine[Any, Any, T]], data: Path) -> T | None:
    """Run until done or stopped by Ctrl-C or SIGTERM (then None). A failed start is one line and exit code 1."""

    async def stoppable() -> T | None:
        task = asyncio.ensure_future(work())
        _on_signals(task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return None

    try:
        _log_to(data / "logs" / "demo.log")
        return asyncio.run(stoppable())
    except (StartFailed, OSError, subprocess.CalledProcessError) as fault:
        typer.echo(_sentence(fault, data), err=True)
        raise typer.Exit(1) from None


def _sentence(fault: Exception, data: Path) -> str:
    if isinstance(fault, OSError):
        return f"The data folder {data} cannot be used: {fault.strerror or fault} ({fault.filename})."
    if isinstance(fault, subprocess.CalledProcessError):
        last_words = (fault.stderr or b"").decode(errors="replace").strip().rpartition("\n")[2]
        return f"{Path(fault.cmd[0]).name} failed (exit {fault.returncode}). {last_words}"
    return str(fault)


def _on_signals(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _log_to(file: Path) -> None:
    """What this process logs goes to a file; stdout is for the figures."""
    file.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=file, level=logging.WARNING)
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file.open("a", encoding="utf-8")))


def _begin() -> None:
    """Let the services be imported beside us while we import what we need ourselves."""
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # a library looks for a folder it does not need
    get_ready()
