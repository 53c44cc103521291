"""`skolbro import` as a person runs it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import MetaData
from typer.testing import CliRunner, Result

from deploy.embedded.postgres import Postgres
from services.registry.commands import import_app
from shared.db.migrate import alembic_config, migrate
from tests.connected.registry_stage import ids
from tests.stack import NO_BROKER, Stack
from tests.unit.registry.rows import (
    FATHER,
    LESSON,
    MOTHER,
    PUPIL,
    activity,
    calendar_event,
    organisation,
    pupil,
    responsible,
)

pytestmark = pytest.mark.connected
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "ss12000-sample"


@pytest.fixture
def database(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database as the migrations leave it, named in the environment."""
    stack = Stack(postgres, NO_BROKER)
    url = stack.fresh_database(MetaData())
    migrate("registry", stack.owner_url(url))
    monkeypatch.setenv("REGISTRY_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "400")
    return url


async def run(*arguments: str | Path) -> Result:
    """Run the command in a thread of its own, as it brings its own event loop."""

    def invoke() -> Result:
        return CliRunner().invoke(import_app, [str(one) for one in arguments])

    return await asyncio.to_thread(invoke)


def numbers(output: str, name: str) -> list[int]:
    """The counts in the table's row of that list."""
    [line] = [line for line in output.splitlines() if line.startswith(f"│ {name} ")]
    return [int(cell) for cell in line.replace("│", "|").split("|")[2:-1]]


def a_folder(path: Path, **lists: Any) -> Path:
    for name, rows in lists.items():
        (path / f"{name}.json").write_text(json.dumps({"data": rows}))
    return path


def test_the_migrations_make_exactly_the_tables_the_code_knows(database: str) -> None:
    command.check(alembic_config("registry", database))


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the reference material is not on this machine")
async def test_a_folder_of_pages_is_imported_and_counted(database: str) -> None:
    first = await run("ss12000", "--dir", SAMPLE)
    assert first.exit_code == 0
    expected = {"organisations": 3, "persons": 136, "groups": 9, "duties": 8, "activities": 7}
    for name, number in expected.items():
        assert numbers(first.output, name) == [number, number, 0, 0, 0, 0]
    assert "Nothing is held back" in first.output
    second = await run("ss12000", "--dir", SAMPLE)
    assert numbers(second.output, "persons") == [136, 0, 0, 136, 0, 0]


async def test_held_rows_and_left_over_files_are_named(database: str, tmp_path: Path) -> None:
    folder = a_folder(tmp_path, organisations=[organisation()], persons=[pupil(birthDate="2015-02-29")], extra=[])
    result = await run("ss12000", "--dir", folder, "--source", "friskolan")
    assert result.exit_code == 0
    assert "extra.json was left alone" in result.output
    assert numbers(result.output, "persons") == [1, 0, 0, 0, 1, 0]
    assert "birthDate" in result.output
    report = await run("report")
    assert report.exit_code == 0
    assert "friskolan" in report.output
    assert "1 held back" in report.output
    assert "Ek" not in report.output


async def test_a_file_of_results_is_imported_and_counted(database: str, tmp_path: Path) -> None:
    folder = a_folder(
        tmp_path,
        organisations=[organisation()],
        persons=[pupil()],
        activities=[activity()],
        calendarEvents=[calendar_event()],
    )
    await run("ss12000", "--dir", folder)
    file = tmp_path / "monday.csv"
    file.write_text("pupil_id,lesson_id,invalid_minutes\n" + ",".join([*ids(PUPIL, LESSON), "60"]) + "\nx,y,z\n")
    result = await run("attendance", file)
    assert result.exit_code == 0
    assert numbers(result.output, "attendanceLines") == [2, 1, 0, 0, 1, 0]
    assert "monday.csv:3" in result.output


async def test_what_waits_is_listed_without_names_released_and_refused(database: str, tmp_path: Path) -> None:
    await run("ss12000", "--dir", a_folder(tmp_path, persons=[pupil(securityMarking="Sekretessmarkering")]))
    both = pupil(responsibles=[responsible(MOTHER), responsible(FATHER)])
    wider = await run("ss12000", "--dir", a_folder(tmp_path, persons=[both]))
    assert "2 changes would let more people know" in wider.output
    waits = entries((await run("quarantine")).output)
    assert waits.keys() == {"new_tie", "milder_marking"}
    released = await run("release", waits["milder_marking"], "--by", "Rut at the office")
    refused = await run("refuse", waits["new_tie"], "--by", "Rut at the office", "--note", "no court order")
    assert (released.exit_code, refused.exit_code) == (0, 0)
    await run("ss12000", "--dir", tmp_path)
    left = (await run("quarantine")).output
    assert entries(left).keys() == {"new_tie"}
    assert "refused" in left
    assert "0 wait" in left
    assert "Ek" not in left
    again = await run("release", waits["milder_marking"], "--by", "Rut")
    assert (again.exit_code, "Nothing waits any more" in again.output) == (1, True)


def entries(output: str) -> dict[str, str]:
    """The ids in the table of what waits, by the code word of what would be widened."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if line.startswith("│")]
    return {row[2]: row[0] for row in cells}


async def test_what_cannot_be_imported_ends_with_a_sentence_and_no_trace(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (("ss12000", "--dir", tmp_path / "no"), ("ss12000", "--dir", tmp_path), ("attendance", tmp_path)):
        result = await run(*arguments)
        assert result.exit_code == 1
        assert "Nothing was imported" in " ".join(result.output.split())
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    result = await run("report")
    assert result.exit_code == 1
    assert "does not answer" in result.output
    assert "Traceback" not in result.output
