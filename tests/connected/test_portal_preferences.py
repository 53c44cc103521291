"""The ways, the subjects, the children and the digest on the page of preferences; and that staff can reach it too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import time
from html import unescape
from typing import Any

import pytest
from sqlalchemy import event, text

from deploy.embedded.postgres import Postgres
from services.portal.domain.choices import field_of, masked
from services.portal.web.home import home_routes
from shared.clock import ManualClock
from shared.events.people import Channel, Choice, How, PreferencesStated, PushAddress, Subject
from tests.portal_stage import Stage, open_pages, portal_kit, stage

pytestmark = pytest.mark.connected
PLAIN: dict[str, Any] = {"language": "en", "email": "on"}
NIGHT: dict[str, Any] = {"quiet_from": "20:15", "quiet_to": "6:00"}
BROWSER = PushAddress(endpoint="https://push.example/1", p256dh="key", auth="auth")


@pytest.fixture
async def home(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, home_routes)
    yield here
    await kit.close()


async def test_ways_subjects_children_and_the_time_of_the_digest_are_kept_said_and_shown_again(home: Stage) -> None:
    typed: dict[str, Any] = {
        **PLAIN,
        "way1": "sms",
        "way2": "email",
        field_of(Subject.BULLETINS): "digest",
        field_of(Subject.TALKS): "instant",
        field_of(Subject.BULLETINS, home.child_1): "instant",
        field_of(Subject.DIALOGUE, home.child_2): "off",
        "digest_at": "16.30",
    }
    assert (await home.post(home.guardian_a, "/preferences", **typed)).status_code == 303
    [stated] = await home.said(PreferencesStated)
    assert stated.channels == (Channel.SMS, Channel.EMAIL)
    assert stated.digest_at == time(16, 30)
    assert set(stated.choices) == {
        Choice(subject=Subject.BULLETINS, how=How.DIGEST),
        Choice(subject=Subject.BULLETINS, how=How.INSTANT, pupil_id=home.child_1),
        Choice(subject=Subject.DIALOGUE, how=How.OFF, pupil_id=home.child_2),
    }
    page = (await home.get(home.guardian_a, "/preferences")).text
    assert page.count("selected") == 1 + 3 + 4 + 8
    assert 'value="16:30"' in page
    assert "About Ebba" in page
    assert "About Olle" in page


async def test_what_is_said_about_somebody_elses_child_is_not_read(home: Stage) -> None:
    typed: dict[str, Any] = {
        **PLAIN,
        field_of(Subject.TALKS, home.stranger_child): "off",
        field_of(Subject.TALKS): "off",
    }
    await home.post(home.guardian_a, "/preferences", **typed)
    [stated] = await home.said(PreferencesStated)
    assert stated.choices == (Choice(subject=Subject.TALKS, how=How.OFF),)
    page = (await home.get(home.guardian_a, "/preferences")).text
    assert home.stranger_child.hex not in page


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"way1": "email", "way2": "email"}, "way2"),
        ({"way1": "pigeon"}, "way1"),
        ({"way1": "letter"}, "way1"),
        ({"how_talks": "never"}, "how_talks"),
        ({"digest_at": "at noon"}, "digest_at"),
    ],
)
async def test_what_cannot_be_meant_stays_in_the_form_with_a_word_beside_it(
    home: Stage, typed: dict[str, Any], field: str
) -> None:
    answer = await home.post(home.guardian_a, "/preferences", **PLAIN, **NIGHT, **typed)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert 'value="20:15"' in answer.text
    assert not await home.said(PreferencesStated)


async def test_the_form_leaves_the_browsers_as_they_are(home: Stage) -> None:
    await home.post(home.guardian_a, "/preferences", **PLAIN)
    async with home.kit.sessions.begin() as session:
        kept = f"[{BROWSER.model_dump_json()}]"
        keep = text("update preference set push = cast(:push as jsonb) where person_id = :person")
        await session.execute(keep, {"push": kept, "person": home.guardian_a})
    await home.post(home.guardian_a, "/preferences", **PLAIN, way1="push")
    assert (await home.said(PreferencesStated))[-1].push == (BROWSER,)
    assert "Messages in a browser: one browser" in (await home.get(home.guardian_a, "/preferences")).text


async def test_whoever_has_said_nothing_sees_the_night_that_holds_for_them(home: Stage) -> None:
    page = (await home.get(home.guardian_a, "/preferences")).text
    assert 'name="quiet_from" type="time" value="21:00"' in page
    assert 'name="quiet_to" type="time" value="07:00"' in page


async def test_addresses_are_shown_so_that_only_their_owner_knows_them(home: Stage) -> None:
    page = unescape((await home.get(home.guardian_a, "/preferences")).text)
    contact = [row.state for row in await home.rows("select state from roster where id = :id", id=home.guardian_a)]
    for state in contact:
        for address in (*state.get("emails", ()), *state.get("phones", ())):
            assert address not in page
    assert [masked("anna.ek@home.example"), masked("+46 70 174 06 05"), masked("12"), masked("")] == [
        "a…@home.example",
        "… 05",
        "…",
        "…",
    ]


async def test_staff_reach_the_page_from_every_page_and_choose_only_what_is_sent_to_them(home: Stage) -> None:
    for who in (home.mentor, home.principal, home.officer):
        page = (await home.get(who, "/preferences")).text
        assert 'href="/preferences" aria-current="page"' in page
        assert field_of(Subject.DIALOGUE) in page
        assert field_of(Subject.BULLETINS) not in page
        assert "the law says" not in page
        assert (await home.post(who, "/preferences", **PLAIN, how_dialogue="digest")).status_code == 303
    assert len(await home.said(PreferencesStated)) == 3


async def test_the_page_asks_the_database_little(home: Stage) -> None:
    seen: list[str] = []
    listen = home.kit.people.kw["bind"].sync_engine
    event.listen(listen, "before_cursor_execute", lambda *call: seen.append(call[2]))
    assert (await home.get(home.guardian_a, "/preferences")).status_code == 200
    assert len(seen) <= 6, seen
