"""“From the classes” on the first page, bulletins among the messages, and what is owed of them in the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.portal.consumers import readers
from services.portal.web.classes import class_routes
from services.portal.web.home import home_routes
from services.portal.web.schools import school_routes
from shared.clock import ManualClock
from shared.events.bulletins import BulletinStated, Title
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Erased, Received
from shared.events.notify import Addressee, DeliveryStatus, MailingKind, MailingSettled
from shared.events.people import Channel
from shared.events.roster import GroupStated, Membership
from shared.messaging.reader import Batch
from tests.portal_stage import TODAY, Stage, open_pages, portal_kit, stage, statements

pytestmark = pytest.mark.connected
LAST_DAY = date(2026, 12, 18)


@pytest.fixture
async def portal(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, home_routes, school_routes, class_routes)
    yield here
    await kit.close()


def stated(portal: Stage, *groups: UUID, title: str = "News from 6A", **more: Any) -> BulletinStated:
    """A bulletin of these classes, sent an hour ago."""
    usual: dict[str, Any] = {
        "bulletin_id": uuid4(),
        "version": 1,
        "tenant_id": portal.tenant,
        "school_id": portal.school_1,
        "kind": MailingKind.BULLETIN,
        "group_ids": groups or (portal.class_1,),
        "titles": (Title(language="sv", words="Nytt från 6A"), Title(language="en", words=title)),
        "sent_at": portal.clock.now() - timedelta(hours=1),
        "number": 2,
        "of": 3,
    }
    return BulletinStated(**{**usual, **more})


def settled(portal: Stage, one: BulletinStated, *people: Addressee, **more: Any) -> MailingSettled:
    """A part of the bulletin's mailing is over."""
    usual = {"mailing_id": one.bulletin_id, "part_id": uuid4(), "about_id": one.bulletin_id, "kind": one.kind}
    usual |= {"school_id": one.school_id, "path": f"/bulletins/{one.bulletin_id}", "at": portal.clock.now()}
    return MailingSettled(**{**usual, **more}, people=people)


def to(person: UUID, *pupils: UUID, status: DeliveryStatus = DeliveryStatus.DELIVERED) -> Addressee:
    """How it ended for somebody."""
    return Addressee(person_id=person, pupil_ids=pupils, status=status, channel=Channel.EMAIL)


def owed(
    portal: Stage, pupil: UUID, day: date, *statuses: DutyStatus, kind: DutyKind = DutyKind.CLASS_BULLETIN
) -> Sequence[DutyMoved]:
    """A bulletin that is owed to a pupil's home, and how far it has come."""
    duty_id = uuid4()
    at = portal.clock.now()
    return [
        DutyMoved(duty_id=duty_id, kind=kind, status=status, pupil_id=pupil, school_id=portal.school_1, day=day, at=at)
        for status in (DutyStatus.OWED, *statuses)
    ]


async def erase(portal: Stage, gone: Erased) -> None:
    """A tombstone on the topic of bulletins."""
    reader = next(one for one in readers() if one.name == "bulletins")
    batch = Batch([Received(gone, b"x", None, BulletinStated.topic, 0, 0)], portal.clock.now())
    async with portal.kit.sessions.begin() as session:
        await reader.handle(session, batch)


async def test_the_first_page_shows_each_bulletin_once_with_whom_it_is_about(portal: Stage) -> None:
    sister = GroupStated(
        group_id=portal.class_1,
        version=2,
        tenant_id=portal.tenant,
        school_id=portal.school_1,
        name="6A",
        kind="Klass",
        members=tuple(Membership(person_id=one, starts=date(2026, 8, 15)) for one in (portal.child_1, portal.child_2)),
    )
    one = stated(portal)
    await portal.hear(sister, one)
    page = (await portal.get(portal.guardian_a, "/home")).text
    assert page.count(f'href="/bulletins/{one.bulletin_id}"') == 1
    assert "for Olle Ek, Ebba Ek" in page
    assert "Bulletin 2 of 3" in page
    assert f'href="/bulletins/{one.bulletin_id}" lang="en">News from 6A' in page
    other = (await portal.get(portal.guardian_b, "/home")).text
    assert "for Ebba Ek" in other
    assert "Olle" not in other
    assert "for you" in (await portal.get(portal.child_1, "/home")).text


async def test_only_those_of_the_class_see_it_and_a_withdrawn_or_erased_one_is_gone(portal: Stage) -> None:
    one, other = stated(portal), stated(portal, title="Another")
    await portal.hear(one, other)
    for who in (portal.stranger, portal.step_parent, portal.guardian_b_ended, portal.guardian_p):
        assert "News from 6A" not in (await portal.get(who, "/home")).text
    gone = Erased(erased_type=BulletinStated.event_type, erased_key=str(other.bulletin_id))
    await portal.hear(one.model_copy(update={"version": 2, "withdrawn": True}))
    await erase(portal, gone)
    page = (await portal.get(portal.guardian_a, "/home")).text
    assert "News from 6A" not in page
    assert "Another" not in page


async def test_an_older_statement_changes_nothing_and_order_does_not_matter(portal: Stage) -> None:
    one = stated(portal)
    newer = one.model_copy(update={"version": 3, "titles": (Title(language="en", words="Better news"),)})
    await portal.hear(newer)
    await portal.hear(one)
    assert "Better news" in (await portal.get(portal.guardian_a, "/home")).text


async def test_what_was_sent_before_the_child_came_is_shown_and_after_the_child_left_is_not(portal: Stage) -> None:
    def members(version: int, **when: date) -> GroupStated:
        inside = (Membership(person_id=portal.child_1, **when),)
        place = {"tenant_id": portal.tenant, "school_id": portal.school_1}
        return GroupStated(group_id=portal.class_1, version=version, name="6A", kind="Klass", members=inside, **place)

    await portal.hear(stated(portal), members(2, starts=TODAY))
    assert "News from 6A" in (await portal.get(portal.guardian_a, "/home")).text
    await portal.hear(members(3, starts=date(2026, 8, 15), ends=date(2026, 11, 1)))
    assert "News from 6A" not in (await portal.get(portal.guardian_a, "/home")).text


async def test_a_mailing_is_among_each_ones_messages_and_leads_to_the_bulletin(portal: Stage) -> None:
    one = stated(portal)
    told = settled(portal, one, to(portal.guardian_a, portal.child_1), to(portal.guardian_b, portal.child_1))
    await portal.hear(told, told)
    page = (await portal.get(portal.guardian_a, "/messages")).text
    assert page.count(f'href="/n/{one.bulletin_id}"') == 1
    assert "A bulletin from the class: Ebba Ek" in page
    assert f'href="/bulletins/{one.bulletin_id}"' in page
    own = (await portal.get(portal.guardian_a, f"/n/{one.bulletin_id}")).text
    assert "in your language" in own
    assert f'href="/bulletins/{one.bulletin_id}"' in own
    assert (await portal.get(portal.stranger, f"/n/{one.bulletin_id}")).status_code == 404
    assert str(one.bulletin_id) not in (await portal.get(portal.stranger, "/messages")).text


async def test_a_later_word_about_a_mailing_stands_in_whichever_order_they_come(portal: Stage) -> None:
    one, later = stated(portal), portal.clock.now() + timedelta(hours=2)
    waiting = settled(portal, one, to(portal.guardian_a, portal.child_1, status=DeliveryStatus.DIGESTED), open=1)
    arrived = settled(portal, one, to(portal.guardian_a, portal.child_1), at=later)
    for order in ((arrived, waiting), (waiting,)):
        await portal.hear(*order)
    rows = await portal.rows("select status, at from delivery where notification_id = :id", id=one.bulletin_id)
    assert [(row.status, row.at) for row in rows] == [("delivered", later)]


async def test_the_mentor_sees_how_many_homes_each_bulletin_has_reached_and_whom_to_hand_it(portal: Stage) -> None:
    await portal.hear(*owed(portal, portal.child_1, date(2026, 10, 2), DutyStatus.SENT, DutyStatus.UNREACHABLE))
    await portal.hear(*owed(portal, portal.child_1, LAST_DAY))
    page = (await portal.get(portal.mentor, f"/class/{portal.class_1}")).text
    assert "Class bulletins 1 of 2" in page
    assert "has reached 0 of 1 homes" in page
    assert "Give it by hand to:" in page
    assert "Without a talk this term" not in page
    pupil = (await portal.get(portal.mentor, f"/pupil/{portal.child_1}")).text
    assert "Class bulletins 2 of 2" in pupil
    assert "By hand" in pupil
    assert "Still to come" in pupil


async def test_the_ledger_counts_what_reached_the_homes_and_says_of_nobody_that_they_have_read(portal: Stage) -> None:
    statuses = (DutyStatus.SENT, DutyStatus.DELIVERED, DutyStatus.UNDERSTOOD)
    read = owed(portal, portal.child_1, LAST_DAY, *statuses)
    await portal.hear(*read, *owed(portal, portal.stranger_child, date(2026, 10, 2)))
    where = f"/school/{portal.school_1}"
    page = (await portal.get(portal.principal, f"{where}?kind=class_bulletin")).text
    assert "Reached" in page
    assert "Late" in page
    assert "Understood" not in page
    assert "How homes take part" in page
    span = "from=2026-08-01&to=2026-12-31&kind=class_bulletin"
    listed = (await portal.get(portal.principal, f"{where}/duties?{span}")).text
    assert "2 homes" in listed
    assert "Ebba Ek" in listed
    assert "Late" in listed
    evidence = (await portal.get(portal.principal, f"/duty/{read[0].duty_id}")).text
    assert "It has reached the home" in evidence
    assert "Understood" not in evidence
    assert "confirmed" not in evidence
    file = (await portal.get(portal.principal, f"{where}/duties.csv?{span}")).text
    assert "Reached" in file
    assert "Understood" not in file


async def test_the_first_page_asks_no_more_often_than_before(portal: Stage) -> None:
    await portal.hear(stated(portal))
    asked = statements(portal.kit)
    assert (await portal.get(portal.guardian_a, "/home")).status_code == 200
    assert len(asked) <= 6, asked
