"""Officers write their municipality's own words, try them on people who do not exist, and take earlier ones again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape

import pytest
from sqlalchemy.exc import OperationalError

from deploy.embedded.postgres import Postgres
from services.notifications.domain.samples import Sample
from services.notifications.store.wordings import Wordings
from services.notifications.web.wordings import add_wordings
from shared.clock import ManualClock
from shared.events.notify import NotificationKind
from shared.languages import LANGUAGES
from tests.connected.sending_stage import sending_stage
from tests.talks_stage import ELSEWHERE, HERE, Stage

pytestmark = pytest.mark.connected
BOOKED = NotificationKind.TALK_BOOKED
PAGE = f"/sending/words/{BOOKED}"
WORDS = {"language": "en", "subject": "Welcome to {{ school }}", "body": "We meet {{ when }}."}


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with sending_stage(postgres, clock, add_wordings) as here:
        yield here


async def in_use(stage: Stage) -> list[tuple[str, int, str]]:
    rows = await stage.rows("select language, version, subject from wording where retired_at is null order by 1")
    return [tuple(row) for row in rows]


async def test_what_an_officer_saves_is_in_use_at_once_and_only_in_their_municipality(stage: Stage) -> None:
    assert (await stage.post("oskar", PAGE, WORDS)).status_code == 303
    known = Wordings(stage.kit)
    await known.fresh()
    kept = known.of(HERE, BOOKED, "en")
    assert kept is not None
    assert (kept.subject, kept.body, kept.version) == (WORDS["subject"], WORDS["body"], 1)
    for tenant, kind, tag in (
        (ELSEWHERE, BOOKED, "en"),
        (HERE, BOOKED, "sv"),
        (HERE, NotificationKind.TALK_MOVED, "en"),
    ):
        assert known.of(tenant, kind, tag) is None
    assert known.of(None, BOOKED, "en") is None
    assert "Welcome to" in (await stage.get("oskar", f"{PAGE}?language=en")).text
    assert "Welcome to" not in (await stage.get("ove", f"{PAGE}?language=en")).text
    assert (await stage.get("oskar", "/sending/words")).text.count("own words") == 1
    assert (await stage.get("ove", "/sending/words")).text.count("own words") == 0


async def test_every_save_is_a_version_and_an_earlier_one_can_be_taken_again(stage: Stage) -> None:
    for subject in ("One", "Two", "Three"):
        await stage.post("oskar", PAGE, WORDS, subject=subject)
    assert await in_use(stage) == [("en", 3, "Three")]
    page = (await stage.get("oskar", f"{PAGE}?language=en")).text
    assert page.index("Version 3") < page.index("Version 2") < page.index("Version 1")
    assert (await stage.post("oskar", f"{PAGE}/again", language="en", version=1)).status_code == 303
    assert await in_use(stage) == [("en", 4, "One")]
    assert (await stage.post("oskar", f"{PAGE}/retire", language="en")).status_code == 303
    assert await in_use(stage) == []
    assert (await stage.post("oskar", f"{PAGE}/again", language="en", version=9)).status_code == 404
    assert (await stage.post("ove", f"{PAGE}/again", language="en", version=1)).status_code == 404


async def test_what_may_not_be_written_is_not_saved_and_stays_in_the_form(stage: Stage) -> None:
    answer = await stage.post("oskar", PAGE, WORDS, body="Look: https://evil.example")
    assert answer.status_code == 400
    assert "Leave out addresses" in answer.text
    assert "https://evil.example</textarea>" in answer.text
    answer = await stage.post("oskar", PAGE, WORDS, subject="{{ 7*7 }}")
    assert answer.status_code == 400
    assert "Only the names in the list" in unescape(answer.text)
    assert await in_use(stage) == []


@pytest.mark.parametrize("sample", Sample)
async def test_words_can_be_tried_on_every_sample_in_every_language_without_being_saved(
    stage: Stage, sample: Sample
) -> None:
    answer = await stage.post("oskar", PAGE, WORDS, sample=sample, todo="try")
    assert answer.status_code == 200
    page = unescape(answer.text)
    for language in LANGUAGES.values():
        assert f"<summary>{language.name}: " in page
    assert ("We meet Monday 9 November, 17:00–17:20." in page) is (sample is not Sample.PROTECTED)
    assert await in_use(stage) == []
    html = await stage.post("oskar", f"{PAGE}/mail", WORDS, sample=sample)
    assert html.status_code == 200
    assert html.text.startswith("<!doctype html>")
    assert "sandbox" in html.headers["content-security-policy"]
    assert "script-src" not in html.headers["content-security-policy"]
    if sample is Sample.BRACES:
        assert "Welcome to {{7*7}}skolan <b>" in page
        assert "{{7*7}}skolan &lt;b&gt;" in html.text
        assert "<b>" not in html.text


async def test_an_empty_form_tries_the_built_in_words(stage: Stage) -> None:
    answer = await stage.post("oskar", PAGE, language="en", todo="try")
    assert answer.status_code == 200
    assert "You are invited to a talk." in answer.text


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}/again", f"{PAGE}/retire", f"{PAGE}/mail"])
async def test_nobody_but_an_officer_writes_words(stage: Stage, path: str) -> None:
    await stage.post("oskar", PAGE, WORDS)
    for who in ("anna", "maja", "rut"):
        assert (await stage.post(who, path, WORDS, version=1)).status_code == 404
    assert await in_use(stage) == [("en", 1, WORDS["subject"])]


@pytest.mark.parametrize("kind", ["digest", "still_unread"])
async def test_messages_that_are_made_of_others_have_no_own_words(stage: Stage, kind: str) -> None:
    assert (await stage.get("oskar", f"/sending/words/{kind}")).status_code == 404
    assert (await stage.post("oskar", f"/sending/words/{kind}", WORDS)).status_code == 404
    assert (await stage.post("oskar", f"/sending/words/{kind}/mail", WORDS)).status_code == 404


async def test_a_language_we_do_not_write_in_does_not_exist(stage: Stage) -> None:
    assert (await stage.get("oskar", f"{PAGE}?language=tlh")).status_code == 404
    assert (await stage.post("oskar", PAGE, WORDS, language="tlh")).status_code == 404
    assert await in_use(stage) == []


async def test_while_the_database_is_away_the_words_that_were_read_last_are_used(stage: Stage) -> None:
    await stage.post("oskar", PAGE, WORDS)
    known = Wordings(stage.kit)
    await known.fresh()

    def away() -> None:
        raise OperationalError("select", None, OSError("away"))

    known._until = 0.0
    known.kit.sessions = away  # type: ignore[assignment]
    await known.fresh()
    kept = known.of(HERE, BOOKED, "en")
    assert kept is not None
    assert kept.subject == WORDS["subject"]
