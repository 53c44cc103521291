"""Leaving a kind of mail from the mail itself (RFC 8058), and coming back: pages that need no login."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.portal.domain.quiet import Wishes
from services.portal.store.wishes import keep_wishes
from services.portal.web.leaving import leaving_routes
from shared.clock import ManualClock
from shared.events.people import Choice, How, PreferencesStated, Subject
from shared.links import Leaving, Links, Reading
from tests.portal_stage import HERE, Stage, open_pages, portal_kit, stage

pytestmark = pytest.mark.connected
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
OFF = Choice(subject=Subject.BULLETINS, how=How.OFF)


@asynccontextmanager
async def leaving(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    """The municipality, and nobody logged in."""
    kit = portal_kit(postgres, clock)
    try:
        here = await stage(kit)
        open_pages(here, leaving_routes)
        yield here
    finally:
        await kit.close()


def link(here: Stage, person: UUID, subject: Subject = Subject.BULLETINS) -> str:
    return f"/unsubscribe/{Links(here.kit.settings).leaving(Leaving(person, subject))}"


async def press(here: Stage, path: str, **fields: str) -> httpx.Response:
    """What a mail program posts: no cookies, nothing but the fields."""
    async with here.client(None) as program:
        program.cookies.clear()
        answer = await program.post(path, data=fields or ONE_CLICK)
    assert "set-cookie" not in answer.headers
    return answer


async def choices(here: Stage) -> list[tuple[Choice, ...]]:
    """What was said, one after the other."""
    return [stated.choices for stated in await here.said(PreferencesStated)]


async def test_opening_the_link_changes_nothing_and_shows_what_it_is_about(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with leaving(postgres, clock) as here:
        page = await here.get(None, link(here, here.guardian_a))
        assert page.status_code == 200
        assert "Bulletins from the classes" in page.text
        assert 'method="post"' in page.text
        assert page.headers["x-robots-tag"] == "noindex"
        assert await choices(here) == []


async def test_one_click_of_a_mail_program_ends_it_at_once_without_cookies_or_redirect(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with leaving(postgres, clock) as here:
        answer = await press(here, link(here, here.guardian_a))
        assert answer.status_code == 200
        [stated] = await here.said(PreferencesStated)
        assert (stated.person_id, stated.tenant_id, stated.choices) == (here.guardian_a, HERE, (OFF,))


@pytest.mark.parametrize("headers", [{}, {"origin": "https://mail.example", "sec-fetch-site": "cross-site"}])
async def test_it_may_be_sent_as_a_form_of_files_or_with_nothing_in_it_from_anywhere(
    postgres: Postgres, clock: ManualClock, headers: dict[str, str]
) -> None:
    async with leaving(postgres, clock) as here:
        async with here.client(None) as program:
            parts = await program.post(
                link(here, here.guardian_a), files={"List-Unsubscribe": (None, "One-Click")}, headers=headers
            )
            empty = await program.post(link(here, here.guardian_b), headers=headers)
            broken = await program.post(
                link(here, here.stranger), content=b"\xff--", headers={"content-type": "multipart/form-data", **headers}
            )
        assert [one.status_code for one in (parts, empty, broken)] == [200, 200, 200]
        assert {stated.person_id for stated in await here.said(PreferencesStated)} == {
            here.guardian_a,
            here.guardian_b,
            here.stranger,
        }


async def test_the_second_click_changes_nothing_more(postgres: Postgres, clock: ManualClock) -> None:
    async with leaving(postgres, clock) as here:
        for _ in range(3):
            assert (await press(here, link(here, here.guardian_a))).status_code == 200
        assert await choices(here) == [(OFF,)]


async def test_the_page_that_says_so_has_the_way_back(postgres: Postgres, clock: ManualClock) -> None:
    async with leaving(postgres, clock) as here:
        path = link(here, here.guardian_a)
        page = await press(here, path)
        [(name, value)] = re.findall(r'name="(back)" value="(\w+)"', page.text)
        again = await press(here, path, **{name: value})
        assert "You will get these messages again" in again.text
        assert await choices(here) == [(OFF,), ()]
        first, second = await here.said(PreferencesStated)
        assert second.version > first.version


async def test_a_choice_for_one_child_does_not_win_over_leaving_and_all_else_stays(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with leaving(postgres, clock) as here:
        wishes = Wishes("nb", True, time(22), time(6))
        child = [
            {"subject": "bulletins", "how": "instant", "pupil_id": str(here.child_1)},
            {"subject": "talks", "how": "digest"},
        ]
        async with here.kit.sessions.begin() as session:
            await keep_wishes(session, here.guardian_a, HERE, wishes, clock.now())
            row = (await session.connection()).exec_driver_sql
            await row("update preference set choices = %s", (json.dumps(child),))
        await press(here, link(here, here.guardian_a))
        [stated] = await here.said(PreferencesStated)
        assert set(stated.choices) == {OFF, Choice(subject=Subject.TALKS, how=How.DIGEST)}
        assert (stated.language, stated.quiet_from, stated.quiet_to) == ("nb", time(22), time(6))


async def test_whoever_has_said_nothing_else_still_sleeps_at_night(postgres: Postgres, clock: ManualClock) -> None:
    async with leaving(postgres, clock) as here:
        await press(here, link(here, here.guardian_a))
        [stated] = await here.said(PreferencesStated)
        assert (stated.email, stated.quiet_from, stated.quiet_to) == (True, time(21), time(7))


async def test_a_link_of_another_kind_or_a_changed_one_is_nobodys(postgres: Postgres, clock: ManualClock) -> None:
    async with leaving(postgres, clock) as here:
        good = link(here, here.guardian_a)
        reading = Links(here.kit.settings).reading(Reading(uuid4(), here.guardian_a))
        for path in (good[:-1], good + "x", f"/unsubscribe/{reading}", "/unsubscribe/" + "a" * 200, "/unsubscribe/x"):
            assert (await here.get(None, path)).status_code in (404, 422)
            assert (await press(here, path)).status_code in (404, 422)
        assert await choices(here) == []


async def test_somebody_the_registry_does_not_know_any_more_is_answered_the_same(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with leaving(postgres, clock) as here:
        known, unknown = link(here, here.guardian_a), link(here, uuid4())
        pages = [(await press(here, path)).text.replace(path, "") for path in (known, unknown)]
        assert pages[0] == pages[1]
        assert len(await choices(here)) == 1


async def test_no_name_and_no_child_is_on_the_pages_whoever_holds_the_link(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with leaving(postgres, clock) as here:
        for subject in Subject:
            path = link(here, here.guardian_p, subject)
            text = (await here.get(None, path)).text + (await press(here, path)).text
            names = await here.rows(
                "select state ->> 'given_name', state ->> 'family_name' from roster union all "
                "select state ->> 'name', state ->> 'email' from roster where event_type like '%school%'"
            )
            for name in {one for row in names for one in row if one}:
                assert not re.search(rf"\b{re.escape(name)}\b", text)
            for one in (here.guardian_p, here.protected_child):
                assert str(one) not in text
