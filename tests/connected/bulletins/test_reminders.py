"""Reminding homes of what nobody there has read: once, in the school's hours, by a mailing that names no person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.jobs.reading import reading_handlers
from services.bulletins.reading import plan_reminder
from services.bulletins.web.bulletin_homes import add_bulletin_homes
from shared.clock import ManualClock
from shared.events.notify import MailingRequested
from shared.ids import derived_id
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.letters import has_read, sent

pytestmark = pytest.mark.connected
TITLES = {"sv": "Nytt", "en": "News", "ar": "أخبار"}


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, add_bulletin_homes) as here:
        yield here


async def planned(stage: Stage, *classes: str, **columns: object) -> object:
    """Something that was sent now and must be read, with its reminder planned."""
    letter = await sent(stage, *(classes or ("4B",)), **{"titles": TITLES, "must_read": True, **columns})  # type: ignore[arg-type]
    async with stage.machine() as session:
        await plan_reminder(session, letter, stage.now, stage.settings)
    return letter


async def later(stage: Stage, days: float) -> list[MailingRequested]:
    """What was asked for by then."""
    stage.clock.advance(timedelta(days=days))
    await stage.due(reading_handlers(stage.settings))
    return await stage.said(MailingRequested)


async def test_three_days_after_sending_those_who_have_not_read_are_reminded_once(stage: Stage) -> None:
    letter = await planned(stage)
    assert await later(stage, 2.9) == []
    [said] = await later(stage, 0.2)
    assert said.unread_of == letter
    assert said.about_id == letter
    assert said.mailing_id == derived_id("reminder", letter)
    assert said.group_ids == (stage.group["4B"],)
    assert said.path == f"/bulletins/{letter}"
    assert not any(str(person) in said.model_dump_json() for name, person in stage.who.items() if name != "malte")
    async with stage.machine() as session:
        await plan_reminder(session, letter, stage.now - timedelta(days=9), stage.settings)  # type: ignore[arg-type]
    assert len(await later(stage, 1)) == 1


async def test_it_is_the_same_words_in_every_language_under_a_line_that_says_why(stage: Stage) -> None:
    await planned(stage)
    [said] = await later(stage, 3)
    assert [one.language for one in said.texts] == ["sv", "en", "ar"]
    english, arabic = said.texts[1], said.texts[2]
    assert english.subject == "Reminder: News"
    assert english.text.startswith("You have got this once before.")
    assert '<p lang="en"><em>You have got this once before.' in english.html
    assert "together" in english.html
    assert "أخبار" in arabic.subject
    assert '<p lang="sv">' in arabic.html


async def test_what_need_not_be_read_is_not_chased_unless_the_mentor_asks(stage: Stage) -> None:
    letter = await planned(stage, must_read=False)
    assert await later(stage, 4) == []
    assert (await stage.post("malte", f"/bulletins/{letter}/remind")).status_code == 303
    [said] = await stage.said(MailingRequested)
    assert said.unread_of == letter
    assert not said.must_read
    assert (await stage.post("malte", f"/bulletins/{letter}/remind")).status_code == 404
    assert "They were reminded" in (await stage.get("malte", f"/bulletins/{letter}/homes")).text


async def test_nobody_is_reminded_of_what_every_home_has_read(stage: Stage) -> None:
    letter = await planned(stage)
    await has_read(stage, letter, "bo", "sven", "hanna", "ida")  # type: ignore[arg-type]
    assert await later(stage, 4) == []
    assert (await stage.post("malte", f"/bulletins/{letter}/remind")).status_code == 303
    assert await stage.said(MailingRequested) == []


async def test_a_reminder_waits_for_the_hours_in_which_the_school_writes(stage: Stage) -> None:
    stage.at("22:30", date(2026, 11, 2))
    await planned(stage)
    assert await later(stage, 3) == []
    assert await later(stage, 8 / 24) == []  # 06:30
    [said] = await later(stage, 1 / 24)
    assert said.send_at == said.requested_at == stage.now


async def test_when_the_mentor_asks_in_the_evening_it_leaves_in_the_morning(stage: Stage) -> None:
    letter = await planned(stage)
    stage.at("20:00")
    await stage.post("rut", f"/bulletins/{letter}/remind")
    [said] = await stage.said(MailingRequested)
    assert said.send_at == stage.at("07:00", date(2026, 11, 3))
    assert said.day == date(2026, 11, 3)


async def test_what_was_withdrawn_is_not_chased(stage: Stage) -> None:
    await planned(stage, state=BulletinState.WITHDRAWN, withdrawn_at=stage.now)
    assert await later(stage, 4) == []
