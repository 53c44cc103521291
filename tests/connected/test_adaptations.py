"""Support measures: a record of their own, behind a stronger login, for few, at one school."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.web.adaptations import add_adaptations
from shared.clock import ManualClock
from shared.events.privacy import PupilLookedAt
from shared.web.session import LOGIN
from tests.talks_stage import Stage, talks_stage

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_adaptations) as here:
        yield here


def path(stage: Stage, pupil: str = "ebba") -> str:
    return f"/talks/pupil/{stage.who[pupil]}/adaptations"


async def noted(stage: Stage, pupil: str = "ebba", by: str = "maja") -> None:
    answer = await stage.post(by, path(stage, pupil), words="A seat near the board")
    assert answer.status_code == 303


@pytest.mark.parametrize("who", ["maja", "rut", "anna", "bo"])
async def test_staff_around_the_pupil_and_guardians_read(stage: Stage, who: str) -> None:
    await noted(stage)
    assert "A seat near the board" in (await stage.get(who, path(stage))).text


@pytest.mark.parametrize("who", ["ebba", "stina", "malte", "tora", "mats", "rolf", "oskar", "frida", "ulla", "emil"])
async def test_nobody_else_does(stage: Stage, who: str) -> None:
    await noted(stage)
    assert (await stage.get(who, path(stage))).status_code == 404
    assert (await stage.post(who, path(stage), words="Something else")).status_code == 404


async def test_the_pupil_reads_from_16_on(stage: Stage) -> None:
    await noted(stage, "alva", "mats")
    assert "A seat near the board" in (await stage.get("alva", path(stage, "alva"))).text
    assert (await stage.get("gun", path(stage, "alva"))).status_code == 404


async def test_in_norway_they_are_the_pupils_own_from_16_on(stage: Stage) -> None:
    await noted(stage, "uno", "uffe")
    assert (await stage.get("ulla", path(stage, "uno"))).status_code == 200
    await stage.hear(*stage.person_stated("uno", "far", version=2, born=date(2010, 6, 4)))
    assert (await stage.get("ulla", path(stage, "uno"))).status_code == 404
    assert (await stage.get("uno", path(stage, "uno"))).status_code == 200


async def test_a_stronger_login_is_needed(stage: Stage) -> None:
    await noted(stage)
    async with stage.client("maja", LOGIN) as browser:
        answer = await browser.get(path(stage))
    assert answer.status_code == 303
    assert "step-up" in answer.headers["location"]


async def test_guardians_do_not_write(stage: Stage) -> None:
    assert (await stage.post("anna", path(stage), words="Something")).status_code == 404


async def test_a_measure_ends_and_stays_to_be_read(stage: Stage) -> None:
    await noted(stage)
    [row] = await stage.rows("select adaptation_id from adaptation")
    assert (await stage.post("malte", f"{path(stage)}/end", adaptation_id=row.adaptation_id)).status_code == 404
    assert (await stage.post("rut", f"{path(stage)}/end", adaptation_id=uuid4())).status_code == 404
    assert (await stage.post("rut", f"{path(stage)}/end", adaptation_id=row.adaptation_id)).status_code == 303
    assert (await stage.post("rut", f"{path(stage)}/end", adaptation_id=row.adaptation_id)).status_code == 409
    assert "Ended" in (await stage.get("maja", path(stage))).text


async def test_another_pupils_measure_cannot_be_ended_through_ones_own_pupil(stage: Stage) -> None:
    await noted(stage, "noor")
    [row] = await stage.rows("select adaptation_id from adaptation")
    assert (await stage.post("maja", f"{path(stage)}/end", adaptation_id=row.adaptation_id)).status_code == 404


async def test_nothing_written_is_lost_when_it_is_too_long(stage: Stage) -> None:
    answer = await stage.post("maja", path(stage), words="a seat " * 400)
    assert answer.status_code == 400
    assert "a seat a seat" in answer.text


async def test_it_does_not_follow_to_another_school(stage: Stage) -> None:
    await noted(stage)
    await stage.hear(
        *stage.person_stated("ebba", "south", version=2, born=date(2014, 3, 1)),
        *stage.group_stated("6A", "noor", version=2),
        *stage.group_stated("9C", "olle", "ebba", version=2),
    )
    page = await stage.get("mats", path(stage))
    assert page.status_code == 200
    assert "A seat near the board" not in page.text
    assert (await stage.get("maja", path(stage))).status_code == 404


async def test_every_look_is_noted(stage: Stage) -> None:
    await noted(stage)
    await stage.get("anna", path(stage))
    looks = [(one.viewer_id, one.what) for one in await stage.said(PupilLookedAt)]
    assert (stage.who["anna"], "adaptations") in looks
    assert (stage.who["maja"], "adaptation noted") in looks
