"""How somebody wants to be told: kept, said on, and sent back with a word at the field when it cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import time, timedelta
from typing import Any

import pytest

from deploy.embedded.postgres import Postgres
from services.portal.web.home import home_routes
from shared.clock import ManualClock
from shared.events.people import PreferencesStated
from tests.portal_stage import Stage, open_pages, portal_kit, stage

pytestmark = pytest.mark.connected
NIGHT: dict[str, Any] = {"language": "nb", "quiet_from": "21:30", "quiet_to": "07:00"}


@pytest.fixture
async def home(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, home_routes)
    yield here
    await kit.close()


async def test_what_somebody_wishes_is_kept_said_and_shown_again(home: Stage) -> None:
    answer = await home.post(home.guardian_a, "/preferences", **NIGHT)
    assert answer.status_code == 303
    assert "skolbro_language=nb" in answer.headers["set-cookie"]
    [stated] = await home.said(PreferencesStated)
    assert (stated.person_id, stated.tenant_id, stated.language) == (home.guardian_a, home.tenant, "nb")
    assert (stated.email, stated.quiet_from, stated.quiet_to) == (False, time(21, 30), time(7))
    page = (await home.get(home.guardian_a, "/preferences")).text
    assert 'value="21:30"' in page
    assert '<option value="nb" selected>' in page


async def test_the_latest_wish_has_the_highest_version_even_within_the_same_moment(home: Stage) -> None:
    for language in ("nb", "sv", "en"):
        await home.post(home.guardian_a, "/preferences", language=language, email="on")
    home.clock.advance(timedelta(days=1))
    await home.post(home.guardian_a, "/preferences", language="nn", email="on")
    stated = await home.said(PreferencesStated)
    assert [one.language for one in sorted(stated, key=lambda one: one.version)] == ["nb", "sv", "en", "nn"]
    assert len({one.version for one in stated}) == 4


async def test_what_cannot_be_read_stays_in_the_form_with_a_word_beside_it(home: Stage) -> None:
    answer = await home.post(
        home.guardian_a, "/preferences", language="en", quiet_from="half past nine", quiet_to="7:00"
    )
    assert answer.status_code == 422
    assert "half past nine" in answer.text
    assert 'id="quiet_from-error"' in answer.text
    assert not await home.said(PreferencesStated)
    assert not await home.rows("select * from preference")


async def test_the_page_says_what_comes_whatever_one_wishes(home: Stage) -> None:
    assert "the law says" in (await home.get(home.guardian_a, "/preferences")).text


async def test_nobody_sees_the_wishes_of_another(home: Stage) -> None:
    await home.post(home.guardian_a, "/preferences", **NIGHT)
    assert 'value="21:30"' not in (await home.get(home.guardian_b, "/preferences")).text
