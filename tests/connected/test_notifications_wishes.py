"""What people decide for themselves: language, quiet hours, who else may know, and what is asked at 18."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.notifications.jobs import POLL_SECONDS
from services.notifications.tables import call_list, delivery
from shared.clock import ManualClock
from shared.events.duties import DutyMoved
from shared.events.notify import DeliverySettled, NotificationKind
from shared.events.people import ConsentBasis, PreferencesStated
from shared.events.roster import Marking, PersonStated, Relation
from tests.connected.notifications_stage import NOTICE, RETRACTION, addresses, sending, staged
from tests.on_servers import until

pytestmark = pytest.mark.connected
GUARDIAN, PARENT = Relation.GUARDIAN, Relation.PARENT
LATE, RIGHTS = NotificationKind.ABSENCE_NOTICE_LATE, NotificationKind.RIGHTS_ASKED
ALI, ANNA, BO, SAM = "ali@home.example", "anna@home.example", "bo@home.example", "sam@home.example"
ADULT = date(2008, 11, 23)
ALL_DAY: dict[str, Any] = {"quiet_from": time(6), "quiet_to": time(5, 59)}


@pytest.mark.parametrize(
    ("chosen", "registered", "tag"), [("nn", "en", "nn"), (None, "en", "en"), ("so", "en", "en"), (None, None, "sv")]
)
async def test_a_mail_is_in_the_language_one_chose_else_the_registrys_else_the_schools(
    postgres: Postgres, clock: ManualClock, chosen: str | None, registered: str | None, tag: str
) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA, language=registered)
        await stage.family((anna, GUARDIAN))
        await stage.state(PreferencesStated(person_id=anna, version=1, language=chosen))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert [mail["Content-Language"] for mail in stage.smtp.to(ANNA)] == [tag]


@pytest.mark.parametrize("kind", [NOTICE, LATE])
async def test_a_notice_and_its_retraction_are_sent_whatever_somebody_wants(
    postgres: Postgres, clock: ManualClock, kind: NotificationKind
) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN))
        await stage.state(PreferencesStated(person_id=anna, version=1, email=False, **ALL_DAY))
        notice = await stage.ask(kind)
        async with sending(stage.sender()):
            await until(stage.is_over)
            await stage.ask(RETRACTION, about=notice)
            await until(stage.is_over)
        assert len(stage.smtp.to(ANNA)) == 2
        assert await stage.duty_statuses() == ["sent", "delivered", "retracted"]


async def test_a_pupil_who_turns_18_is_asked_alone_at_their_own_address_and_no_duty_moves(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN), born=ADULT)
        await stage.pupil_of_age(ALI)
        asked = await stage.ask(RIGHTS, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ALI]
        [mail] = stage.smtp.to(ALI)
        assert mail["Subject"] == "Meddelande från Björkskolan: nu bestämmer du"
        assert f"/n/{asked}" in str(mail)
        [settled] = await stage.said(DeliverySettled)
        assert (settled.person_id, settled.why) == (stage.pupil, "is the pupil, who is of age and alone decides")
        assert await stage.said(DutyMoved) == []


async def test_a_pupil_with_protected_identity_is_asked_without_naming_the_school(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.pupil_of_age(ALI, marking=Marking.PROTECTED)
        await stage.ask(RIGHTS, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_over)
        [mail] = stage.smtp.to(ALI)
        assert mail["Subject"] == "Ett meddelande att läsa"
        everything = str(mail) + "".join(str(part.get_content()) for part in mail.iter_parts())
        assert "Björk" not in everything


@pytest.mark.parametrize("changes", [{"born": date(2008, 11, 24)}, {"born": None}, {"active": False}])
async def test_a_pupil_who_is_not_of_age_or_has_left_is_not_asked_and_their_contact_is_not_waited_for(
    postgres: Postgres, clock: ManualClock, changes: dict[str, object]
) -> None:
    async with staged(postgres, clock) as stage:
        who: dict[str, Any] = {"person_id": stage.pupil, "version": 1, "born": ADULT, **changes}
        await stage.state(stage.school, PersonStated(**who))
        await stage.ask(RIGHTS, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.rows(call_list, "reason") == []


async def test_a_question_nobody_takes_is_no_call_for_the_school(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        await stage.pupil_of_age(ALI)
        stage.smtp.script[ALI] = ["550"]
        await stage.ask(RIGHTS)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert [settled.status for settled in await stage.said(DeliverySettled)] == ["bounced"]
        assert await stage.rows(call_list, "reason") == []
        assert await stage.said(DutyMoved) == []


@pytest.mark.parametrize(
    ("night", "minutes"),
    [({"quiet_from": time(21), "quiet_to": time(7, 30)}, 30), (None, 0)],
    ids=["who wants to sleep until half past seven", "who has said nothing"],
)
async def test_a_question_asked_at_midnight_waits_until_the_pupils_night_is_over(
    postgres: Postgres, clock: ManualClock, night: dict[str, Any] | None, minutes: int
) -> None:
    midnight, morning = datetime(2026, 11, 22, 23, 0, tzinfo=UTC), datetime(2026, 11, 23, 6, minutes, tzinfo=UTC)
    clock.instant = midnight
    async with staged(postgres, clock) as stage:
        await stage.pupil_of_age(ALI)
        if night:
            await stage.state(PreferencesStated(person_id=stage.pupil, version=1, **night))
        await stage.ask(RIGHTS, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            assert await stage.rows(delivery, "status", "retry_at") == [("pending", morning)]
            clock.advance(morning - midnight - timedelta(seconds=1))
            await asyncio.sleep(2 * POLL_SECONDS)
            assert stage.smtp.taken == []
            clock.advance(timedelta(seconds=1))
            stage.kit.due_planned.set()
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ALI]


async def test_a_pupil_who_wants_no_mail_finds_the_question_in_the_portal_only(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.pupil_of_age(ALI)
        await stage.state(PreferencesStated(person_id=stage.pupil, version=1, email=False))
        await stage.ask(RIGHTS, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert stage.smtp.taken == []
        [settled] = await stage.said(DeliverySettled)
        assert (settled.status, settled.why) == ("cancelled", "wants no e-mail for what is not urgent")


async def test_one_whom_both_guardians_let_know_is_told_and_reads_that_it_is_by_consent(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo, sam = [await stage.guardian(address) for address in (ANNA, BO, SAM)]
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN), (sam, PARENT))
        await stage.consent(sam, ConsentBasis.GUARDIANS, anna, bo)
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ANNA, BO, SAM]
        whys = {settled.person_id: settled.why for settled in await stage.said(DeliverySettled)}
        assert whys[sam] == "everyone who answers for the pupil has agreed"
        assert whys[anna] == "answers for the pupil on that day"
        [by_consent], [by_right] = stage.smtp.to(SAM), stage.smtp.to(ANNA)
        assert "samtycke" in _text(by_consent)
        assert "vårdnadshavare" not in _text(by_consent)
        assert "vårdnadshavare" in _text(by_right)


async def test_a_guardian_goes_on_being_told_when_the_pupil_of_age_agrees_and_no_longer_when_it_is_withdrawn(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN), born=ADULT)
        await stage.consent(anna, ConsentBasis.PUPIL, stage.pupil)
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
            await stage.consent(anna, ConsentBasis.PUPIL, stage.pupil, withdrawn=True)
            await stage.ask()
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ANNA]
        assert await stage.duty_statuses() == ["sent", "delivered", "unreachable"]
        assert [moved.reason for moved in await stage.said(DutyMoved)] == [None, None, "pupil_adult"]


async def test_a_consent_withdrawn_between_two_tries_ends_the_tries(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN), born=ADULT)
        await stage.consent(anna, ConsentBasis.PUPIL, stage.pupil)
        stage.smtp.script[ANNA] = ["451"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            await stage.consent(anna, ConsentBasis.PUPIL, stage.pupil, withdrawn=True)
            clock.advance(timedelta(seconds=25))
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.statuses(delivery) == ["cancelled"]


async def test_nobody_waits_for_the_contact_of_one_who_may_not_be_told(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna, sam = await stage.guardian("no address"), uuid4()
        await stage.state(PersonStated(person_id=sam, version=1))
        await stage.family((anna, GUARDIAN), (sam, PARENT))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert await stage.rows(call_list, "reason") == [("no_address",)]


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
