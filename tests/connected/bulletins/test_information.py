"""School information: what holds now, the editions before, what each changed, and in how many homes it was seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.web.bulletin import add_bulletin
from services.bulletins.web.information import add_information
from shared.clock import ManualClock
from shared.events.notify import MailingKind
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.letters import has_read, sent
from tests.portal_stage import statements

pytestmark = pytest.mark.connected


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, add_information, add_bulletin) as here:
        yield here


async def told(stage: Stage, words: str, title: str = "Our goals", *classes: str, **columns: object) -> UUID:
    """A piece of information on goals, in one part."""
    usual = {"kind": MailingKind.INFORMATION, "topic": "goals", "school_year": "2026/2027", "must_read": True}
    text = {"titles": {"en": title}, "parts": {"en": {"body": words}}}
    return await sent(stage, *classes, **{**usual, **text, **columns})  # type: ignore[arg-type]


async def editions(stage: Stage) -> tuple[UUID, UUID]:
    """Two editions, the second three weeks after the first."""
    first = await told(stage, "One.\n\nTwo.\n\nThree.", at=stage.now - timedelta(days=21))
    second = await told(stage, "One.\n\nTwo, but better.\n\nThree.\n\nFour.", edition=2, replaces_id=first)
    return first, second


async def test_what_holds_now_is_on_the_page_and_what_it_replaced_is_not(stage: Stage) -> None:
    first, second = await editions(stage)
    page = (await stage.get("hanna", "/information")).text
    assert f'href="/bulletins/{second}"' in page
    assert f'href="/bulletins/{first}"' not in page
    assert "Goals" in page
    assert "for Hugo Holm" in page
    assert "Unread" in page
    await stage.get("hanna", f"/bulletins/{second}")
    assert "Seen by you today 09:00" in (await stage.get("hanna", "/information")).text


async def test_the_editions_stand_with_their_days_and_what_each_changed_in_words(stage: Stage) -> None:
    first, second = await editions(stage)
    for one in (first, second):
        page = (await stage.get("hanna", f"/information/{one}")).text
        assert "1 paragraph changed, 1 paragraph added" in page
        assert "taken out" not in page
        assert "Monday 2 November 2026" in page
        assert "Monday 12 October 2026" in page
    assert f'href="/bulletins/{first}"' in (await stage.get("hanna", f"/information/{second}")).text
    assert (await stage.get("hanna", f"/bulletins/{first}")).status_code == 200


async def test_information_for_one_class_is_for_its_homes(stage: Stage) -> None:
    plan = await told(stage, "Our plan.", "Plan of 6A", "6A", topic="work_plan")
    assert "Plan of 6A" in (await stage.get("greta", "/information")).text
    assert "Plan of 6A" not in (await stage.get("hanna", "/information")).text
    for who in ("hanna", "malte", "ulla", "stina", "rolf"):
        assert (await stage.get(who, f"/information/{plan}")).status_code == 404


async def test_staff_see_in_how_many_homes_of_each_class_it_was_seen_and_homes_do_not(stage: Stage) -> None:
    _, second = await editions(stage)
    await has_read(stage, second, "anna", "greta", "hanna", "malte")
    page = (await stage.get("rut", f"/information/{second}")).text
    assert "6A" in page
    assert "2 of 5" in page
    assert "4B" in page
    mentors = (await stage.get("malte", f"/information/{second}")).text
    assert "4B" in mentors
    assert "6A" not in mentors
    assert "Who has seen it" not in (await stage.get("hanna", f"/information/{second}")).text


async def test_a_principal_sees_every_topic_and_where_to_write_and_others_do_not(stage: Stage) -> None:
    page = (await stage.get("rut", "/information")).text
    assert page.count("/bulletins/new?kind=information&amp;topic=") == 5
    assert "Study workshop" in page
    assert "/bulletins/new" not in (await stage.get("malte", "/information")).text
    assert "Nothing has been said yet" in (await stage.get("hanna", "/information")).text


async def test_drafts_class_bulletins_and_other_schools_are_no_information(stage: Stage) -> None:
    draft = await told(stage, "Soon.", state=BulletinState.DRAFT, sent_at=None)
    letter = await sent(stage, "4B")
    for who in ("hanna", "rut"):
        for one in (draft, letter):
            assert (await stage.get(who, f"/information/{one}")).status_code == 404
            assert str(one) not in (await stage.get(who, "/information")).text


@pytest.mark.parametrize("who", ["anna", "malte", "rut", "oskar"])
async def test_no_page_asks_the_database_more_than_six_times(stage: Stage, who: str) -> None:
    _, second = await editions(stage)
    for path in ("/information", f"/information/{second}"):
        asked = statements(stage.kit)
        assert (await stage.get(who, path)).status_code == 200
        assert len(asked) <= 6, (path, asked)
