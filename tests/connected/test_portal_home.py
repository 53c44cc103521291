"""The first page of a home, the page behind a mail's link, and who looked: on a real database, behind its walls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from deploy.embedded.postgres import Postgres
from services.portal.web.home import home_routes
from shared.clock import ManualClock
from shared.events.duties import DutyMoved, DutyStatus
from shared.events.notify import MessageRead
from shared.kit import Kit
from tests.portal_stage import TODAY, Stage, absence, answers, move, open_pages, portal_kit, stage, ties, told

pytestmark = pytest.mark.connected
MOST_QUERIES = 6


@pytest.fixture
async def home(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, home_routes)
    yield here
    await kit.close()


@contextmanager
def counted(kit: Kit) -> Iterator[list[str]]:
    """The statements that reach the database while the block lasts."""
    seen: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine = kit.people.kw["bind"].sync_engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", count)


async def test_a_guardian_sees_all_children_at_all_schools_on_one_page(home: Stage) -> None:
    page = (await home.get(home.guardian_a, "/home")).text
    for shown in ("Ebba Ek", "6A · Björkskolan", "08:20–14:10", "Olle Ek", "9B · Lindskolan", "08:05–15:25"):
        assert shown in page
    assert "Tuesday 24 November" in page  # Ebba's next school day
    assert "Wednesday 25 November" in page  # Olle's
    assert "We wrote to you" in page
    assert "noticed 09:12" in page
    assert "Corrected by the school" in page
    assert '<a class="brand" href="/">' in page
    assert "Log out" in page


async def test_each_parent_sees_the_child_they_answer_for_and_no_sibling(home: Stage) -> None:
    page = (await home.get(home.guardian_b, "/home")).text
    assert "Ebba Ek" in page
    assert "Olle" not in page
    assert "Lindskolan" not in page


async def test_whose_custody_has_ended_sees_nothing_of_the_child(home: Stage) -> None:
    answer = await home.get(home.guardian_b_ended, "/home")
    assert answer.status_code == 200
    assert "There is nobody to show" in answer.text
    assert "Olle" not in answer.text


async def test_a_pupil_sees_the_same_about_oneself(home: Stage) -> None:
    page = (await home.get(home.child_1, "/home")).text
    assert "Ebba Ek" in page
    assert "Your home was told" in page
    assert "Read and confirm" not in page  # a minor does not answer for herself
    assert "Olle" not in page


async def test_one_who_is_both_guardian_and_pupil_sees_both(home: Stage) -> None:
    await home.hear(ties(home.tenant, home.stranger_child, answers(home.adult_pupil), version=2))
    page = (await home.get(home.adult_pupil, "/home")).text
    assert "Alva Lind" in page
    assert "Filip Främling" in page


async def test_with_a_protected_identity_neither_school_nor_class_is_named(home: Stage) -> None:
    one = (home.protected_child, home.school_2)
    duty = uuid4()
    await home.hear(absence(duty, *one, "08:40"), move(DutyStatus.DELIVERED, duty, *one, "09:00"))
    await home.hear(told(duty, home.guardian_p, home.school_2, "09:00"))
    notification = (await home.rows("select notification_id from delivery where person_id = :p", p=home.guardian_p))[0][
        0
    ]
    for path in ("/home", f"/n/{notification}", "/messages"):
        answer = await home.get(home.guardian_p, path)
        assert answer.status_code == 200
        assert not [word for word in ("Lindskolan", "9B", "lind.example") if word in answer.text]
    assert "Protected" in (await home.get(home.guardian_p, "/home")).text


async def test_what_is_still_being_checked_is_shown_for_an_hour_and_goes_when_nothing_came_of_it(home: Stage) -> None:
    await home.hear(absence(uuid4(), home.stranger_child, home.school_1, "09:50"))
    assert "The school is checking" in (await home.get(home.stranger, "/home")).text
    home.clock.advance(timedelta(minutes=55))
    assert "Nothing was noticed" in (await home.get(home.stranger, "/home")).text


@pytest.mark.parametrize(
    "path", ["/home", "/n/{notice}", "/messages", "/preferences", "/calendar", "/consents", "/who-looked"]
)
async def test_no_page_asks_the_database_more_than_six_times(home: Stage, path: str) -> None:
    address = path.format(notice=home.notice_1)
    await home.get(home.guardian_a, address)  # what a connection asks once is not the page's
    with counted(home.kit) as statements:
        answer = await home.get(home.guardian_a, address)
    assert answer.status_code == 200
    assert 4 <= len(statements) <= MOST_QUERIES, statements


async def test_every_page_that_shows_a_pupil_leaves_a_trace(home: Stage) -> None:
    for path in ("/home", f"/n/{home.notice_1}", "/messages", "/consents", "/who-looked"):
        await home.get(home.guardian_a, path)
    found = await home.rows("select what, pupil_id from audit_entry where viewer_id = :me", me=home.guardian_a)
    seen = {what: {pupil for name, pupil in found if name == what} for what, _ in found}
    both = {home.child_1, home.child_2}
    assert seen["home"] == seen["messages"] == seen["consents"] == both
    assert seen["notice"] == {home.child_1}
    assert seen["who looked"] == both  # the page offers every child by name


async def test_a_notice_says_what_happens_next_and_why_it_came(home: Stage) -> None:
    page = (await home.get(home.guardian_a, f"/n/{home.notice_1}")).text
    assert "Ebba Ek" in page
    assert "exp@bjork.example" in page
    assert "You answer for this child" in page
    assert "I have read this" in page


@pytest.mark.parametrize("who", ["guardian_b_ended", "stranger", "step_parent", "child_2", "officer", "principal_2"])
async def test_a_notice_is_not_there_for_anybody_else(home: Stage, who: str) -> None:
    person: UUID = getattr(home, who)
    theirs, nobodys = [await home.get(person, f"/n/{one}") for one in (home.notice_1, uuid4())]
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text.replace(str(home.notice_1), "") == nobodys.text.replace(nobodys.url.path[3:], "")
    assert (await home.post(person, f"/n/{home.notice_1}/read")).status_code == 404


async def test_a_notice_is_not_there_for_another_municipality(home: Stage) -> None:
    for person in (home.other_guardian, home.other_officer):
        answer = await home.get(person, f"/n/{home.notice_1}", home.other_tenant)
        assert answer.status_code == 404


async def test_who_follows_a_mails_link_logs_in_first(home: Stage) -> None:
    answer = await home.get(None, f"/n/{home.notice_1}")
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"/login?next=%2Fn%2F{home.notice_1}")


async def test_what_is_read_is_said_once_however_often_and_by_however_many(home: Stage) -> None:
    for who in (home.guardian_a, home.guardian_a, home.guardian_b):
        assert (await home.post(who, f"/n/{home.notice_1}/read")).status_code == 303
    [moved] = await home.said(DutyMoved)
    assert (moved.duty_id, moved.status, moved.evidence_id) == (home.duty_1, DutyStatus.UNDERSTOOD, home.notice_1)
    told = await home.said(MessageRead)  # so that nobody who has read it is told again by another channel
    assert [(one.about_id, one.person_id) for one in told] == [
        (home.notice_1, home.guardian_a),
        (home.notice_1, home.guardian_b),
    ]
    read = await home.rows("select person_id from acknowledgement where duty_id = :d", d=home.duty_1)
    assert {row.person_id for row in read} == {home.guardian_a, home.guardian_b}
    assert "You have read this" in (await home.get(home.guardian_a, "/home")).text
    assert "Read and confirm" not in (await home.get(home.guardian_a, "/home")).text


async def test_only_who_answers_for_the_pupil_can_say_that_it_was_read(home: Stage) -> None:
    for who in (home.child_1, home.mentor):
        assert (await home.get(who, f"/n/{home.notice_1}")).status_code == 200
        assert (await home.post(who, f"/n/{home.notice_1}/read")).status_code == 404
    assert not await home.said(DutyMoved)


async def test_what_was_taken_back_needs_no_answer(home: Stage) -> None:
    assert "I have read this" not in (await home.get(home.guardian_a, f"/n/{home.notice_2}")).text
    await home.post(home.guardian_a, f"/n/{home.notice_2}/read")
    assert not await home.said(DutyMoved)


async def test_a_form_without_our_token_changes_nothing(home: Stage) -> None:
    async with home.client(home.guardian_a) as browser:
        answer = await browser.post(f"/n/{home.notice_1}/read", data={"csrf": "guessed"})
    assert answer.status_code == 403
    assert not await home.rows("select * from acknowledgement")


async def test_the_messages_of_a_child_go_with_the_right_to_see_it(home: Stage) -> None:
    assert "Olle Ek" in (await home.get(home.guardian_a, "/messages")).text
    await home.hear(ties(home.tenant, home.child_2, answers(home.guardian_a, ends=TODAY), version=2))
    page = (await home.get(home.guardian_a, "/messages")).text
    assert "Olle Ek" not in page
    assert "Ebba Ek" in page
    assert (await home.get(home.guardian_a, f"/n/{home.notice_2}")).status_code == 404


async def test_messages_come_in_pages(home: Stage) -> None:
    for _ in range(25):
        duty, one = uuid4(), (home.child_1, home.school_1)
        await home.hear(
            move(DutyStatus.DELIVERED, duty, *one, "08:00"), told(duty, home.guardian_a, home.school_1, "08:00")
        )
    first, second = [(await home.get(home.guardian_a, f"/messages?page={page}")).text for page in (0, 1)]
    assert (first.count('href="/n/'), second.count('href="/n/')) == (20, 7)
    assert 'rel="next"' in first
    assert 'rel="next"' not in second


async def test_staff_who_looked_stand_with_their_names_and_people_at_home_without(home: Stage) -> None:
    for who in (home.mentor, home.guardian_b, home.child_1):
        await home.get(who, f"/n/{home.notice_1}")
    page = (await home.get(home.guardian_a, f"/who-looked?pupil={home.child_1}")).text
    assert "Another person at home" in page
    assert "The pupil" in page
    assert "Maja Mentor" in page
    assert "Bo Alm" not in page


async def test_who_looked_is_for_those_who_decide_about_the_pupil(home: Stage) -> None:
    for who in (home.stranger, home.guardian_b_ended, home.child_2, home.officer):
        assert (await home.get(who, f"/who-looked?pupil={home.child_2}")).status_code == 404
    own = await home.get(home.adult_pupil, "/who-looked")
    assert "Alva" in own.text
