"""What the portal shows of talks and of what was agreed, and the ledger of talks that are owed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import vobject
from icalendar import Calendar

from deploy.embedded.postgres import Postgres
from services.portal.consumers import readers
from services.portal.settings import PortalSettings
from services.portal.web.classes import class_routes
from services.portal.web.elsewhere import elsewhere_routes
from services.portal.web.home import home_routes
from services.portal.web.municipality import municipality_routes
from services.portal.web.schools import school_routes
from shared.clock import ManualClock
from shared.events.duties import DutyKind, DutyStatus
from shared.events.envelope import Erased, Event, Received
from shared.events.notify import DeliverySettled, DeliveryStatus, NotificationKind
from shared.events.privacy import PrivacyRequested, PrivacyWish
from shared.events.roster import Marking
from shared.events.scheduling import CommitmentStated, CommitmentStatus, Owner, TalkState, TalkStated
from shared.messaging.reader import Batch
from shared.roster.access import Why
from shared.timezones import vtimezone
from tests.portal_stage import (
    HERE,
    TODAY,
    Stage,
    at,
    commitment,
    open_pages,
    person,
    portal_kit,
    stage,
    statements,
    talk,
    talk_duty,
)

pytestmark = pytest.mark.connected
SOON, LATER = TODAY + timedelta(days=8), TODAY + timedelta(days=20)
SETTINGS = PortalSettings(
    elsewhere={"/talks": "http://talks.example:81", "/meetings/": "http://talks.example:81/", "/loop": "http://portal"}
)
KIND = "kind=development_talk"


@pytest.fixture
async def here(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    there = await stage(kit)
    open_pages(
        there,
        home_routes,
        class_routes,
        school_routes,
        lambda kit, pages: municipality_routes(kit, SETTINGS, pages),
        lambda *_: elsewhere_routes(SETTINGS),
    )
    yield there
    await kit.close()


def of_ebba(here: Stage, state: TalkState, **more: Any) -> TalkStated:
    """Ebba's talk, arranged for both her parents."""
    return talk(here.child_1, state, here.guardian_a, here.guardian_b, school_id=here.school_1, **more)


def of_olle(here: Stage, state: TalkState, **more: Any) -> TalkStated:
    """Olle's talk, arranged for his mother."""
    return talk(here.child_2, state, here.guardian_a, school_id=here.school_2, **more)


async def text_of(here: Stage, who: UUID, path: str = "/home") -> str:
    """The page's text on one line."""
    answer = await here.get(who, path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


async def hear_in_one(here: Stage, *events: Event) -> None:
    """Let the reader of talks have these in one batch, tombstones too."""
    [reader] = [one for one in readers() if one.name == "talks"]
    received = [Received(event, str(uuid4()).encode(), None, "talks.v1", 0, 0) for event in events]
    async with here.kit.sessions.begin() as session:
        await reader.handle(session, Batch(received, here.clock.now()))


# The first page of a home.


async def test_a_home_is_asked_when_it_can_come_once_for_all_its_children(here: Stage) -> None:
    until = at("16:00", SOON)
    await here.hear(of_ebba(here, TalkState.WANTED, answer_by=until), of_olle(here, TalkState.WANTED, answer_by=until))
    page = await text_of(here, here.guardian_a)
    assert page.count('href="/talks/wishes"') == 1
    assert re.search(r"<b>(Ebba Ek, Olle Ek|Olle Ek, Ebba Ek)</b>: say when you can come", page)
    here.clock.instant = until
    assert "/talks/wishes" not in await text_of(here, here.guardian_a)


async def test_a_proposed_time_waits_for_an_answer_with_day_time_and_place(here: Stage) -> None:
    proposed = of_ebba(here, TalkState.PROPOSED, starts="16:30", day=SOON, place="B204")
    await here.hear(proposed)
    page = await text_of(here, here.guardian_b)
    assert "the school proposes a talk Tuesday 1 December 16:30–16:55 · B204" in page
    assert 'href="/talks">Accept or change' in page
    assert "proposed by the school" in page  # and on Ebba's own card
    here.clock.instant = at("16:30", SOON)
    assert "Accept or change" not in await text_of(here, here.guardian_b)


async def test_booking_is_offered_from_when_it_opens_until_it_closes(here: Stage) -> None:
    opens, closes = at("08:00", SOON), at("08:00", LATER)
    await here.hear(of_ebba(here, TalkState.WANTED, books_from=opens, books_until=closes))
    assert "/talks/book" not in await text_of(here, here.guardian_a)
    here.clock.instant = opens
    assert "/talks/book" in await text_of(here, here.guardian_a)
    here.clock.instant = closes
    assert "/talks/book" not in await text_of(here, here.guardian_a)


async def test_a_held_talk_waits_to_be_signed_on_its_own_page(here: Stage) -> None:
    held = of_ebba(here, TalkState.HELD, starts="08:30")
    await here.hear(held)
    assert f'href="/talks/{held.talk_id}">Read and sign' in await text_of(here, here.guardian_a)
    await here.hear(held.model_copy(update={"version": 2, "state": TalkState.SIGNED}))
    assert f"/talks/{held.talk_id}" not in await text_of(here, here.guardian_a)


async def test_only_those_are_asked_to_sign_who_have_not_signed_the_plan_as_it_stands(here: Stage) -> None:
    held = of_ebba(here, TalkState.HELD, starts="08:30")
    await here.hear(held)

    async def said(version: int, *signed_by: UUID) -> dict[UUID, bool]:
        await here.hear(held.model_copy(update={"version": version, "signed_by": signed_by}))
        parents = (here.guardian_a, here.guardian_b)
        return {one: "Read and sign" in await text_of(here, one) for one in parents}

    assert await said(2, here.mentor) == {here.guardian_a: True, here.guardian_b: True}
    assert await said(3, here.mentor, here.guardian_a) == {here.guardian_a: False, here.guardian_b: True}
    assert await said(2) == {here.guardian_a: False, here.guardian_b: True}  # an older word
    assert await said(4) == {here.guardian_a: True, here.guardian_b: True}  # the plan was changed: nobody has signed it
    assert await said(5, here.guardian_b, here.guardian_a) == {here.guardian_a: False, here.guardian_b: False}


async def test_a_pupil_of_age_is_asked_until_they_have_signed(here: Stage) -> None:
    held = talk(here.adult_pupil, TalkState.HELD, school_id=here.school_2, starts="08:30")
    await here.hear(held)
    assert "Read and sign" in await text_of(here, here.adult_pupil)
    await here.hear(held.model_copy(update={"version": 2, "signed_by": (here.adult_pupil,)}))
    assert "Read and sign" not in await text_of(here, here.adult_pupil)


async def test_a_booked_talk_stands_with_its_child_and_asks_for_nothing(here: Stage) -> None:
    await here.hear(of_olle(here, TalkState.BOOKED, starts="17:00", day=SOON, video=True, place="A1"))
    page = await text_of(here, here.guardian_a)
    assert "Tuesday 1 December 17:00–17:25</a> · by video" in page
    assert "A1" not in page
    assert "Accept or change" not in page


async def test_a_talk_of_one_household_is_not_the_other_parents(here: Stage) -> None:
    hers = talk(here.child_1, TalkState.PROPOSED, here.guardian_a, school_id=here.school_1, starts="16:30", day=SOON)
    await here.hear(hers, commitment(hers, Owner.GUARDIAN, CommitmentStatus.ONGOING, due=SOON))
    assert "16:30" in await text_of(here, here.guardian_a)
    page = await text_of(here, here.guardian_b)
    assert "16:30" not in page
    assert "under way" not in page


@pytest.mark.parametrize("who", ["step_parent", "stranger", "guardian_b_ended", "mentor"])
async def test_being_named_as_a_guest_gives_no_right(here: Stage, who: str) -> None:
    me: UUID = getattr(here, who)
    asked = talk(here.child_1, TalkState.PROPOSED, me, school_id=here.school_1, starts="16:30", day=SOON)
    await here.hear(asked, commitment(asked, Owner.SCHOOL, CommitmentStatus.ONGOING))
    page = (await here.get(me, "/home")).text
    assert "16:30" not in page
    assert "under way" not in page


async def test_a_pupil_sees_the_talk_and_decides_from_the_eighteenth_birthday(here: Stage) -> None:
    await here.hear(of_ebba(here, TalkState.PROPOSED, starts="16:30", day=SOON))
    page = await text_of(here, here.child_1)
    assert "16:30–16:55" in page
    assert "Accept or change" not in page
    alone = talk(here.adult_pupil, TalkState.PROPOSED, school_id=here.school_2, starts="15:40", day=SOON)
    await here.hear(alone)
    assert "Accept or change" in await text_of(here, here.adult_pupil)
    assert "15:40" not in (await here.get(here.former_guardian, "/home")).text


async def test_no_place_is_shown_of_a_protected_pupil(here: Stage) -> None:
    hidden = talk(
        here.protected_child,
        TalkState.PROPOSED,
        here.guardian_p,
        school_id=here.school_2,
        starts="16:30",
        day=SOON,
        place="Annexet",
    )
    await here.hear(hidden)
    page = await text_of(here, here.guardian_p)
    assert "16:30–16:55" in page
    assert "Annexet" not in page


async def test_what_was_agreed_is_counted_by_whose_it_is_without_its_words(here: Stage) -> None:
    signed = of_ebba(here, TalkState.SIGNED, starts="08:30", day=TODAY - timedelta(days=30))
    ongoing = CommitmentStatus.ONGOING
    await here.hear(
        signed,
        commitment(signed, Owner.SCHOOL, ongoing, due=SOON),
        commitment(signed, Owner.SCHOOL, ongoing, due=TODAY - timedelta(days=1)),
        commitment(signed, Owner.PUPIL, CommitmentStatus.DONE),
        commitment(signed, Owner.GUARDIAN, CommitmentStatus.FULFILLED, due=TODAY - timedelta(days=9)),
        commitment(signed, Owner.GUARDIAN, CommitmentStatus.PROPOSED),
        commitment(signed, Owner.GUARDIAN, CommitmentStatus.STOPPED),
    )
    page = await text_of(here, here.guardian_a)
    for words in (
        "1 is late",
        "2 under way",
        "2 done",
        "The school: 2 under way ·",
        "The pupil: 1 done",
    ):
        assert words in page
    assert "Next: Tuesday 1 December" in page
    assert f'href="/talks/pupil/{here.child_1}"' in page
    assert "You: 1 done" in await text_of(here, here.child_1)


async def test_the_first_page_asks_the_database_no_more_than_before(here: Stage) -> None:
    proposed = of_ebba(here, TalkState.PROPOSED, starts="16:30", day=SOON)
    await here.hear(proposed, of_olle(here, TalkState.HELD, starts="08:00"))
    await here.hear(commitment(proposed, Owner.SCHOOL, CommitmentStatus.ONGOING, due=SOON))
    await here.get(here.guardian_a, "/home")
    sent = statements(here.kit)
    await here.get(here.guardian_a, "/home")
    assert len(sent) <= 6, sent


# Reading.


async def test_an_older_statement_undoes_nothing_and_a_tombstone_erases(here: Stage) -> None:
    newer = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON, version=3)
    agreed = commitment(newer, Owner.SCHOOL, CommitmentStatus.ONGOING)
    await here.hear(newer, agreed)
    await here.hear(of_ebba(here, TalkState.PROPOSED, starts="12:00", day=SOON, version=2))
    assert "16:30" in await text_of(here, here.guardian_a)
    gone = [Erased(erased_type=TalkStated.event_type, erased_key=str(newer.talk_id))]
    gone.append(Erased(erased_type=CommitmentStated.event_type, erased_key=str(agreed.commitment_id)))
    await hear_in_one(here, *gone)
    for table in ("talk", "talk_guest", "commitment"):
        assert await here.rows(f"select * from {table}") == []


async def test_the_last_word_in_a_batch_counts_whether_statement_or_tombstone(here: Stage) -> None:
    stated = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON)
    gone = Erased(erased_type=TalkStated.event_type, erased_key=stated.key())
    await hear_in_one(here, stated, gone)
    assert await here.rows("select * from talk") == []
    await hear_in_one(here, stated)
    await hear_in_one(here, gone, stated)
    assert len(await here.rows("select * from talk")) == 1
    assert len(await here.rows("select * from talk_guest")) == 2


async def test_a_talk_is_of_those_it_is_arranged_for_now(here: Stage) -> None:
    both = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON)
    await here.hear(both)
    await here.hear(both.model_copy(update={"version": 2, "guardian_ids": (here.guardian_b,)}))
    assert "16:30" not in await text_of(here, here.guardian_a)
    assert "16:30" in await text_of(here, here.guardian_b)


# Paths of other services.


async def test_a_mails_link_to_another_services_page_leads_there(here: Stage) -> None:
    for path, there in {
        "/talks": "http://talks.example:81/talks",
        "/talks/wishes?round=1&x=%C3%A5": "http://talks.example:81/talks/wishes?round=1&x=%C3%A5",
        "/meetings/2026/h%C3%B6st": "http://talks.example:81/meetings/2026/h%C3%B6st",
    }.items():
        answer = await here.get(None, path)
        assert (answer.status_code, answer.headers["location"]) == (303, there)


@pytest.mark.parametrize("path", ["/offers", "/talkshow", "/loop", "/loop/x", "/talks@evil.example"])
async def test_what_lives_nowhere_else_is_not_there(here: Stage, path: str) -> None:
    assert (await here.get(None, path)).status_code == 404


@pytest.mark.parametrize(
    "path", ["/talks//evil.example", "/talks/%0d%0aSet-Cookie:x", "/talks/\\evil", "/talks/%2e%2e/x", "/talks/?//evil"]
)
async def test_no_path_leads_to_another_host(here: Stage, path: str) -> None:
    answer = await here.get(None, path)
    assert answer.status_code == (404 if "%0d" in path else 303)
    assert answer.headers.get("location", "http://talks.example:81/talks").startswith("http://talks.example:81/talks")
    assert "set-cookie:x" not in {name.lower() for name in answer.headers}


async def test_everybody_finds_the_talks_in_the_head_of_the_page(here: Stage) -> None:
    home = (await here.get(here.guardian_a, "/home")).text
    assert 'href="/talks"' in home
    assert 'href="/meetings"' in home
    assert 'href="/talks/rounds"' not in home
    for who, path in ((here.mentor, f"/class/{here.class_1}"), (here.officer, "/municipality")):
        page = (await here.get(who, path)).text
        assert 'href="/talks/rounds"' in page
        assert page.count('href="/meetings"') == 1


# Staff.


async def test_the_class_shows_each_next_talk_and_who_lacks_one(here: Stage) -> None:
    booked = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON, place="B204")
    await here.hear(booked, talk_duty(DutyStatus.OWED, here.child_1, here.school_1))
    page = await text_of(here, here.mentor, f"/class/{here.class_1}")
    assert "Without a talk this term" in page
    assert f'href="/talks/{booked.talk_id}"' in page
    assert "16:30" in page
    await here.hear(talk_duty(DutyStatus.SENT, here.child_1, here.school_1))
    page = await text_of(here, here.mentor, f"/class/{here.class_1}")
    assert "Without a talk this term" not in page


async def test_a_talk_is_no_notice_on_any_page_of_the_class(here: Stage) -> None:
    before = await text_of(here, here.mentor, f"/class/{here.class_1}")
    await here.hear(talk_duty(DutyStatus.OWED, here.child_1, here.school_1, day=TODAY))
    after = await text_of(here, here.mentor, f"/class/{here.class_1}")
    for words in ("notices today", "notice today", "due before midnight", "to phone", "1 notice<"):
        assert before.count(words) == after.count(words)
    own = await text_of(here, here.mentor, f"/pupil/{here.child_1}")
    assert '<b class="number">1</b> <span>notice</span>' in own
    assert "Development talks, until Monday 23 November" in own


async def test_a_mark_stands_for_the_name_of_a_protected_pupil_without_a_talk(here: Stage) -> None:
    await here.hear(talk_duty(DutyStatus.OWED, here.protected_child, here.school_2))
    page = await text_of(here, here.mentor_2, f"/class/{here.class_2}")
    lacking = page.split('id="lacking"')[1].split("</section>")[0]
    assert "protected identity" in lacking
    assert "Pia" not in page


# The ledger.


async def ledgers(here: Stage) -> None:
    """One talk held, one invited to, one missed, one not owed any more, and one that is only owed."""
    pupils = [here.child_1, here.stranger_child, *(uuid4() for _ in range(3))]
    for number, pupil in enumerate(pupils[2:]):
        await here.hear(*person(HERE, pupil, f"Elev Nummer{number}", here.school_1, born=date(2014, 1, 1)))
    courses: list[tuple[DutyStatus, ...]] = [
        (DutyStatus.SENT, DutyStatus.MET),
        (DutyStatus.SENT,),
        (DutyStatus.SENT, DutyStatus.MISSED),
        (DutyStatus.RETRACTED,),
        (),
    ]
    for pupil, course in zip(pupils, courses, strict=True):
        await here.hear(*[talk_duty(one, pupil, here.school_1) for one in (DutyStatus.OWED, *course)])


def total_of(page: str) -> dict[str, int]:
    """The figures of the ledger's last line by their column."""
    row = re.findall(r"<tr.*?</tr>", page, re.DOTALL)[-1]
    return {name: int(number) for name, number in re.findall(r'data-label="([^"]+)".*?>(\d+)</', row, re.DOTALL)}


async def test_talks_and_notices_are_never_in_one_figure(here: Stage) -> None:
    await ledgers(here)
    page = await text_of(here, here.principal, f"/school/{here.school_1}?{KIND}")
    assert total_of(page) == {
        "Talks owed": 5, "Invited": 3, "Held": 1, "Still to come": 2, "Not held": 1, "Not owed any more": 1,
    }  # fmt: skip
    for words in ("Delivered", "Understood", "Homes that confirmed", "7 kap. 17"):
        assert words not in page.split("<main")[1]
    notices = total_of(await text_of(here, here.principal, f"/school/{here.school_1}?span=half_year"))
    assert (notices["Owed"], notices["Met"]) == (1, 1)


async def test_the_municipality_sees_each_kind_by_itself(here: Stage) -> None:
    await ledgers(here)
    assert total_of(await text_of(here, here.officer, f"/municipality?{KIND}"))["Talks owed"] == 5
    assert total_of(await text_of(here, here.officer, "/municipality?span=half_year"))["Owed"] == 2
    empty = await text_of(here, here.officer, "/municipality?kind=start_talk")
    assert "Nothing was owed" in empty
    wall = await text_of(here, here.officer, "/municipality/wall")
    assert "Elev" not in wall


async def test_each_number_leads_to_as_many_lines_and_the_file_has_as_many(here: Stage) -> None:
    await ledgers(here)
    page = (await text_of(here, here.principal, f"/school/{here.school_1}?{KIND}")).replace("&amp;", "&")
    links = set(re.findall(r'href="(/school/[^"]+/duties\?[^"]*status=[^"]+)">(\d+)</a>', page))
    assert {number for _, number in links} == {"5", "3", "2", "1"}
    for link, number in links:
        assert KIND in link
        listed = await text_of(here, here.principal, link)
        assert len(re.findall(r'href="/duty/', listed)) == int(number)
        said = await here.get(here.principal, link.replace("/duties?", "/duties.csv?"))
        rows = list(csv.reader(io.StringIO(said.content.decode("utf-8-sig")), delimiter=";"))
        assert len(rows) == int(number) + 1
        assert rows[0] == [
            "Day",
            "Class",
            "Pupil",
            "How it stands",
            "Talks owed",
            "Invited",
            "Held",
            "Not owed any more",
            "Reference",
        ]
        assert "development-talks" in said.headers["content-disposition"]


async def test_the_evidence_of_a_talk_leads_to_the_talk(here: Stage) -> None:
    held = of_ebba(here, TalkState.HELD, starts="08:30")
    duty = talk_duty(DutyStatus.MET, here.child_1, here.school_1, evidence_id=held.talk_id)
    await here.hear(held, duty)
    page = await text_of(here, here.principal, f"/duty/{duty.duty_id}")
    assert f'href="/talks/{held.talk_id}"' in page
    assert "10 kap. 12 §" in page
    assert "Nobody at home has pressed" not in page
    assert (await here.get(here.mentor_2, f"/duty/{duty.duty_id}")).status_code == 404


async def test_a_talk_that_is_owed_is_no_absence_on_the_homes_page(here: Stage) -> None:
    await here.hear(talk_duty(DutyStatus.OWED, here.child_1, here.school_1, day=TODAY))
    page = await text_of(here, here.guardian_a)
    assert page.count("missing without a known reason") == 1


@pytest.mark.parametrize("page", ["class", "pupil", "school", "duties", "duty", "municipality"])
async def test_no_page_of_talks_asks_more_than_six_times(here: Stage, page: str) -> None:
    await ledgers(here)
    await here.hear(of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON))
    duty, school = talk_duty(DutyStatus.OWED, here.child_1, here.school_1).duty_id, f"/school/{here.school_1}"
    reader, path = {
        "class": (here.mentor, f"/class/{here.class_1}"),
        "pupil": (here.mentor, f"/pupil/{here.child_1}"),
        "school": (here.principal, f"{school}?{KIND}"),
        "duties": (here.principal, f"{school}/duties?{KIND}&from=2026-08-01&to=2026-12-31"),
        "duty": (here.principal, f"/duty/{duty}"),
        "municipality": (here.officer, f"/municipality?{KIND}"),
    }[page]
    await here.get(reader, path)
    sent = statements(here.kit)
    assert (await here.get(reader, path)).status_code == 200
    assert len(sent) <= 6, sent


# Messages.


def message(here: Stage, kind: NotificationKind = NotificationKind.TALK_BOOKED, **more: Any) -> DeliverySettled:
    values = {
        "delivery_id": uuid4(),
        "notification_id": uuid4(),
        "person_id": here.guardian_a,
        "school_id": here.school_1,
        "kind": kind,
        "status": DeliveryStatus.DELIVERED,
        "at": at("09:40"),
        "why": Why.ANSWERS_FOR,
    }
    return DeliverySettled.model_validate(values | more)


def row_of(page: str, sent: DeliverySettled) -> str:
    """The message's line in the list."""
    [row] = [one for one in re.findall(r"<tr.*?</tr>", page) if f"/n/{sent.notification_id}" in one]
    return str(row)


ABOUT_TALKS = [kind for kind in NotificationKind if re.match("talk|commitment|meeting|offer", kind)]


@pytest.mark.parametrize("kind", ABOUT_TALKS)
async def test_a_message_about_a_talk_says_what_it_was_and_leads_on_to_its_reader_alone(
    here: Stage, kind: NotificationKind
) -> None:
    sent = message(here, kind)
    await here.hear(sent)
    listed = await text_of(here, here.guardian_a, "/messages")
    assert f'href="/n/{sent.notification_id}"' in listed
    assert "A message from the school" not in listed
    page = await text_of(here, here.guardian_a, f"/n/{sent.notification_id}")
    assert re.search(r'class="button" href="/(talks|meetings|offers)', page)
    assert "Your guardians" not in page
    assert (await here.get(here.guardian_b, f"/n/{sent.notification_id}")).status_code == 404
    assert f"/n/{sent.notification_id}" not in await text_of(here, here.guardian_b, "/messages")


async def test_a_message_says_about_whom_it_is_and_opens_that_talk(here: Stage) -> None:
    path = f"/talks/{uuid4()}"
    sent = message(here, pupil_id=here.child_1, path=path)
    await here.hear(sent)
    row = row_of(await text_of(here, here.guardian_a, "/messages"), sent)
    assert "A talk is booked: Ebba Ek" in row
    assert f'href="{path}"' in row
    assert "A talk is booked: Ebba Ek" in await text_of(here, here.guardian_a)
    page = await text_of(here, here.guardian_a, f"/n/{sent.notification_id}")
    assert '<p class="lead">Ebba Ek</p>' in page
    assert f'class="button" href="{path}"' in page
    looks = await here.rows("select pupil_id from audit_entry where about = :id", id=str(sent.notification_id))
    assert [look.pupil_id for look in looks] == [here.child_1]


@pytest.mark.parametrize("pupil", ["child_2", "stranger_child", "protected_child", "other_child", "nobody known"])
async def test_a_message_about_a_pupil_whom_the_reader_may_not_see_names_nobody_and_opens_no_talk(
    here: Stage, pupil: str
) -> None:
    path, about = f"/talks/{uuid4()}", getattr(here, pupil, uuid4())
    sent = message(here, person_id=here.guardian_b_ended, school_id=here.school_2, pupil_id=about, path=path)
    aside = message(here, person_id=here.guardian_b, pupil_id=about, path=path)
    await here.hear(sent, aside)
    for reader, one in ((here.guardian_b_ended, sent), (here.guardian_b, aside)):
        for page in ("/home", "/messages", f"/n/{one.notification_id}"):
            answer = await here.get(reader, page)
            assert answer.status_code == 200
            assert "A talk is booked" in answer.text or page == "/home"
            assert path not in answer.text
            for name in ("Olle", "Filip", "Pia", "Uno"):
                assert name not in answer.text
    assert await here.rows("select * from audit_entry where pupil_id = :id", id=about) == []


async def test_a_right_that_ends_takes_the_name_out_of_old_messages(here: Stage) -> None:
    sent = message(
        here, person_id=here.former_guardian, school_id=here.school_2, pupil_id=here.almost_adult, path="/talks/x"
    )
    await here.hear(sent)
    assert "Nils" in row_of(await text_of(here, here.former_guardian, "/messages"), sent)
    here.clock.instant = at("01:00", TODAY + timedelta(days=1))
    for page in ("/messages", f"/n/{sent.notification_id}"):
        shown = await text_of(here, here.former_guardian, page)
        assert "A talk is booked" in shown
        assert "Nils" not in shown
        assert "/talks/x" not in shown


async def test_the_home_of_a_protected_pupil_reads_about_whom_and_no_other_home_does(here: Stage) -> None:
    sent = message(here, person_id=here.guardian_p, school_id=here.school_2, pupil_id=here.protected_child)
    await here.hear(sent)
    assert "Pia Dold" in row_of(await text_of(here, here.guardian_p, "/messages"), sent)
    assert "Pia Dold" in await text_of(here, here.guardian_p, f"/n/{sent.notification_id}")
    for reader in (here.guardian_a, here.mentor_2, here.principal_2, here.officer):
        assert (await here.get(reader, f"/n/{sent.notification_id}")).status_code == 404


async def test_a_pupil_of_age_is_not_named_to_themselves(here: Stage) -> None:
    sent = message(here, person_id=here.adult_pupil, school_id=here.school_2, pupil_id=here.adult_pupil)
    await here.hear(sent)
    assert "Alva" not in row_of(await text_of(here, here.adult_pupil, "/messages"), sent)
    assert (await here.get(here.adult_pupil, f"/n/{sent.notification_id}")).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/x", "https://evil.example", "/\\evil.example", "/%2f/evil.example"])
async def test_a_path_that_is_not_ours_is_never_a_link(here: Stage, path: str) -> None:
    sent = message(here, pupil_id=here.child_1, path=path)
    await here.hear(sent)
    for page in ("/home", "/messages", f"/n/{sent.notification_id}"):
        assert "evil" not in await text_of(here, here.guardian_a, page)


@pytest.mark.parametrize("path", ["/talks/rounds", "/talks/rounds/5a1e"])
@pytest.mark.parametrize("who", ["mentor", "principal"])
async def test_staff_reach_the_message_about_pupils_without_a_talk_and_the_page_it_is_about(
    here: Stage, who: str, path: str
) -> None:
    reader: UUID = getattr(here, who)
    why = "is the one it is meant for"
    sent = message(here, NotificationKind.TALKS_LACKING, person_id=reader, path=path, why=why)
    await here.hear(sent)
    first = f"/class/{here.class_1}" if who == "mentor" else f"/school/{here.school_1}"
    assert (await text_of(here, reader, first)).count('href="/messages"') == 1
    row = row_of(await text_of(here, reader, "/messages"), sent)
    assert "Pupils who have no talk yet" in row
    assert "It is meant for you" in row
    assert f'href="{path}"' in row
    page = await text_of(here, reader, f"/n/{sent.notification_id}")
    assert f'class="button" href="{path}"' in page
    assert "Some pupils have no time for a talk yet" in page
    assert 'href="/home"' not in page
    assert (await here.get(here.mentor_2, f"/n/{sent.notification_id}")).status_code == 404


@pytest.mark.parametrize("path", ["/messages", "/n/{sent}"])
async def test_the_pages_of_messages_ask_the_database_no_more_than_six_times(here: Stage, path: str) -> None:
    sent = message(here, pupil_id=here.child_1, path="/talks/wishes")
    await here.hear(sent, message(here, pupil_id=here.child_2))
    here_path = path.format(sent=sent.notification_id)
    await here.get(here.guardian_a, here_path)
    asked = statements(here.kit)
    assert (await here.get(here.guardian_a, here_path)).status_code == 200
    assert len(asked) <= 6, asked


async def test_a_pupil_who_is_erased_takes_the_messages_about_them_along(here: Stage) -> None:
    await here.hear(message(here, pupil_id=here.child_1), message(here, pupil_id=here.child_2))
    asked = PrivacyRequested(
        request_id=uuid4(), wish=PrivacyWish.ERASE, person_id=here.child_1, requested_at=here.clock.now()
    )
    await here.hear(asked)
    left = await here.rows("select pupil_id from delivery where kind = 'talk_booked'")
    assert [one.pupil_id for one in left] == [here.child_2]


# The calendar.


async def feed(here: Stage, who: UUID) -> tuple[Calendar, Any, str]:
    """The feed as two programs read it, and its text."""
    made = await here.post(who, "/calendar", act="make")
    path = re.search(r"/calendar/[\w-]+\.ics", made.text)
    assert path, made.text
    answer = await here.get(None, path[0])
    assert answer.status_code == 200
    one = Calendar.from_ical(answer.content)
    assert isinstance(one, Calendar)
    return one, vobject.readOne(answer.text), answer.text


def talks_in(found: tuple[Calendar, Any, str]) -> tuple[list[Any], list[Any]]:
    """The talks in the feed, as the one and as the other program has them."""
    one, other, _ = found
    mine = [event for event in one.walk("VEVENT") if "sequence" in event]
    theirs = [event for event in other.vevent_list if hasattr(event, "sequence")]
    assert [str(event["uid"]) for event in mine] == [event.uid.value for event in theirs]
    return mine, theirs


async def test_a_booked_talk_is_in_the_calendar_with_an_initial_a_time_and_a_room(here: Stage) -> None:
    booked = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON, place="B204", sequence=2)
    await here.hear(booked)
    found = await feed(here, here.guardian_b)
    [one], [other] = talks_in(found)
    assert str(one["uid"]) == f"{booked.talk_id}@skolbro.example"
    assert (int(one["sequence"]), one["status"], one["location"]) == (2, "CONFIRMED", "B204")
    assert str(one["summary"]) == "Skolsamtal · E"
    assert f"{one.start:%Y-%m-%d %H:%M}–{one.end:%H:%M}" == "2026-12-01 16:30–16:55"
    assert other.dtstart.value == one.start
    assert other.sequence.value == "2"
    for word in ("Ebba", "Ek", "Björkskolan", str(here.child_1), str(here.guardian_b)):
        assert word not in found[2]


async def test_a_proposed_talk_is_tentative_and_a_video_talk_is_nowhere_else(here: Stage) -> None:
    await here.hear(of_ebba(here, TalkState.PROPOSED, starts="16:30", day=SOON, place="B204", video=True))
    [one], _ = talks_in(await feed(here, here.guardian_a))
    assert (one["status"], str(one["location"]), one["transp"]) == ("TENTATIVE", "Video", "TRANSPARENT")


@pytest.mark.parametrize("timeless", [True, False])
async def test_a_talk_that_was_in_the_feed_is_taken_back_with_a_higher_sequence(here: Stage, timeless: bool) -> None:
    booked = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON, place="B204")
    await here.hear(booked)
    gone: dict[str, Any] = {"version": 2, "sequence": 1, "state": TalkState.CANCELLED}
    await here.hear(booked.model_copy(update={**gone, **({"starts_at": None, "ends_at": None} if timeless else {})}))
    [one], [other] = talks_in(await feed(here, here.guardian_a))
    assert (one["status"], int(one["sequence"])) == ("CANCELLED", 1)
    assert f"{one.start:%d %H:%M}" == "01 16:30"
    assert other.status.value == "CANCELLED"
    assert "location" not in one


async def test_a_talk_that_lost_its_time_and_waits_for_another_is_taken_back_too(here: Stage) -> None:
    booked = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON)
    await here.hear(booked)
    lost = {"version": 2, "sequence": 1, "state": TalkState.WANTED, "starts_at": None, "ends_at": None}
    await here.hear(booked.model_copy(update=lost))
    [one], _ = talks_in(await feed(here, here.guardian_a))
    assert one["status"] == "CANCELLED"
    again = {"version": 3, "sequence": 2, "starts_at": at("17:00", LATER), "ends_at": at("17:25", LATER)}
    await here.hear(booked.model_copy(update=again))
    [one], _ = talks_in(await feed(here, here.guardian_a))
    assert (one["status"], f"{one.start:%d %H:%M}") == ("CONFIRMED", "13 17:00")


async def test_a_talk_that_never_had_a_time_or_is_long_over_is_not_in_the_feed(here: Stage) -> None:
    await here.hear(
        of_ebba(here, TalkState.WANTED), of_olle(here, TalkState.SIGNED, starts="16:30", day=date(2026, 9, 1))
    )
    mine, _ = talks_in(await feed(here, here.guardian_a))
    assert mine == []


async def test_another_households_talk_and_a_protected_pupils_are_in_nobodys_feed(here: Stage) -> None:
    hers = talk(here.child_1, TalkState.BOOKED, here.guardian_a, school_id=here.school_1, starts="16:30", day=SOON)
    await here.hear(hers)
    mine, _ = talks_in(await feed(here, here.guardian_b))
    assert mine == []
    born = date(2014, 3, 1)
    await here.hear(*person(HERE, here.child_1, "Ebba Ek", here.school_1, born=born, marking=Marking.MARKED, version=2))
    mine, _ = talks_in(await feed(here, here.guardian_a))
    assert mine == []


async def test_the_feed_says_how_often_to_look_and_carries_the_fixed_zone(here: Stage) -> None:
    await here.hear(of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON))
    _, other, text = await feed(here, here.guardian_a)
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT1H" in text
    assert "X-PUBLISHED-TTL:PT1H" in text
    assert vtimezone("Europe/Stockholm") in text
    assert text.count("BEGIN:VTIMEZONE") == 1
    zone = other.vevent_list[0].dtstart.value.tzinfo
    assert datetime(2026, 7, 1, 12, tzinfo=zone).utcoffset() == timedelta(hours=2)


async def test_the_feed_changes_only_when_something_in_it_has(here: Stage) -> None:
    booked = of_ebba(here, TalkState.BOOKED, starts="16:30", day=SOON)
    await here.hear(booked)
    made = await here.post(here.guardian_a, "/calendar", act="make")
    path = re.search(r"/calendar/[\w-]+\.ics", made.text)
    assert path
    first = await here.get(None, path[0])
    here.clock.advance(timedelta(minutes=30))
    await here.hear(booked)  # said again
    async with here.client(None) as browser:
        again = await browser.get(path[0], headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304
        await here.hear(booked.model_copy(update={"version": 2, "sequence": 1, "place": "C1"}))
        moved = await browser.get(path[0], headers={"if-none-match": first.headers["etag"]})
    assert moved.status_code == 200
    assert "LOCATION:C1" in moved.text


def test_the_ways_to_other_services_are_none_when_one_host_serves_them_all() -> None:
    assert elsewhere_routes(PortalSettings()).routes == []


def test_every_kind_of_duty_has_its_own_words() -> None:
    from services.portal.web.staff_words import DUTIES, NOTHING, SOURCES

    assert set(DUTIES) == set(NOTHING) == set(SOURCES) == set(DutyKind)
