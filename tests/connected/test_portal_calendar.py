"""The calendar feed: a secret address, asked at every fetch whether its owner may still see."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

import pytest
from icalendar import Calendar, Component, Timezone

from deploy.embedded.postgres import Postgres
from services.portal.web.home import home_routes
from shared.clock import ManualClock
from shared.events.roster import Marking
from tests.portal_stage import TODAY, Stage, answers, lesson, open_pages, person, portal_kit, stage, ties

pytestmark = pytest.mark.connected


@pytest.fixture
async def home(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, home_routes)
    yield here
    await kit.close()


async def address(home: Stage, who: str) -> str:
    """Make a calendar address and return its path."""
    page = await home.post(getattr(home, who), "/calendar", act="make")
    found = re.search(r"/calendar/[\w-]+\.ics", page.text)
    assert found, page.text
    return found[0]


def entries(feed: Component) -> list[Any]:
    """The school days in a feed."""
    return list(feed.walk("VEVENT"))


async def test_the_feed_has_each_childs_school_days_with_an_initial_and_no_more(home: Stage) -> None:
    answer = await home.get(None, await address(home, "guardian_a"))
    assert answer.headers["content-type"].startswith("text/calendar")
    assert answer.headers["cache-control"].startswith("private")
    feed = Calendar.from_ical(answer.content)
    days = [(str(one["summary"])[-1], f"{one.start:%d %H:%M}", f"{one.end:%H:%M}") for one in entries(feed)]
    assert days == [
        ("O", "23 08:05", "15:25"),
        ("E", "23 08:20", "14:10"),
        ("E", "24 09:00", "13:00"),
        ("O", "25 10:15", "15:00"),
    ]
    words = ("Ebba", "Olle", "Ek", "skolan", "6A", "9B", str(home.child_1), str(home.guardian_a))
    assert not [word for word in words if word in answer.text]


async def test_the_address_is_shown_once_and_only_its_digest_is_kept(home: Stage) -> None:
    path = await address(home, "guardian_a")
    secret = path.removeprefix("/calendar/").removesuffix(".ics")
    assert secret not in (await home.get(home.guardian_a, "/calendar")).text
    [row] = await home.rows("select * from feed")
    assert secret not in str(row)


async def test_a_new_address_ends_the_old_one_and_removing_ends_both(home: Stage) -> None:
    old, new = await address(home, "guardian_a"), await address(home, "guardian_a")
    assert (await home.get(None, old)).status_code == 404
    assert (await home.get(None, new)).status_code == 200
    await home.post(home.guardian_a, "/calendar", act="remove")
    assert (await home.get(None, new)).status_code == 404


async def test_a_child_leaves_the_feed_with_the_custody_and_the_last_one_ends_it(home: Stage) -> None:
    path = await address(home, "guardian_a")
    await home.hear(ties(home.tenant, home.child_1, answers(home.guardian_a, ends=TODAY), version=2))
    left = (await home.get(None, path)).text
    assert "· O" in left
    assert "· E" not in left
    await home.hear(ties(home.tenant, home.child_2, answers(home.guardian_a, ends=TODAY), version=2))
    assert (await home.get(None, path)).status_code == 404


async def test_nothing_is_fed_about_a_protected_pupil(home: Stage) -> None:
    assert (await home.get(None, await address(home, "guardian_p"))).status_code == 404
    path, born = await address(home, "guardian_a"), date(2014, 3, 1)
    await home.hear(
        *person(home.tenant, home.child_1, "Ebba Ek", home.school_1, born=born, marking=Marking.MARKED, version=2)
    )
    assert "· E" not in (await home.get(None, path)).text


async def test_a_school_day_stays_at_its_hour_when_the_clocks_change(home: Stage) -> None:
    home.clock.instant = datetime(2027, 3, 26, 9, 0, tzinfo=home.clock.now().tzinfo)
    friday = lesson(home.school_1, home.class_1, "08:00", "14:00", date(2027, 3, 26))
    monday = lesson(home.school_1, home.class_1, "07:00", "13:00", date(2027, 3, 29))  # summer time: 08:00 to 14:00
    await home.hear(friday, monday)
    feed = Calendar.from_ical((await home.get(None, await address(home, "guardian_b"))).content)
    [zone] = feed.walk("VTIMEZONE")
    assert isinstance(zone, Timezone)
    starts = [one.start.astimezone(zone.to_tz()) for one in entries(feed)]
    assert [(one.day, one.hour) for one in starts] == [(26, 8), (29, 8)]


async def test_a_pupils_own_feed_says_only_that_there_is_school(home: Stage) -> None:
    feed = Calendar.from_ical((await home.get(None, await address(home, "adult_pupil"))).content)
    assert {str(one["summary"]) for one in feed.walk("VEVENT")} == {"Skoldag"}


async def test_an_unchanged_feed_is_not_sent_twice(home: Stage) -> None:
    path = await address(home, "guardian_a")
    first = await home.get(None, path)
    async with home.client(None) as browser:
        again = await browser.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("secret", ["x", "x" * 43, "../../calendar", "%00" * 43])
async def test_a_guessed_address_is_not_there(home: Stage, secret: str) -> None:
    assert (await home.get(None, f"/calendar/{secret}.ics")).status_code == 404


async def test_every_fetch_leaves_a_trace(home: Stage) -> None:
    path = await address(home, "guardian_b")
    await home.get(None, path)
    await home.get(None, path)
    looks = await home.rows("select pupil_id from audit_entry where what = 'calendar'")
    assert [row.pupil_id for row in looks] == [home.child_1, home.child_1]
