"""What homes say: kept once, changed for a while, taken back; the school sees sums of at least five, and no name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.web.bulletin import add_bulletin
from services.bulletins.web.feedback import add_feedback
from shared.clock import ManualClock
from shared.events.scheduling import TalkState
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.letters import sent, talk
from tests.portal_stage import statements, ties

pytestmark = pytest.mark.connected
HOMES_OF_4B = ("anna", "bo", "sven", "hanna", "ida")


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, add_feedback, add_bulletin) as here:
        yield here


async def say(stage: Stage, who: str, letter: UUID, score: object = 4, words: str = "") -> httpx.Response:
    """Answer about a bulletin."""
    return await stage.post(who, f"/feedback/bulletins/{letter}", score=score, words=words)


async def kept(stage: Stage) -> list[tuple[object, ...]]:
    """Every answer there is."""
    rows = await stage.rows("select person_id, score, words, group_id from feedback order by at, words")
    return [tuple(row) for row in rows]


async def test_a_home_answers_once_changes_it_and_takes_it_back(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    assert (await say(stage, "hanna", letter, 2, "Too short.")).headers["location"] == (
        f"/bulletins/{letter}?answered=1#answer"
    )
    assert (await say(stage, "hanna", letter, 5, "Better now.")).status_code == 303
    assert await kept(stage) == [(stage.who["hanna"], 5, "Better now.", stage.group["4B"])]
    page = (await stage.get("hanna", "/feedback")).text
    assert "Better now." in page
    assert "Much help" in page
    [mine] = await stage.rows("select feedback_id from feedback")
    assert (await stage.post("ida", f"/feedback/{mine.feedback_id}/take-back")).status_code == 404
    assert (await stage.post("hanna", f"/feedback/{mine.feedback_id}/take-back")).status_code == 303
    assert await kept(stage) == []


async def test_an_answer_can_be_changed_for_thirty_days_from_the_first_and_taken_back_after(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    await say(stage, "hanna", letter, 2)
    stage.clock.advance(timedelta(days=29))
    await say(stage, "hanna", letter, 3)
    stage.clock.advance(timedelta(days=1))
    answer = await say(stage, "hanna", letter, 4)
    assert answer.status_code == 400
    assert "for 30 days" in answer.text
    assert [row[1] for row in await kept(stage)] == [3]
    page = (await stage.get("hanna", f"/bulletins/{letter}")).text
    assert "Take my answer back" in page
    assert "Change my answer" not in page


@pytest.mark.parametrize(
    ("score", "words", "said"), [("", "", "Choose one of the five"), ("4", "x" * 2001, "too long"), ("9", "", "Choose")]
)
async def test_what_is_no_answer_is_shown_again_with_what_was_typed(
    stage: Stage, score: str, words: str, said: str
) -> None:
    letter = await sent(stage, "4B")
    answer = await say(stage, "hanna", letter, score, words)
    assert answer.status_code == 400
    assert said in answer.text
    assert not words or words in answer.text
    assert await kept(stage) == []


async def test_only_those_it_was_for_can_answer(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    for who in ("malte", "rut", "oskar", "greta", "stina", "ulla"):
        assert (await say(stage, who, letter)).status_code == 404
    assert (await say(stage, "emil", letter)).status_code == 303


async def test_fewer_than_five_answers_are_not_shown_and_five_are_shown_without_names(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    for who in HOMES_OF_4B[:4]:
        await say(stage, who, letter, 1, f"said at home {HOMES_OF_4B.index(who)}")
    for who in ("malte", "rut"):
        page = (await stage.get(who, "/feedback")).text
        assert "too few to show" in page
        assert "said at home" not in page
        assert "on average" not in page
    await say(stage, "ida", letter, 5)
    for who in ("malte", "rut"):
        page = (await stage.get(who, "/feedback")).text
        assert "5 homes have answered" in page
        assert "on average 1.8 of 5" in page
        assert "said at home 2" in page
        assert not any(f"{one} " in page for one in ("Anna Ek", "Bo Alm", "Sven Strand", "Hanna Holm"))
    for who in ("maja", "mats", "rolf", "unni"):
        assert "said at home" not in (await stage.get(who, "/feedback")).text


async def test_small_classes_are_counted_together_and_no_sum_tells_what_one_of_them_said(stage: Stage) -> None:
    letter = await sent(stage, "4B", "6A")
    for who in ("sven", "hanna", "ida"):
        await say(stage, who, letter, 5)
    for who in ("greta", "frida"):
        await say(stage, who, letter, 1)
    page = (await stage.get("rut", "/feedback")).text
    assert "Several classes together" in page
    assert "5 homes have answered" in page
    assert "<h3>4B</h3>" not in page
    assert "<h3>6A</h3>" not in page
    assert "too few to show" in (await stage.get("malte", "/feedback")).text


async def test_after_a_talk_the_home_is_asked_how_it_was_and_nobody_else(stage: Stage) -> None:
    round_id, planned = uuid4(), uuid4()
    await talk(stage, round_id, "hugo", starts_at=stage.now - timedelta(days=1))
    await talk(stage, planned, "hugo", TalkState.BOOKED)
    page = (await stage.get("hanna", "/feedback")).text
    assert f'href="/feedback/rounds/{round_id}"' in page
    assert str(planned) not in page
    assert "Hugo Holm" in page
    path = f"/feedback/rounds/{round_id}"
    assert (await stage.post("hanna", path, score=4, words="We were heard.")).status_code == 303
    assert await kept(stage) == [(stage.who["hanna"], 4, "We were heard.", stage.group["4B"])]
    assert "We were heard." in (await stage.get("hanna", path)).text
    assert f'class="button" href="{path}"' not in (await stage.get("hanna", "/feedback")).text
    for who in ("ida", "greta", "malte", "rut", "stina", "ulla"):
        assert (await stage.get(who, path)).status_code == 404
        assert (await stage.post(who, path, score=1)).status_code == 404
    assert (await stage.post("hanna", f"/feedback/rounds/{planned}", score=1)).status_code == 404


async def test_who_loses_the_right_to_the_pupil_answers_no_more_and_can_still_take_it_back(stage: Stage) -> None:
    round_id = uuid4()
    await talk(stage, round_id, "hugo")
    await stage.post("hanna", f"/feedback/rounds/{round_id}", score=2, words="Mine.")
    await stage.hear(ties(stage.tenant, stage.who["hugo"], version=2))
    assert (await stage.get("hanna", f"/feedback/rounds/{round_id}")).status_code == 404
    assert (await stage.post("hanna", f"/feedback/rounds/{round_id}", score=1)).status_code == 404
    [mine] = await stage.rows("select feedback_id from feedback")
    assert (await stage.post("hanna", f"/feedback/{mine.feedback_id}/take-back")).status_code == 303
    assert await kept(stage) == []


@pytest.mark.parametrize("who", ["anna", "malte", "rut", "oskar"])
async def test_no_page_asks_the_database_more_than_six_times(stage: Stage, who: str) -> None:
    letter = await sent(stage, "4B")
    for one in HOMES_OF_4B:
        await say(stage, one, letter)
    asked = statements(stage.kit)
    assert (await stage.get(who, "/feedback")).status_code == 200
    assert len(asked) <= 6, asked
