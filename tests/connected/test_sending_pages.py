"""The pages on which officers see how messages leave, try everything on guests, and are alone in doing so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from deploy.embedded.postgres import Postgres
from services.notifications.domain.replies import Outcome
from services.notifications.store.handover import count
from services.notifications.store.trial import trials
from services.notifications.web.status import add_status
from services.notifications.web.trial import add_trial
from services.notifications.web.wordings import add_wordings
from shared.clock import ManualClock
from shared.events.notify import Lane
from tests.connected.sending_stage import sending_stage
from tests.talks_stage import ELSEWHERE, HERE, Stage

pytestmark = pytest.mark.connected
NOTHING = {"handed_over": 0, "in_time": 0, "share_in_time": None, "failed": 0, "uncertain": 0}
PAGES = ("/sending", "/sending/status.json", "/sending/trial", "/sending/words", "/sending/words/talk_booked")


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with sending_stage(postgres, clock, add_status, add_trial, add_wordings) as here:
        yield here


async def left(stage: Stage, *rows: tuple[object, Lane, bool, Outcome]) -> None:
    async with stage.kit.sessions.begin() as session:
        await count(session, rows, stage.clock.now())  # type: ignore[arg-type]


async def asked(stage: Stage, school: str, status: str = "waiting", minutes: int = -3, lane: str = "normal") -> None:
    given = {"school": stage.school[school], "status": status, "lane": lane, "now": stage.clock.now()}
    async with stage.kit.sessions.begin() as session:
        await session.execute(
            text(
                "insert into notification (notification_id, kind, school_id, day, lesson_count, requested_at, "
                "received_at, status, next_attempt_at, lane) values (gen_random_uuid(), 'talk_booked', :school, :now, "
                "1, :now, :now, :status, :again, :lane)"
            ),
            {**given, "again": stage.clock.now() + timedelta(minutes=minutes)},
        )


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("who", ["anna", "ebba", "maja", "rut"])
async def test_for_everybody_but_officers_the_pages_do_not_exist(stage: Stage, who: str, path: str) -> None:
    assert (await stage.get(who, path)).status_code == 404


@pytest.mark.parametrize("path", PAGES)
async def test_whoever_has_not_logged_in_is_led_to_the_door_or_refused(stage: Stage, path: str) -> None:
    assert (await stage.get(None, path)).status_code in (303, 401)


async def test_an_officer_sees_the_share_that_left_within_ten_seconds_of_their_own_municipality(stage: Stage) -> None:
    accepted = Outcome.ACCEPTED
    rows = [(HERE, Lane.URGENT, True, accepted)] * 3 + [(HERE, Lane.URGENT, False, accepted)]
    await left(stage, *rows, (HERE, Lane.BULK, True, Outcome.UNCERTAIN), (ELSEWHERE, Lane.URGENT, False, accepted))
    found = (await stage.get("oskar", "/sending/status.json")).json()
    urgent = {"handed_over": 4, "in_time": 3, "share_in_time": 0.75, "failed": 0, "uncertain": 0}
    assert found["spans"]["hour"] == {"urgent": urgent, "normal": NOTHING, "bulk": {**NOTHING, "uncertain": 1}}
    page = (await stage.get("oskar", "/sending")).text
    assert "75" in page
    assert "of 4" in page
    there = (await stage.get("ove", "/sending/status.json")).json()
    assert there["spans"]["month"]["urgent"]["share_in_time"] == 0.0


async def test_what_left_earlier_counts_for_the_day_and_the_month_and_then_no_more(stage: Stage) -> None:
    await left(stage, (HERE, Lane.NORMAL, True, Outcome.ACCEPTED))
    for later, spans in ((3, ("day", "month")), (48, ("month",)), (24 * 40, ())):
        stage.clock.advance(timedelta(hours=later))
        found = (await stage.get("oskar", "/sending/status.json")).json()["spans"]
        assert tuple(name for name, of in found.items() if of["normal"]["handed_over"]) == spans


async def test_what_waits_is_counted_with_its_oldest_and_apart_from_what_waits_for_its_hour(stage: Stage) -> None:
    await asked(stage, "north", minutes=-3)
    await asked(stage, "south", "retrying", minutes=-7)
    await asked(stage, "north", minutes=60)
    await asked(stage, "north", "done", minutes=-90)
    await asked(stage, "far", minutes=-500)
    found = (await stage.get("oskar", "/sending/status.json")).json()["waiting"]
    assert found["normal"] == {"due": 2, "for_later": 1, "oldest_seconds": 420.0}
    assert found["urgent"] == {"due": 0, "for_later": 0, "oldest_seconds": None}


async def test_the_status_page_asks_the_database_little(stage: Stage) -> None:
    seen: list[str] = []
    listen = stage.kit.people.kw["bind"].sync_engine
    event.listen(listen, "before_cursor_execute", lambda *call: seen.append(call[2]))
    assert (await stage.get("oskar", "/sending")).status_code == 200
    assert len(seen) <= 6, seen


async def test_a_trial_is_begun_has_guests_is_seen_on_every_page_and_ends(stage: Stage) -> None:
    assert (await stage.post("oskar", "/sending/trial/begin")).status_code == 303
    for typed in ("Guest@Example.org ", "070-174 06 05"):
        assert (await stage.post("oskar", "/sending/trial/guests", address=typed)).status_code == 303
    async with stage.kit.sessions() as session:
        assert await trials(session) == {HERE: frozenset({"guest@example.org", "+46701740605"})}
    for path in ("/sending", "/sending/words", "/sending/words/talk_booked", "/sending/trial"):
        assert "A trial is going on" in (await stage.get("oskar", path)).text
        assert "A trial is going on" not in (await stage.get("ove", path)).text
    await stage.post("oskar", "/sending/trial/guests/remove", address="guest@example.org")
    await stage.post("oskar", "/sending/trial/end")
    async with stage.kit.sessions() as session:
        assert await trials(session) == {}
    assert await stage.rows("select address from guest") == [("+46701740605",)]


@pytest.mark.parametrize("typed", ["", "nobody", "08-123 456 78", "simulate:bounce", "a@b@c"])
async def test_what_nobody_could_be_reached_at_is_no_guest_and_stays_in_the_form(stage: Stage, typed: str) -> None:
    answer = await stage.post("oskar", "/sending/trial/guests", address=typed)
    assert answer.status_code == 400
    assert f'value="{typed}"' in answer.text
    assert not await stage.rows("select * from guest")


@pytest.mark.parametrize("path", ["begin", "end", "guests", "guests/remove"])
async def test_nobody_but_an_officer_changes_a_trial(stage: Stage, path: str) -> None:
    for who in ("anna", "maja", "rut"):
        answer = await stage.post(who, f"/sending/trial/{path}", address="guest@example.org")
        assert answer.status_code == 404
    assert not await stage.rows("select * from trial")


async def test_an_officers_trial_is_their_own_municipalitys(stage: Stage) -> None:
    await stage.post("ove", "/sending/trial/begin")
    await stage.post("ove", "/sending/trial/guests", address="guest@example.no")
    await stage.post("oskar", "/sending/trial/guests/remove", address="guest@example.no")
    await stage.post("oskar", "/sending/trial/end")
    async with stage.kit.sessions() as session:
        assert await trials(session) == {ELSEWHERE: frozenset({"guest@example.no"})}
