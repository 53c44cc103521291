"""Once a day, together: what may wait is gathered, judged again when it leaves, and over when the digest is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.notifications.digesting import digests, put_aside, settle
from services.notifications.domain.choices import next_digest
from services.notifications.domain.digest import DigestItem
from services.notifications.tables import delivery, digest_item, notification
from shared.clock import ManualClock
from shared.events.notify import (
    Appointment,
    DeliverySettled,
    DeliveryStatus,
    MailingKind,
    MailingSettled,
    NotificationKind,
)
from shared.events.people import Choice, How, PreferencesStated, Subject
from shared.events.roster import (
    Guardianship,
    GuardianshipsStated,
    Marking,
    PersonStated,
    Relation,
    SchoolStated,
)
from tests.connected.notifications_stage import Stage, sending, staged
from tests.on_servers import until

pytestmark = pytest.mark.connected
GUARDIAN = Relation.GUARDIAN
ANNA = "anna@home.example"
TO_READ, WISHES, BOOKED = (NotificationKind.TALK_TO_READ, NotificationKind.TALK_WISHES, NotificationKind.TALK_BOOKED)
TOMORROW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)  # half past seven in Stockholm
ZONE = "Europe/Stockholm"


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with staged(postgres, clock) as here:
        yield here


async def anna_of(stage: Stage, **said: Any) -> UUID:
    """Anna, who has asked for talks once a day."""
    anna = await stage.guardian(ANNA, language="en")
    await stage.family((anna, GUARDIAN))
    choices = (Choice(subject=Subject.TALKS, how=How.DIGEST),)
    await stage.state(PreferencesStated(person_id=anna, version=1, choices=choices, **said))
    return anna


async def is_aside(stage: Stage, count: int) -> bool:
    return (await stage.statuses(delivery)).count("digested") == count


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


async def test_what_may_wait_comes_in_one_mail_the_next_morning_and_is_delivered_with_it(stage: Stage) -> None:
    anna = await anna_of(stage)
    asked = [await stage.ask(kind, duty_id=None, path="/talks") for kind in (WISHES, TO_READ)]
    async with sending(stage.sender()):
        await until(lambda: is_aside(stage, 2))
        assert not stage.smtp.taken
        stage.clock.instant = TOMORROW
        await until(lambda: stage.was_delivered(3))
    [mail] = stage.smtp.to(ANNA)
    assert mail["Subject"] == "2 things to read"
    assert body(mail).count("/talks") == 2
    assert "Björkskolan" in body(mail)
    settled = {one.notification_id: one for one in await stage.said(DeliverySettled)}
    for one in asked:
        assert (settled[one].status, settled[one].person_id) == (DeliveryStatus.DELIVERED, anna)
    assert await stage.is_over()


async def test_what_may_not_wait_comes_at_once_all_the_same(stage: Stage) -> None:
    await anna_of(stage)
    await stage.ask()
    async with sending(stage.sender()):
        await until(lambda: stage.was_delivered(1))
    assert len(stage.smtp.to(ANNA)) == 1
    assert not await stage.rows(digest_item, "item_id")


async def test_the_digest_comes_at_the_time_one_has_chosen_even_within_quiet_hours(stage: Stage) -> None:
    await anna_of(stage, digest_at=time(6), quiet_from=time(21), quiet_to=time(7))
    await stage.ask(WISHES, duty_id=None)
    async with sending(stage.sender()):
        await until(lambda: is_aside(stage, 1))
        stage.clock.instant = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
        await until(lambda: stage.was_sent(ANNA))


async def test_who_has_lost_the_right_meanwhile_is_not_told_and_what_waited_is_cancelled(stage: Stage) -> None:
    anna = await anna_of(stage)
    asked = await stage.ask(WISHES, duty_id=None)
    async with sending(stage.sender()):
        await until(lambda: is_aside(stage, 1))
        ended = Guardianship(guardian_id=anna, relation=GUARDIAN, ends=date(2026, 11, 24))
        await stage.state(GuardianshipsStated(pupil_id=stage.pupil, version=1, ties=(ended,)))
        stage.clock.instant = TOMORROW
        await until(stage.is_over)
        await until(lambda: is_aside(stage, 0))
    assert not stage.smtp.taken
    settled = [one for one in await stage.said(DeliverySettled) if one.notification_id == asked]
    assert [one.status for one in settled] == [DeliveryStatus.CANCELLED]


async def test_a_line_whose_time_has_come_is_left_out_and_the_rest_is_told(stage: Stage) -> None:
    await anna_of(stage)
    starts_at = stage.clock.now() + timedelta(hours=9)
    entry = Appointment(uid_of=uuid4(), starts_at=starts_at, ends_at=starts_at + timedelta(minutes=20))
    await stage.ask(BOOKED, duty_id=None, appointment=entry)
    await stage.ask(TO_READ, duty_id=None)
    async with sending(stage.sender()):
        await until(lambda: is_aside(stage, 2))
        stage.clock.instant = TOMORROW
        await until(lambda: stage.was_delivered(2))
    [mail] = stage.smtp.to(ANNA)
    assert mail["Subject"] == "One thing to read"
    assert sorted(await stage.statuses(delivery)) == ["cancelled", "delivered", "delivered"]


async def test_a_digest_about_a_protected_child_says_only_how_much_there_is(stage: Stage) -> None:
    await anna_of(stage)
    await stage.ask(WISHES, duty_id=None)
    async with sending(stage.sender()):
        await until(lambda: is_aside(stage, 1))
        hidden = PersonStated(person_id=stage.pupil, version=1, born=date(2014, 3, 1), marking=Marking.PROTECTED)
        await stage.state(hidden)
        stage.clock.instant = TOMORROW
        await until(lambda: stage.was_sent(ANNA))
    [mail] = stage.smtp.to(ANNA)
    assert "Björkskolan" not in f"{mail['From']} {mail['Subject']} {body(mail)}"
    assert "There is one thing for you to read." in body(mail)


# The parts, without a sender ----------------------------------------------------------------------------------------


def item(stage: Stage, person_id: UUID, **changes: Any) -> DigestItem:
    plain = DigestItem(
        person_id=person_id,
        school_id=stage.school.school_id,
        source_id=uuid4(),
        kind=MailingKind.BULLETIN,
        path="/bulletins/1",
        at=TOMORROW,
        zone=ZONE,
        titles={"sv": "Klassbrev 6A", "en": "Bulletin 6A"},
    )
    return replace(plain, **changes)


async def mailed(stage: Stage, person_id: UUID, *pupils: UUID) -> UUID:
    """A mailing that waits for somebody's digest."""
    mailing_id = uuid4()
    given = {
        "mailing": mailing_id,
        "school": stage.school.school_id,
        "person": person_id,
        "pupils": json.dumps([str(one) for one in pupils]),
        "now": stage.clock.now(),
    }
    async with stage.kit.sessions.begin() as session:
        await session.execute(
            text(
                "insert into mailing (mailing_id, tenant_id, school_id, kind, about_id, group_ids, day, path, "
                "must_read, texts, requested_at, send_at, status) values (:mailing, gen_random_uuid(), :school, "
                "'bulletin', :mailing, '[]', :now, '/bulletins/1', false, '[]', :now, :now, 'sending')"
            ),
            given,
        )
        await session.execute(
            text(
                "insert into addressee (mailing_id, person_id, delivery_id, pupil_ids, status, why, moved_at) values "
                "(:mailing, :person, gen_random_uuid(), cast(:pupils as jsonb), 'digested', '', :now)"
            ),
            given,
        )
    return mailing_id


async def aside(stage: Stage, *items: DigestItem) -> list[UUID]:
    async with stage.kit.sessions.begin() as session:
        return await put_aside(session, items, stage.clock.now())


async def test_a_mailing_in_a_digest_is_judged_by_all_its_children_and_settled_with_it(stage: Stage) -> None:
    anna = await anna_of(stage)
    mailing = await mailed(stage, anna, uuid4(), stage.pupil)
    [digest] = await aside(stage, item(stage, anna, source_id=mailing))
    async with stage.kit.sessions.begin() as session:
        found = await digests(session, [digest], TOMORROW)
        assert [line.title("en") for line in found[digest].lines] == ["Bulletin 6A"]
        assert not found[digest].neutral
        await settle(session, [digest], DeliveryStatus.DELIVERED, TOMORROW)
    [said] = await stage.said(MailingSettled)
    assert (said.mailing_id, said.open) == (mailing, 0)
    assert [(one.person_id, one.status) for one in said.people] == [(anna, DeliveryStatus.DELIVERED)]


async def test_a_mailing_about_children_that_are_not_theirs_any_more_is_left_out(stage: Stage) -> None:
    anna = await anna_of(stage)
    mailing = await mailed(stage, anna, uuid4())
    [digest] = await aside(stage, item(stage, anna, source_id=mailing))
    async with stage.kit.sessions.begin() as session:
        assert (await digests(session, [digest], TOMORROW))[digest].lines == ()
        await settle(session, [digest], DeliveryStatus.CANCELLED, TOMORROW)
    [said] = await stage.said(MailingSettled)
    assert [one.status for one in said.people] == [DeliveryStatus.CANCELLED]


async def test_there_is_one_digest_a_person_and_day_across_schools_and_nothing_is_in_it_twice(stage: Stage) -> None:
    anna, bo = await anna_of(stage), uuid4()
    other = SchoolStated(school_id=uuid4(), version=1, name="Lindskolan", language="sv")
    await stage.state(other)
    here = item(stage, anna, kind=WISHES)
    there = item(stage, anna, kind=WISHES, school_id=other.school_id, titles={})
    first = await aside(stage, here, there, item(stage, bo))
    assert len(first) == 2
    assert set(await aside(stage, here)) <= set(first)
    assert len(await stage.rows(digest_item, "item_id")) == 3
    assert len(await stage.rows(notification, "notification_id")) == 2
    async with stage.kit.sessions.begin() as session:
        found = await digests(session, first, TOMORROW)
    assert {line.school for one in found.values() for line in one.lines} == {"Björkskolan", "Lindskolan"}


async def test_what_comes_when_the_days_digest_has_left_is_for_the_next_day(stage: Stage) -> None:
    anna = await anna_of(stage)
    [first] = await aside(stage, item(stage, anna))
    async with stage.kit.sessions.begin() as session:
        await session.execute(text("update notification set status = 'done', next_attempt_at = null"))
    [second] = await aside(stage, item(stage, anna, at=TOMORROW + timedelta(hours=10)))
    assert second != first
    again = dict(await stage.rows(notification, "notification_id", "next_attempt_at"))[second]
    assert again == next_digest(TOMORROW + timedelta(hours=10), ZONE, time(17, 30))


async def test_those_who_put_aside_at_the_same_moment_make_one_digest(stage: Stage) -> None:
    anna = await anna_of(stage)
    found = await asyncio.gather(*[aside(stage, item(stage, anna)) for _ in range(8)])
    assert len({digest for one in found for digest in one}) == 1
    assert len(await stage.rows(digest_item, "digest_id")) == 8
