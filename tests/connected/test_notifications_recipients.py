"""Who gets a message, judged at the moment of sending: on a real database and a real mail server."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.notifications.tables import call_list, delivery, notification
from shared.clock import ManualClock
from shared.events.notify import DeliverySettled, NotificationKind
from shared.events.roster import Guardianship, GuardianshipsStated, Marking, PersonStated, Relation
from tests.connected.notifications_stage import NOTICE, RETRACTION, addresses, sending, staged
from tests.on_servers import until

pytestmark = pytest.mark.connected
GUARDIAN, PARENT = Relation.GUARDIAN, Relation.PARENT


async def test_separated_guardians_get_their_own_mail_each_in_their_own_language(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("anna@home.example", language="sv")
        bo = await stage.guardian("bo@home.example", language="nn-NO")
        step = await stage.guardian("step@home.example")
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN), (step, Relation.OTHER_RESPONSIBLE))
        asked = await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == ["anna@home.example", "bo@home.example"]
        [mail] = stage.smtp.to("anna@home.example")
        assert mail["Subject"] == "Meddelande från Björkskolan: läs idag"
        assert mail["To"] == "anna@home.example"
        assert f"http://127.0.0.1:8000/n/{asked}" in str(mail)
        assert stage.smtp.to("bo@home.example")[0]["Content-Language"] == "nn"
        assert await stage.duty_statuses() == ["sent", "delivered"]
        settled = await stage.said(DeliverySettled)
        assert {(event.person_id, event.status) for event in settled} == {(anna, "delivered"), (bo, "delivered")}
        assert {row[0] for row in await stage.rows(delivery, "why")} == {"answers for the pupil on that day"}


async def test_a_parent_without_custody_is_not_told_and_the_school_is_handed_the_call(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        parent = await stage.guardian("parent@home.example")
        await stage.family((parent, PARENT))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.rows(call_list, "pupil_id", "reason") == [(stage.pupil, "no_guardian")]
        assert await stage.duty_statuses() == ["unreachable"]


@pytest.mark.parametrize(
    ("born", "reasons"), [(date(2008, 11, 23), [("pupil_adult",)]), (date(2008, 11, 24), [])], ids=["today", "tomorrow"]
)
async def test_guardians_are_told_until_the_day_the_pupil_turns_18(
    postgres: Postgres, clock: ManualClock, born: date, reasons: list[tuple[str]]
) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("anna@home.example")
        await stage.family((anna, GUARDIAN), born=born)
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert len(stage.smtp.taken) == 1 - len(reasons)
        assert await stage.rows(call_list, "reason") == reasons


@pytest.mark.parametrize("who", ["pupil", "guardian"])
async def test_a_home_with_protected_identity_gets_mail_that_names_no_school_and_no_matter(
    postgres: Postgres, clock: ManualClock, who: str
) -> None:
    marked = {"pupil": Marking.NONE, "guardian": Marking.NONE, who: Marking.MARKED}
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("anna@home.example", marking=marked["guardian"])
        await stage.family((anna, GUARDIAN), marking=marked["pupil"])
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        [mail] = stage.smtp.to("anna@home.example")
        assert mail["From"] == "Skolbro <skolbro@skola.example>"
        assert mail["Subject"] == "Ett meddelande att läsa idag"
        everything = str(mail["Subject"]) + "".join(str(part.get_content()) for part in mail.iter_parts())
        assert "Björk" not in everything
        assert "rånvaro" not in everything


async def test_custody_that_ends_between_two_tries_ends_the_tries(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("anna@home.example")
        await stage.family((anna, GUARDIAN))
        stage.smtp.script["anna@home.example"] = ["451"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            ended = Guardianship(guardian_id=anna, relation=GUARDIAN, ends=date(2026, 11, 23))
            await stage.state(GuardianshipsStated(pupil_id=stage.pupil, version=2, ties=(ended,)))
            clock.advance(timedelta(seconds=25))
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.rows(delivery, "status", "why") == [("cancelled", "the custody has ended")]
        assert await stage.duty_statuses() == ["sent", "unreachable"]


async def test_custody_removed_after_the_request_and_before_the_sending_means_no_mail(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo = await stage.guardian("anna@home.example"), await stage.guardian("bo@home.example")
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        await stage.ask()
        await stage.family((anna, PARENT), (bo, GUARDIAN))
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == ["bo@home.example"]


async def test_a_pupil_who_is_not_in_the_roster_yet_is_waited_for(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("anna@home.example")
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            await stage.family((anna, GUARDIAN))
            clock.advance(timedelta(seconds=10))
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == ["anna@home.example"]


async def test_a_pupil_who_never_comes_is_handed_to_the_school_after_two_minutes(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.state(stage.school)
        await stage.ask(pupil_id=uuid4())
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.advance(timedelta(minutes=2))
            await until(stage.is_over)
        assert await stage.rows(call_list, "reason") == [("pupil_unknown",)]


async def test_no_usable_address_is_handed_to_the_school(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("not an address", "simulate:bounce")
        await stage.family((anna, GUARDIAN))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert await stage.rows(call_list, "reason") == [("no_address",)]


async def test_an_inactive_pupil_is_nobodys_news(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("anna@home.example")
        await stage.family((anna, GUARDIAN))
        await stage.state(PersonStated(person_id=stage.pupil, version=9, born=date(2014, 1, 1), active=False))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.rows(call_list, "reason") == [("pupil_gone",)]


async def test_a_school_is_told_of_unreported_lessons_at_its_own_address(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.state(stage.school)
        await stage.ask(NotificationKind.LESSONS_UNREPORTED, pupil_id=None, duty_id=None, count=3)
        async with sending(stage.sender()):
            await until(stage.is_over)
        [mail] = stage.smtp.to("exp@bjork.example")
        assert mail["Subject"] == "3 lektioner saknar närvarorapport"
        assert await stage.duty_statuses() == []


async def test_a_retraction_goes_to_those_who_had_the_notice_and_still_have_the_right(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo, cia = [await stage.guardian(f"{name}@home.example") for name in ("anna", "bo", "cia")]
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN), (cia, GUARDIAN))
        stage.smtp.script["cia@home.example"] = ["550"]
        notice = await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
            await stage.family((anna, GUARDIAN), (bo, PARENT), (cia, GUARDIAN))
            await stage.ask(RETRACTION, about=notice)
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == ["anna@home.example", "anna@home.example", "bo@home.example"]
        subject = stage.smtp.to("anna@home.example")[1]["Subject"]
        assert subject == "Tidigare meddelande gäller inte: skolan har rättat sin rapport"
        assert (await stage.duty_statuses())[-1] == "retracted"


@pytest.mark.parametrize("first", [NOTICE, RETRACTION])
async def test_a_notice_retracted_before_it_went_out_goes_to_nobody_in_whatever_order_they_came(
    postgres: Postgres, clock: ManualClock, first: NotificationKind
) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian("anna@home.example")
        await stage.family((anna, GUARDIAN))
        notice = uuid4()
        if first is NOTICE:
            await stage.ask(notification_id=notice)
            await stage.ask(RETRACTION, about=notice)
        else:
            await stage.ask(RETRACTION, about=notice)
            await stage.ask(notification_id=notice)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.statuses(notification) == ["cancelled", "cancelled"]
        assert await stage.duty_statuses() == ["retracted"]


async def test_a_retraction_takes_the_notice_off_the_call_list(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian("parent@home.example"), PARENT))
        notice = await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
            await stage.ask(RETRACTION, about=notice)
            await until(stage.is_over)
        assert await stage.rows(call_list, "withdrawn_at") == [(clock.now(),)]
        assert await stage.duty_statuses() == ["unreachable", "retracted"]
