"""From draft to sent: once, at an hour when the school is not quiet, with nobody named who must not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins import sending
from services.bulletins.jobs.sending import sending_handlers
from services.bulletins.web.approval import add_approval
from services.bulletins.web.compose import add_compose
from services.bulletins.web.preview import add_preview
from services.bulletins.web.sending import add_sending
from shared.clock import ManualClock
from shared.events.bulletins import BulletinStated
from shared.events.notify import MailingRequested, MailingWithdrawn, UnhurriedRequested
from shared.events.roster import Marking
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.test_compose import begun, plain, save, version_of

pytestmark = pytest.mark.connected
ROOMS = (add_compose, add_preview, add_approval, add_sending)


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, *ROOMS) as here:
        yield here


async def written(stage: Stage, who: str = "maja", *classes: str, **fields: Any) -> UUID:
    """A bulletin with everything it needs."""
    bulletin = await begun(stage, who, *classes)
    assert (await save(stage, who, bulletin, **fields)).status_code == 303
    return bulletin


async def send(stage: Stage, bulletin: UUID, who: str = "maja", **fields: Any) -> httpx.Response:
    """Press “send” on the page as it is now."""
    version = fields.pop("version", None) or await version_of(stage, bulletin)
    return await stage.post(who, f"/bulletins/{bulletin}/send", {"version": version, **fields})


async def leave(stage: Stage) -> int:
    """Do what is due."""
    return await stage.due(sending_handlers(stage.settings))


async def row(stage: Stage, bulletin: UUID) -> Any:
    return (await stage.rows("select * from bulletin where bulletin_id = :id", id=bulletin))[0]


async def test_it_leaves_as_one_mailing_with_its_words_in_every_language(stage: Stage) -> None:
    english: dict[str, Any] = {
        "language": ["sv", "en"],
        "subject-en": "Week 45",
        "learning-en": "We read.",
        "activities-en": "A trip.",
    }
    bulletin = await written(stage, **english)
    assert (await send(stage, bulletin)).headers["location"].endswith("done=scheduled")
    assert (await row(stage, bulletin)).state == "scheduled"
    assert await leave(stage) == 1
    [mailing] = await stage.said(MailingRequested)
    assert (mailing.about_id, mailing.group_ids) == (bulletin, (stage.group["6A"],))
    assert mailing.path == f"/bulletins/{bulletin}"
    assert [one.language for one in mailing.texts] == ["sv", "en"]
    assert "<em>floder</em>" in mailing.texts[0].html
    assert "We read." in mailing.texts[1].text
    [stated] = await stage.said(BulletinStated)
    assert [(one.language, one.words) for one in stated.titles] == [("sv", "Vecka 45"), ("en", "Week 45")]
    assert (stated.number, stated.of) == (1, 3)
    assert (await row(stage, bulletin)).state == "sent"


async def test_two_clicks_at_once_and_a_repeat_of_the_worker_send_it_once(stage: Stage) -> None:
    bulletin = await written(stage)
    version = await version_of(stage, bulletin)
    answers = await asyncio.gather(*[send(stage, bulletin, version=version) for _ in range(4)])
    assert {one.status_code for one in answers} == {303}
    await asyncio.gather(leave(stage), leave(stage))
    async with stage.machine() as session:
        assert await sending.send(session, bulletin, stage.now, stage.settings) == []
    assert len(await stage.said(MailingRequested)) == 1
    assert len(await stage.said(BulletinStated)) == 1


async def test_what_is_sent_in_the_evening_leaves_in_the_morning(stage: Stage) -> None:
    stage.at("21:00")
    bulletin = await written(stage)
    page = plain(await stage.get("maja", f"/bulletins/{bulletin}/preview"))
    assert "tomorrow 07:00" in page
    assert "quiet from 18:00 to 07:00" in page
    await send(stage, bulletin)
    assert await leave(stage) == 0
    stage.at("06:59", date(2026, 11, 3))
    assert await leave(stage) == 0
    stage.at("07:00", date(2026, 11, 3))
    assert await leave(stage) == 1
    assert (await stage.said(MailingRequested))[0].day == date(2026, 11, 3)


@pytest.mark.parametrize(
    ("evening", "morning"),
    [
        (date(2027, 3, 27), datetime.fromisoformat("2027-03-28T05:00:00+00:00")),  # clocks forward in the night
        (date(2026, 10, 24), datetime.fromisoformat("2026-10-25T06:00:00+00:00")),  # clocks back
    ],
)
async def test_the_morning_after_the_clocks_change_is_seven_on_the_wall(
    stage: Stage, evening: date, morning: datetime
) -> None:
    stage.at("21:00", evening)
    bulletin = await written(stage)
    await send(stage, bulletin)
    assert (await row(stage, bulletin)).send_at == morning


async def test_a_worker_that_was_away_until_the_evening_waits_for_the_morning(stage: Stage) -> None:
    bulletin = await written(stage)
    await send(stage, bulletin)
    stage.at("19:30")
    assert await leave(stage) == 1
    assert not await stage.said(MailingRequested)
    stage.at("07:00", date(2026, 11, 3))
    await leave(stage)
    assert len(await stage.said(MailingRequested)) == 1


async def test_a_later_hour_can_be_chosen_and_one_that_is_not_there_cannot(stage: Stage) -> None:
    bulletin = await written(stage)
    for when in ("2027-03-28T02:30", "2026-11-01T10:00", "2029-01-01T10:00", "soon"):
        assert (await send(stage, bulletin, when=when)).status_code == 400, when
    await send(stage, bulletin, when="2026-11-06T09:30")
    assert (await row(stage, bulletin)).send_at == datetime.fromisoformat("2026-11-06T08:30:00+00:00")


async def test_it_can_be_taken_back_while_it_waits(stage: Stage) -> None:
    stage.at("21:00")
    bulletin = await written(stage)
    await send(stage, bulletin)
    assert (await save(stage, "maja", bulletin, **{"subject-sv": "Nytt"})).status_code == 409
    assert (await stage.post("maja", f"/bulletins/{bulletin}/take-back")).status_code == 303
    stage.at("07:00", date(2026, 11, 3))
    assert await leave(stage) == 0
    assert (await row(stage, bulletin)).state == "draft"
    assert (await save(stage, "maja", bulletin, **{"subject-sv": "Nytt"})).status_code == 303
    assert not await stage.said(MailingRequested)


async def test_what_lacks_something_does_not_leave_and_says_what(stage: Stage) -> None:
    for lacking in ({"subject-sv": " "}, {"learning-sv": ""}, {"learning-sv": "Vi [vad?] hela veckan"}):
        bulletin = await written(stage, **lacking)
        answer = await send(stage, bulletin)
        assert answer.status_code == 400
        assert "Still missing" in answer.text
        assert (await row(stage, bulletin)).state == "draft"


async def test_the_name_of_somebody_protected_stops_it_whatever_is_said(stage: Stage) -> None:
    for words in ("Pias teckning hänger i hallen.", "Tack Petra Dold för kakorna!", "PIA:s bänk, och pia's"):
        bulletin = await written(stage, **{"learning-sv": words})
        page = await stage.get("maja", f"/bulletins/{bulletin}/preview")
        assert "A name that must not be in here" in page.text, words
        assert "It may stand, because" not in page.text, (words, plain(page))
        mark = page.text.split("reason-")[1].split('"')[0] if "reason-" in page.text else "none"
        await stage.post("maja", f"/bulletins/{bulletin}/check", {f"reason-{mark}": "agreed"})
        assert (await send(stage, bulletin)).status_code == 400
        assert (await row(stage, bulletin)).waived == []


async def test_other_findings_leave_with_a_reason_and_nothing_of_the_words_is_kept(stage: Stage) -> None:
    bulletin = await written(stage, **{"learning-sv": "Ebba Ek har berättat om sin diabetes."})
    page = await stage.get("maja", f"/bulletins/{bulletin}/preview")
    marks = sorted({part.split('"')[0] for part in page.text.split('name="reason-')[1:]})
    assert len(marks) == 2
    assert (await send(stage, bulletin)).status_code == 400
    await stage.post("maja", f"/bulletins/{bulletin}/check", {f"reason-{marks[0]}": "agreed"})
    assert (await send(stage, bulletin)).status_code == 400
    await stage.post("maja", f"/bulletins/{bulletin}/check", {f"reason-{marks[1]}": "agreed"})
    waived = (await row(stage, bulletin)).waived
    assert sorted(one.split(":")[0] for one in waived) == ["full_name", "health"]
    assert not any(word in str(waived) for word in ("Ebba", "Ek", "diabetes"))
    assert (await send(stage, bulletin)).status_code == 303
    other = await written(stage, **{"learning-sv": "Ebba Ek har berättat om sin diabetes."})
    assert (await send(stage, other)).status_code == 400  # a reason is for the line it was given for


async def test_who_becomes_protected_overnight_stops_what_waits_and_its_author_hears(stage: Stage) -> None:
    stage.at("21:00")
    bulletin = await written(stage, **{"learning-sv": "Gustav har vunnit i schack."})
    await send(stage, bulletin)
    stated = stage.person_stated("gustav", "north", version=2, marking=Marking.PROTECTED, born=date(2014, 3, 1))
    await stage.hear(*stated)
    stage.at("07:00", date(2026, 11, 3))
    await leave(stage)
    assert not await stage.said(MailingRequested)
    assert (await row(stage, bulletin)).state == "returned"
    told = await stage.said(UnhurriedRequested)
    assert [(one.kind, one.to_id) for one in told] == [("bulletin_returned", stage.who["maja"])]


async def test_what_is_scheduled_still_goes_when_its_author_has_left(stage: Stage) -> None:
    stage.at("21:00")
    bulletin = await written(stage)
    await send(stage, bulletin)
    await stage.hear(stage.post_stated(None, "north", post_id=await stage.post_of("maja"), version=2))
    await stage.hear(stage.post_stated("tora", "north", "6A", post_id=uuid4()))
    assert (await stage.get("maja", f"/bulletins/{bulletin}/preview")).status_code == 404
    assert (await stage.get("tora", f"/bulletins/{bulletin}/preview")).status_code == 200
    stage.at("07:00", date(2026, 11, 3))
    await leave(stage)
    assert len(await stage.said(MailingRequested)) == 1


async def test_withdrawn_it_reaches_nobody_more_and_its_place_is_owed_again(stage: Stage) -> None:
    bulletin = await written(stage)
    await send(stage, bulletin)
    await leave(stage)
    assert (await row(stage, bulletin)).number == 1
    answer = await stage.post("maja", f"/bulletins/{bulletin}/withdraw")
    assert answer.status_code == 303
    assert (await stage.post("rut", f"/bulletins/{bulletin}/withdraw")).status_code == 303  # once more changes nothing
    [gone] = await stage.said(MailingWithdrawn)
    assert gone.mailing_id == (await stage.said(MailingRequested))[0].mailing_id
    assert [one.withdrawn for one in await stage.said(BulletinStated)] == [False, True]
    assert not await stage.rows("select from place where bulletin_id = :id", id=bulletin)
    assert (await stage.post("maja", f"/bulletins/{bulletin}/take-back")).status_code == 409


async def test_for_several_classes_it_is_one_bulletin_that_fills_a_place_of_each(stage: Stage) -> None:
    await stage.hear(stage.post_stated("maja", "north", "4B", post_id=uuid4()))
    bulletin = await written(stage, "maja", "6A", "4B")
    page = plain(await stage.get("maja", f"/bulletins/{bulletin}/preview"))
    assert "10 homes" in page  # a home is a pupil's: it is what is counted as reached
    await send(stage, bulletin)
    await leave(stage)
    [mailing] = await stage.said(MailingRequested)
    assert set(mailing.group_ids) == {stage.group["6A"], stage.group["4B"]}
    assert len(await stage.rows("select from place where bulletin_id = :id", id=bulletin)) == 2


async def test_a_new_edition_of_information_begins_from_the_last_and_replaces_it(stage: Stage) -> None:
    asked = {"kind": "information", "school": stage.school["north"], "topic": "goals"}
    ids: list[UUID] = []
    for words in ("Våra mål", "Våra nya mål"):
        bulletin = UUID((await stage.post("rut", "/bulletins/new", asked)).headers["location"].split("/")[2])
        fields = {"subject-sv": words, "body-sv": words, "has_must_read": "1", "must_read": "on"}
        if ids:
            assert "Våra mål" in (await stage.get("rut", f"/bulletins/{bulletin}/edit")).text
        assert (await save(stage, "rut", bulletin, **fields)).status_code == 303
        assert (await send(stage, bulletin, "rut")).status_code == 303
        await leave(stage)
        ids.append(bulletin)
        stage.clock.advance(timedelta(minutes=5))
    first, second = [await row(stage, one) for one in ids]
    assert (first.edition, second.edition, second.replaces_id) == (1, 2, ids[0])
    mailings = await stage.said(MailingRequested)
    assert mailings[0].must_read
    assert set(mailings[0].group_ids) == {stage.group["6A"], stage.group["4B"]}
