"""The night on which a pupil comes of age: who may see ends by itself at 00:00, and the pupil is asked once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.portal.jobs import NIGHTS, due_handlers
from services.portal.web.home import home_routes
from shared.clock import ManualClock
from shared.due.nights import next_midnight
from shared.due.worker import DueWorker
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.roster import SchoolStated
from tests.portal_stage import Stage, answers, at, open_pages, person, portal_kit, stage, ties

pytestmark = pytest.mark.connected
MIDNIGHT = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)  # 00:00 on the 24th in Stockholm


@pytest.fixture
async def home(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, home_routes)
    yield here
    await kit.close()


async def night(home: Stage) -> list[NotificationRequested]:
    """Do what is due now; returns everything that was asked for so far."""
    await NIGHTS.begin(home.kit)
    await DueWorker(home.kit, due_handlers()).round()
    return await home.said(NotificationRequested)


async def test_at_midnight_the_guardian_sees_nothing_more_and_the_pupil_is_asked_once(home: Stage) -> None:
    home.clock.instant = MIDNIGHT - timedelta(seconds=1)
    assert not await night(home)
    assert "Nils" in (await home.get(home.former_guardian, "/home")).text
    home.clock.instant = MIDNIGHT
    assert "Nils" not in (await home.get(home.former_guardian, "/home")).text
    [asked] = await night(home)
    assert (asked.kind, asked.pupil_id) == (NotificationKind.RIGHTS_ASKED, home.almost_adult)
    assert (asked.school_id, asked.day) == (home.school_2, date(2026, 11, 24))
    assert "who may go on being told" in (await home.get(home.almost_adult, "/home")).text
    for _ in range(3):
        home.clock.advance(timedelta(days=1))
        assert await night(home) == [asked]


async def test_it_leaves_a_trace_that_the_pupil_can_read(home: Stage) -> None:
    await night(home)
    home.clock.instant = MIDNIGHT
    await night(home)
    assert "Came of age" in (await home.get(home.almost_adult, "/who-looked")).text


async def test_after_standing_still_for_a_week_it_asks_who_came_of_age_meanwhile(home: Stage) -> None:
    await night(home)
    home.clock.advance(timedelta(days=8))
    assert [one.pupil_id for one in await night(home)] == [home.almost_adult]


async def test_who_came_of_age_long_ago_is_not_asked(home: Stage) -> None:
    home.clock.instant = MIDNIGHT
    await NIGHTS.begin(home.kit)
    assert home.adult_pupil not in [one.pupil_id for one in await night(home)]


async def test_a_school_in_another_zone_has_its_own_midnight(home: Stage) -> None:
    far, pupil = uuid4(), uuid4()
    await home.hear(
        SchoolStated(school_id=far, version=1, tenant_id=home.tenant, name="Östskolan", zone="Europe/Helsinki"),
        *person(home.tenant, pupil, "Eeva Öst", far, born=date(2008, 11, 24)),
        ties(home.tenant, pupil, answers(home.former_guardian)),
    )
    await night(home)
    home.clock.instant = MIDNIGHT - timedelta(hours=1)  # midnight in Helsinki
    assert [one.pupil_id for one in await night(home)] == [pupil]
    home.clock.instant = MIDNIGHT
    assert {one.pupil_id for one in await night(home)} == {pupil, home.almost_adult}


async def test_whoever_is_born_on_the_leap_day_comes_of_age_on_the_first_of_march(home: Stage) -> None:
    pupil = uuid4()
    await home.hear(*person(home.tenant, pupil, "Leo Skott", home.school_2, born=date(2012, 2, 29)))
    home.clock.instant = datetime(2030, 2, 28, 12, 0, tzinfo=UTC)
    assert pupil not in [one.pupil_id for one in await night(home)]
    home.clock.instant = datetime(2030, 2, 28, 23, 0, tzinfo=UTC)
    assert pupil in [one.pupil_id for one in await night(home)]


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (at("10:00"), MIDNIGHT),
        (MIDNIGHT, MIDNIGHT + timedelta(days=1)),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),  # a day of 23 hours
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), datetime(2026, 10, 25, 23, 0, tzinfo=UTC)),  # a day of 25 hours
    ],
)
def test_the_next_midnight_is_the_walls_on_days_of_any_length(now: datetime, then: datetime) -> None:
    assert next_midnight(now, "Europe/Stockholm") == then
