"""“I have read this” behind a link: only the button counts, it says nothing, and it ends with the right to know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.web import front
from services.bulletins.web.archive import add_archive
from services.bulletins.web.read_link import open_routes
from shared.clock import ManualClock
from shared.events.notify import MessageRead, ReadBy
from shared.events.people import Subject
from shared.links import Leaving, Links, Reading
from shared.web.pages import Pages
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.letters import sent
from tests.portal_stage import ties

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, add_archive) as here:
        pages = Pages(front.HERE / "templates", here.kit.settings, home=here.kit.settings.portal_url)
        here.app.include_router(open_routes(here.kit, here.settings, pages))
        yield here


def link(stage: Stage, letter: UUID, who: str | UUID) -> str:
    """The link in somebody's mail."""
    person = stage.who[who] if isinstance(who, str) else who
    return f"/bulletins/read/{Links(stage.kit.settings).reading(Reading(letter, person))}"


async def press(stage: Stage, path: str, **headers: str) -> httpx.Response:
    """Press the button, as a browser without a login does."""
    async with stage.client(None) as browser:
        return await browser.post(path, headers=headers)


async def test_opening_the_link_changes_nothing_and_pressing_the_button_is_reading(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    path = link(stage, letter, "hanna")
    for _ in range(3):  # mail filters open what they find
        page = await stage.get(None, path)
        assert page.status_code == 200
        assert "I have read this" in page.text
    assert await stage.said(MessageRead) == []
    assert not await stage.rows("select * from reading")
    assert (await press(stage, path)).headers["location"] == f"{path}?done=1"
    assert "Thank you" in (await stage.get(None, f"{path}?done=1")).text
    [said] = await stage.said(MessageRead)
    assert (said.about_id, said.person_id, said.how) == (letter, stage.who["hanna"], ReadBy.LINK)
    assert "Read today" in (await stage.get("hanna", "/bulletins")).text


async def test_pressing_twice_is_reading_once_and_the_first_time_stays(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    assert (await press(stage, link(stage, letter, "hanna"))).status_code == 303
    first = stage.now
    stage.clock.advance(timedelta(hours=3))
    assert (await press(stage, link(stage, letter, "hanna"))).status_code == 303
    assert len(await stage.said(MessageRead)) == 1
    assert [row.at for row in await stage.rows("select at from reading")] == [first]


async def test_the_pages_name_no_title_no_child_no_school_and_nobody(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    path = link(stage, letter, "hanna")
    for page in (await stage.get(None, path), await stage.get(None, f"{path}?done=1"), await stage.get("anna", path)):
        assert not any(word in page.text for word in ("News", "Hugo", "Hanna", "Björkskolan", "4B", str(letter)))
        assert page.headers["x-robots-tag"] == "noindex"


async def test_somebody_who_has_lost_the_right_since_is_told_no_more_than_that_it_is_over(stage: Stage) -> None:
    letter = await sent(stage, "4B")
    path = link(stage, letter, "hanna")
    await stage.hear(ties(stage.tenant, stage.who["hugo"], version=2))
    answer = await press(stage, path)
    assert answer.status_code == 410
    assert "does not work any more" in answer.text
    assert await stage.said(MessageRead) == []


@pytest.mark.parametrize("who", ["greta", "stina", "malte", "ulla"])
async def test_a_link_made_for_somebody_who_may_not_read_notes_nothing(stage: Stage, who: str) -> None:
    letter = await sent(stage, "4B")
    assert (await press(stage, link(stage, letter, who))).status_code == 410
    assert not await stage.rows("select * from reading")


async def test_what_is_withdrawn_unknown_forged_or_meant_for_something_else_is_over(stage: Stage) -> None:
    gone = await sent(stage, "4B", state=BulletinState.WITHDRAWN, withdrawn_at=stage.now)
    draft = await sent(stage, "4B", state=BulletinState.SCHEDULED)
    letter = await sent(stage, "4B")
    leaving = Links(stage.kit.settings).leaving(Leaving(stage.who["hanna"], Subject.BULLETINS))
    good = link(stage, letter, "hanna")
    forged = [f"/bulletins/read/{leaving}", "/bulletins/read/x", good[:-2] + ("aa" if good[-2:] != "aa" else "bb")]
    for path in (link(stage, gone, "hanna"), link(stage, draft, "hanna"), link(stage, uuid4(), "hanna"), *forged):
        assert (await press(stage, path)).status_code == 410, path
    for path in forged:
        assert (await stage.get(None, path)).status_code == 410
    assert (await press(stage, link(stage, letter, uuid4()))).status_code == 410
    assert await stage.said(MessageRead) == []


async def test_another_site_cannot_press_it(stage: Stage) -> None:
    path = link(stage, await sent(stage, "4B"), "hanna")
    assert (await press(stage, path, origin="https://elsewhere.example")).status_code == 403
    assert (await press(stage, path, **{"sec-fetch-site": "cross-site"})).status_code == 403
    assert await stage.said(MessageRead) == []
