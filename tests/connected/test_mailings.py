"""One text to the homes of classes: who gets it, once, in which language and when; on real servers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.notifications.store.mailings import note_read
from services.notifications.tables import addressee, guest, letter, mailing, suppression, trial
from shared.clock import ManualClock
from shared.db.bulk import insert_rows
from shared.events.notify import DeliveryStatus, MessageRead
from shared.events.people import Channel, Choice, ConsentBasis, ConsentStated, How, Subject
from shared.events.roster import Marking, Relation
from shared.links import Links, Reading
from shared.roster.access import Why, consent_id
from tests.connected.mailings_stage import MailingStage, at_work, mailings_stage
from tests.connected.notifications_stage import addresses
from tests.on_servers import until

pytestmark = pytest.mark.connected
ANNA, BO, ALI = "anna@home.example", "bo@home.example", "ali@home.example"


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """The plain text, or the HTML."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


async def sent(stage: MailingStage) -> None:
    """Let a sender do all there is to do."""
    async with at_work(stage.sender()):
        await until(stage.is_over)


async def test_a_family_with_three_children_gets_one_mail_that_names_their_classes_and_no_child(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        children = [await stage.pupil(group, anna, bo) for group in ("5A", "5A", "7B")]
        await stage.ask("5A", "7B")
        await sent(stage)
        assert addresses(stage.smtp.taken) == [ANNA, BO]
        [message] = stage.smtp.to(ANNA)
        assert "5A" in text_of(message)
        assert "7B" in text_of(message)
        assert "Björkskolan" in text_of(message)
        assert "Anna" not in message.as_string()
        *parts, last = await stage.settled()
        assert last.open == 0
        told = [person for part in parts for person in part.people]
        assert {one.person_id for one in told} == {anna, bo}
        assert all(set(one.pupil_ids) == set(children) and one.status is DeliveryStatus.DELIVERED for one in told)
        assert all(one.channel is Channel.EMAIL for one in told)


async def test_who_may_be_told_is_decided_when_it_is_sent(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo, friend = await stage.guardian(ANNA), await stage.guardian(BO), await stage.guardian(ALI)
        await stage.pupil("5A", anna)
        await stage.pupil("5A", bo, relation=Relation.PARENT)
        own = await stage.pupil("7B", anna, born=date(2008, 11, 23))
        await stage.contact(own, "grown@home.example")
        child = await stage.pupil("7B", bo)
        await stage.state(
            ConsentStated(
                consent_id=consent_id(child, friend), version=1, pupil_id=child, person_id=friend,
                basis=ConsentBasis.GUARDIANS, given_by=(bo,), starts=date(2026, 8, 1),
            )
        )  # fmt: skip
        later = clock.now() + timedelta(hours=1)
        await stage.ask("5A", "7B", send_at=later)
        async with at_work(stage.sender()):
            await until(stage.is_at_rest)
            assert stage.smtp.taken == []
            assert await stage.rows(addressee, "person_id") == []
            clock.advance(timedelta(hours=1))
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ALI, ANNA, BO, "grown@home.example"]
        standing = await stage.standing()
        assert standing[own] == ("delivered", Why.ONESELF)
        assert standing[friend] == ("delivered", Why.GUARDIANS_AGREED)


async def test_who_has_no_right_gets_nothing_and_a_former_member_brings_nobody(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.pupil("5A", anna, relation=Relation.PARENT)
        await stage.pupil("5A", bo, ends=date(2026, 11, 23))
        await stage.ask("5A")
        await sent(stage)
        assert stage.smtp.taken == []
        assert await stage.standing() == {anna: ("cancelled", Why.NO_CUSTODY)}


async def test_everyone_reads_it_in_their_own_language(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA, language="en-GB"), await stage.guardian(BO, language="so")
        await stage.pupil("5A", anna, bo)
        await stage.ask("5A")
        await sent(stage)
        [english], [swedish] = stage.smtp.to(ANNA), stage.smtp.to(BO)
        assert english["Subject"] == "Class bulletin"
        assert "Autumn is here." in text_of(english)
        assert swedish["Subject"] == "Klassbrev"
        assert "<h2>Nu är det höst.</h2>" in text_of(swedish, "html")
        assert "From the class 5A" in text_of(english)


async def test_quiet_hours_hold_it_until_the_morning(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.pupil("5A", anna, bo)
        await stage.prefer(anna, quiet_from=time(6), quiet_to=time(10))
        await stage.ask("5A")
        async with at_work(stage.sender()):
            await until(stage.is_at_rest)
            assert addresses(stage.smtp.taken) == [BO]
            assert await stage.rows(addressee, "retry_at") == sorted(
                [(None,), (datetime(2026, 11, 23, 9, 0, tzinfo=UTC),)], key=str
            )
            clock.advance(timedelta(hours=2))
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ANNA, BO]


async def test_choices_are_kept_except_for_what_must_be_read(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.pupil("5A", anna, bo)
        await stage.prefer(anna, choices=(Choice(subject=Subject.BULLETINS, how=How.OFF),))
        await stage.prefer(bo, choices=(Choice(subject=Subject.BULLETINS, how=How.DIGEST),))
        await stage.ask("5A")
        async with at_work(stage.sender()):
            await until(stage.is_at_rest)
            standing = await stage.standing()
            assert (standing[anna][0], standing[bo][0]) == ("cancelled", "digested")
            assert stage.smtp.taken == []
            assert not await stage.is_over()
            await stage.ask("5A", must_read=True)
            await until(stage.is_at_rest)
        assert addresses(stage.smtp.taken) == [ANNA]
        [message] = stage.smtp.to(ANNA)
        assert message["List-Unsubscribe"] is None


async def test_a_home_with_a_protected_identity_gets_a_pointer_that_names_nothing(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.pupil("5A", anna, marking=Marking.PROTECTED)
        await stage.ask("5A")
        await sent(stage)
        [message] = stage.smtp.to(ANNA)
        everything = message.as_string() + text_of(message) + text_of(message, "html")
        for word in ("Björk", "5A", "höst", "Klassbrev", "Eva", "List-Id"):
            assert word not in everything


async def test_the_teacher_is_named_unless_their_identity_is_protected(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        await stage.pupil("5A", await stage.guardian(ANNA))
        await stage.ask("5A")
        await sent(stage)
        assert stage.smtp.to(ANNA)[0]["From"].addresses[0].display_name == "Eva Ek, 5A via Skolbro"
        from shared.events.roster import PersonStated

        await stage.state(PersonStated(person_id=stage.author, version=1, marking=Marking.MARKED))
        await stage.ask("5A")
        await sent(stage)
        assert stage.smtp.to(ANNA)[1]["From"].addresses[0].display_name == "Björkskolan, 5A via Skolbro"


async def test_homes_without_any_digital_way_get_a_letter(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna = await stage.guardian()
        child = await stage.pupil("5A", anna)
        asked = await stage.ask("5A")
        await sent(stage)
        assert await stage.rows(letter, "person_id", "pupil_id", "mailing_id") == [(anna, child, asked)]
        assert await stage.rows(addressee, "status", "channel") == [("delivered", "letter")]


async def test_a_refused_address_leads_to_the_next_and_at_last_to_a_letter(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA, "anna@work.example"), await stage.guardian(BO)
        await stage.pupil("5A", anna, bo)
        stage.smtp.script[ANNA], stage.smtp.script[BO] = ["550"], ["550"]
        await stage.ask("5A")
        await sent(stage)
        assert addresses(stage.smtp.taken) == ["anna@work.example"]
        assert await stage.rows(letter, "person_id") == [(bo,)]


async def test_later_is_tried_later_with_the_same_message_id_until_it_is_given_up(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.pupil("5A", anna, bo)
        stage.smtp.script[ANNA], stage.smtp.script[BO] = ["drop"], ["451", "451", "451"]
        await stage.ask("5A")
        async with at_work(stage.sender()):
            for _ in range(3):
                await until(stage.is_at_rest)
                clock.advance(timedelta(seconds=300))
                stage.kit.due_planned.set()
            await until(stage.is_over)
        first, second = stage.smtp.to(ANNA)
        assert first["Message-ID"] == second["Message-ID"]
        assert (await stage.standing())[bo][0] == "given_up"
        assert sorted(await stage.rows(addressee, "may_have_arrived", "tries")) == [(False, 3), (True, 2)]


async def test_what_is_withdrawn_goes_to_nobody_who_has_not_got_it(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.pupil("5A", anna, bo)
        await stage.prefer(anna, quiet_from=time(6), quiet_to=time(10))
        never = await stage.ask("5A", send_at=clock.now() + timedelta(days=1))
        asked = await stage.ask("5A")
        async with at_work(stage.sender()):
            await until(stage.is_at_rest)
            await stage.withdraw(asked)
            await stage.withdraw(never)
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [BO]
        assert (await stage.standing())[anna][0] == "cancelled"
        assert set(await stage.rows(mailing, "mailing_id", "status")) == {(never, "withdrawn"), (asked, "done")}


async def test_a_reminder_goes_to_those_who_have_not_read(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.pupil("5A", anna, bo)
        first = await stage.ask("5A")
        await sent(stage)
        [message] = stage.smtp.to(ANNA)
        token = text_of(message).split("/bulletins/read/")[1].split()[0]
        assert Links(stage.kit.settings).read(token) == Reading(first, anna)
        async with stage.kit.sessions.begin() as session:
            await note_read(session, [MessageRead(about_id=first, person_id=anna, at=clock.now())])
        await stage.ask(unread_of=first, about_id=first)
        await sent(stage)
        assert addresses(stage.smtp.taken) == [ANNA, BO, BO]


async def test_asked_twice_it_is_sent_once(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        await stage.pupil("5A", await stage.guardian(ANNA))
        again = uuid4()
        for _ in range(2):
            await stage.ask("5A", mailing_id=again)
        await sent(stage)
        await stage.ask("5A", mailing_id=again)
        await sent(stage)
        assert addresses(stage.smtp.taken) == [ANNA]


async def test_what_could_go_to_nobody_is_set_aside(postgres: Postgres, clock: ManualClock) -> None:
    from shared.events.notify import MailingWithdrawn

    async with mailings_stage(postgres, clock) as stage:
        batch = await stage.read(MailingWithdrawn(mailing_id=uuid4(), withdrawn_at=clock.now()))
        assert len(batch.rejected) == 1
        await stage.ask()
        assert await stage.rows(mailing, "mailing_id") == []


async def test_a_trial_writes_to_guests_only(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        await stage.pupil("5A", await stage.guardian(ANNA), await stage.guardian(BO), await stage.guardian())
        async with stage.kit.sessions.begin() as session:
            now = clock.now()
            await insert_rows(session, trial, ("tenant_id", "author_id", "since"), [(stage.tenant, uuid4(), now)])
            await insert_rows(session, guest, ("tenant_id", "address", "added_at"), [(stage.tenant, ANNA, now)])
        await stage.ask("5A")
        await sent(stage)
        assert addresses(stage.smtp.taken) == [ANNA]
        assert await stage.rows(letter, "letter_id") == []


async def test_a_domain_takes_no_more_than_its_limit_in_a_minute(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock, domain_per_minute={"home.example": 1}) as stage:
        await stage.pupil(
            "5A", await stage.guardian(ANNA), await stage.guardian(BO), await stage.guardian("c@d.example")
        )
        await stage.ask("5A")
        async with at_work(stage.sender()):
            await until(stage.is_at_rest)
            assert len(stage.smtp.taken) == 2
            clock.advance(timedelta(minutes=1))
            await until(stage.is_over)
        assert len(stage.smtp.taken) == 3
        assert {tries for (tries,) in await stage.rows(addressee, "tries")} == {1}


async def test_an_address_that_is_left_alone_is_passed_over(postgres: Postgres, clock: ManualClock) -> None:
    from services.notifications.domain.addresses import fingerprint

    async with mailings_stage(postgres, clock) as stage:
        await stage.pupil("5A", await stage.guardian(ANNA, "anna@work.example"))
        mark, now = fingerprint(b"test", ANNA), clock.now()
        row = (mark, "email", "hard", now, now + timedelta(days=30))
        async with stage.kit.sessions.begin() as session:
            await insert_rows(session, suppression, ("fingerprint", "channel", "reason", "since", "until"), [row])
        await stage.ask("5A")
        await sent(stage)
        assert addresses(stage.smtp.taken) == ["anna@work.example"]


async def test_a_right_that_is_lost_in_the_night_is_lost(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        child: UUID = await stage.pupil("5A", anna)
        await stage.prefer(anna, quiet_from=time(6), quiet_to=time(10))
        await stage.ask("5A")
        async with at_work(stage.sender()):
            await until(stage.is_at_rest)
            from shared.events.roster import GuardianshipsStated

            await stage.state(GuardianshipsStated(pupil_id=child, version=1, ties=()))
            clock.advance(timedelta(hours=2))
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert (await stage.standing())[anna][0] == "cancelled"
