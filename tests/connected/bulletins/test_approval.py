"""Where a school has decided so, its principal reads a bulletin before it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins import tables as t
from shared.clock import ManualClock
from shared.events.notify import MailingRequested, UnhurriedRequested
from shared.events.roster import Marking, StaffStated
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.test_compose import plain, save, version_of
from tests.connected.bulletins.test_sending import ROOMS, leave, row, send, written

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, *ROOMS) as here:
        async with here.machine() as session:
            half: dict[str, Any] = {
                "half_year_id": uuid4(),
                "tenant_id": here.tenant,
                "school_id": here.school["north"],
            }
            half |= {"starts": date(2026, 8, 17), "ends": date(2026, 12, 20)}
            session.add(t.HalfYear(**half, approval=True, by_hand=True))
        yield here


async def approve(stage: Stage, bulletin: UUID, who: str = "rut") -> int:
    version = await version_of(stage, bulletin)
    return (await stage.post(who, f"/bulletins/{bulletin}/approve", version=version)).status_code


async def test_it_waits_for_the_principal_who_is_told_and_leaves_when_approved(stage: Stage) -> None:
    bulletin = await written(stage)
    assert (await send(stage, bulletin)).headers["location"].endswith("done=asked")
    assert await leave(stage) == 0
    [asked] = await stage.said(UnhurriedRequested)
    assert (asked.kind, asked.to_id) == ("bulletin_to_approve", stage.who["rut"])
    assert asked.path == f"/bulletins/{bulletin}/preview"
    assert "For you to approve" in plain(await stage.get("rut", asked.path))
    assert await approve(stage, bulletin) == 303
    await leave(stage)
    assert len(await stage.said(MailingRequested)) == 1
    told = (await stage.said(UnhurriedRequested))[-1]
    assert (told.kind, told.to_id) == ("bulletin_returned", stage.who["maja"])
    assert (await row(stage, bulletin)).approver_id == stage.who["rut"]


async def test_nobody_but_the_principal_of_that_school_approves_its_author_least_of_all(stage: Stage) -> None:
    bulletin = await written(stage)
    await send(stage, bulletin)
    for who in ("maja", "malte", "tora", "rolf", "oskar", "anna", "unni"):
        assert await approve(stage, bulletin, who) == 404, who
        answer = await stage.post(who, f"/bulletins/{bulletin}/return", words="Nej")
        assert answer.status_code == 404, who
    assert (await row(stage, bulletin)).state == "to_approve"


async def test_given_back_with_words_it_can_be_changed_and_asked_for_again(stage: Stage) -> None:
    bulletin = await written(stage)
    await send(stage, bulletin)
    assert (await save(stage, "maja", bulletin, **{"subject-sv": "Smyg"})).status_code == 409
    assert (await stage.post("rut", f"/bulletins/{bulletin}/return", words="  ")).status_code == 400
    assert (await stage.post("rut", f"/bulletins/{bulletin}/return", words="Ta bort utflykten.")).status_code == 303
    assert "Ta bort utflykten." in (await stage.get("maja", f"/bulletins/{bulletin}/edit")).text
    assert (await save(stage, "maja", bulletin, **{"activities-sv": "- Skridskor"})).status_code == 303
    await send(stage, bulletin)
    assert (await row(stage, bulletin)).state == "to_approve"
    kinds = [one.kind for one in await stage.said(UnhurriedRequested)]
    assert kinds == ["bulletin_to_approve", "bulletin_returned", "bulletin_to_approve"]


async def test_what_was_approved_and_taken_back_must_be_approved_again(stage: Stage) -> None:
    stage.at("21:00")
    bulletin = await written(stage)
    await send(stage, bulletin)
    await approve(stage, bulletin)
    assert (await stage.post("maja", f"/bulletins/{bulletin}/take-back")).status_code == 303
    assert (await row(stage, bulletin)).approved_at is None
    await save(stage, "maja", bulletin, **{"subject-sv": "Annat"})
    await send(stage, bulletin)
    assert (await row(stage, bulletin)).state == "to_approve"


async def test_approved_twice_at_once_it_leaves_once(stage: Stage) -> None:
    bulletin = await written(stage)
    await send(stage, bulletin)
    assert set(await asyncio.gather(*[approve(stage, bulletin) for _ in range(3)])) <= {303, 409}
    await leave(stage)
    assert len(await stage.said(MailingRequested)) == 1


async def test_the_principal_approves_what_was_read_and_not_what_came_since(stage: Stage) -> None:
    bulletin = await written(stage)
    await send(stage, bulletin)
    read = await version_of(stage, bulletin)
    await stage.post("maja", f"/bulletins/{bulletin}/take-back")
    await save(stage, "maja", bulletin, **{"learning-sv": "Något helt annat"})
    await send(stage, bulletin)
    assert (await stage.post("rut", f"/bulletins/{bulletin}/approve", version=read)).status_code == 409
    assert (await row(stage, bulletin)).state == "to_approve"


async def test_what_names_somebody_protected_by_now_cannot_be_approved(stage: Stage) -> None:
    bulletin = await written(stage, **{"learning-sv": "Gustav har vunnit i schack."})
    await send(stage, bulletin)
    born = date(2014, 3, 1)
    await stage.hear(*stage.person_stated("gustav", "north", version=2, marking=Marking.PROTECTED, born=born))
    assert await approve(stage, bulletin) == 409


async def test_a_principal_who_is_mentor_too_needs_nobody_s_leave(stage: Stage) -> None:
    post = stage.post_stated("rut", "north", "6A", post_id=uuid4())
    assert isinstance(post, StaffStated)
    await stage.hear(post)
    bulletin = await written(stage, "rut")
    assert (await send(stage, bulletin, "rut")).headers["location"].endswith("done=scheduled")
