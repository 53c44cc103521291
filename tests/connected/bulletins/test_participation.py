"""How homes take part: shares by class for those in charge; nothing of small groups, and no names."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi import APIRouter

from deploy.embedded.postgres import Postgres
from services.bulletins.settings import BulletinsSettings
from services.bulletins.web.feedback import add_feedback
from services.bulletins.web.participation import add_participation
from shared.clock import ManualClock
from shared.events.scheduling import TalkState
from shared.web.face import Face
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.letters import has_read, sent, talk
from tests.portal_stage import statements
from tests.talks_stage import NAMES

pytestmark = pytest.mark.connected
PATH = "/bulletins/participation"


def small_schools(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """The page of a school whose classes of five are large enough to be shown."""
    add_participation(router, face, settings.model_copy(update={"smallest_group": 5}))


async def lived(stage: Stage) -> None:
    """Some weeks at Björkskolan: two bulletins of 4B, one of 6A; talks; an answer."""
    first = await sent(stage, "4B", at=stage.now - timedelta(days=30))
    second = await sent(stage, "4B", at=stage.now - timedelta(days=3))
    await sent(stage, "6A")
    await sent(stage, "4B", at=stage.now - timedelta(days=200))  # in the spring
    await has_read(stage, first, "sven", "anna", "bo", "malte", "isak")
    await has_read(stage, second, "sven")
    round_id = uuid4()
    await talk(stage, round_id, "hugo", TalkState.SIGNED)
    await talk(stage, round_id, "emil", TalkState.BOOKED, starts_at=stage.now + timedelta(days=9))
    await talk(stage, round_id, "isak", TalkState.MISSED)
    await stage.post("sven", f"/feedback/bulletins/{second}", score=4)


async def test_shares_by_class_are_counted_by_pupil_and_never_by_name(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, small_schools, add_feedback) as stage:
        await lived(stage)
        for who in ("rut", "oskar"):
            page = (await stage.get(who, f"{PATH}?school={stage.school['north']}")).text
            assert "50%" in page
            assert "5 of 10" in page
            assert "40%" in page
            assert "2 of 5" in page
            assert "20%" in page
            assert "1 of 5" in page
            assert "All shown here" in page
            assert "5 of 15" in page
            assert not any(name in page for one, name in NAMES.items() if one != who)


async def test_small_classes_together_are_shown_when_they_are_enough(postgres: Postgres, clock: ManualClock) -> None:
    def ten(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
        add_participation(router, face, settings.model_copy(update={"smallest_group": 10}))

    async with bulletins_stage(postgres, clock, ten, add_feedback) as stage:
        await lived(stage)
        page = (await stage.get("rut", PATH)).text
        assert "4B, 6A" in page
        assert "5 of 15" in page
        assert "5 of 10" not in page


async def test_classes_too_small_even_together_are_named_and_not_counted(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, add_participation, add_feedback) as stage:
        await lived(stage)
        page = (await stage.get("rut", PATH)).text
        assert "Not shown: 4B, 6A" in page
        assert "fewer than 12 pupils" in page
        assert " of 10" not in page


async def test_only_principals_and_officers_see_it_and_only_of_their_schools(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, small_schools) as stage:
        for who in ("anna", "emil", "malte", "tora"):
            assert (await stage.get(who, PATH)).status_code == 404
        south = f"{PATH}?school={stage.school['south']}"
        assert [(await stage.get(who, south)).status_code for who in ("rolf", "oskar", "rut", "ove")] == [
            200, 200, 404, 404,
        ]  # fmt: skip
        assert "Lindskolan" in (await stage.get("rolf", PATH)).text


async def test_the_page_asks_the_database_no_more_than_six_times(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, small_schools) as stage:
        for who in ("rut", "oskar"):
            asked = statements(stage.kit)
            assert (await stage.get(who, PATH)).status_code == 200
            assert len(asked) <= 6, asked
