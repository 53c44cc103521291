"""Who else may know: nobody until everyone with custody has signed, and nobody any more once one takes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from deploy.embedded.postgres import Postgres
from services.portal.store.wishes import RIGHTS, ask
from services.portal.web.home import home_routes
from shared.clock import ManualClock
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.roster import Guardianship, Marking, Relation
from shared.web.session import LOGIN
from tests.portal_stage import Stage, answers, open_pages, person, portal_kit, stage, ties

pytestmark = pytest.mark.connected


@pytest.fixture
async def home(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, home_routes)
    yield here
    await kit.close()


async def act(home: Stage, who: str, what: str, pupil: str = "child_1", grown_up: str = "step_parent") -> int:
    fields = {"pupil_id": getattr(home, pupil), "person_id": getattr(home, grown_up), "act": what}
    return (await home.post(getattr(home, who), "/consents", **fields)).status_code


async def sees_ebba(home: Stage) -> bool:
    page = (await home.get(home.step_parent, "/home")).text
    notice = await home.get(home.step_parent, f"/n/{home.notice_1}")
    assert (notice.status_code == 200) is ("Ebba" in page)
    return "Ebba" in page


async def test_a_step_parent_sees_the_child_once_both_parents_have_signed(home: Stage) -> None:
    assert not await sees_ebba(home)
    await act(home, "guardian_a", "sign")
    assert not await sees_ebba(home)
    assert not await home.said(ConsentStated)
    assert "somebody asks you to sign" in (await home.get(home.guardian_b, "/home")).text
    page = (await home.get(home.guardian_b, "/consents")).text
    assert "Signed: Anna Ek." in " ".join(page.split())
    assert "Missing: you." in " ".join(page.split())
    await act(home, "guardian_b", "sign")
    assert await sees_ebba(home)
    [stated] = await home.said(ConsentStated)
    assert set(stated.given_by) == {home.guardian_a, home.guardian_b}
    assert (stated.basis, stated.tenant_id, stated.withdrawn) == (ConsentBasis.GUARDIANS, home.tenant, False)


async def test_either_parent_takes_it_back_alone_and_at_once(home: Stage) -> None:
    await act(home, "guardian_a", "sign")
    await act(home, "guardian_b", "sign")
    await act(home, "guardian_b", "withdraw")
    assert not await sees_ebba(home)
    given, withdrawn = await home.said(ConsentStated)
    assert withdrawn.withdrawn
    assert withdrawn.version > given.version
    await act(home, "guardian_a", "sign")
    assert not await sees_ebba(home)  # from the beginning: the other parent must sign again too


async def test_a_signature_alone_can_be_taken_back_before_it_counts(home: Stage) -> None:
    await act(home, "guardian_a", "sign")
    assert await act(home, "guardian_b", "withdraw") == 303
    assert not await home.rows("select * from approval")
    assert not await home.said(ConsentStated)


async def test_who_gets_custody_later_must_sign_too(home: Stage) -> None:
    await act(home, "guardian_a", "sign")
    await act(home, "guardian_b", "sign")
    step = Guardianship(guardian_id=home.step_parent, relation=Relation.OTHER_RESPONSIBLE)
    three = (answers(home.guardian_a), answers(home.guardian_b), answers(home.guardian_p), step)
    await home.hear(ties(home.tenant, home.child_1, *three, version=2))
    assert not await sees_ebba(home)
    await act(home, "guardian_p", "sign")
    assert await sees_ebba(home)


@pytest.mark.parametrize("who", ["step_parent", "stranger", "child_1", "mentor", "officer", "guardian_b_ended"])
@pytest.mark.parametrize("what", ["sign", "withdraw"])
async def test_nobody_else_can_sign_or_take_back(home: Stage, who: str, what: str) -> None:
    await act(home, "guardian_a", "sign")
    assert await act(home, who, what) == 404
    assert len(await home.rows("select * from approval")) == 1


@pytest.mark.parametrize("grown_up", ["stranger", "mentor", "guardian_b", "child_2", "other_guardian"])
async def test_only_those_whom_the_registry_ties_to_the_child_can_be_let_in(home: Stage, grown_up: str) -> None:
    assert await act(home, "guardian_a", "sign", grown_up=grown_up) == 404


async def test_a_guardian_whose_custody_a_court_has_ended_is_not_let_in_again_from_a_page(home: Stage) -> None:
    assert await act(home, "guardian_a", "sign", "child_2", "guardian_b_ended") == 404


async def test_a_pupil_of_age_alone_lets_the_former_guardian_know_and_takes_it_back(home: Stage) -> None:
    assert "Alva" not in (await home.get(home.former_guardian, "/home")).text
    assert await act(home, "former_guardian", "sign", "adult_pupil", "former_guardian") == 404
    await act(home, "adult_pupil", "sign", "adult_pupil", "former_guardian")
    assert "Alva" in (await home.get(home.former_guardian, "/home")).text
    [stated] = await home.said(ConsentStated)
    assert (stated.basis, stated.given_by) == (ConsentBasis.PUPIL, (home.adult_pupil,))
    await act(home, "adult_pupil", "withdraw", "adult_pupil", "former_guardian")
    assert "Alva" not in (await home.get(home.former_guardian, "/home")).text


async def test_a_pupil_of_age_can_answer_that_nobody_may_know(home: Stage) -> None:
    async with home.kit.sessions.begin() as session:
        await ask(session, RIGHTS, [(home.adult_pupil, home.tenant)], home.clock.now())
    assert "You are 18" in (await home.get(home.adult_pupil, "/home")).text
    await home.post(home.adult_pupil, "/consents/answered")
    assert "You are 18" not in (await home.get(home.adult_pupil, "/home")).text
    assert not await home.said(ConsentStated)


async def test_with_a_protected_pupil_nobody_is_let_in_from_a_page(home: Stage) -> None:
    born = date(2014, 3, 1)
    await home.hear(
        *person(home.tenant, home.child_1, "Ebba Ek", home.school_1, born=born, marking=Marking.MARKED, version=2)
    )
    assert "Stina" not in (await home.get(home.guardian_a, "/consents")).text
    assert await act(home, "guardian_a", "sign") == 404


async def test_deciding_needs_a_strong_login(home: Stage) -> None:
    fields: dict[str, Any] = {"pupil_id": home.child_1, "person_id": home.step_parent, "act": "sign"}
    answer = await home.post(home.guardian_a, "/consents", level=LOGIN, **fields)
    assert answer.status_code == 303
    assert "/step-up" in answer.headers["location"]
    assert not await home.rows("select * from approval")
