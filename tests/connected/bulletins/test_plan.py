"""The pages of the plan: a class's for its mentor, a school's for its principal, all schools' for officers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.domain.plans import Country, half_year_id, spread
from services.bulletins.web.classes import add_classes
from services.bulletins.web.plan import add_plan
from shared.clock import ManualClock
from shared.events.duties import DutyKind, DutyMoved
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.test_duties import begin, send, write
from tests.portal_stage import statements

pytestmark = pytest.mark.connected
DATES = spread(Country.SE, date(2026, 8, 15), date(2026, 12, 20), 3)
TODAY = date(2026, 11, 2)
PLAN = "/bulletins/plan"


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    """November: 6A has sent its first bulletin, the other classes have not."""
    async with bulletins_stage(postgres, clock, add_plan, add_classes) as here:
        await begin(here)
        here.at("10:00", DATES[0] - timedelta(days=3))
        await send(here, "6A")
        here.at("09:00", TODAY)
        yield here


def plain(page: httpx.Response) -> str:
    """The words of a page, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def of(stage: Stage, name: str) -> str:
    return f"/bulletins/classes/{stage.group[name]}"


async def place(stage: Stage, name: str, number: int) -> UUID:
    query = "select place_id from place where group_id = :id and number = :number"
    return UUID(str((await stage.rows(query, id=stage.group[name], number=number))[0].place_id))


async def due_on(stage: Stage, name: str, number: int) -> date:
    rows = await stage.rows("select due_on from place where place_id = :id", id=await place(stage, name, number))
    found: date = rows[0].due_on
    return found


async def test_a_mentor_sees_the_half_year_at_a_glance(stage: Stage) -> None:
    page = await stage.get("maja", of(stage, "6A"))
    assert page.status_code == 200
    words = plain(page)
    assert "1 of 3 sent" in words
    assert "1 of 3 Sent" in words
    assert f"In {(DATES[1] - TODAY).days} days" in words
    assert "3 of 3 Later" in words
    assert f"/bulletins/new?class={stage.group['6A']}" in page.text
    late = plain(await stage.get("malte", of(stage, "4B")))
    assert f"{(TODAY - DATES[0]).days} days late" in late


@pytest.mark.parametrize("who", ["malte", "anna", "ebba", "tora", "rolf", "oskar", "uffe", "unni"])
async def test_a_class_page_is_for_its_mentors_and_principal_alone(stage: Stage, who: str) -> None:
    assert (await stage.get(who, of(stage, "6A"))).status_code == 404
    form = {"place_id": await place(stage, "6A", 2), "due_on": "2026-11-12"}
    assert (await stage.post(who, f"{of(stage, '6A')}/move", form)).status_code == 404
    assert (await stage.post(who, f"{of(stage, '6A')}/diary", on="2026-11-12", words="x")).status_code == 404
    assert (await stage.post(who, f"{of(stage, '6A')}/diary/remove", activity_id=uuid4())).status_code == 404
    assert await due_on(stage, "6A", 2) == DATES[1]


async def test_a_class_that_does_not_exist_is_the_same_as_one_that_is_not_yours(stage: Stage) -> None:
    assert (await stage.get("maja", f"/bulletins/classes/{uuid4()}")).status_code == 404
    assert (await stage.get(None, of(stage, "6A"))).status_code in (303, 401)


async def test_a_mentor_moves_a_date_and_what_is_owed_follows(stage: Stage) -> None:
    await stage.forget_said()
    form = {"place_id": await place(stage, "6A", 2), "due_on": "2026-11-12"}
    answer = await stage.post("maja", f"{of(stage, '6A')}/move", form)
    assert answer.status_code == 303
    assert await due_on(stage, "6A", 2) == date(2026, 11, 12)
    said = [one for one in await stage.said(DutyMoved) if one.kind is DutyKind.CLASS_BULLETIN]
    assert {one.day for one in said} == {date(2026, 11, 12)}
    assert len({one.pupil_id for one in said}) == 5
    assert "the date was moved" in plain(await stage.get("rut", of(stage, "6A")))


@pytest.mark.parametrize(
    ("number", "day", "words"),
    [
        (1, "2026-11-12", "has been sent already"),
        (2, "2026-10-30", "today or a day to come"),
        (2, "2026-12-14", "between the bulletin before and the one after"),
        (3, "2026-12-21", "within the half-year"),
        (2, "2026-11-14", "no school on this day"),
        (2, "no day", "Please give a day"),
    ],
)
async def test_a_date_that_cannot_be_is_said_and_nothing_moves(stage: Stage, number: int, day: str, words: str) -> None:
    form = {"place_id": await place(stage, "6A", number), "due_on": day}
    answer = await stage.post("maja", f"{of(stage, '6A')}/move", form)
    assert answer.status_code == 400
    assert words in plain(answer)
    assert await due_on(stage, "6A", number) == DATES[number - 1]


async def test_another_classs_place_is_not_moved_through_ones_own(stage: Stage) -> None:
    form = {"place_id": await place(stage, "4B", 2), "due_on": "2026-11-12"}
    assert (await stage.post("maja", f"{of(stage, '6A')}/move", form)).status_code == 404
    assert await due_on(stage, "4B", 2) == DATES[1]


async def test_what_is_late_cannot_be_moved_out_of_sight(stage: Stage) -> None:
    form = {"place_id": await place(stage, "4B", 1), "due_on": "2026-11-12"}
    answer = await stage.post("malte", f"{of(stage, '4B')}/move", form)
    assert answer.status_code == 400
    assert "its day has passed" in plain(answer).lower() or "day of this bulletin has passed" in plain(answer)


async def test_the_diary_is_written_and_struck(stage: Stage) -> None:
    diary = f"{of(stage, '6A')}/diary"
    assert (await stage.post("maja", diary, on="2026-11-20", words="The <b>concert</b>")).status_code == 303
    assert (await stage.post("maja", diary, on="2026-10-20", words="The museum")).status_code == 303
    page = await stage.get("maja", of(stage, "6A"))
    assert "The &lt;b&gt;concert&lt;/b&gt;" in page.text
    assert plain(page).index("concert") < plain(page).index("The museum")
    line = (await stage.rows("select activity_id from activity where words = 'The museum'"))[0].activity_id
    assert (await stage.post("malte", f"{of(stage, '4B')}/diary/remove", activity_id=line)).status_code == 404
    assert (await stage.post("maja", f"{diary}/remove", activity_id=line)).status_code == 303
    assert "The museum" not in (await stage.get("maja", of(stage, "6A"))).text


@pytest.mark.parametrize(
    ("on", "words", "error"),
    [
        ("", "Words", "Please give a day."),
        ("2031-01-01", "Words", "day of this school year"),
        ("2026-11-03", " ", "a few words"),
        ("2026-11-03", "x" * 301, "too long"),
    ],
)
async def test_a_line_that_cannot_be_is_shown_again_as_it_was_typed(
    stage: Stage, on: str, words: str, error: str
) -> None:
    answer = await stage.post("maja", f"{of(stage, '6A')}/diary", on=on, words=words)
    assert answer.status_code == 400
    assert error in plain(answer)
    assert words.strip() in answer.text
    assert await stage.rows("select * from activity") == []


async def test_the_principal_sees_the_latest_class_first_with_what_was_sent(stage: Stage) -> None:
    page = await stage.get("rut", PLAN)
    words = plain(page)
    assert words.index("4B") < words.index("6A")
    assert "0 of 3" in words
    assert "1 of 6 bulletins sent" in words
    assert "1 class is late" in words
    assert f"{(TODAY - DATES[0]).days} days late" in words
    assert "Maja Mentor" in words
    assert "9C" not in words


async def test_a_class_without_a_mentor_is_shown_as_nobodys(stage: Stage) -> None:
    post = await stage.post_of("maja")
    await stage.hear(stage.post_stated(None, "north", "6A", post_id=post, version=2))
    assert "Nobody" in plain(await stage.get("rut", PLAN))


@pytest.mark.parametrize("who", ["maja", "anna", "ebba", "tora"])
async def test_the_plan_of_a_school_is_for_those_in_charge(stage: Stage, who: str) -> None:
    assert (await stage.get(who, PLAN)).status_code == 404
    assert (await stage.get(who, f"{PLAN}?school={stage.school['north']}")).status_code == 404


async def test_a_principal_does_not_see_another_schools_plan(stage: Stage) -> None:
    assert (await stage.get("rolf", f"{PLAN}?school={stage.school['north']}")).status_code == 404
    assert "9C" in plain(await stage.get("rolf", PLAN))


async def test_an_officer_sees_all_schools_the_late_first_and_each_without_drafts_or_forms(stage: Stage) -> None:
    words = plain(await stage.get("oskar", PLAN))
    assert "Björkskolan" in words
    assert "Lindskolan" in words
    assert "Fjordskolen" not in words
    assert "1 of 6" in words
    page = await stage.get("oskar", f"{PLAN}?school={stage.school['north']}")
    assert "Maja Mentor" in plain(page)
    assert "Change the half-year" not in plain(page)
    assert "/bulletins/classes/" not in page.text
    assert (await stage.get("oskar", f"{PLAN}?school={stage.school['far']}")).status_code == 404


async def test_the_principal_changes_the_half_year_and_the_dates_follow(stage: Stage) -> None:
    half = half_year_id(stage.school["north"], "2026 autumn")
    form = {"half_year_id": half, "starts": "2026-08-15", "ends": "2026-12-11", "quota": "4", "approval": "on"}
    assert (await stage.post("rut", PLAN, form)).status_code == 303
    fresh = spread(Country.SE, date(2026, 8, 15), date(2026, 12, 11), 4)
    rows = await stage.rows("select due_on from place where group_id = :id order by number", id=stage.group["4B"])
    assert [row.due_on for row in rows] == fresh
    kept = await stage.rows("select due_on from place where group_id = :id order by number", id=stage.group["6A"])
    assert [row.due_on for row in kept] == [DATES[0], *fresh[1:]]  # the first was sent
    row = (await stage.rows("select * from half_year where half_year_id = :id", id=half))[0]
    assert (row.quota, row.approval, row.by_hand) == (4, True, True)
    await stage.night()
    assert (await stage.rows("select quota from half_year where half_year_id = :id", id=half))[0].quota == 4


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ends": "2026-08-01"}, "last day must come after the first"),
        ({"quota": "99"}, "between 1 and 12"),
        ({"quota": "many"}, "last day must come after the first"),
        ({"ends": "2027-06-30"}, "between four weeks and eight months"),
        ({"ends": "2026-10-30"}, "last day must be to come"),
    ],
)
async def test_a_half_year_that_cannot_be_is_shown_again(stage: Stage, more: dict[str, str], words: str) -> None:
    form = {"half_year_id": half_year_id(stage.school["north"], "2026 autumn"), "starts": "2026-08-15"}
    typed = {**form, "ends": "2026-12-20", "quota": "3", **more}
    answer = await stage.post("rut", PLAN, typed)
    assert answer.status_code == 400
    assert words in plain(answer)
    assert all(value in answer.text for value in more.values())


async def test_a_half_year_that_is_over_is_not_changed(stage: Stage) -> None:
    stage.at("09:00", date(2027, 1, 20))
    half = half_year_id(stage.school["north"], "2026 autumn")
    form = {"half_year_id": half, "starts": "2026-08-15", "ends": "2027-03-01", "quota": "1"}
    answer = await stage.post("rut", PLAN, form)
    assert answer.status_code == 400
    assert "is over" in plain(answer)


@pytest.mark.parametrize("who", ["maja", "rolf", "oskar", "anna", "unni"])
async def test_nobody_else_changes_a_schools_half_year(stage: Stage, who: str) -> None:
    half = half_year_id(stage.school["north"], "2026 autumn")
    form = {"half_year_id": half, "starts": "2026-08-15", "ends": "2026-12-11", "quota": "1"}
    assert (await stage.post(who, PLAN, form)).status_code == 404
    assert (await stage.rows("select quota from half_year where half_year_id = :id", id=half))[0].quota == 3


async def test_whoever_takes_over_a_class_finds_its_plan_and_its_draft(stage: Stage) -> None:
    draft = await write(stage, "6A", state="draft", sent_at=None)
    post, other = await stage.post_of("maja"), await stage.post_of("tora")
    await stage.hear(
        stage.post_stated("maja", "north", "6A", post_id=post, version=2, ends=TODAY),
        stage.post_stated("tora", "north", "6A", post_id=other, version=2, starts=TODAY),
    )
    assert (await stage.get("maja", of(stage, "6A"))).status_code == 404
    page = await stage.get("tora", of(stage, "6A"))
    assert f"/bulletins/{draft}/edit" in page.text
    assert "1 of 3 sent" in plain(page)


async def test_a_mentor_finds_the_way_to_their_classes(stage: Stage) -> None:
    answer = await stage.get("maja", "/bulletins/classes")
    assert (answer.status_code, answer.headers["location"]) == (303, of(stage, "6A"))
    both = stage.post_stated("maja", "north", "4B", post_id=uuid4())
    await stage.hear(both)
    page = await stage.get("maja", "/bulletins/classes")
    assert of(stage, "6A") in page.text
    assert of(stage, "4B") in page.text
    assert (await stage.get("anna", "/bulletins/classes")).status_code == 404


@pytest.mark.parametrize(("who", "path"), [("maja", "class"), ("rut", PLAN), ("oskar", PLAN)])
async def test_a_page_asks_the_database_at_most_six_times(stage: Stage, who: str, path: str) -> None:
    asked = of(stage, "6A") if path == "class" else path
    found = statements(stage.kit)
    assert (await stage.get(who, asked)).status_code == 200
    assert 0 < len(found) <= 6
