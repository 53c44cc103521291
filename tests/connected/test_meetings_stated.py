"""Meetings and days to visit as other services hear of them: at every change, from the invitation on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.web.meetings import add_meetings
from shared.clock import ManualClock
from shared.events.scheduling import MeetingStated
from tests.connected.test_meetings import drafted, opened, typed
from tests.talks_stage import Stage, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_meetings) as here:
        yield here


async def stated(stage: Stage, meeting: UUID) -> list[MeetingStated]:
    return [one for one in await stage.said(MeetingStated) if one.meeting_id == meeting]


async def change(stage: Stage, meeting: UUID, *classes: str, **more: Any) -> None:
    answer = await stage.post("rut", f"/meetings/{meeting}/edit", typed(stage, *classes, **more))
    assert answer.status_code == 303, answer.text


async def test_of_a_draft_nothing_is_stated_whatever_becomes_of_it(stage: Stage) -> None:
    meeting = await drafted(stage, "6A")
    await change(stage, meeting, "6A", place="The library")
    await stage.post("rut", f"/meetings/{meeting}/cancel")
    assert await stated(stage, meeting) == []


async def test_an_invitation_states_what_it_is_called_when_and_where(stage: Stage) -> None:
    meeting = await opened(stage, "6A", "4B")
    one = (await stated(stage, meeting))[-1]
    assert (one.title, one.place, one.kind, one.cancelled) == ("Autumn meeting", "The hall", "parent_meeting", False)
    assert one.starts_at == datetime(2026, 11, 17, 17, 0, tzinfo=UTC)
    assert one.ends_at == datetime(2026, 11, 17, 19, 30, tzinfo=UTC)
    assert set(one.group_ids) == {stage.group["6A"], stage.group["4B"]}
    assert (one.school_id, one.tenant_id) == (stage.school["north"], stage.tenant)
    people = {str(person) for person in stage.who.values()}
    assert not any(person in one.to_json().decode() for person in people)


async def test_every_change_is_stated_with_a_higher_version(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    await change(stage, meeting, "6A", "4B", starts="18:30", title="Winter meeting")
    await stage.post("rut", f"/meetings/{meeting}/cancel")
    first, second, last = await stated(stage, meeting)
    assert first.version < second.version < last.version
    assert second.title == "Winter meeting"
    assert second.starts_at == datetime(2026, 11, 17, 17, 30, tzinfo=UTC)
    assert set(second.group_ids) == {stage.group["6A"], stage.group["4B"]}
    assert [one.cancelled for one in (first, second, last)] == [False, False, True]


async def test_days_to_visit_that_are_told_of_together_are_each_stated(stage: Stage) -> None:
    meeting = await opened(stage, "6A", kind="visit_day", more_day=["2026-11-18", "2026-11-19"])
    said = await stage.said(MeetingStated)
    made = await stage.rows("select meeting_id from meeting where state = 'invited'")
    assert meeting in {one.meeting_id for one in said}
    assert {one.meeting_id for one in said} == {row.meeting_id for row in made}
    assert [one.starts_at.day for one in said] == [17, 18, 19]
