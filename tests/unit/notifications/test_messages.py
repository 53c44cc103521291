"""Every letter: what it says and does not say, and that its bytes are mail that any program reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import product
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.addresses import message_id
from services.notifications.domain.models import TO_THE_HOME
from services.notifications.messages import Addressed, Composer, Letter
from services.notifications.mime import one_line, shortened
from services.notifications.settings import NotificationsSettings
from shared.events.notify import NotificationKind
from shared.languages import LANGUAGES
from tests.unit.notifications.factories import NOW

COMPOSER = Composer(NotificationsSettings(), b"key", "https://portal.example/")
NOTIFICATION, DELIVERY = uuid4(), uuid4()
LETTERS = list(product(NotificationKind, LANGUAGES, (False, True)))
TO_PEOPLE = [kind for kind in NotificationKind if kind is not NotificationKind.LESSONS_UNREPORTED]
LINK = f"https://portal.example/n/{NOTIFICATION}"


def letter(
    kind: NotificationKind = NotificationKind.ABSENCE_NOTICE,
    tag: str = "sv",
    neutral: bool = False,
    school: str = "Björkskolan",
    count: int = 2,
) -> Letter:
    return Letter(kind, LANGUAGES[tag], "" if neutral else school, neutral, date(2026, 11, 23), count)


def addressed(delivery: UUID = DELIVERY, path: str | None = None) -> Addressed:
    return Addressed(NOTIFICATION, delivery, "anna@home.example", NOW, NOW, path)


def raw(of: Letter, delivery: UUID = DELIVERY, path: str | None = None) -> bytes:
    return COMPOSER.message(of, addressed(delivery, path))


def parsed(of: Letter) -> EmailMessage:
    mail = message_from_bytes(raw(of), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    text = part.get_content()
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(("kind", "tag", "neutral"), LETTERS)
def test_every_letter_is_well_formed_mail_with_its_link_in_both_parts(
    kind: NotificationKind, tag: str, neutral: bool
) -> None:
    data = raw(letter(kind, tag, neutral))
    assert all(len(line) <= 78 for line in data.split(b"\r\n"))
    assert data.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")
    mail = parsed(letter(kind, tag, neutral))
    assert not mail.defects
    assert [part.defects for part in mail.walk()] == [[], [], []]
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert LINK in body(mail, "plain")
    assert f'href="{LINK}"' in body(mail, "html")
    assert f'<html lang="{tag}">' in body(mail, "html")
    assert (mail["To"], mail["Content-Language"], mail["Auto-Submitted"]) == (
        "anna@home.example",
        tag,
        "auto-generated",
    )
    assert mail["Message-ID"] == message_id(b"key", DELIVERY, "skolbro.example")
    assert mail["Date"].datetime == NOW


@pytest.mark.parametrize(("kind", "tag"), list(product(TO_PEOPLE, LANGUAGES)))
def test_a_neutral_letter_names_no_school_and_no_place_and_gives_no_matter(kind: NotificationKind, tag: str) -> None:
    mail = parsed(letter(kind, tag, neutral=True))
    everything = f"{mail['From']} {mail['Subject']} {body(mail, 'plain')} {body(mail, 'html')}".lower()
    assert mail["From"] == "Skolbro <skolbro@skola.example>"
    for word in ("björkskolan", "skolan", "skolen", "skulen", "school", "frånvaro", "fravær", "fråvær", "absence"):
        assert word not in everything


def test_a_swedish_notice_says_who_writes_and_that_it_is_to_be_read_today() -> None:
    mail = parsed(letter())
    assert mail["Subject"] == "Meddelande från Björkskolan: läs idag"
    assert mail["From"].addresses[0].display_name == "Björkskolan via Skolbro"
    assert "frånvaro måndag 23 november som inte är anmäld" in body(mail, "plain")
    assert "registrerad som vårdnadshavare" in body(mail, "plain")


@pytest.mark.parametrize(("kind", "tag"), list(product(sorted(TO_THE_HOME), LANGUAGES)))
def test_one_who_is_told_by_consent_reads_that_and_not_that_they_are_a_guardian(
    kind: NotificationKind, tag: str
) -> None:
    by_right, by_consent = letter(kind, tag), replace(letter(kind, tag), consented=True)
    words = {"sv": ("vårdnadshavare", "samtycke"), "nb": ("foresatt", "samtykke"), "nn": ("føresett", "samtykke")}
    guardian, consent = words.get(tag, ("guardian", "agreed"))
    for part in ("plain", "html"):
        assert guardian in body(parsed(by_right), part)
        assert guardian not in body(parsed(by_consent), part)
        assert consent in body(parsed(by_consent), part)


def test_a_pupil_who_has_turned_18_reads_what_has_changed_and_what_they_can_do() -> None:
    mail = parsed(letter(NotificationKind.RIGHTS_ASKED))
    assert mail["Subject"] == "Meddelande från Björkskolan: nu bestämmer du"
    text = " ".join(body(mail, "plain").split())
    assert "Du har fyllt 18 år. Därför får dina vårdnadshavare inte längre meddelanden om dig" in text
    assert "kan du säga det när du har loggat in" in text
    neutral = parsed(letter(NotificationKind.RIGHTS_ASKED, neutral=True))
    assert "18" not in str(neutral["Subject"])
    assert "vårdnadshavare" not in body(neutral, "plain")


def test_a_late_notice_writes_the_day_as_people_there_do() -> None:
    late = NotificationKind.ABSENCE_NOTICE_LATE
    days = {tag: body(parsed(letter(late, tag)), "plain") for tag in LANGUAGES}
    assert "måndag 23 november" in days["sv"]
    assert "mandag 23. november" in days["nb"]
    assert "måndag 23. november" in days["nn"]
    assert "Monday 23 November" in days["en"]


def test_one_lesson_and_many_lessons_are_counted_in_words_that_fit() -> None:
    unreported = NotificationKind.LESSONS_UNREPORTED
    assert parsed(letter(unreported, "sv", count=1))["Subject"] == "En lektion saknar närvarorapport"
    assert parsed(letter(unreported, "nn", count=3))["Subject"] == "3 timar manglar fråværsføring"


def test_a_name_is_data_whatever_it_looks_like() -> None:
    tricky = "{{7*7}} {% for %} <script>alert(1)</script> %(day)s 100%"
    mail = parsed(letter(school=tricky))
    assert tricky in mail["Subject"]
    assert mail["From"].addresses[0].display_name == "{{7*7}} {% for %} <script>alert(1)</…"
    assert "<script>" not in body(mail, "html")


@pytest.mark.parametrize(
    "name", ["A\r\nBcc: x@y.se", "A\nB", "A\x00B", "A\u2028B", "A\x0bB", "A\u202eB", "=?utf-8?q?A?="]
)
def test_a_name_cannot_break_out_of_its_header(name: str) -> None:
    mail = parsed(letter(school=name))
    assert mail["Bcc"] is None
    assert len(mail.keys()) == len(parsed(letter()).keys())
    assert mail["Subject"] == f"Meddelande från {one_line(name)}: läs idag"


@given(st.text(max_size=300))
def test_any_name_comes_out_of_the_headers_as_it_went_in(name: str) -> None:
    composer = Composer(NotificationsSettings(), b"key", "https://portal.example/")
    data = composer.message(letter(school=name), addressed())
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    assert all(len(line) <= 78 for line in data.split(b"\r\n"))
    assert mail["Subject"] == one_line(f"Meddelande från {one_line(name)}: läs idag")
    sender = one_line(f"{name} via Skolbro")
    assert mail["From"].addresses[0].display_name in (sender, shortened(sender))
    assert mail["From"].addresses[0].addr_spec == "skolbro@skola.example"


def test_the_same_delivery_has_the_same_message_id_at_every_attempt_and_no_other_has() -> None:
    ids = [message_from_bytes(raw(letter(), delivery))["Message-ID"] for delivery in (DELIVERY, DELIVERY, uuid4())]
    assert ids[0] == ids[1] != ids[2]
