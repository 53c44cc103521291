"""Commands for whoever runs Skolbro: topics, migrations, dead letters, what a lost broker took along."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from shared import asyncapi as contract
from shared.db.migrate import migrate as bring_up_to_date
from shared.errors import SkolbroError
from shared.messaging import dlq
from shared.messaging.broker import create_topics
from shared.messaging.reconcile import compare
from shared.settings import KitSettings, ServiceSettings

SERVICES = ("registry", "absence", "scheduling", "bulletins", "notifications", "portal")
ASYNCAPI = Path(__file__).resolve().parents[1] / "docs" / "asyncapi" / "skolbro.json"

T = TypeVar("T")
Service = Annotated[str | None, typer.Option("--service", help="Only this service")]
out, aside = Console(), Console(stderr=True)
dead_letters = typer.Typer(no_args_is_help=True, help="Records that could not be used: look at them, put them back.")


def mount(app: typer.Typer) -> None:
    """Add these commands to the `skolbro` command."""
    app.command("topics")(topics)
    app.command("migrate")(migrate)
    app.command("reconcile")(reconcile)
    app.command("asyncapi")(asyncapi)
    app.add_typer(dead_letters, name="dlq")


def settings_of(service: str) -> ServiceSettings:
    """A service's settings, read from the environment by its own class."""
    module = import_module(f"services.{service}.settings")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, ServiceSettings)]
    [own] = [kind for kind in kinds if kind.__module__ == module.__name__]
    return own()


def topics() -> None:
    """Create the topics that do not exist yet."""
    try:
        made = _run(create_topics(KitSettings()))
    except (KafkaError, OSError) as fault:
        give_up(f"Kafka does not answer at {KitSettings().kafka_bootstrap} ({type(fault).__name__}).")
    out.print(f"Created {', '.join(made)}." if made else "All topics exist.")


def migrate(
    services: Annotated[list[str] | None, typer.Argument(help=", ".join(SERVICES))] = None,
    everything: Annotated[bool, typer.Option("--all", help="All services")] = False,
) -> None:
    """Bring the services' databases to the newest version. Creates tables and their walls, never a database."""
    chosen = _known(services or (SERVICES if everything else ()))
    if not chosen:
        give_up("Name a service, or say --all.")
    for service in chosen:
        own = settings_of(service)
        try:
            bring_up_to_date(service, own.owner_url or own.database_url)
        except DBAPIError as fault:
            give_up(f"The database of {service} could not be migrated: {str(fault.orig).strip()}")
        except SkolbroError as fault:
            give_up(f"The database of {service} was left as it was. {fault}")
        out.print(f"The database of {service} is up to date.")


def reconcile() -> None:
    """Publish again what readers missed because a broker was lost."""
    databases = {service: settings_of(service).database_url for service in SERVICES}
    try:
        found = _run(compare(databases, KitSettings()))
    except (KafkaError, OSError) as fault:
        give_up(f"Kafka does not answer ({type(fault).__name__}), so nothing was changed.")
    for sentence in found.absent:
        aside.print(sentence, style="yellow")
    for service, rows in found.said_again.items():
        if rows:
            out.print(f"{service} says {rows} events again.")
    out.print(f"{found.total()} events will be published again." if found.total() else "Nothing is missing.")


def asyncapi(
    path: Annotated[Path, typer.Argument(help="Where to write it")] = ASYNCAPI,
) -> None:
    """Write the contract of all events as AsyncAPI 3.0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(contract.as_text(), encoding="utf-8")
    out.print(f"Wrote {path}.")


@dead_letters.command("list")
def list_letters(service: Service = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List dead letters, and what the registry holds back."""
    letters, held, unread = _run(_collect(_known([service] if service else SERVICES)))
    for name, why in unread.items():
        aside.print(f"The database of {name} cannot be read ({why}).", style="yellow")
    if as_json:
        summaries = [{"kind": "dead", **letter.summary()} for letter in letters]
        typer.echo(json.dumps([*summaries, *[{"kind": "held", **vars(row)} for row in held]], ensure_ascii=False))
    elif letters or held:
        out.print(_table(letters, held))
    elif not unread:
        out.print("There are no dead letters.")
    if unread:
        raise typer.Exit(1)


def _table(letters: Sequence[dlq.Letter], held: Sequence[dlq.Held]) -> Table:
    table = Table("kind", "service", "id", "record", "when", "reason")
    for letter in letters:
        kind = "replayed" if letter.replayed_at else "dead"
        when = f"{letter.parked_at:%Y-%m-%d %H:%M}"
        table.add_row(kind, letter.service, str(letter.id), letter.record, when, letter.reason)
    for row in held:
        table.add_row("held", "registry", row.ref, f"{row.source}/{row.kind}", "", row.reason)
    return table


@dead_letters.command("show")
def show_letter(
    letter_id: Annotated[int, typer.Argument(metavar="ID")],
    service: Annotated[str, typer.Option("--service")],
    payload: Annotated[bool, typer.Option("--payload", help="Print the value too; it may be personal")] = False,
) -> None:
    """Show one dead letter: reason, headers, size."""
    found = asked(dlq.letters(*_place(service), [letter_id]))
    if not found:
        give_up(f"The service {service} has no dead letter {letter_id}.")
    [letter] = found
    for name, value in letter.summary().items():
        out.print(f"{name:12} {value}", highlight=False, markup=False)
    out.print(f"{'size':12} {len(letter.payload or b'')} bytes")
    for name, text in dlq.readable_headers(letter.headers).items():
        out.print(f"  {name}: {text}", highlight=False, markup=False)
    if payload:
        typer.echo((letter.payload or b"").decode("utf-8", "backslashreplace"))


@dead_letters.command("replay")
def replay_letters(
    service: Annotated[str, typer.Option("--service")],
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Without: all not put back yet")] = None,
) -> None:
    """Put dead letters back on their topic, as they came. Readers recognise what they have used already."""
    try:
        done = asked(dlq.replay(*_place(service), KitSettings(), ids or None))
    except (KafkaError, OSError) as fault:
        give_up(f"Kafka did not take it ({type(fault).__name__}); what was not marked is still a dead letter.")
    out.print(f"Put back {done} of the dead letters of {service}." if done else "There was nothing to put back.")


async def _collect(services: Sequence[str]) -> tuple[list[dlq.Letter], list[dlq.Held], dict[str, str]]:
    """Dead letters, held rows, and why a service's database could not be read."""
    letters: list[dlq.Letter] = []
    held: list[dlq.Held] = []
    unread: dict[str, str] = {}
    for service in services:
        name, url = _place(service)
        try:
            letters += await dlq.letters(name, url)
            held += await dlq.held(url) if service == "registry" else []
        except DBAPIError as fault:
            unread[service] = type(fault.orig).__name__
    return letters, held, unread


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Do it now; what the Kafka client has to say about a fault, we say in a sentence."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return asyncio.run(work)


def asked(question: Coroutine[Any, Any, T]) -> T:
    """The answer; what went wrong ends the command with a sentence."""
    try:
        return _run(question)
    except SkolbroError as fault:
        give_up(str(fault))
    except DBAPIError as fault:
        give_up(f"The database cannot be read ({type(fault.orig).__name__}).")


def _place(service: str) -> tuple[str, str]:
    [name] = _known([service])
    return name, settings_of(name).database_url


def _known(services: Sequence[str]) -> list[str]:
    for service in services:
        if service not in SERVICES:
            give_up(f"There is no service {service}. There are: {', '.join(SERVICES)}.")
    return list(services)


def give_up(sentence: str) -> NoReturn:
    """End the command with a sentence for a person."""
    aside.print(sentence, style="red")
    raise typer.Exit(1)


if __name__ == "__main__":  # containers hold this module without the demo and its servers
    command = typer.Typer(no_args_is_help=True, add_completion=False, help="Commands for whoever runs Skolbro.")
    mount(command)
    import_module("services.person").mount(command)
    command()
