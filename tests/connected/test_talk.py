"""The talk itself: who may read what when, what is never lost, who signs, and the plan on paper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from io import BytesIO
from uuid import UUID

import pytest
from pypdf import PdfReader

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from services.scheduling.tables import Talk
from services.scheduling.web.adaptations import add_adaptations
from services.scheduling.web.commitments import add_commitments
from services.scheduling.web.plan import add_plan
from services.scheduling.web.preparation import add_preparation
from services.scheduling.web.record import add_record
from services.scheduling.web.talk import add_talk
from services.scheduling.web.thread import add_thread
from shared.clock import ManualClock
from shared.events.absence import AbsenceSummed, SubjectAbsence
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.privacy import PupilLookedAt
from shared.events.roster import Marking
from shared.events.scheduling import CommitmentStated, CommitmentStatus, TalkState, TalkStated
from shared.ids import derived_id
from shared.roster.access import consent_id
from tests.portal_stage import answers, ties
from tests.talks_stage import HERE, TUESDAY, Stage, at, statements, talks_stage

pytestmark = pytest.mark.connected
ROOMS = (add_thread, add_adaptations, add_commitments, add_preparation, add_record, add_plan, add_talk)
GRADES = "results.school.1"
WISH = "possibilities.home.1"


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, *ROOMS) as here:
        yield here


async def booked(stage: Stage, pupil: str = "ebba", *classes: str, place: int = 0) -> UUID:
    """A talk of this pupil that has a time."""
    round_id = await stage.round(RoundState.BOOKING, *(classes or ("6A",)))
    return await stage.give(round_id, pupil, place)


async def held(stage: Stage, pupil: str = "ebba", by: str = "maja", *promises: dict[str, str]) -> UUID:
    """A talk that took place this Tuesday, with what was agreed in it."""
    talk_id = await booked(stage, pupil)
    for promise in promises:
        assert (await stage.post(by, f"/talks/{talk_id}/commitments", promise)).status_code == 303
    stage.clock.instant = at("16:00", TUESDAY)
    there = [stage.who[by], stage.who[pupil]]
    answer = await stage.post(by, f"/talks/{talk_id}/held", {"summary": "Ebba reads a lot.", "present": there})
    assert answer.status_code == 303
    return talk_id


def promise(stage: Stage, owner: str, what: str, due: str = "2026-12-15") -> dict[str, str]:
    """The form that says who promises what."""
    who = "pupil" if owner == "pupil" else f"{'school' if owner == 'maja' else 'guardian'}:{stage.who[owner]}"
    return {"who": who, "what": what, "how": "We ask", "due": due}


async def prepare(stage: Stage, who: str, talk_id: UUID, seen: int = 0, **words: str) -> int:
    fields = {"seen": seen, **{code.replace("__", "."): said for code, said in words.items()}}
    return (await stage.post(who, f"/talks/{talk_id}/prepare", fields)).status_code


async def show(stage: Stage, who: str, talk_id: UUID, seen: int = 1) -> int:
    return (await stage.post(who, f"/talks/{talk_id}/share", seen=seen)).status_code


# Preparation ----------------------------------------------------------------------------------------------------------


async def test_the_home_reads_what_the_teacher_prepared_only_once_it_is_shown(stage: Stage) -> None:
    talk_id = await booked(stage)
    assert await prepare(stage, "maja", talk_id, results__school__1="Reads fluently") == 303
    for who in ("anna", "bo", "ebba"):
        for page in ("", "/prepare", "/share"):
            assert "Reads fluently" not in (await stage.get(who, f"/talks/{talk_id}{page}")).text
    assert "Reads fluently" in (await stage.get("rut", f"/talks/{talk_id}")).text
    assert "cannot be hidden again" in (await stage.get("maja", f"/talks/{talk_id}/share")).text
    assert await show(stage, "maja", talk_id) == 303
    for who in ("anna", "bo", "ebba"):
        assert "Reads fluently" in (await stage.get(who, f"/talks/{talk_id}")).text
    [told] = [one for one in await stage.said(NotificationRequested) if one.kind is NotificationKind.TALK_TO_READ]
    assert {stage.who["anna"], stage.who["bo"]} <= set(told.only)


async def test_showing_twice_tells_once_and_nobody_shows_another_sides_preparation(stage: Stage) -> None:
    talk_id = await booked(stage)
    await prepare(stage, "maja", talk_id, results__school__1="Reads fluently")
    assert await show(stage, "anna", talk_id) == 303  # there is nothing of the home to show
    assert "Reads fluently" not in (await stage.get("anna", f"/talks/{talk_id}")).text
    await show(stage, "maja", talk_id)
    await show(stage, "maja", talk_id)
    assert len(await stage.said(NotificationRequested)) == 1


async def test_what_is_shown_is_what_was_read_before(stage: Stage) -> None:
    talk_id = await booked(stage)
    await prepare(stage, "maja", talk_id, results__school__1="First")
    await prepare(stage, "rut", talk_id, 1, results__school__1="Second")
    assert await show(stage, "maja", talk_id, seen=1) == 409
    assert "Second" not in (await stage.get("anna", f"/talks/{talk_id}")).text


async def test_the_school_reads_what_the_home_wrote_once_the_home_shows_it(stage: Stage) -> None:
    talk_id = await booked(stage)
    assert await prepare(stage, "anna", talk_id, possibilities__home__1="We read every evening") == 303
    for who in ("maja", "ebba"):
        assert "every evening" not in (await stage.get(who, f"/talks/{talk_id}")).text
    assert "every evening" in (await stage.get("bo", f"/talks/{talk_id}")).text  # one preparation for both
    await show(stage, "anna", talk_id)
    for who in ("maja", "ebba"):
        assert "every evening" in (await stage.get(who, f"/talks/{talk_id}")).text
    assert not await stage.said(NotificationRequested)


async def test_two_windows_do_not_overwrite_each_other(stage: Stage) -> None:
    talk_id = await booked(stage)
    assert await prepare(stage, "anna", talk_id, 0, possibilities__home__1="Anna's words") == 303
    answer = await stage.post("bo", f"/talks/{talk_id}/prepare", {"seen": 0, WISH: "Bo's words"})
    assert answer.status_code == 409
    assert "Anna&#39;s words" in answer.text
    assert "Bo&#39;s words" in answer.text
    assert 'name="seen" value="1"' in answer.text
    assert await prepare(stage, "bo", talk_id, 1, possibilities__home__1="Both") == 303


async def test_what_is_typed_after_the_talk_was_held_comes_back(stage: Stage) -> None:
    talk_id = await held(stage)
    answer = await stage.post("anna", f"/talks/{talk_id}/prepare", {"seen": 0, WISH: "Too late"})
    assert answer.status_code == 409
    assert "Too late" in answer.text


# Held and signed ------------------------------------------------------------------------------------------------------


async def test_a_talk_that_is_held_starts_what_was_proposed_and_asks_for_signatures(stage: Stage) -> None:
    talk_id = await held(
        stage, "ebba", "maja", promise(stage, "anna", "Reads aloud"), promise(stage, "maja", "Lends books")
    )
    page = (await stage.get("anna", f"/talks/{talk_id}")).text
    assert "Ebba reads a lot." in page
    assert "Reads aloud" in page
    stated = await stage.said(CommitmentStated)
    assert {one.status for one in stated} == {CommitmentStatus.ONGOING}
    assert {one.person_id for one in stated} == {stage.who["anna"], stage.who["maja"]}
    assert [one.state for one in await stage.said(TalkStated)] == [TalkState.HELD]
    [told] = await stage.said(NotificationRequested)
    assert (told.kind, told.path) == (NotificationKind.TALK_TO_READ, f"/talks/{talk_id}")


async def test_a_proposal_is_the_schools_until_its_preparation_is_shown(stage: Stage) -> None:
    talk_id = await booked(stage)
    await stage.post("maja", f"/talks/{talk_id}/commitments", promise(stage, "anna", "Reads aloud"))
    assert "Reads aloud" in (await stage.get("maja", f"/talks/{talk_id}")).text
    assert "Reads aloud" not in (await stage.get("anna", f"/talks/{talk_id}")).text
    assert "Reads aloud" not in (await stage.get("anna", f"/talks/pupil/{stage.who['ebba']}")).text
    await prepare(stage, "maja", talk_id, results__school__1="Fine")
    await show(stage, "maja", talk_id)
    assert "Reads aloud" in (await stage.get("anna", f"/talks/{talk_id}")).text


async def test_it_cannot_have_been_held_before_its_day(stage: Stage) -> None:
    talk_id = await booked(stage)
    answer = await stage.post("maja", f"/talks/{talk_id}/held", {"summary": "Written down"})
    assert answer.status_code == 409
    assert "Written down" in answer.text
    assert not await stage.said(TalkStated)


async def test_the_plan_is_signed_when_everybody_has_signed_it_whether_they_were_there_or_not(stage: Stage) -> None:
    talk_id = await held(stage)
    for who in ("maja", "ebba", "anna"):
        assert (await stage.post(who, f"/talks/{talk_id}/sign", seen=1)).status_code == 303
    said = await stage.said(TalkStated)
    assert {one.state for one in said} == {TalkState.HELD}
    assert [len(one.signed_by) for one in said] == [0, 1, 2, 3]
    await stage.post("bo", f"/talks/{talk_id}/sign", seen=1)
    assert (await stage.said(TalkStated))[-1].state is TalkState.SIGNED


async def test_a_change_needs_everybody_to_sign_anew(stage: Stage) -> None:
    talk_id = await held(stage)
    for who in ("maja", "ebba", "anna", "bo"):
        await stage.post(who, f"/talks/{talk_id}/sign", seen=1)
    fields = {"seen": 1, "summary": "Ebba reads and writes a lot.", "present": [stage.who["maja"]]}
    assert (await stage.post("maja", f"/talks/{talk_id}/record", fields)).status_code == 303
    assert (await stage.said(TalkStated))[-1].state is TalkState.HELD
    late = await stage.post("anna", f"/talks/{talk_id}/sign", seen=1)
    assert late.status_code == 409
    assert "has changed since you opened" in late.text
    for who in ("maja", "ebba", "anna", "bo"):
        await stage.post(who, f"/talks/{talk_id}/sign", seen=2)
    assert (await stage.said(TalkStated))[-1].state is TalkState.SIGNED
    assert len(await stage.said(NotificationRequested)) == 2


async def test_two_who_write_the_plan_see_both_texts(stage: Stage) -> None:
    talk_id = await held(stage)
    assert (
        await stage.post("rut", f"/talks/{talk_id}/record", {"seen": 1, "summary": "The principal's"})
    ).status_code == 303
    answer = await stage.post("maja", f"/talks/{talk_id}/record", {"seen": 1, "summary": "The mentor's"})
    assert answer.status_code == 409
    assert "The principal&#39;s" in answer.text
    assert "The mentor&#39;s" in answer.text


async def test_a_pupil_of_age_signs_alone(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "9C")
    talk_id = await stage.give(round_id, "alva")
    stage.clock.instant = at("16:00", TUESDAY)
    await stage.post("mats", f"/talks/{talk_id}/held", {"summary": "Alva wants to study."})
    assert (await stage.get("gun", f"/talks/{talk_id}")).status_code == 404
    await stage.post("mats", f"/talks/{talk_id}/sign", seen=1)
    await stage.post("alva", f"/talks/{talk_id}/sign", seen=1)
    assert (await stage.said(TalkStated))[-1].state is TalkState.SIGNED


async def test_a_guardian_who_lost_custody_is_not_waited_for_and_sees_nothing(stage: Stage) -> None:
    talk_id = await held(stage)
    await stage.hear(ties(HERE, stage.who["ebba"], answers(stage.who["anna"]), version=2))
    assert (await stage.get("bo", f"/talks/{talk_id}")).status_code == 404
    for who in ("maja", "ebba", "anna"):
        await stage.post(who, f"/talks/{talk_id}/sign", seen=1)
    assert (await stage.said(TalkStated))[-1].state is TalkState.SIGNED


async def test_two_last_signatures_at_once_sign_the_plan_once(stage: Stage) -> None:
    talk_id = await held(stage)
    for who in ("maja", "ebba"):
        await stage.post(who, f"/talks/{talk_id}/sign", seen=1)
    await asyncio.gather(*[stage.post(who, f"/talks/{talk_id}/sign", seen=1) for who in ("anna", "bo", "anna")])
    assert [one.state for one in await stage.said(TalkStated)] == [TalkState.HELD] * 4 + [TalkState.SIGNED]


async def test_two_who_note_at_once_that_it_was_held_note_it_once(stage: Stage) -> None:
    talk_id = await booked(stage)
    stage.clock.instant = at("16:00", TUESDAY)
    both = [stage.post(who, f"/talks/{talk_id}/held", {"summary": f"By {who}"}) for who in ("maja", "rut")]
    assert sorted(one.status_code for one in await asyncio.gather(*both)) == [303, 409]
    assert len(await stage.said(TalkStated)) == 1


async def test_a_substitute_who_holds_the_talk_sees_it_until_it_is_signed(stage: Stage) -> None:
    talk_id = await booked(stage)
    assert (await stage.get("tora", f"/talks/{talk_id}")).status_code == 404
    async with stage.kit.sessions.begin() as session:
        (await session.get_one(Talk, talk_id)).host_id = stage.who["tora"]
    await stage.post("tora", f"/talks/{talk_id}/commitments", promise(stage, "ebba", "Reads aloud") | {"who": "pupil"})
    [row] = await stage.rows("select commitment_id from commitment")
    assert (await stage.get("tora", f"/talks/commitments/{row.commitment_id}")).status_code == 200
    stage.clock.instant = at("16:00", TUESDAY)
    await stage.post("tora", f"/talks/{talk_id}/held", {"summary": "Held by Tora."})
    for who in ("ebba", "anna", "bo", "tora"):
        assert (await stage.get("tora", f"/talks/{talk_id}")).status_code == 200
        await stage.post(who, f"/talks/{talk_id}/sign", seen=1)
    assert (await stage.said(TalkStated))[-1].state is TalkState.SIGNED
    assert (await stage.get("tora", f"/talks/{talk_id}")).status_code == 404
    assert (await stage.get("tora", f"/talks/commitments/{row.commitment_id}")).status_code == 404


async def test_a_consent_lets_somebody_read_what_was_agreed_but_no_preparation_and_no_signing(stage: Stage) -> None:
    talk_id = await held(stage, "ebba", "maja", promise(stage, "anna", "Reads aloud"))
    both = (stage.who["anna"], stage.who["bo"])
    consent = ConsentStated(
        consent_id=consent_id(stage.who["ebba"], stage.who["stina"]),
        version=1,
        tenant_id=HERE,
        pupil_id=stage.who["ebba"],
        person_id=stage.who["stina"],
        basis=ConsentBasis.GUARDIANS,
        given_by=both,
        starts=date(2026, 11, 1),
    )
    await stage.hear(consent)
    page = (await stage.get("stina", f"/talks/{talk_id}")).text
    assert "Reads aloud" in page
    assert "Preparation" not in page
    assert 'id="absence"' not in page
    assert (await stage.post("stina", f"/talks/{talk_id}/sign", seen=1)).status_code == 404
    assert (await stage.post("stina", f"/talks/{talk_id}/prepare", seen=0)).status_code == 404


# Who may --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who", ["stina", "frida", "filip", "malte", "mats", "rolf", "oskar", "tora", "ulla", "uffe", "emil", "nadia"]
)
async def test_a_talk_of_others_is_not_there(stage: Stage, who: str) -> None:
    talk_id = await held(stage)
    for page in ("", "/prepare", "/share", "/record", "/plan.pdf"):
        assert (await stage.get(who, f"/talks/{talk_id}{page}")).status_code == 404
    assert (await stage.get(who, f"/talks/pupil/{stage.who['ebba']}")).status_code == 404
    for path, fields in (
        ("prepare", {"seen": 0}),
        ("share", {"seen": 1}),
        ("held", {}),
        ("record", {"seen": 1}),
        ("sign", {"seen": 1}),
        ("commitments", promise(stage, "maja", "Something")),
    ):
        assert (await stage.post(who, f"/talks/{talk_id}/{path}", fields)).status_code == 404
    assert not await stage.rows("select 1 from signature union all select 1 from commitment")


@pytest.mark.parametrize("who", ["anna", "ebba"])
async def test_only_the_school_writes_the_plan(stage: Stage, who: str) -> None:
    talk_id = await held(stage)
    assert (await stage.get(who, f"/talks/{talk_id}/record")).status_code == 404
    for path, fields in (("held", {}), ("record", {"seen": 1}), ("commitments", promise(stage, "maja", "Something"))):
        assert (await stage.post(who, f"/talks/{talk_id}/{path}", fields)).status_code == 404


async def test_the_other_households_talk_is_not_seen_but_what_was_agreed_in_it_is(stage: Stage) -> None:
    talk_id = await booked(stage)
    async with stage.kit.sessions.begin() as session:
        talk = await session.get_one(Talk, talk_id)
        talk.household, talk.guardian_ids = 1, [stage.who["anna"]]
    await prepare(stage, "anna", talk_id, possibilities__home__1="Anna's own words")
    await show(stage, "anna", talk_id)
    await stage.post("maja", f"/talks/{talk_id}/commitments", promise(stage, "anna", "Reads aloud"))
    stage.clock.instant = at("16:00", TUESDAY)
    await stage.post("maja", f"/talks/{talk_id}/held", {"summary": "Only with Anna"})
    assert (await stage.get("bo", f"/talks/{talk_id}")).status_code == 404
    page = (await stage.get("bo", f"/talks/pupil/{stage.who['ebba']}")).text
    assert "Reads aloud" in page
    assert f'href="/talks/{talk_id}"' not in page
    assert "Anna&#39;s own words" not in page
    assert f'href="/talks/{talk_id}"' in (await stage.get("anna", f"/talks/pupil/{stage.who['ebba']}")).text


async def test_a_protected_guardian_has_no_name_for_the_other_but_a_mark_for_staff(stage: Stage) -> None:
    talk_id = await held(stage)
    await stage.hear(*stage.person_stated("bo", version=2, marking=Marking.PROTECTED))
    assert "Bo Alm" not in (await stage.get("anna", f"/talks/{talk_id}")).text
    assert b"Bo Alm" not in (await stage.get("anna", f"/talks/{talk_id}/plan.pdf")).content
    page = (await stage.get("maja", f"/talks/{talk_id}")).text
    assert "Bo Alm" in page
    assert "Protected" in page


async def test_looking_at_a_talk_leaves_a_trace(stage: Stage) -> None:
    talk_id = await booked(stage)
    await stage.get("anna", f"/talks/{talk_id}")
    [look] = await stage.said(PupilLookedAt)
    assert (look.viewer_id, look.pupil_id, look.what) == (stage.who["anna"], stage.who["ebba"], "talk")


async def test_pages_are_read_in_at_most_six_statements(stage: Stage) -> None:
    talk_id = await held(stage, "ebba", "maja", promise(stage, "anna", "Reads aloud"))
    [row] = await stage.rows("select commitment_id from commitment")
    pupil = stage.who["ebba"]
    pages = [f"/talks/{talk_id}", f"/talks/{talk_id}/record", f"/talks/{talk_id}/plan.pdf", f"/talks/pupil/{pupil}"]
    pages += [f"/talks/commitments/{row.commitment_id}", f"/talks/pupil/{pupil}/adaptations"]
    sent = statements(stage.kit)
    for page in pages:
        sent.clear()
        assert (await stage.get("maja", page)).status_code == 200
        until_the_look = next((place for place, one in enumerate(sent) if "outbox" in one), len(sent) + 1) - 1
        assert until_the_look <= 6, sent


# Absence --------------------------------------------------------------------------------------------------------------


async def sums(stage: Stage, pupil: str, group: str, invalid: int, valid: int = 60) -> None:
    far = pupil == "uno"
    subject = SubjectAbsence(
        subject_id=derived_id("subject", stage.group[group]), lessons=20, planned=1000, valid=valid, invalid=invalid
    )
    summed = AbsenceSummed(
        pupil_id=stage.who[pupil],
        version=1,
        school_id=stage.school["far" if far else "north"],
        tenant_id=stage.other_tenant if far else stage.tenant,
        since=date(2026, 8, 17),
        until=date(2026, 11, 1),
        subjects=(subject,),
    )
    await stage.hear(summed)


async def test_absence_is_on_the_table_with_the_risk_that_norway_knows(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "7X")
    talk_id = await stage.give(round_id, "uno")
    await sums(stage, "uno", "7X", 110)
    page = (await stage.get("ulla", f"/talks/{talk_id}")).text
    assert "Risk of no assessment" in page
    assert "Without a known reason" in page
    assert "17" in page


async def test_from_16_on_guardians_in_norway_see_totals_and_warnings_but_no_reasons(stage: Stage) -> None:
    round_id = await stage.round(RoundState.BOOKING, "7X")
    talk_id = await stage.give(round_id, "uno")
    await sums(stage, "uno", "7X", 110)
    await stage.hear(*stage.person_stated("uno", "far", version=2, born=date(2010, 6, 4)))
    page = (await stage.get("ulla", f"/talks/{talk_id}")).text
    assert "Without a known reason" not in page
    assert "Risk of no assessment" in page
    assert "Without a known reason" in (await stage.get("uffe", f"/talks/{talk_id}")).text


async def test_the_absence_stands_in_the_record_as_it_was(stage: Stage) -> None:
    await sums(stage, "ebba", "6A", 0)
    talk_id = await held(stage)
    [row] = await stage.rows("select absence from record where talk_id = :t", t=talk_id)
    assert row.absence["subjects"][0]["planned"] == 1000


# The plan on paper ----------------------------------------------------------------------------------------------------


async def test_the_plan_on_paper(stage: Stage) -> None:
    talk_id = await held(stage, "ebba", "maja", promise(stage, "anna", "Reads aloud"))
    await stage.post("anna", f"/talks/{talk_id}/sign", seen=1)
    answer = await stage.get("bo", f"/talks/{talk_id}/plan.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"].startswith("private")
    assert "Ebba" not in answer.headers["content-disposition"]
    text = "\n".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)
    for words in ("Ebba Ek", "Ebba reads a lot.", "Reads aloud", "Anna Ek", "Page 1 of 1", "not signed yet"):
        assert words in text
    again = await stage.get("bo", f"/talks/{talk_id}/plan.pdf")
    assert again.content == answer.content
    assert (await stage.get("anna", f"/talks/{await booked(stage, 'noor', place=1)}/plan.pdf")).status_code == 404
