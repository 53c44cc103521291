"""The school year's page and command: who may change it, what a file brings, and what it does to talks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from deploy.embedded.postgres import Postgres
from services.scheduling.commands import school_year_app
from services.scheduling.jobs.coverage import NIGHTS, coverage_handlers
from services.scheduling.web.rounds import add_rounds
from services.scheduling.web.school_year import add_school_year
from shared.clock import ManualClock
from shared.events.duties import DutyMoved
from tests.talks_stage import Stage, talks_stage

pytestmark = pytest.mark.connected
FILE = "name,first_day,last_day,kind\nNovemberlov,2026-11-23,2026-11-27,break\nHT,2026-08-17,2026-12-18,term\n"
BAD = FILE + "Jullov,2026-12-32,,break\n"


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_school_year, add_rounds) as here:
        yield here


async def bring(stage: Stage, who: str, content: str | bytes, whose: Any = "") -> httpx.Response:
    """Send a file as this person."""
    async with stage.client(who) as browser:
        return await browser.post(
            "/talks/school-year",
            data={"csrf": browser.headers["x-csrf"], "whose": str(whose)},
            files={"file": ("year.csv", content, "text/csv")},
        )


async def test_an_officer_brings_in_the_year_of_the_whole_municipality(stage: Stage) -> None:
    answer = await bring(stage, "oskar", FILE)
    assert answer.status_code == 200
    assert "1 terms and 1 breaks are new or changed, 0 were known already." in answer.text
    again = await bring(stage, "oskar", FILE)
    assert "0 terms and 0 breaks are new or changed, 2 were known already." in again.text
    page = (await stage.get("maja", "/talks/school-year")).text
    assert "Novemberlov" in page
    assert "Novemberlov" not in (await stage.get("unni", "/talks/school-year")).text


async def test_bad_rows_are_held_back_with_a_reason_and_good_ones_taken(stage: Stage) -> None:
    answer = await bring(stage, "oskar", BAD)
    assert answer.status_code == 400
    assert "1 row was held back:" in answer.text
    assert "“2026-12-32” is not a date." in answer.text
    assert len(await stage.rows("select * from school_break")) == 1


async def test_a_file_that_is_something_else_changes_nothing(stage: Stage) -> None:
    answer = await bring(stage, "oskar", b"\xff\xd8 a picture")
    assert answer.status_code == 400
    assert "The file is not text in UTF-8." in answer.text
    assert not await stage.rows("select * from term")


async def test_a_principal_changes_only_their_own_school(stage: Stage) -> None:
    assert (await bring(stage, "rut", FILE)).status_code == 404  # the whole municipality
    assert (await bring(stage, "rut", FILE, stage.school["south"])).status_code == 404
    assert (await bring(stage, "rut", FILE, stage.school["north"])).status_code == 200
    assert {row.school_id for row in await stage.rows("select school_id from term")} == {stage.school["north"]}
    assert "Novemberlov" not in (await stage.get("mats", "/talks/school-year")).text
    [row] = await stage.rows("select break_id from school_break")
    assert (await stage.post("rolf", "/talks/school-year/remove", row_id=row.break_id)).status_code == 404
    assert (await stage.post("rut", "/talks/school-year/remove", row_id=row.break_id)).status_code == 303
    assert not await stage.rows("select * from school_break")
    for who in ("anna", "ebba", "tora"):
        assert (await stage.get(who, "/talks/school-year")).status_code == 404
    for who in ("maja", "anna"):
        assert (await bring(stage, who, FILE, stage.school["north"])).status_code == 404


async def test_one_day_can_be_added_by_hand(stage: Stage) -> None:
    day = {"kind": "break", "name": "Studiedag, personal", "first": "2026-11-24", "last": ""}
    assert (await stage.post("oskar", "/talks/school-year/add", day)).status_code == 200
    assert [row.name for row in await stage.rows("select name from school_break")] == ["Studiedag, personal"]
    assert (await stage.post("oskar", "/talks/school-year/add", {**day, "first": "soon"})).status_code == 400


async def test_no_round_is_laid_in_a_break_that_was_brought_in(stage: Stage) -> None:
    await bring(stage, "oskar", FILE)
    fields = {"classes": [stage.group["6A"]], "day_0": "2026-11-24", "from_0": "15:00", "to_0": "18:00", "act": "open"}
    dates = {"answer_by": "2026-11-12T20:00", "books_until": "2026-11-22T20:00"}
    answer = await stage.post("maja", "/talks/rounds/new", {**fields, **dates})
    assert answer.status_code == 400
    assert "There is no school on this day (Novemberlov)." in answer.text
    page = (await stage.get("maja", "/talks/rounds/new")).text
    assert 'value="2026-11-19"' in page or 'value="2026-12-01"' in page
    assert 'value="2026-11-24"' not in page


async def test_duties_move_with_the_terms_when_they_are_recorded_later(stage: Stage) -> None:
    await NIGHTS.begin(stage.kit)
    await stage.fall_due(coverage_handlers(stage.settings))
    await bring(stage, "oskar", FILE)
    await stage.forward(1, coverage_handlers(stage.settings))
    mine = [one for one in await stage.said(DutyMoved) if one.pupil_id == stage.who["ebba"]]
    assert [one.day for one in mine] == [date(2026, 12, 21), date(2026, 12, 18)]
    assert len({one.duty_id for one in mine}) == 1


@pytest.fixture
def command(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """The command as a person runs it, on the stage's database."""
    monkeypatch.setenv("SCHEDULING_DATABASE_URL", stage.kit.own.database_url)
    monkeypatch.setenv("COLUMNS", "300")

    async def run(content: bytes, *options: str) -> Result:
        file = tmp_path / "year.csv"
        file.write_bytes(content)
        return await asyncio.to_thread(CliRunner().invoke, school_year_app, ["import", str(file), *options])

    return run


async def test_the_command_takes_the_good_rows_and_tells_of_the_others(
    stage: Stage, command: Callable[..., Any]
) -> None:
    result = await command(BAD.encode(), "--municipality", "Brohamn")
    assert result.exit_code == 2
    assert "1 terms and 1 breaks are new or changed" in result.output
    assert "Row 4 was held back: “2026-12-32” is not a date." in result.output
    assert len(await stage.rows("select * from term")) == 1
    result = await command(FILE.encode(), "--municipality", "Brohamn", "--school", "lindskolan")
    assert result.exit_code == 0
    places = {row.school_id for row in await stage.rows("select school_id from term")}
    assert places == {None, stage.school["south"]}


async def test_the_command_says_what_it_does_not_know(command: Callable[..., Any]) -> None:
    unknown = await command(FILE.encode(), "--municipality", "Ingenstad")
    assert (unknown.exit_code, "No school of “Ingenstad” is known here." in unknown.output) == (1, True)
    school = await command(FILE.encode(), "--municipality", "Brohamn", "--school", "Fjordskolen")
    assert (school.exit_code, "It has: Björkskolan, Lindskolan." in school.output) == (1, True)
    picture = await command(b"\xff\xd8", "--municipality", "Brohamn")
    assert (picture.exit_code, "not text in UTF-8" in picture.output) == (1, True)
