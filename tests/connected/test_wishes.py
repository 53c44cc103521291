"""When can you come? One page for all children at all schools, kept, shown again, and nobody else's business."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from services.scheduling.web.wishes import add_wishes
from shared.clock import ManualClock
from shared.events.scheduling import TalkState, TalkStated
from tests.talks_stage import TUESDAY, Stage, at, statements, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_wishes) as opened:
        yield opened


def part(clock: str, day: date = TUESDAY) -> str:
    return f"t{int(at(clock, day).timestamp())}"


async def kept(stage: Stage, who: str) -> list[tuple[str, str, bool]]:
    rows = await stage.rows(
        "select starts_at, ends_at, gladly from wish where person_id = :who order by starts_at", who=stage.who[who]
    )
    return [(f"{row.starts_at:%d %H:%M}", f"{row.ends_at:%H:%M}", row.gladly) for row in rows]


async def talks(stage: Stage, round_id: UUID, pupil: str) -> dict[int, tuple[str, set[UUID]]]:
    rows = await stage.rows(
        "select household, state, guardian_ids from talk where round_id = :round and pupil_id = :pupil",
        round=round_id,
        pupil=stage.who[pupil],
    )
    return {row.household: (row.state, set(row.guardian_ids)) for row in rows}


async def test_one_page_asks_about_all_children_at_all_their_schools(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "6A", "4B")
    await stage.round(RoundState.WISHES, "9C", days=[(TUESDAY, "16:00", "19:00")])
    page = (await stage.get("anna", "/talks/wishes")).text
    assert all(name in page for name in ("Ebba Ek", "Emil Ek", "Olle Ek", "Björkskolan", "Lindskolan"))
    assert page.count("Tuesday 17 November") == 1
    assert "15:00–19:00" in page
    assert "Olle Ek" not in (await stage.get("bo", "/talks/wishes")).text


async def test_the_page_takes_at_most_six_statements(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "6A", "4B")
    sent = statements(stage.kit)
    assert (await stage.get("anna", "/talks/wishes")).status_code == 200
    asked = [one for one in sent if "outbox" not in one]
    assert len(asked) <= 6 + 1, asked  # and one to say the reach in which the look is written down


async def test_an_answer_is_kept_shown_again_and_can_be_changed(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "6A")
    answer = await stage.post(
        "anna", "/talks/wishes", {part("15:00"): "cannot", part("16:00"): "gladly"}, interpreter="so", more_time="on"
    )
    assert answer.status_code == 303
    assert await kept(stage, "anna") == [
        ("17 15:00", "16:00", True),
        ("17 16:00", "17:00", False),
        ("19 14:00", "17:00", False),
    ]
    page = " ".join((await stage.get("anna", "/talks/wishes")).text.split())
    assert f'name="{part("16:00")}" value="gladly" checked' in page
    assert f'name="{part("15:00")}" value="cannot" checked' in page
    assert '<option value="so" selected>Somali</option>' in page
    assert "You have answered" in page
    await stage.post("anna", "/talks/wishes", all="yes")
    assert await kept(stage, "anna") == []


async def test_overlapping_exact_times_are_merged_not_refused(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "6A")
    exact = {f"from-{TUESDAY}": ["15:00", "15:30"], f"until-{TUESDAY}": ["16:00", "16:45"]}
    await stage.post("anna", "/talks/wishes", {**exact, f"how-{TUESDAY}": ["can", "can"]})
    assert (await kept(stage, "anna"))[0] == ("17 14:00", "15:45", False)


async def test_what_cannot_be_read_is_shown_again_with_a_sentence_and_nothing_is_kept(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "6A")
    wrong = {f"from-{TUESDAY}": "17:00", f"until-{TUESDAY}": "16:00"}
    answer = await stage.post("anna", "/talks/wishes", wrong)
    assert answer.status_code == 400
    assert "must be later than the time it begins" in answer.text
    assert 'value="17:00"' in answer.text
    assert await kept(stage, "anna") == []
    no = {
        part(clock, day): "cannot" for day in (TUESDAY, TUESDAY + timedelta(2)) for clock in ("15:00", "16:00", "17:00")
    }
    assert "You have said no to every time" in (await stage.post("anna", "/talks/wishes", no)).text


async def test_after_the_last_day_to_answer_nothing_changes_and_the_page_points_to_swapping(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "6A")
    stage.clock.advance(timedelta(days=7, minutes=1))
    page = (await stage.get("anna", "/talks/wishes")).text
    assert "The time to answer is over" in page
    assert 'href="/talks"' in page
    assert (await stage.post("anna", "/talks/wishes", all="yes")).status_code == 404


async def test_a_pupil_of_age_answers_alone_and_a_younger_one_is_not_asked(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "9C")
    assert "Your own talk" in (await stage.get("alva", "/talks/wishes")).text
    assert (await stage.post("alva", "/talks/wishes", {part("15:00"): "gladly"})).status_code == 303
    assert await kept(stage, "alva")
    for other in ("gun", "olle", "stina", "mats", "rut", "oskar"):
        assert "Nobody asks just now" in (await stage.get(other, "/talks/wishes")).text
        assert (await stage.post(other, "/talks/wishes", all="yes")).status_code == 404


async def test_a_talk_apart_is_asked_for_only_where_the_school_grants_it(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A")
    assert "talk apart" not in (await stage.get("anna", "/talks/wishes")).text
    await stage.post("anna", "/talks/wishes", apart="on")
    assert await talks(stage, round_id, "ebba") == {0: ("wanted", {stage.who["anna"], stage.who["bo"]})}


async def test_a_talk_is_split_into_two_households_and_rejoined_when_both_withdraw_it(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A", separate_talks=True)
    anna, bo = stage.who["anna"], stage.who["bo"]
    await stage.post("anna", "/talks/wishes", apart="on")
    after = await talks(stage, round_id, "ebba")
    assert after.pop(0)[0] == TalkState.CANCELLED
    assert sorted(after) == [1, 2]
    assert sorted(after.values(), key=str) == sorted([("wanted", {anna}), ("wanted", {bo})], key=str)
    said = [one for one in await stage.said(TalkStated) if one.pupil_id == stage.who["ebba"]]
    assert sorted(one.state for one in said) == ["cancelled", "wanted", "wanted"]

    page = (await stage.get("bo", "/talks/wishes")).text
    assert "Ebba Ek" in page
    assert 'name="apart"' in page
    assert 'value="on" checked' not in page  # what Anna asked for is hers
    await stage.post("bo", "/talks/wishes", apart="on")
    await stage.post("anna", "/talks/wishes")
    assert (await talks(stage, round_id, "ebba"))[0][0] == TalkState.CANCELLED
    await stage.post("bo", "/talks/wishes")
    assert {number: state for number, (state, _) in (await talks(stage, round_id, "ebba")).items()} == {
        0: "wanted",
        1: "cancelled",
        2: "cancelled",
    }


async def test_once_a_talk_has_a_time_it_is_not_split_any_more(stage: Stage) -> None:
    round_id = await stage.round(RoundState.WISHES, "6A", separate_talks=True)
    await stage.give(round_id, "ebba", 0)
    await stage.post("anna", "/talks/wishes", apart="on")
    assert await talks(stage, round_id, "ebba") == {0: ("booked", {stage.who["anna"], stage.who["bo"]})}


async def test_a_guardian_alone_is_not_asked_about_a_talk_apart(stage: Stage) -> None:
    await stage.round(RoundState.WISHES, "4B", separate_talks=True)
    assert "talk apart" not in (await stage.get("sven", "/talks/wishes")).text
    assert "talk apart" in (await stage.get("bo", "/talks/wishes")).text


async def test_who_is_not_logged_in_is_sent_to_log_in(stage: Stage) -> None:
    assert (await stage.get(None, "/talks/wishes")).status_code in (303, 401)
