"""Turns with a registry's API: pages, changes, deletions, and everything that can go wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from deploy.embedded.postgres import Postgres
from services.registry.domain.kinds import ASKED_FOR
from services.registry.domain.report import Run, RunKind
from services.registry.feeds import http
from services.registry.feeds.http import LONGEST_WAIT, TRIES, Api, make_client
from services.registry.hints import Hints
from services.registry.jobs import SourceJob, keep_subscribed
from services.registry.tables import import_run, record
from shared.clock import ManualClock
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from tests.connected.registry_stage import (
    HALF_A_PAGE,
    Double,
    Stage,
    a_double,
    a_stage,
    body,
    ids,
    same_page_for_ever,
    status,
)
from tests.unit.registry.rows import (
    LESSON,
    PUPIL,
    SCHOOL,
    SUBJECT,
    absence,
    activity,
    attendance,
    calendar_event,
    grown_up,
    meta,
    organisation,
    pupil,
)

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with a_stage(postgres, clock) as stage:
        yield stage


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with a_double() as double:
        yield double


def a_municipality(double: Double, people: int = 7) -> None:
    double.lists["organisations"] = [organisation()]
    double.lists["persons"] = [pupil(), *(grown_up(uuid4()) for _ in range(people - 1))]
    double.lists["activities"] = [activity()]
    double.lists["calendarEvents"] = [calendar_event()]
    double.lists["attendances"] = [attendance()]


def new_of(run: Run) -> dict[str, int]:
    return {name: counts["new"] for name, counts in run.counts().items() if counts["new"]}


async def kept(stage: Stage, kind: str) -> int:
    async with stage.importer.kit.sessions() as session:
        mine = (record.c.kind == kind) & record.c.erased_at.is_(None)
        return await session.scalar(select(func.count()).select_from(record).where(mine)) or 0


async def test_everything_comes_page_by_page_and_the_token_goes_with_the_limit_alone(
    stage: Stage, double: Double
) -> None:
    a_municipality(double, people=7)
    run = await stage.pull(double, page_size=3)
    assert run.errors == []
    assert new_of(run) == {"organisations": 1, "persons": 7, "activities": 1, "calendarEvents": 1, "attendances": 1}
    first, *rest = double.asked_for("persons")
    assert first == {"limit": "3"}
    assert [set(query) for query in rest] == [{"limit", "pageToken"}] * 2
    assert double.asked[0][0] == "organisations"


async def test_lessons_are_asked_for_with_the_times_the_standard_demands(stage: Stage, double: Double) -> None:
    await stage.pull(double, lesson_days_back=7, lesson_days_ahead=1)
    [query] = double.asked_for("calendarEvents")
    assert query["startTime.onOrAfter"] == "2026-11-15T23:00:00+00:00"
    assert query["startTime.onOrBefore"] == "2026-11-24T23:00:00+00:00"


async def test_the_next_turn_asks_only_for_changes_and_the_same_again_is_no_news(stage: Stage, double: Double) -> None:
    a_municipality(double)
    await stage.pull(double)
    await stage.news()
    second = await stage.pull(double)
    assert second.kind is RunKind.CHANGES
    assert not second.did_something()
    assert double.asked_for("persons")[-1]["meta.modified.after"] == "2026-11-20T09:00:00+00:00"
    assert await stage.news() == []


async def test_a_change_comes_with_the_next_turn_and_only_it(stage: Stage, double: Double) -> None:
    a_municipality(double)
    await stage.pull(double)
    await stage.news()
    corrected = {"validAbsenceMinutes": 60, "invalidAbsenceMinutes": 0, "meta": meta("2026-11-23T09:00:00+01:00")}
    double.lists["attendances"][0].update(corrected)
    run = await stage.pull(double)
    assert run.counts()["attendances"]["changed"] == 1
    [event] = await stage.events()
    assert isinstance(event, AttendanceRecorded)
    assert (event.valid_minutes, event.invalid_minutes) == (60, 0)


async def test_what_the_source_says_it_deleted_is_erased_once(stage: Stage, double: Double) -> None:
    a_municipality(double)
    double.lists["absences"] = [absence()]
    away = double.lists["absences"][0]["id"]
    async with stage.syncing(double) as sync:
        await sync.pull()
        await stage.news()
        result = double.lists["attendances"].pop()["id"]
        double.lists["absences"].clear()
        double.deleted.append(
            {"attendances": [result], "absences": [away], "activitites": ids(SUBJECT), "grades": ["?"]}
        )
        run = await sync.pull()
        assert {name: counts["erased"] for name, counts in run.counts().items()} == {
            "activities": 1,
            "absences": 1,
            "attendances": 1,
        }
        tombstone, absent, result_gone = await stage.events()
        assert tombstone is None
        assert isinstance(absent, AbsenceReported)
        assert isinstance(result_gone, AttendanceRecorded)
        assert absent.withdrawn
        assert result_gone.withdrawn
        double.lists["activities"] = [activity(meta=meta("2026-11-23T09:00:00+01:00"))]
        assert new_of(await sync.pull()) == {"activities": 1}
        await sync.pull()
        assert await kept(stage, "subject") == 1


async def test_deletions_are_asked_for_from_the_turn_before_with_some_slack(
    stage: Stage, double: Double, clock: ManualClock
) -> None:
    await stage.pull(double)
    assert double.asked_for("deletedEntities") == []
    clock.advance(timedelta(minutes=5))
    await stage.pull(double)
    assert double.asked_for("deletedEntities")[0]["after"] == "2026-11-23T06:59:00+00:00"


async def test_once_a_night_everything_is_compared_and_what_is_gone_is_erased(
    stage: Stage, double: Double, clock: ManualClock
) -> None:
    a_municipality(double, people=20)
    await stage.pull(double)
    await stage.news()
    gone = double.lists["persons"].pop()
    double.lists["calendarEvents"].clear()
    double.lists["calendarEvents"].append(calendar_event(id=str(uuid4())))
    assert "persons" not in {n for n, c in (await stage.pull(double)).counts().items() if c["erased"]}
    clock.advance(timedelta(days=1))
    run = await stage.pull(double, largest_erasure=0.5)
    assert run.kind is RunKind.FULL
    assert {name: counts["erased"] for name, counts in run.counts().items() if counts["erased"]} == {
        "persons": 1,
        "calendarEvents": 1,
    }
    said = await stage.news()
    assert {row.topic for row in said if row.value is None and row.key == gone["id"]} == {
        "roster.persons.v1",
        "roster.contacts.v1",
    }
    [cancelled] = [row for row in said if row.key == str(LESSON)]
    assert LessonPlanned.model_validate_json(cancelled.value).cancelled


async def test_a_night_on_which_the_source_has_lost_nearly_everything_erases_nothing(
    stage: Stage, double: Double, clock: ManualClock
) -> None:
    a_municipality(double, people=30)
    await stage.pull(double)
    double.lists["persons"] = double.lists["persons"][:2]
    clock.advance(timedelta(days=1))
    run = await stage.pull(double)
    assert "of 30 persons the registry no longer lists 28. Nothing was erased" in run.errors[0]
    assert await kept(stage, "person") == 30


async def test_a_night_whose_reading_breaks_off_erases_nothing_and_is_made_up_for(
    stage: Stage, double: Double, clock: ManualClock
) -> None:
    a_municipality(double, people=20)
    await stage.pull(double, page_size=5)
    double.lists["persons"].pop()
    clock.advance(timedelta(days=1))
    double.script["persons"] = [body(HALF_A_PAGE)] * 2
    await stage.pull(double, page_size=5)
    assert await kept(stage, "person") == 20
    run = await stage.pull(double, page_size=5)
    assert run.counts()["persons"]["erased"] == 1


async def test_an_expired_token_is_fetched_anew_once(stage: Stage, double: Double) -> None:
    oauth: dict[str, Any] = {
        "token_url": double.base_url.replace("/v2.0", "/token"),
        "client_id": "skolbro",
        "client_secret": SecretStr("s"),
    }
    async with stage.syncing(double, **oauth) as sync:
        assert (await sync.pull()).errors == []
        assert double.tokens == ["token-1"]
        double.tokens.append("token-2")
        assert (await sync.pull()).errors == []
        assert double.tokens[-1] == "token-3"


async def test_a_token_the_source_refuses_is_said_in_a_sentence(stage: Stage, double: Double) -> None:
    double.tokens.append("another")
    run = await stage.pull(double, token=SecretStr("old"))
    assert "refuses us (401)" in run.errors[0]
    assert "Check its token" in run.errors[0]
    assert "old" not in " ".join(run.errors)


async def test_a_busy_source_is_given_the_time_it_asks_for(stage: Stage, double: Double) -> None:
    a_municipality(double)
    double.script["persons"] = [status(429, Retry_After="7"), status(429, Retry_After="100000"), status(503)]
    run = await stage.pull(double)
    assert run.errors == []
    assert stage.waited == [7.0, LONGEST_WAIT, 2.0]


async def test_a_source_that_stays_broken_ends_the_turn_with_a_sentence_and_keeps_what_was_read(
    stage: Stage, double: Double
) -> None:
    a_municipality(double)
    double.script["persons"] = [status(500)] * TRIES
    run = await stage.pull(double)
    assert f"persons: it answered 500 after {TRIES} tries. What was read before that was kept" in run.errors[0]
    assert new_of(run) == {"organisations": 1}
    assert len(stage.waited) == TRIES - 1
    assert new_of(await stage.pull(double))["persons"] == 7


async def test_a_source_that_does_not_answer_at_all_is_away(stage: Stage, double: Double) -> None:
    run = await stage.pull(double, base_url="http://127.0.0.1:1/v2.0")
    assert "does not answer (ConnectError)" in run.errors[0]


async def test_a_source_that_is_away_for_days_is_one_line_in_the_report(
    stage: Stage, double: Double, clock: ManualClock
) -> None:
    for _ in range(3):
        await stage.pull(double, base_url="http://127.0.0.1:1/v2.0")
        clock.advance(timedelta(hours=20))
    async with stage.importer.kit.sessions() as session:
        [row] = (await session.execute(select(import_run))).all()
    assert row.finished_at - row.started_at == timedelta(hours=40)


async def test_half_a_page_is_asked_for_again(stage: Stage, double: Double) -> None:
    a_municipality(double)
    double.script["persons"] = [body(HALF_A_PAGE)]
    run = await stage.pull(double)
    assert run.errors == []
    assert new_of(run)["persons"] == 7


async def test_a_page_that_stays_damaged_is_reported_and_the_other_lists_go_on(stage: Stage, double: Double) -> None:
    a_municipality(double)
    double.script["persons"] = [body(HALF_A_PAGE)] * 2
    run = await stage.pull(double)
    assert "A page of persons could not be read" in run.errors[0]
    assert new_of(run) == {"organisations": 1, "activities": 1, "calendarEvents": 1}
    assert "persons" in await stage.held()
    healed = await stage.pull(double)
    assert new_of(healed) == {"persons": 7, "attendances": 1}
    assert await stage.held() == {}


async def test_pages_that_lead_back_to_themselves_end_and_what_they_held_is_kept(stage: Stage, double: Double) -> None:
    a_municipality(double)
    double.script["persons"] = same_page_for_ever(pupil())
    run = await stage.pull(double)
    assert "lead back to themselves after 2 pages" in run.errors[0]
    assert await kept(stage, "person") == 1
    assert new_of(run)["calendarEvents"] == 1


@pytest.mark.parametrize("nonsense", [b"[" * 10_000, b"<html>502</html>", b"\xff\xfe\x00", b"", b'{"data": 7}'])
async def test_nonsense_instead_of_a_page_never_stops_the_other_lists(
    stage: Stage, double: Double, nonsense: bytes
) -> None:
    a_municipality(double)
    double.script["organisations"] = [body(nonsense)] * 2
    run = await stage.pull(double)
    assert len(run.errors) == 1
    assert new_of(run)["persons"] == 7


async def test_a_page_larger_than_any_is_refused(stage: Stage, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_PAGE", 1 << 20)
    double.script["organisations"] = [body(b'{"data": ["' + b"x" * (2 << 20) + b'"]}')]
    run = await stage.pull(double)
    assert "more than 1 MB" in run.errors[0]
    assert "page_size" in run.errors[0]


async def test_a_list_the_source_does_not_offer_is_no_error(stage: Stage, double: Double) -> None:
    a_municipality(double)
    double.not_offered = {"attendances", "absences", "calendarEvents", "deletedEntities"}
    assert (await stage.pull(double)).errors == []
    again = await stage.pull(double)
    assert (again.errors, again.did_something()) == ([], False)


async def test_a_question_the_source_does_not_understand_is_said(stage: Stage, double: Double) -> None:
    double.script["groups"] = [status(400)]
    assert "answered 400 to our question" in (await stage.pull(double)).errors[0]


async def test_a_result_before_its_pupil_goes_through_in_a_later_turn(stage: Stage, double: Double) -> None:
    a_municipality(double)
    people = double.lists.pop("persons")
    await stage.pull(double)
    assert len(await stage.held()) == 1
    double.lists["persons"] = [{**one, "meta": meta("2026-11-23T09:00:00+01:00")} for one in people]
    run = await stage.pull(double)
    assert new_of(run)["attendances"] == 1
    assert await stage.held() == {}


async def test_a_turn_with_news_is_noted_and_a_quiet_one_is_not(stage: Stage, double: Double) -> None:
    a_municipality(double)
    for _ in range(3):
        await stage.pull(double)
    async with stage.importer.kit.sessions() as session:
        [row] = (await session.execute(select(import_run))).all()
    assert (row.source, row.kind, row.error) == ("kommunen", "full", None)
    assert row.counts["persons"] == {"read": 7, "new": 7, "changed": 0, "unchanged": 0, "held": 0, "erased": 0}


async def test_we_subscribe_once_prolong_in_time_and_subscribe_anew_when_forgotten(
    stage: Stage, double: Double, clock: ManualClock
) -> None:
    target = "https://skolbro.example/webhook/kommunen"
    async with make_client() as client:
        api = Api(stage.source.model_copy(update={"base_url": double.base_url}), client)

        async def keep() -> None:
            await keep_subscribed(target, "kommunen", api, stage.importer)

        await keep()
        assert double.subscriptions[0]["target"] == target
        assert {"resource": "Attendance"} in double.subscriptions[0]["resourceTypes"]
        assert len(double.subscriptions[0]["resourceTypes"]) == len(ASKED_FOR)
        await keep()
        await keep()
        assert len(double.subscriptions) == 1
        clock.advance(timedelta(days=85))
        double.subscriptions.clear()
        await keep()
        assert len(double.subscriptions) == 1


async def test_the_loop_takes_turns_by_its_clock_and_at_once_on_a_hint(
    stage: Stage, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def a_long_time(_: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(stage.importer.kit.clock, "sleep", a_long_time)
    hints = Hints(["kommunen"])
    source = stage.source.model_copy(update={"base_url": double.base_url, "webhook_url": "https://x/webhook/kommunen"})
    running = asyncio.create_task(SourceJob(source, stage.importer, hints).run())

    async def turns(number: int) -> None:
        async with asyncio.timeout(20):
            while len(double.asked_for("attendances")) < number:  # noqa: ASYNC110 - it is asked over HTTP
                await asyncio.sleep(0.02)

    try:
        await turns(1)
        await asyncio.sleep(0.5)
        assert len(double.asked_for("attendances")) == 1
        assert double.subscriptions
        assert hints.ring("kommunen")
        await turns(2)
        assert not hints.ring("somebody-else")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_loop_goes_on_after_a_turn_with_a_fault(stage: Stage, double: Double) -> None:
    a_municipality(double)
    double.script["organisations"] = [status(403)]
    source = stage.source.model_copy(update={"base_url": double.base_url})
    running = asyncio.create_task(SourceJob(source, stage.importer, Hints(["kommunen"])).run())
    try:
        async with asyncio.timeout(20):
            while not await kept(stage, "school"):  # noqa: ASYNC110 - what is waited for lives in the database
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await kept(stage, "person") == 7
    assert (str(SCHOOL), str(PUPIL)) == (double.lists["organisations"][0]["id"], double.lists["persons"][0]["id"])
