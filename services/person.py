"""`skolbro person`, `skolbro audit`, `skolbro retention`: what the law asks of whoever runs Skolbro."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from services import handout
from services.operations import SERVICES, aside, asked, give_up, out, settings_of
from services.portal import audit as trail
from services.portal.store import privacy
from services.registry.store import forgotten
from shared.db.engine import Sessions, connect, reaching, session_factory
from shared.db.reach import MACHINE
from shared.errors import Permanent
from shared.events.privacy import PrivacyWish
from shared.rights import retention as keeping
from shared.settings import KitSettings

LOOK_SECONDS = 0.3
EXPORT_LIVES = timedelta(days=1)
LATE = "{services} did not answer within {seconds:.0f} s. The request waits for them and nothing is lost: {then}"
DOWN = "The services do not run. The request waits in the portal's database until they do: {then}"
EXPORT_THEN = "when they run, the same command brings what is missing."
ERASE_THEN = "they do their part as soon as they run. Running the same command again does no harm."
BAD_EXPECTED = "An earlier statement is TENANT:NUMBER:DIGEST as `skolbro audit verify` prints it, not {text}."

Ids = Annotated[list[UUID], typer.Argument(metavar="ID...", help="The ids of persons", show_default=False)]
Wait = Annotated[float, typer.Option("--wait", help="Most seconds to wait for all services")]
AsJson = Annotated[bool, typer.Option("--json", help="For a program")]
person_app = typer.Typer(no_args_is_help=True, help="What is kept about a person: hand it out, erase it.")
audit_app = typer.Typer(no_args_is_help=True, help="Who looked at whom: check that nobody has changed the record.")


def mount(app: typer.Typer, here: Callable[[typer.Context], None] | None = None) -> None:
    """Add these commands to the `skolbro` command; `here` makes the databases of one machine reachable first."""
    if here:
        person_app.callback()(here)
    app.add_typer(person_app, name="person")
    app.add_typer(audit_app, name="audit")
    app.command("retention")(retention)


@dataclass
class Asked:
    """Requests that were made, and how far each has come."""

    ids: list[UUID]
    standings: list[privacy.Standing]
    published: bool = True

    @property
    def open(self) -> list[str]:
        """The services that have not answered all of them."""
        return [name for name in SERVICES if any(name in one.open for one in self.standings)]


@person_app.command("export")
def export(
    context: typer.Context,
    person_id: Annotated[UUID, typer.Argument(metavar="ID", help="The person's id", show_default=False)],
    folder: Annotated[Path, typer.Option("--out", help="Where person.json and person.html go")] = Path(),
    language: Annotated[Literal["sv", "en"], typer.Option("--language", help="Of person.html")] = "sv",
    wait: Wait = 60,
) -> None:
    """Write everything that is kept about a person into two files: one for machines, one to read."""
    files = asked(_export(person_id, folder, language, _patience(context, wait)))
    out.print(f"Wrote {' and '.join(map(str, files))}. They are personal: hand them over, then delete them here.")


@person_app.command("erase")
def erase(
    context: typer.Context,
    person_ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="A code word for the audit trail, no name")] = None,
    wait: Wait = 60,
) -> None:
    """Erase everything that is kept about persons, in every service, and hold them back from the next import."""
    who = f"person {person_ids[0]}" if len(person_ids) == 1 else f"{len(person_ids)} persons"
    if not yes and not typer.confirm(f"Erase {who} everywhere? This cannot be undone."):
        give_up("Nothing was erased.")
    found = asked(_erase(person_ids, reason, _patience(context, wait)))
    rows = {name: sum(one.rows.get(name, 0) for one in found.standings) for name in SERVICES}
    out.print(f"Erased {who}: " + ", ".join(f"{name} {count}" for name, count in rows.items()) + " rows.")
    if not any(rows.values()):
        out.print("Nothing was known about them.")


@person_app.command("release")
def release(
    person_ids: Annotated[list[UUID] | None, typer.Argument(metavar="[ID]...", show_default=False)] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All of them, whatever key their digests have")] = False,
) -> None:
    """Let persons who were erased come back with the next import of the registry."""
    if bool(person_ids) is everybody:
        give_up("Name persons by their ids, or say --all.")

    async def work() -> int:
        async with _database("registry") as sessions, sessions.begin() as session:
            if everybody:
                return await forgotten.release_all(session)
            return await forgotten.release(session, KitSettings(), person_ids or [])

    done = asked(work())
    if not done:
        give_up("None of them was erased here (or with another SKOLBRO_LOGIN_KEY). Nothing was changed.")
    out.print(f"{done} may come back when the registry next sends all its rows.")


@audit_app.command("verify")
def verify(
    expect: Annotated[
        list[str] | None, typer.Option("--expect", metavar="TENANT:NUMBER:DIGEST", help="An earlier end of a chain")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Work out the audit trail's chains again. Write down what is printed: it shows later that nothing was cut off."""

    async def work() -> list[trail.Chain]:
        async with _database("portal") as sessions, sessions() as session:
            return await trail.verify(session, [_expected(text) for text in expect or ()])

    chains = asked(work())
    if as_json:
        typer.echo(json.dumps([_chain_json(chain) for chain in chains]))
    else:
        for chain in chains:
            _print_chain(chain)
        if not chains:
            out.print("Nothing has been sealed yet.")
    if not all(chain.intact for chain in chains):
        raise typer.Exit(1)


def retention(
    apply: Annotated[bool, typer.Option("--apply", help="Delete; without it nothing is")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is kept for how long and which rows are older than that; with --apply, delete them."""
    found, unread = asked(_retention(apply))
    for name, why in unread.items():
        aside.print(f"The database of {name} cannot be read ({why}).", style="yellow")
    if as_json:
        typer.echo(json.dumps([_due_json(service, due) for service, due in found]))
    else:
        out.print(_retention_table(found))
        out.print("Deleted." if apply else "Nothing was deleted; --apply does it. Each service does it by night, too.")
    if unread:
        raise typer.Exit(1)


async def _export(person_id: UUID, folder: Path, language: handout.Language, seconds: float | None) -> list[Path]:
    now = KitSettings().clock().now()
    async with _database("portal") as sessions:
        async with sessions.begin() as session:
            under_way = await privacy.export_under_way(session, person_id, now - EXPORT_LIVES)
            ids = [under_way] if under_way else await privacy.ask(session, PrivacyWish.EXPORT, [person_id], now)
        found = await _answered(sessions, ids, seconds)
        _complain(found, seconds, EXPORT_THEN)
        async with sessions() as session:
            contents = await privacy.contents(session, ids[0])
        files = await asyncio.to_thread(handout.write, folder, person_id, contents, now, language)
        async with sessions.begin() as session:
            await privacy.finish(session, found.standings, now)
    return files


async def _erase(person_ids: Sequence[UUID], reason: str | None, seconds: float | None) -> Asked:
    now = KitSettings().clock().now()
    async with _database("portal") as sessions:
        async with sessions.begin() as session:
            ids = await privacy.ask(session, PrivacyWish.ERASE, person_ids, now, reason)
        found = await _answered(sessions, ids, seconds)
        _complain(found, seconds, ERASE_THEN)
        async with sessions.begin() as session:
            await privacy.finish(session, found.standings, now)
    return found


async def _answered(sessions: Sessions, ids: list[UUID], seconds: float | None) -> Asked:
    """Wait until every service has answered, or as long as there is patience (None: nobody is there to answer)."""
    deadline = asyncio.get_running_loop().time() + (seconds or 0)
    with aside.status("Waiting for the services …"):
        while True:
            async with sessions() as session:
                found = Asked(ids, await privacy.standings(session, ids))
                found.published = await privacy.is_published(session, ids)
            if not found.open or asyncio.get_running_loop().time() >= deadline:
                return found
            await asyncio.sleep(LOOK_SECONDS)


def _complain(found: Asked, seconds: float | None, then: str) -> None:
    """Raise Permanent with what is the matter when somebody has not answered."""
    if not found.open:
        return
    if seconds is None or not found.published:
        raise Permanent(DOWN.format(then=then))
    raise Permanent(LATE.format(services=", ".join(found.open), seconds=seconds, then=then))


async def _retention(apply: bool) -> tuple[list[tuple[str, keeping.Due]], dict[str, str]]:
    """What every rule says, after deleting when that is wanted: then the rows are those that were deleted."""
    found: list[tuple[str, keeping.Due]] = []
    unread: dict[str, str] = {}
    now = KitSettings().clock().now()
    for name in SERVICES:
        metadata = import_module(f"services.{name}.tables").metadata
        try:
            async with _database(name) as sessions:
                async with sessions() as session:
                    found += [(name, due) for due in await keeping.look(session, name, metadata, now)]
                if apply:
                    await keeping.apply(sessions, name, metadata, now)
        except DBAPIError as fault:
            unread[name] = type(fault.orig).__name__
    return found, unread


@asynccontextmanager
async def _database(service: str) -> AsyncIterator[Sessions]:
    yield session_factory(reaching(connect(settings_of(service).database_url, 0), MACHINE))


def _patience(context: typer.Context, wait: float) -> float | None:
    return None if context.obj == "services are down" else wait


def _expected(text: str) -> trail.Expected:
    tenant, _, rest = text.partition(":")
    number, _, digest = rest.partition(":")
    try:
        return trail.Expected(UUID(tenant), int(number), bytes.fromhex(digest))
    except ValueError:
        raise Permanent(BAD_EXPECTED.format(text=text)) from None


def _print_chain(chain: trail.Chain) -> None:
    state = "whole" if chain.intact else "NOT WHOLE"
    out.print(f"{chain.tenant_id}:{chain.number}:{chain.digest.hex()}", highlight=False, soft_wrap=True)
    out.print(f"  {chain.number} entries, {state}", style=None if chain.intact else "red")
    for finding in chain.findings:
        out.print(f"  {finding.sentence}", highlight=False, style="yellow" if finding.kind == "late" else "red")


def _chain_json(chain: trail.Chain) -> dict[str, object]:
    return {
        "tenant": str(chain.tenant_id),
        "number": chain.number,
        "digest": chain.digest.hex(),
        "intact": chain.intact,
        "findings": [vars(finding) for finding in chain.findings],
    }


def _retention_table(found: Sequence[tuple[str, keeping.Due]]) -> Table:
    table = Table("service", "what", "kept", "rows older", "oldest", "why")
    for service, due in found:
        kept = "—" if due.rule.days is None else f"{due.rule.days} days"
        table.add_row(service, due.rule.kind, kept, str(due.rows or ""), (due.oldest or "")[:10], due.rule.why)
    return table


def _due_json(service: str, due: keeping.Due) -> dict[str, object]:
    rule = due.rule
    return {
        "service": service,
        "table": rule.table,
        "kind": rule.kind,
        "days": rule.days,
        "why": rule.why,
        "rows": due.rows,
        "oldest": due.oldest,
    }
