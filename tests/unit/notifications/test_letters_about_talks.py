"""Letters about talks and meetings: what they say to whom, and their calendar entry as mail carries it."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from services.notifications.domain.invitations import ENDED, INVITED
from services.notifications.domain.models import DIALOGUE, TO_SOMEBODY
from services.notifications.messages import Addressed, Composer, Letter
from services.notifications.mime import one_line
from services.notifications.settings import NotificationsSettings
from shared.events.notify import Appointment, NotificationKind
from shared.languages import LANGUAGES
from tests.unit.notifications.factories import NOW, appointment

COMPOSER = Composer(NotificationsSettings(), b"key", "https://portal.example/")
BOOKED, MOVED, CANCELLED = NotificationKind.TALK_BOOKED, NotificationKind.TALK_MOVED, NotificationKind.TALK_CANCELLED
ID, DELIVERY = uuid4(), uuid4()
ABOUT_TALKS = sorted((TO_SOMEBODY - DIALOGUE) | {NotificationKind.TALKS_LACKING})
TIMED = [
    kind
    for kind in ABOUT_TALKS
    if kind not in {NotificationKind.TALK_WISHES, NotificationKind.TALK_TO_READ, NotificationKind.OFFER_ASKED}
    and not kind.startswith(("commitment", "talks"))
]
SAID_OF_PUPILS = ("elev", "pupil", "student", "barn", "child", "frånvaro", "samtal", "talk")


def letter(kind: NotificationKind = BOOKED, tag: str = "en", of: Appointment | None = None, **changes: Any) -> Letter:
    plain = Letter(
        kind, LANGUAGES[tag], "Björkskolan", False, NOW.date(), 3, appointment=of or appointment(place="Sal 7")
    )
    return replace(plain, **changes)


def hidden(kind: NotificationKind, tag: str = "en", **changes: Any) -> Letter:
    """As `claims.letter_for` makes it for a protected identity."""
    return letter(kind, tag, school="", neutral=True, appointment=None, **changes)


def raw(of: Letter, path: str | None = None, to: str = "anna@home.example") -> bytes:
    return COMPOSER.message(of, Addressed(ID, DELIVERY, to, NOW, NOW, path))


def mail_of(of: Letter, path: str | None = None) -> EmailMessage:
    mail = message_from_bytes(raw(of, path), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert [part.defects for part in mail.walk() if part.defects] == []
    return mail


def body(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def entry_of(mail: Message) -> Any:
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return Calendar.from_ical(data)


@pytest.mark.parametrize(("kind", "tag"), list(product(sorted(INVITED | ENDED), LANGUAGES)))
def test_a_letter_with_an_appointment_is_a_letter_an_entry_and_a_file(kind: NotificationKind, tag: str) -> None:
    data, mail = raw(letter(kind, tag)), mail_of(letter(kind, tag))
    kinds = ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics"]
    assert [part.get_content_type() for part in mail.walk()] == kinds
    *_, entry, file = mail.walk()
    method = "CANCEL" if kind in ENDED else "REQUEST"
    assert dict(entry["Content-Type"].params) == {"charset": "utf-8", "method": method}
    assert entry_of(mail)["METHOD"] == method
    assert (file.get_filename(), file.get_content_disposition()) == ("invite.ics", "attachment")
    assert file.get_payload(decode=True) == entry.get_payload(decode=True)
    assert all(len(line) <= 78 for line in data.split(b"\r\n"))
    assert data.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")


@pytest.mark.parametrize("kind", sorted(set(ABOUT_TALKS) - INVITED - ENDED))
def test_no_other_letter_has_an_entry(kind: NotificationKind) -> None:
    assert mail_of(letter(kind)).get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(("kind", "tag"), list(product(ABOUT_TALKS, LANGUAGES)))
def test_the_subject_and_the_entry_name_no_pupil_and_no_reason(kind: NotificationKind, tag: str) -> None:
    mail = mail_of(letter(kind, tag))
    subject = str(mail["Subject"]).lower()
    if kind is not NotificationKind.TALKS_LACKING:  # to staff, who must know what it is about
        assert "björkskolan" in subject
        assert not [word for word in SAID_OF_PUPILS if word in subject]
    if kind in INVITED | ENDED:
        [event] = entry_of(mail).walk("VEVENT")
        shown = f"{event['SUMMARY']} {event['DESCRIPTION']}".lower()
        assert not [word for word in SAID_OF_PUPILS if word in shown]


@pytest.mark.parametrize(("kind", "tag"), list(product(ABOUT_TALKS, LANGUAGES)))
def test_to_a_protected_identity_all_of_them_say_the_same_and_nothing_of_time_place_or_matter(
    kind: NotificationKind, tag: str
) -> None:
    mail, other = mail_of(hidden(kind, tag)), mail_of(hidden(BOOKED, tag))
    assert mail.get_content_type() == "multipart/alternative"
    assert (mail["From"], mail["Subject"]) == (other["From"], other["Subject"])
    assert body(mail) if kind is NotificationKind.TALKS_LACKING else body(mail) == body(other)
    for word in ("björk", "17:00", "sal 7", *SAID_OF_PUPILS):
        assert word not in f"{mail['Subject']} {body(mail)}".lower()


@pytest.mark.parametrize("named", [False, True])
def test_a_message_by_name_to_a_protected_identity_does_not_say_what_they_are_to_the_school(named: bool) -> None:
    reasons = {body(mail_of(hidden(kind, named=named))).rsplit("--", 1)[1] for kind in ABOUT_TALKS}
    reasons -= {body(mail_of(hidden(NotificationKind.TALKS_LACKING, named=named))).rsplit("--", 1)[1]}
    assert len(reasons) <= 1
    assert "hold talks" not in str(reasons)


@pytest.mark.parametrize(("kind", "tag"), list(product(TIMED, LANGUAGES)))
def test_the_time_is_in_the_letter_as_people_there_write_it(kind: NotificationKind, tag: str) -> None:
    days = {"sv": "tisdag 24 november", "nb": "tirsdag 24. november", "nn": "tysdag 24. november"}
    wanted = f"{days.get(tag, 'Tuesday 24 November')}, 17:00–17:20"
    assert wanted in body(mail_of(letter(kind, tag)))
    assert wanted in body(mail_of(letter(kind, tag)), "html")


def test_the_time_is_the_schools_own_and_an_unknown_zone_is_swedens() -> None:
    assert "18:00–18:20" in body(mail_of(letter(of=appointment(zone="Europe/Helsinki"))))
    assert "17:00–17:20" in body(mail_of(letter(of=appointment(zone="Nowhere/At_All"))))


def test_a_day_to_visit_that_ends_on_another_day_says_both() -> None:
    starts = appointment().starts_at
    both = appointment(starts_at=starts, ends_at=starts.replace(day=25))
    assert "Tuesday 24 November, 17:00 – Wednesday 25 November, 17:00" in body(mail_of(letter(of=both)))


def test_place_and_video_are_told_where_there_are_any() -> None:
    assert "Place: Sal 7" in body(mail_of(letter()))
    assert "video" not in body(mail_of(letter()))
    by_video = body(mail_of(letter(of=appointment(video=True))))
    assert "By video" in by_video
    assert "Place" not in by_video


def test_everyone_reads_why_they_got_it() -> None:
    reasons = {
        "registered as a guardian": letter(),
        "about yourself": letter(oneself=True),
        "agreed that you may be told": letter(consented=True),
        "because you hold talks": letter(named=True),
        "promised something in a talk": letter(NotificationKind.COMMITMENT_NUDGE, named=True),
        "the school has invited you": letter(NotificationKind.MEETING_BOOKED, named=True),
        "offered to share your experience": letter(NotificationKind.OFFER_ASKED, named=True),
        "yours to see to": letter(NotificationKind.TALKS_LACKING, named=True),
        "the school’s address": letter(NotificationKind.TALKS_LACKING),
    }
    for wanted, of in reasons.items():
        text = body(mail_of(of))
        assert [reason for reason in reasons if reason in text] == [wanted]


def test_staff_are_told_of_a_booking_in_their_own_words() -> None:
    assert "A talk with you has been booked." in body(mail_of(letter(named=True)))
    assert "You are invited to a talk." in body(mail_of(letter(oneself=True)))
    assert "hear from the school" not in body(mail_of(letter(CANCELLED, named=True)))


def test_a_change_without_a_time_still_makes_sentences() -> None:
    for kind in sorted(ENDED | {MOVED}):
        text = body(mail_of(letter(kind, appointment=None)))
        assert "on ," not in text
        assert "None" not in text


def test_how_many_lack_a_talk_is_counted_in_words_that_fit() -> None:
    lacking = NotificationKind.TALKS_LACKING
    assert mail_of(letter(lacking, "sv", count=1))["Subject"] == "En elev saknar tid för samtal"
    assert mail_of(letter(lacking, "nn", count=3))["Subject"] == "3 elevar manglar tid for samtale"


@pytest.mark.parametrize(
    "path",
    ["/talks", "/talks/018f0000-0000-7000-8000-000000000001", "/talks/check/x?answer=done&by=mail", "/talks#who"],
)
def test_a_letter_opens_its_path_in_the_portal(path: str) -> None:
    mail = mail_of(letter(), path)
    assert f"https://portal.example{path}\n" in body(mail)
    assert f'href="https://portal.example{path.replace("&", "&amp;")}"' in body(mail, "html")


@pytest.mark.parametrize(
    "path",
    [None, "", "talks", "//evil.example", "@evil.example", '/"><script>', "/a b", "/a\r\nBcc: x@y.se", "/" * 400],
)
def test_what_is_no_path_in_the_portal_is_not_followed_and_the_message_itself_is_opened(path: str | None) -> None:
    mail = mail_of(letter(), path)
    assert f"https://portal.example/n/{ID}\n" in body(mail)
    assert "evil" not in raw(letter(), path).decode()


@pytest.mark.parametrize(
    "place",
    ["{{7*7}} {% raw %}", "A\r\nBcc: x@y.se", "A\r\nATTENDEE:mailto:x@y.se", "<script>1</script>", "%(day)s 100%"],
)
def test_a_place_is_data_whatever_it_looks_like(place: str) -> None:
    mail = mail_of(letter(of=appointment(place=place)))
    assert f"Place: {one_line(place)}" in body(mail)
    assert "<script>" not in body(mail, "html")
    assert (mail["Bcc"], len(mail.keys())) == (None, len(mail_of(letter()).keys()))
    [event] = entry_of(mail).walk("VEVENT")
    assert event["LOCATION"] == one_line(place)
    assert event["ATTENDEE"] == "mailto:anna@home.example"


WITHOUT_NUL = st.characters(exclude_characters="\x00", codec="utf-8")  # no `Line` holds one


@settings(max_examples=100, deadline=None)
@given(st.text(WITHOUT_NUL, max_size=200), st.text(WITHOUT_NUL, max_size=120))
def test_any_place_and_school_make_well_formed_mail(place: str, school: str) -> None:
    of = letter(of=appointment(place=place), school=school)
    mail = mail_of(of)
    assert all(len(line) <= 78 for line in raw(of).split(b"\r\n"))
    [event] = entry_of(mail).walk("VEVENT")
    assert event.get("LOCATION", "") == one_line(place)
    assert not event.errors


def test_every_recipient_of_one_letter_has_an_entry_of_their_own() -> None:
    of = letter()
    anna, bo = raw(of, to="anna@home.example"), raw(of, to="bo@other.example")
    entries = [entry_of(message_from_bytes(one, policy=policy.default)).walk("VEVENT")[0] for one in (anna, bo)]
    assert [one["ATTENDEE"] for one in entries] == ["mailto:anna@home.example", "mailto:bo@other.example"]
    assert entries[0]["UID"] == entries[1]["UID"]
