"""Between talks: who is asked how it goes, the one-tap link, silence, and what becomes of a promise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from services.scheduling.jobs.commitments import commitment_handlers
from services.scheduling.web import front
from services.scheduling.web.check_in import open_routes
from services.scheduling.web.commitments import add_commitments
from services.scheduling.web.preparation import add_preparation
from services.scheduling.web.record import add_record
from services.scheduling.web.talk import add_talk
from services.scheduling.web.thread import add_thread
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.roster import Assignment, ContactStated, StaffStated
from shared.events.scheduling import CommitmentStated, CommitmentStatus
from shared.web.pages import Pages
from tests.portal_stage import answers, ties
from tests.talks_stage import HERE, TUESDAY, Stage, at, talks_stage

pytestmark = pytest.mark.connected
ROOMS = (add_thread, add_commitments, add_preparation, add_record, add_talk)
CHECK, NUDGE = NotificationKind.COMMITMENT_CHECK, NotificationKind.COMMITMENT_NUDGE


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, *ROOMS) as here:
        pages = Pages(front.HERE / "templates", here.kit.settings)
        here.app.include_router(open_routes(here.kit, here.settings, pages))
        yield here


async def agreed(stage: Stage, owner: str, promised_by: str | None, what: str = "Reads aloud", due: str = "") -> UUID:
    """Something Ebba's talk has led to; it was held on Tuesday 17 November at 16:00."""
    round_id = await stage.round(RoundState.BOOKING, "6A")
    talk_id = await stage.give(round_id, "ebba")
    who = owner if promised_by is None else f"{owner}:{stage.who[promised_by]}"
    fields = {"who": who, "what": what, "how": "We ask", "due": due}
    assert (await stage.post("maja", f"/talks/{talk_id}/commitments", fields)).status_code == 303
    stage.clock.instant = at("16:00", TUESDAY)
    assert (await stage.post("maja", f"/talks/{talk_id}/held", {"summary": "Fine"})).status_code == 303
    [row] = await stage.rows("select commitment_id from commitment")
    return UUID(str(row.commitment_id))


async def days(stage: Stage, number: float) -> None:
    await stage.forward(number, commitment_handlers(stage.settings))


async def asked(stage: Stage, kind: NotificationKind = CHECK) -> list[NotificationRequested]:
    return [one for one in await stage.said(NotificationRequested) if one.kind is kind]


async def link(stage: Stage) -> str:
    path = (await asked(stage))[-1].path
    assert path
    return path


async def tap(stage: Stage, path: str, said: str, **headers: str) -> httpx.Response:
    async with stage.client(None) as browser:
        return await browser.post(path, data={"said": said}, headers=headers)


async def test_whoever_promised_is_asked_every_two_weeks_while_it_goes_on(stage: Stage) -> None:
    await agreed(stage, "guardian", "anna")
    await days(stage, 13)
    assert not await asked(stage)
    await days(stage, 2)
    assert [one.to_id for one in await asked(stage)] == [stage.who["anna"]]
    await days(stage, 28)
    assert len(await asked(stage)) == 3


async def test_the_link_works_without_a_login_names_nobody_and_takes_one_tap(stage: Stage) -> None:
    await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    path = await link(stage)
    page = await stage.get(None, path)
    assert page.status_code == 200
    for word in ("Ebba", "Anna", "Ek", "Reads aloud", "Björkskolan", "Maja"):
        assert word not in page.text
    assert "17 November" in page.text
    assert (await tap(stage, path, "slowly")).status_code == 303
    again = await stage.get(None, path)
    assert "Thank you: Slowly" in again.text
    assert (await tap(stage, path, "well")).status_code == 303
    assert "Thank you: Going well" in (await stage.get(None, path)).text
    commitment = (await stage.rows("select commitment_id from commitment"))[0].commitment_id
    assert "Going well" in (await stage.get("maja", f"/talks/commitments/{commitment}")).text


async def test_opening_the_link_changes_nothing(stage: Stage) -> None:
    await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    before = await stage.rows("select * from check_in")
    path = await link(stage)
    for address in (path, f"{path}?said=well", f"{path}?answer=well"):
        await stage.get(None, address)
    async with stage.client(None) as browser:
        await browser.head(path)
    assert await stage.rows("select * from check_in") == before


async def test_a_link_that_was_never_sent_is_not_there(stage: Stage) -> None:
    path = f"/talks/check/{uuid4()}"
    assert (await stage.get(None, path)).status_code == 404
    assert (await tap(stage, path, "well")).status_code == 404


async def test_a_link_that_is_over_says_so_and_changes_nothing(stage: Stage) -> None:
    await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    path = await link(stage)
    await days(stage, 14)
    assert (await stage.get(None, path)).status_code == 410
    late = await tap(stage, path, "well")
    assert late.status_code == 410
    assert "This question is over" in late.text
    assert not await stage.rows("select 1 from check_in where answer is not null")


async def test_another_site_cannot_tap(stage: Stage) -> None:
    await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    path = await link(stage)
    assert (await tap(stage, path, "well", origin="https://elsewhere.example")).status_code == 403
    assert (await tap(stage, path, "nonsense")).status_code == 422


async def test_silence_nudges_the_adult_once_per_question_and_shows_the_mentor(stage: Stage) -> None:
    commitment = await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    await days(stage, 5)
    assert [one.to_id for one in await asked(stage, NUDGE)] == [stage.who["anna"]]
    assert "No answer" in (await stage.get("maja", f"/talks/commitments/{commitment}")).text
    await days(stage, 8)
    assert len(await asked(stage, NUDGE)) == 1
    await days(stage, 6)
    assert len(await asked(stage, NUDGE)) == 2


async def test_who_has_answered_is_not_nudged(stage: Stage) -> None:
    await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    await tap(stage, await link(stage), "stuck")
    await days(stage, 6)
    assert not await asked(stage, NUDGE)


async def test_a_pupil_is_asked_but_never_nudged_and_guardians_are_not_asked_instead(stage: Stage) -> None:
    await agreed(stage, "pupil", None)
    await days(stage, 19)
    assert [one.to_id for one in await asked(stage)] == [stage.who["ebba"]]
    assert not await asked(stage, NUDGE)
    assert await stage.rows("select 1 from check_in where nudged_at is not null")


async def test_a_pupil_without_mail_is_not_asked(stage: Stage) -> None:
    await agreed(stage, "pupil", None)
    bare = ContactStated(
        person_id=stage.who["ebba"], version=9, tenant_id=HERE, given_name="Ebba", family_name="Ek", emails=()
    )
    await stage.hear(bare)
    await days(stage, 15)
    assert not await asked(stage)


async def test_the_schools_promise_passes_to_the_mentor_of_now(stage: Stage) -> None:
    await agreed(stage, "school", "maja")
    await days(stage, 14)
    assert [one.to_id for one in await asked(stage)] == [stage.who["maja"]]
    await moved(stage)
    await days(stage, 14)
    assert (await asked(stage))[-1].to_id == stage.who["mats"]


async def test_a_guardian_who_lost_custody_is_not_asked(stage: Stage) -> None:
    await agreed(stage, "guardian", "bo")
    await stage.hear(ties(HERE, stage.who["ebba"], answers(stage.who["anna"]), version=2))
    await days(stage, 20)
    assert not await asked(stage)
    assert not await asked(stage, NUDGE)


async def test_whoever_promised_says_done_and_the_school_says_fulfilled(stage: Stage) -> None:
    commitment = await agreed(stage, "guardian", "anna")
    path = f"/talks/commitments/{commitment}"
    assert (await stage.post("bo", path, what="done", seen=2)).status_code == 404
    assert (await stage.post("anna", path, what="fulfilled", seen=2)).status_code == 404
    assert (await stage.post("anna", path, what="done", seen=2)).status_code == 303
    assert (await stage.post("maja", path, what="fulfilled", seen=2)).status_code == 409  # changed meanwhile
    assert (await stage.post("maja", path, what="fulfilled", seen=3)).status_code == 303
    stated = [one.status for one in await stage.said(CommitmentStated)]
    assert stated == [CommitmentStatus.ONGOING, CommitmentStatus.DONE, CommitmentStatus.FULFILLED]
    await days(stage, 30)
    assert not await asked(stage)


async def test_what_is_done_while_a_question_is_open_closes_the_question(stage: Stage) -> None:
    commitment = await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    await stage.post("anna", f"/talks/commitments/{commitment}", what="done", seen=2)
    assert (await stage.get(None, await link(stage))).status_code == 410
    await days(stage, 6)
    assert not await asked(stage, NUDGE)


async def test_what_is_not_kept_in_time_is_shown_as_late_and_is_not_asked_for_ever(stage: Stage) -> None:
    commitment = await agreed(stage, "guardian", "anna", due="2026-11-30")
    await days(stage, 15)
    assert "Late" in (await stage.get("maja", f"/talks/commitments/{commitment}")).text
    await days(stage, 120)
    assert len(await asked(stage)) == 2


async def test_what_is_reworded_needs_new_signatures(stage: Stage) -> None:
    commitment = await agreed(stage, "guardian", "anna")
    [row] = await stage.rows("select talk_id from commitment")
    await stage.post("maja", f"/talks/{row.talk_id}/sign", seen=1)
    fields = {"seen": 2, "what": "Reads aloud twice a week", "how": "", "due": ""}
    path = f"/talks/commitments/{commitment}"
    assert (await stage.post("anna", f"{path}/words", fields)).status_code == 404
    assert (await stage.post("maja", f"{path}/words", fields)).status_code == 303
    again = await stage.post("maja", f"{path}/words", {**fields, "what": "Mine"})
    assert again.status_code == 409
    assert "Mine" in again.text
    [record] = await stage.rows("select version from record")
    assert record.version == 2


async def test_bad_input_comes_back_with_what_was_typed(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "6A")
    talk_id = await stage.give(round_id, "ebba")
    good = {"who": "pupil", "what": "Typed words", "how": "Kept too", "due": ""}
    for bad in ({"who": f"guardian:{stage.who['frida']}"}, {"due": "2020-01-01"}, {"due": "soon"}, {"what": " " * 9}):
        answer = await stage.post("maja", f"/talks/{talk_id}/commitments", {**good, **bad})
        assert answer.status_code == 400
        assert "Kept too" in answer.text
    assert not await stage.rows("select 1 from commitment")


# The red thread -------------------------------------------------------------------------------------------------------


async def moved(stage: Stage) -> None:
    """Ebba goes to Lindskolan from today on, into Mats's class."""
    ebba = stage.person_stated("ebba", "south", version=5, born=date(2014, 3, 1))
    old = stage.group_stated("6A", "noor", "pia", "filip", "gustav", version=5)
    new = stage.group_stated("9C", "olle", "nabil", "alva", "yngve", "kalle", "ebba", version=5)
    await stage.hear(*ebba, *old, *new)


async def test_the_red_thread_survives_a_change_of_mentor_and_of_school(stage: Stage) -> None:
    commitment = await agreed(stage, "guardian", "anna")
    await days(stage, 14)
    await tap(stage, await link(stage), "well")
    await moved(stage)
    round_id = await stage.round(RoundState.BOOKING, "9C")
    async with stage.kit.sessions.begin() as session:
        old = await stage.talk(round_id, "olle")
        new_id = stage.talk_id(round_id, "ebba")
        values = old.model_dump() | {"talk_id": new_id, "pupil_id": stage.who["ebba"], "state": "wanted"}
        session.add(type(old)(**values | {"guardian_ids": [stage.who["anna"], stage.who["bo"]]}))
    page = (await stage.get("mats", f"/talks/{new_id}")).text
    assert "What we agreed last time" in page
    assert "Reads aloud" in page
    assert "Going well" in page
    assert "Björkskolan" in page
    [row] = await stage.rows("select talk_id from commitment")
    assert (await stage.get("mats", f"/talks/{row.talk_id}")).status_code == 404  # agreed, yes; what was said, no
    assert (await stage.post("mats", f"/talks/commitments/{commitment}", what="fulfilled", seen=2)).status_code == 303
    for gone in ("maja", "rut"):
        for path in (f"/talks/{new_id}", f"/talks/{row.talk_id}", f"/talks/pupil/{stage.who['ebba']}"):
            assert (await stage.get(gone, path)).status_code == 404
        assert (await stage.get(gone, f"/talks/commitments/{commitment}")).status_code == 404
    for home in ("anna", "bo", "ebba"):
        assert "Reads aloud" in (await stage.get(home, f"/talks/pupil/{stage.who['ebba']}")).text


async def test_the_next_mentor_of_the_class_goes_on_where_the_last_one_ended(stage: Stage) -> None:
    await agreed(stage, "guardian", "anna")
    [row] = await stage.rows("select talk_id from commitment")
    for who in ("maja", "ebba", "anna", "bo"):
        await stage.post(who, f"/talks/{row.talk_id}/sign", seen=1)
    [post] = await stage.rows(
        "select id, state from roster where event_type = 'roster.staff_stated.v1' and state ->> 'person_id' = :maja",
        maja=str(stage.who["maja"]),
    )
    old = StaffStated.model_validate(post.state)
    new = StaffStated(
        post_id=uuid4(),
        version=1,
        tenant_id=HERE,
        school_id=stage.school["north"],
        person_id=stage.who["tora"],
        role="Lärare",
        assignments=(Assignment(group_id=stage.group["6A"], role="Mentor"),),
    )
    await stage.hear(old.model_copy(update={"version": 2, "assignments": ()}), new)
    assert "Reads aloud" in (await stage.get("tora", f"/talks/pupil/{stage.who['ebba']}")).text
    assert (await stage.get("tora", f"/talks/{row.talk_id}")).status_code == 200
    assert (await stage.get("maja", f"/talks/{row.talk_id}")).status_code == 404
    assert (await stage.get("maja", f"/talks/pupil/{stage.who['ebba']}")).status_code == 404


async def test_from_18_on_the_thread_is_the_pupils_own(stage: Stage) -> None:
    await agreed(stage, "pupil", None)
    born = (stage.clock.now() - timedelta(days=18 * 366)).date()
    await stage.hear(*stage.person_stated("ebba", "north", version=5, born=born))
    path = f"/talks/pupil/{stage.who['ebba']}"
    assert (await stage.get("anna", path)).status_code == 404
    assert (await stage.get("ebba", path)).status_code == 200
