"""What a mailing looks like as mail: standards, languages, classes, links, and names that try to be something else."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from services.notifications.domain.mailings import Mailing, Reason
from services.notifications.mailings.bodies import Look, Press, To, about_line, direction, fitted
from services.notifications.mailings.pieces import Slot, in_pieces, put_in, token
from services.notifications.settings import NotificationsSettings
from shared.events.notify import MailingKind, MailingText
from shared.links import Leaving, Links, Reading
from shared.settings import KitSettings

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
LINKS = Links(KitSettings(session_key=SecretStr("k" * 40)))
SV = MailingText(language="sv", subject="Läget i 5A", text="Hej!\n\nÅäö.", html="<h2>Hej!</h2><p>Åäö.</p>")


def a_mailing(*texts: MailingText, **changes: Any) -> Mailing:
    mailing_id = uuid4()
    usual: dict[str, Any] = {
        "mailing_id": mailing_id,
        "tenant_id": uuid4(),
        "school_id": uuid4(),
        "kind": MailingKind.BULLETIN,
        "about_id": mailing_id,
        "author_id": None,
        "group_ids": (),
        "day": NOW.date(),
        "path": f"/bulletins/{mailing_id}",
        "must_read": False,
        "texts": texts or (SV,),
        "send_at": NOW,
    }
    return Mailing(**{**usual, **changes})


def a_press(links: Links | None = LINKS, **changes: Any) -> Press:
    return Press(NotificationsSettings(**changes), b"secret", "https://skola.example", links)


def a_look(mailing: Mailing, **changes: Any) -> Look:
    usual: dict[str, Any] = {"text": 0, "language": "sv", "reason": Reason.GUARDIAN, "neutral": False}
    return Look(mailing.mailing_id, **{**usual, "school": "Björkskolan", "author": "Eva Ek", **changes})


def written(
    mailing: Mailing, press: Press | None = None, classes: tuple[str, ...] = ("5A",), **look: Any
) -> tuple[bytes, EmailMessage, To]:
    to = To(uuid4(), uuid4(), "anna@home.example")
    raw = (press or a_press()).mail(mailing, a_look(mailing, **look), classes, to, NOW)
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return raw, message, to


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_a_mail_is_as_the_standards_want_it() -> None:
    raw, message, _ = written(a_mailing())
    assert message.defects == []
    assert all(not one.defects for one in message.walk())
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    for line in raw.split(b"\r\n"):
        assert len(line) <= 78 or line.startswith(b"List-Unsubscribe: ")
    for name in ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version", "Auto-Submitted", "List-Id"):
        assert len(message.get_all(name, [])) == 1, name
    assert message["Subject"] == "Läget i 5A"
    assert message.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Reply-To"] is None


def test_encoded_lines_have_at_most_76_characters_wherever_the_links_fall() -> None:
    for length in range(1, 200):
        text = MailingText(language="sv", subject="x", text="å" * length, html=f"<p>{'å' * length}</p>")
        raw, message, _ = written(a_mailing(text), classes=("5" * (length % 70 + 1),))
        body = raw.partition(b"\r\n\r\n")[2]
        assert max(map(len, body.split(b"\r\n"))) <= 76
        assert "å" * length in part(message, "plain")


def test_the_links_open_what_they_are_for_in_both_parts_and_in_the_header() -> None:
    mailing = a_mailing()
    _, message, to = written(mailing)
    for kind in ("plain", "html"):
        found = re.search(r"https://skola\.example/bulletins/read/([\w.-]+)", part(message, kind))
        assert found
        assert LINKS.read(found[1]) == Reading(mailing.about_id, to.person_id)
        leave = re.search(r"https://skola\.example/unsubscribe/([\w.-]+)", part(message, kind))
        assert leave
        assert LINKS.leave(leave[1]) == Leaving(to.person_id, mailing.subject)
        assert f"https://skola.example{mailing.path}" in part(message, kind)
        assert f"<https://skola.example/unsubscribe/{leave[1]}>" == message["List-Unsubscribe"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_what_must_be_read_cannot_be_unsubscribed_from_and_says_that_it_must() -> None:
    _, message, _ = written(a_mailing(must_read=True), language="en")
    assert message["List-Unsubscribe"] is None
    assert "unsubscribe" not in part(message, "plain") + part(message, "html")
    assert "asks everyone to read it" in part(message, "plain")


def test_without_a_key_for_links_there_are_none_that_work_without_logging_in() -> None:
    _, message, _ = written(a_mailing(), a_press(None))
    everything = part(message, "plain") + part(message, "html")
    assert "/read/" not in everything
    assert "unsubscribe" not in everything


def test_two_people_get_the_same_mail_but_for_their_own_ids() -> None:
    press, mailing = a_press(), a_mailing()
    first, second = written(mailing, press)[0], written(mailing, press)[0]
    assert first != second
    assert len(press._frames) == len(press._editions) == 1


def test_html_has_what_a_screen_reader_needs_and_no_picture_to_count_readers() -> None:
    arabic = MailingText(language="ar", subject="مرحبا", text="مرحبا", html="<p>مرحبا</p>")
    html = part(written(a_mailing(arabic), language="en")[1], "html")
    assert '<html lang="en"' in html
    assert '<h1 lang="ar" dir="rtl"' in html
    assert html.count("<table") == html.count('<table role="presentation"')
    assert "<img" not in html
    assert "prefers-color-scheme: dark" in html


def test_names_are_names_whatever_they_look_like() -> None:
    odd = MailingText(language="sv", subject="{{7*7}} <b>\u2028Bcc: a@b.se", text="{{7*7}}\n.\n", html="<p>{{7*7}}</p>")
    raw, message, _ = written(a_mailing(odd), school="<i>{{7*7}}</i>", classes=("5A<script>",), author='A"\u2029B')
    assert message["Bcc"] is None
    assert "49" not in message["Subject"]
    assert "{{7*7}}" in part(message, "plain")
    assert "<i>" not in part(message, "html")
    assert "<script>" not in part(message, "html")
    assert b"\r\n.\r\n" not in raw


def test_a_text_too_long_for_gmail_is_cut_at_a_paragraph_and_says_so() -> None:
    long = MailingText(
        language="sv", subject="x", text="\n\n".join(["ord " * 100] * 140), html="<p>" + "ö" * 59_000 + "</p>"
    )
    html = part(written(a_mailing(long), language="en")[1], "html")
    assert len(html.encode()) < 102_000
    assert "The rest is in the portal." in html
    assert fitted("<p>x</p>", "x") == ("<p>x</p>", False)


@pytest.mark.parametrize(
    ("kind", "classes", "line"),
    [
        (MailingKind.BULLETIN, ("5A",), "From the class 5A"),
        (MailingKind.BULLETIN, ("5A", "7B"), "From the classes 5A and 7B"),
        (MailingKind.INFORMATION, ("5A",), "For those with a child in 5A"),
        (MailingKind.BULLETIN, (), ""),
    ],
)
def test_whom_it_concerns_is_said_by_class(kind: MailingKind, classes: tuple[str, ...], line: str) -> None:
    assert about_line(kind, classes, "en") == line


def test_a_sender_that_is_too_long_for_one_word_loses_the_class_first() -> None:
    _, message, _ = written(a_mailing(), classes=("Förskoleklass Norra Fjärden",))
    assert message["From"].addresses[0].display_name == "Eva Ek via Skolbro"


def test_a_hidden_home_is_told_that_there_is_something_and_nothing_else() -> None:
    raw, message, _ = written(a_mailing(), neutral=True, school="", author="", classes=())
    assert message.defects == []
    assert b"List-" not in raw
    assert "Läget" not in message["Subject"]
    press, mailing = a_press(), a_mailing()
    look = a_look(mailing, neutral=True, school="")
    for said in (press.text_message(mailing, look), press.notice(mailing, look)):
        assert b"5A" not in said
        assert "Björk".encode() not in said
        assert mailing.path.encode() in said


def test_texts_are_put_in_between_without_a_trace() -> None:
    pieces = put_in(in_pieces(f"a{Slot.ABOUT}b\nhttps://x/{Slot.READ}\n"), Slot.ABOUT, "Å" * 50)
    assert [one for one in pieces if isinstance(one, Slot)] == [Slot.READ]
    whole = b"".join(token("t" * 150) if isinstance(one, Slot) else one for one in pieces)
    import quopri

    assert quopri.decodestring(whole).decode() == f"a{'Å' * 50}b\r\nhttps://x/{'t' * 150}\r\n"


def test_languages_are_written_in_their_direction() -> None:
    assert [direction(tag) for tag in ("sv", "ar", "fa-IR", "nonsense!")] == ["ltr", "rtl", "rtl", "ltr"]
