"""Invitations, changes and reminders: who gets them, when, and what a calendar makes of them, over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage, Message
from typing import Any
from uuid import UUID, uuid4

import pytest
import vobject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar, Event
from sqlalchemy import select

from deploy.embedded.postgres import Postgres
from services.notifications.consumers import readers
from services.notifications.jobs import POLL_SECONDS
from services.notifications.recipients import Recipients
from services.notifications.store.requests import claim
from services.notifications.tables import call_list, delivery, notification, roster
from shared.clock import ManualClock
from shared.events.duties import DutyMoved
from shared.events.envelope import Outgoing, Received
from shared.events.notify import Appointment, DeliverySettled, Lane, NotificationKind
from shared.events.people import ConsentBasis, PreferencesStated
from shared.events.privacy import PrivacyAnswered, PrivacyRequested, PrivacyWish
from shared.events.roster import Marking, PersonStated, Relation
from shared.messaging.reader import Batch
from shared.rights.privacy import unpacked
from tests.connected.notifications_stage import Stage, addresses, sending, staged
from tests.on_servers import until

pytestmark = pytest.mark.connected
GUARDIAN, PARENT = Relation.GUARDIAN, Relation.PARENT
BOOKED, MOVED, CANCELLED = NotificationKind.TALK_BOOKED, NotificationKind.TALK_MOVED, NotificationKind.TALK_CANCELLED
WISHES, REMINDER = NotificationKind.TALK_WISHES, NotificationKind.TALK_REMINDER
ALI, ANNA, BO, SAM = "ali@home.example", "anna@home.example", "bo@home.example", "sam@home.example"
ADULT = date(2008, 11, 23)
TALK = uuid4()
STARTS = datetime(2026, 12, 1, 16, 0, tzinfo=UTC)  # Tuesday 17:00 in Stockholm
NO_MAIL: dict[str, Any] = {"version": 1, "email": False}
NIGHT = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def at(starts_at: datetime = STARTS, sequence: int = 0, **changes: Any) -> Appointment:
    plain = {"uid_of": TALK, "sequence": sequence, "starts_at": starts_at, "place": "Sal 7"}
    return Appointment(**{**plain, "ends_at": starts_at + timedelta(minutes=20), **changes})


async def told(stage: Stage, *asked: tuple[NotificationKind, dict[str, Any]]) -> None:
    """Ask one by one, each sent before the next is asked."""
    async with sending(stage.sender()):
        for kind, changes in asked:
            await stage.ask(kind, **{"duty_id": None, **changes})
            await until(stage.is_over)


async def whys(stage: Stage) -> dict[UUID | None, str]:
    """Why each person was told, or not."""
    return {one.person_id: one.why for one in await stage.said(DeliverySettled)}


def entry(mail: EmailMessage) -> tuple[Any, Any]:
    """The calendar entry a mail brings, read by one implementation, written by another, and read again the same."""
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    first, again = (
        Calendar.from_ical(text) for text in (part.get_content(), vobject.readOne(part.get_content()).serialize())
    )
    assert isinstance(first, Calendar)
    [event], [same] = first.walk("VEVENT"), again.walk("VEVENT")
    assert isinstance(event, Event)
    for name in ("UID", "SEQUENCE", "DTSTART", "DTEND", "ATTENDEE"):
        assert same[name] == event[name]
    return first, event


def everything(mail: EmailMessage) -> str:
    """All that is in a mail, decoded."""
    parts = [part for part in mail.walk() if not part.is_multipart()]
    return str(mail.items()) + "".join(_content(part) for part in parts)


async def test_a_talk_booked_moved_and_cancelled_is_one_entry_that_each_guardian_has_alone(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO, language="en")
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        later = STARTS + timedelta(days=1)
        await told(
            stage,
            (BOOKED, {"appointment": at(), "path": f"/talks/{TALK}"}),
            (MOVED, {"appointment": at(later, 1, place="Sal 8")}),
            (CANCELLED, {"appointment": at(later, 2, cancelled=True)}),
        )
        assert await stage.said(DutyMoved) == []
        settled = await stage.said(DeliverySettled)
        assert {one.pupil_id for one in settled} == {stage.pupil}
        assert {one.path for one in settled} == {f"/talks/{TALK}", None}
    for mine, other in ((ANNA, BO), (BO, ANNA)):
        mails = stage.smtp.to(mine)
        entries = [entry(mail) for mail in mails]
        assert not [mail for mail in mails if other in everything(mail)]
        assert {str(event["ATTENDEE"]) for _, event in entries} == {f"mailto:{mine}"}
        assert {str(event["UID"]) for _, event in entries} == {f"{TALK}@skolbro.example"}
        assert [str(found["METHOD"]) for found, _ in entries] == ["REQUEST", "REQUEST", "CANCEL"]
        assert [event["SEQUENCE"] for _, event in entries] == [0, 1, 2]
        assert [event["DTSTART"].dt for _, event in entries] == [STARTS, later, later]
        assert {event["DTSTART"].params["TZID"] for _, event in entries} == {"Europe/Stockholm"}
        assert [str(event["STATUS"]) for _, event in entries] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
        assert mails[0].get_body(("plain",)) is not None
    swedish, english = stage.smtp.to(ANNA)[0], stage.smtp.to(BO)[0]
    assert (swedish["Subject"], english["Subject"]) == (
        "En inbjudan från Björkskolan",
        "An invitation from Björkskolan",
    )
    assert f"http://127.0.0.1:8000/talks/{TALK}" in everything(swedish)
    assert "tisdag 1 december, 17:00–17:20" in everything(swedish)
    assert "Tuesday 1 December, 17:00–17:20" in everything(english)


@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2027, 3, 28)], ids=["clocks go back", "clocks go forward"])
async def test_on_a_day_when_the_clocks_change_the_hour_is_the_one_on_the_schools_wall(
    postgres: Postgres, clock: ManualClock, day: date
) -> None:
    clock.instant = datetime.combine(day, time(8), UTC) - timedelta(days=3)
    noon = datetime.combine(day, time(10 if day.month == 3 else 11), UTC)
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await told(stage, (BOOKED, {"appointment": at(noon), "day": day}))
        [mail] = stage.smtp.to(ANNA)
    assert ", 12:00–12:20" in everything(mail)
    _, event = entry(mail)
    assert event["DTSTART"].dt == noon
    assert b"T120000" in event["DTSTART"].to_ical()


@pytest.mark.parametrize("who", ["pupil", "guardian"])
async def test_a_protected_identity_gets_a_neutral_mail_and_nothing_for_a_calendar(
    postgres: Postgres, clock: ManualClock, who: str
) -> None:
    marked = {"pupil": Marking.NONE, "guardian": Marking.NONE, who: Marking.PROTECTED}
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA, marking=marked["guardian"])
        await stage.family((anna, GUARDIAN), marking=marked["pupil"])
        await told(stage, (BOOKED, {"appointment": at()}), (MOVED, {"appointment": at(sequence=1)}))
        mails = stage.smtp.to(ANNA)
    assert [mail["Subject"] for mail in mails] == ["Ett meddelande att läsa"] * 2
    for mail in mails:
        assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
        assert not [word for word in ("Björk", "Sal 7", "17:00", "amtal", str(TALK)) if word in everything(mail)]


async def test_a_pupil_of_age_gets_it_and_whom_they_let_know_and_the_guardians_do_not(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN), born=ADULT)
        await stage.pupil_of_age(ALI)
        await stage.consent(anna, ConsentBasis.PUPIL, stage.pupil)
        await told(stage, (BOOKED, {"appointment": at()}))
        assert addresses(stage.smtp.taken) == [ALI, ANNA]
        assert await whys(stage) == {
            stage.pupil: "is the pupil, who is of age and alone decides",
            anna: "the pupil, being of age, has agreed",
        }
    assert "gäller dig själv" in everything(stage.smtp.to(ALI)[0])
    assert "samtycke" in everything(stage.smtp.to(ANNA)[0])


async def test_a_pupil_who_is_not_of_age_gets_nothing_that_is_about_them(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await stage.pupil_of_age(ALI, born=date(2014, 3, 1))
        await stage.ask(WISHES, to_id=stage.pupil, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.advance(timedelta(minutes=3))
            await until(stage.is_over)
        await told(stage, (BOOKED, {"appointment": at()}))
        assert addresses(stage.smtp.taken) == [ANNA]


async def test_one_households_talk_is_told_to_that_household_alone(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo, sam = [await stage.guardian(address) for address in (ANNA, BO, SAM)]
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN), (sam, PARENT))
        await told(stage, (BOOKED, {"appointment": at(), "only": (anna,)}), (WISHES, {"only": (bo, sam)}), (WISHES, {}))
        assert addresses(stage.smtp.taken) == [ANNA, ANNA, BO, BO]


async def test_only_never_brings_in_anybody_who_may_not_be_told(postgres: Postgres, clock: ManualClock) -> None:
    """Whatever is asked for, those who are told are among those who would be told without it."""
    async with staged(postgres, clock) as stage:
        anna, bo, sam, ended, stranger = [await stage.guardian(f"{name}@home.example") for name in "abcde"]
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN), (sam, PARENT), (ended, Relation.OTHER_ENTITLED))
        everyone = [anna, bo, sam, ended, stranger, stage.pupil, uuid4()]

        async def may(only: Iterable[UUID], to_id: UUID | None) -> set[UUID | None]:
            async with stage.kit.sessions.begin() as session:
                await session.execute(notification.delete())
            await stage.ask(WISHES, duty_id=None, only=tuple(only), to_id=to_id)
            async with stage.kit.sessions() as session:
                requests = await claim(session, Lane.NORMAL, clock.now(), 5)
                [found] = (await Recipients(b"", False).situations(session, requests, clock.now())).situations
                return {one.person_id for one in found.candidates if one.allowed}

        loop = asyncio.get_running_loop()
        assert await may((), None) == {anna, bo}

        @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.sets(st.sampled_from(everyone), min_size=1), st.none() | st.sampled_from(everyone))
        def never_wider(only: set[UUID], to_id: UUID | None) -> None:
            found = asyncio.run_coroutine_threadsafe(may(only, to_id), loop).result(20)
            assert found == {anna, bo} & only & ({to_id} if to_id else {anna, bo})

        await asyncio.to_thread(never_wider)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"active": False}, "is not active in the registry"), ({}, "is the one it is meant for")],
    ids=["who has left", "who is there"],
)
async def test_a_message_to_one_person_goes_to_them_while_the_registry_has_them_as_active(
    postgres: Postgres, clock: ManualClock, changes: dict[str, Any], why: str
) -> None:
    async with staged(postgres, clock) as stage:
        teacher = await stage.guardian(ANNA)
        await stage.state(stage.school, PersonStated(person_id=teacher, version=9, **changes))
        await told(stage, (BOOKED, {"pupil_id": None, "to_id": teacher, "appointment": at()}))
        sent = stage.smtp.to(ANNA)
        assert len(sent) == (0 if changes else 1)
        assert await stage.rows(call_list, "reason") == []
        if sent:
            assert (await whys(stage))[teacher] == why
            assert "för att du håller samtal" in everything(sent[0])
            assert entry(sent[0])[1]["SEQUENCE"] == 0


async def test_nobody_is_written_to_by_an_id_the_registry_does_not_know(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        await stage.state(stage.school)
        await stage.ask(WISHES, pupil_id=None, to_id=uuid4(), duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.advance(timedelta(minutes=3))
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.statuses(notification) == ["unreached"]


async def test_a_guardian_written_to_by_id_is_not_told_the_school_of_a_child_in_hiding(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN), marking=Marking.MARKED)
        seat = {"pupil_id": None, "to_id": anna, "appointment": at()}
        await told(stage, (NotificationKind.MEETING_BOOKED, seat))
        [mail] = stage.smtp.to(ANNA)
    assert mail["From"] == "Skolbro <skolbro@skola.example>"
    assert "Björk" not in everything(mail)
    assert mail.get_content_type() == "multipart/alternative"


async def test_what_is_for_staff_never_goes_to_a_home_even_when_a_pupil_is_named(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        teacher = await stage.guardian(BO)
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        lacking = NotificationKind.TALKS_LACKING
        await told(stage, (lacking, {"count": 3, "to_id": teacher}), (lacking, {"count": 1}))
        assert addresses(stage.smtp.taken) == [BO, "exp@bjork.example"]
    assert stage.smtp.to(BO)[0]["Subject"] == "3 elever saknar tid för samtal"


async def test_who_wants_no_mail_for_what_may_wait_hears_of_a_talk_tomorrow_that_is_off_and_of_nothing_else(
    postgres: Postgres, clock: ManualClock
) -> None:
    tomorrow = clock.now() + timedelta(hours=23)
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN))
        await stage.state(PreferencesStated(person_id=anna, **NO_MAIL))
        await told(
            stage,
            (WISHES, {}),
            (BOOKED, {"appointment": at(tomorrow)}),
            (REMINDER, {"appointment": at(tomorrow)}),
            (MOVED, {"appointment": at(STARTS, 1, uid_of=uuid4())}),
            (CANCELLED, {"appointment": at(tomorrow, 1, cancelled=True)}),
        )
        assert [mail["Subject"] for mail in stage.smtp.to(ANNA)] == ["En inställd inbjudan från Björkskolan"]
        assert await stage.rows(call_list, "reason") == []


async def test_at_night_a_change_for_tomorrow_is_told_at_once_and_what_may_wait_in_the_morning(
    postgres: Postgres, clock: ManualClock
) -> None:
    clock.instant = NIGHT
    soon, morning = NIGHT + timedelta(hours=16), datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await stage.ask(BOOKED, appointment=at(soon, uid_of=uuid4()), duty_id=None)
        await stage.ask(MOVED, appointment=at(soon, 1), duty_id=None)
        async with sending(stage.sender()):
            await until(lambda: stage.was_delivered(1))
            await asyncio.sleep(2 * POLL_SECONDS)
            assert [mail["Subject"] for mail in stage.smtp.to(ANNA)] == ["En ändrad inbjudan från Björkskolan"]
            clock.instant = morning
            stage.kit.due_planned.set()
            await until(stage.is_over)
        assert len(stage.smtp.to(ANNA)) == 2


async def test_a_talk_moved_away_from_tomorrow_is_told_at_night_although_the_new_time_is_far_off(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await told(stage, (BOOKED, {"appointment": at(NIGHT + timedelta(hours=10))}))
        clock.instant = NIGHT
        await told(stage, (MOVED, {"appointment": at(STARTS, 1)}))
        assert len(stage.smtp.to(ANNA)) == 2


async def test_what_waited_for_the_morning_is_not_sent_when_the_talk_has_been_moved_meanwhile(
    postgres: Postgres, clock: ManualClock
) -> None:
    clock.instant = NIGHT
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await stage.ask(BOOKED, appointment=at(), duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            await stage.ask(MOVED, appointment=at(STARTS + timedelta(hours=1), 1), duty_id=None)
            await until(stage.is_put_off)
            clock.instant = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
            stage.kit.due_planned.set()
            await until(stage.is_over)
        [mail] = stage.smtp.to(ANNA)
        assert entry(mail)[1]["SEQUENCE"] == 1
        assert "a later message about the same time says what holds" in [
            row[0] for row in await stage.rows(delivery, "why")
        ]


async def test_nothing_about_an_appointment_is_tried_after_it_has_begun(postgres: Postgres, clock: ManualClock) -> None:
    soon = clock.now() + timedelta(seconds=40)
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        stage.smtp.script[ANNA] = ["451", "451"]
        await stage.ask(CANCELLED, appointment=at(soon, 1), duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.advance(timedelta(seconds=25))
            stage.kit.due_planned.set()
            await until(lambda: _tries(stage, 2))
            clock.advance(timedelta(seconds=25))
            stage.kit.due_planned.set()
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.rows(delivery, "status", "why") == [("cancelled", "the time it is about has come")]
        await told(stage, (REMINDER, {"appointment": at(clock.now())}))
        assert stage.smtp.taken == []
        assert await stage.rows(call_list, "reason") == []


async def test_a_talk_nobody_can_be_told_of_is_no_call_for_the_school(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN), (await stage.guardian(), GUARDIAN))
        stage.smtp.script[ANNA] = ["550"]
        await told(stage, (BOOKED, {"appointment": at(), "duty_id": stage.duty}))
        assert await stage.statuses(notification) == ["unreached"]
        assert await stage.rows(call_list, "reason") == []
        assert await stage.said(DutyMoved) == []


async def test_a_repeated_mail_brings_the_same_entry_to_the_byte(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        stage.smtp.script[ANNA] = ["drop"]
        await stage.ask(BOOKED, appointment=at(), duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.advance(timedelta(minutes=5))
            stage.kit.due_planned.set()
            await until(stage.is_over)
        first, second = stage.smtp.to(ANNA)
    assert first["Message-ID"] == second["Message-ID"]
    assert entry(first)[0].to_ical() == entry(second)[0].to_ical()


async def test_a_place_that_is_an_attack_is_a_place(postgres: Postgres, clock: ManualClock) -> None:
    place = "{{7*7}}\r\nATTENDEE:mailto:x@evil.example\r\nBcc: x@evil.example <b>"
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await told(stage, (BOOKED, {"appointment": at(place=place)}))
        [mail] = stage.smtp.to(ANNA)
    assert addresses(stage.smtp.taken) == [ANNA]
    assert mail["Bcc"] is None
    _, event = entry(mail)
    assert event["ATTENDEE"] == f"mailto:{ANNA}"
    assert event["LOCATION"] == "{{7*7}} ATTENDEE:mailto:x@evil.example Bcc: x@evil.example <b>"


async def test_one_who_is_erased_is_told_nothing_more_and_nobody_is_told_in_their_place(
    postgres: Postgres, clock: ManualClock
) -> None:
    clock.instant = NIGHT
    async with staged(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        await stage.ask(BOOKED, appointment=at(), only=(anna,), duty_id=None)
        mine = await stage.ask(WISHES, to_id=anna, pupil_id=None, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
        handed_out = unpacked(await _privacy(stage, PrivacyWish.EXPORT, anna))
        assert [row["notification_id"] for row in handed_out["notification"]] == [str(mine)]
        assert [row["kind"] for row in handed_out["notification_only"]] == ["talk_booked"]
        await _privacy(stage, PrivacyWish.ERASE, anna)
        assert await stage.rows(notification, "person_id", "narrowed_to") == [(None, [])]
        async with stage.kit.sessions() as session:
            assert anna not in set(await session.scalars(select(roster.c.id)))
        clock.instant = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert stage.smtp.taken == []


async def test_a_request_kept_by_older_code_is_sent_as_before(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        asked = await stage.ask()
        new = ("person_id", "narrowed_to", "path", "appointment", "entry_id")
        assert await stage.rows(notification, *new) == [(None,) * 5]
        async with sending(stage.sender()):
            await until(stage.is_over)
        [mail] = stage.smtp.to(ANNA)
        assert f"/n/{asked}" in everything(mail)


def _content(part: Message) -> str:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data.decode()


async def _tries(stage: Stage, count: int) -> bool:
    return await stage.rows(delivery, "tries") == [(count,)]


async def _privacy(stage: Stage, wish: PrivacyWish, person: UUID) -> str:
    """What the service answers to a privacy request, done as its reader does it."""
    event = PrivacyRequested(request_id=uuid4(), wish=wish, person_id=person, requested_at=stage.clock.now())
    received = Received(event, str(uuid4()).encode(), None, event.topic, 0, 0)
    async with stage.kit.sessions.begin() as session:
        said: list[Outgoing] = list(await readers().privacy.handle(session, Batch([received], stage.clock.now())))
    answers = [one.event for one in said if isinstance(one.event, PrivacyAnswered)]
    return answers[0].content or ""
