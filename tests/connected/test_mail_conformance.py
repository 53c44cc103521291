"""Every mail there is, checked point by point with somebody else's parser; and whether the points can be missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from deploy.embedded.postgres import Postgres
from services.notifications.domain.digest import DigestLine
from services.notifications.domain.letters import Addressed, Letter
from services.notifications.domain.mailings import Mailing, Reason
from services.notifications.mailings.bodies import Look, Press, To
from services.notifications.messages import Composer
from services.notifications.settings import NotificationsSettings
from shared.clock import ManualClock
from shared.events.notify import MailingKind, MailingText, NotificationKind
from shared.events.people import Subject
from shared.events.roster import Relation
from shared.languages import LANGUAGES
from shared.links import Links
from shared.settings import KitSettings
from tests.connected.notifications_stage import sending, staged
from tests.mail_points import faults
from tests.on_servers import until
from tests.unit.notifications.factories import NOW, appointment
from tests.unit.notifications.test_dkim import pem

PORTAL = "https://portal.skola.example"
LINKS = Links(KitSettings(session_key=SecretStr("a key of the tests that is long enough to sign")))
SETTINGS = NotificationsSettings(sender="skolbro@skola.example")
COMPOSER = Composer(SETTINGS, b"key", PORTAL, LINKS)
PRESS = Press(SETTINGS, b"key", PORTAL, LINKS)
LETTERS = list(product(NotificationKind, LANGUAGES, (False, True)))
# What the law or the hour requires is never left with a click; what a home may choose is.
MAY_BE_LEFT = {
    NotificationKind.TALK_WISHES: Subject.TALKS,
    NotificationKind.TALK_PROPOSED: Subject.TALKS,
    NotificationKind.TALK_BOOKED: Subject.TALKS,
    NotificationKind.TALK_REMINDER: Subject.TALKS,
    NotificationKind.TALK_OFFERED: Subject.TALKS,
    NotificationKind.TALK_TO_READ: Subject.TALKS,
    NotificationKind.COMMITMENT_CHECK: Subject.TALKS,
    NotificationKind.COMMITMENT_NUDGE: Subject.TALKS,
    NotificationKind.MEETING_INVITED: Subject.TALKS,
    NotificationKind.MEETING_BOOKED: Subject.TALKS,
    NotificationKind.OFFER_ASKED: Subject.TALKS,
    NotificationKind.DIALOGUE_MESSAGE: Subject.DIALOGUE,
}
ODD_NAMES = [
    "{{7*7}}",
    "{% raw %}{{ config }}",
    "Björk\r\nBcc: everyone@else.example",
    "Skolan\n\nHello from the body",
    "\u202egnalps\u202c",
    "\u2066\u2029\u0000\u200b",
    "=?utf-8?q?=0D=0ABcc:_x=40y?=",
    '"Rektorn" <rektor@else.example>',
    "a@b.example, c@d.example",
    "%s %(school)s {school}",
    "<script>alert(1)</script>",
    "مدرسة الأمل الابتدائية للبنين والبنات في المدينة الكبيرة",
    "🏫" * 60,
    "Å" * 300,
    ".",
    "From here to there",
    "x" * 2000,
    "",
]


def parsed(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def texts(mail: EmailMessage) -> str:
    """The subject, the sender's name, and both texts."""
    bodies = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return "\n".join([mail["Subject"], mail["From"], *(str(one.get_content()) for one in bodies if one)])


def letter(kind: NotificationKind, tag: str = "sv", neutral: bool = False, **changes: Any) -> Letter:
    line = DigestLine("Björkskolan", "bulletin", date(2026, 11, 20), "/bulletins/x", (("sv", "Veckan i 6A"),))
    plain = Letter(
        kind,
        LANGUAGES[tag],
        "" if neutral else "Björkskolan",
        neutral,
        date(2026, 11, 23),
        1,
        appointment=None if neutral else appointment(),
        digest=(line,) if kind is NotificationKind.DIGEST else (),
    )
    return replace(plain, **changes)


def addressed(**changes: Any) -> Addressed:
    plain = Addressed(uuid4(), uuid4(), "anna@home.example", NOW, NOW, None, uuid4(), uuid4())
    return replace(plain, **changes)


def mailing(*said: MailingText, **changes: Any) -> Mailing:
    one = said or (MailingText(language="sv", subject="Veckan i 6A", text="Hej!\n\nSlut.", html="<p>Hej!</p>"),)
    about: dict[str, Any] = {"mailing_id": uuid4(), "tenant_id": uuid4(), "school_id": uuid4(), "about_id": uuid4()}
    plain = {
        **about, "kind": MailingKind.BULLETIN, "author_id": None, "group_ids": (), "day": NOW.date(),
        "path": "/bulletins/x", "must_read": False, "texts": one, "send_at": NOW,
    }  # fmt: skip
    return Mailing(**{**plain, **changes})


def pressed(one: Mailing, classes: tuple[str, ...] = ("6A", "7B"), press: Press = PRESS, **changes: Any) -> bytes:
    plain: dict[str, Any] = {
        "mailing_id": one.mailing_id, "text": 0, "language": "sv", "reason": Reason.GUARDIAN, "neutral": False,
        "school": "Björkskolan", "author": "Maja Lind",
    }  # fmt: skip
    look = Look(**{**plain, **changes})
    return press.mail(one, look, classes, To(uuid4(), uuid4(), "anna@home.example"), NOW)


@pytest.mark.parametrize(("kind", "tag", "neutral"), LETTERS)
def test_every_kind_of_mail_in_every_language_misses_no_point(kind: NotificationKind, tag: str, neutral: bool) -> None:
    raw = COMPOSER.message(letter(kind, tag, neutral), addressed())
    assert faults(raw) == []
    mail = parsed(raw)
    assert mail["Content-Language"] == tag
    subject = None if neutral else MAY_BE_LEFT.get(kind)
    if subject is None:
        assert not {"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"} & set(mail.keys())
    else:
        assert mail["List-Id"] == f"<{subject}.{SETTINGS.list_id}>"
        token = mail["List-Unsubscribe"].removeprefix(f"<{PORTAL}/unsubscribe/").removesuffix(">")
        left = LINKS.leave(token)
        assert left is not None
        assert left.subject is subject


@pytest.mark.parametrize("kind", list(MailingKind))
@pytest.mark.parametrize(("tag", "must_read"), list(product(LANGUAGES, (False, True))))
def test_a_mailing_in_every_language_misses_no_point_and_can_be_left_where_it_need_not_be_read(
    kind: MailingKind, tag: str, must_read: bool
) -> None:
    raw = pressed(mailing(kind=kind, must_read=must_read), language=tag)
    assert faults(raw) == []
    mail = parsed(raw)
    subject = {MailingKind.BULLETIN: Subject.BULLETINS, MailingKind.INFORMATION: Subject.INFORMATION}[kind]
    assert mail["List-Id"] == f"<{subject}.{SETTINGS.list_id}>"
    assert (mail["List-Unsubscribe"] is None) is must_read
    assert ("/unsubscribe/" in texts(mail)) is not must_read


def test_a_mailing_to_a_protected_home_is_of_no_list_and_names_nothing() -> None:
    raw = pressed(mailing(), neutral=True, school="", author="")
    assert faults(raw) == []
    assert parsed(raw)["List-Id"] is None
    for word in ("6A", "Björkskolan", "Veckan", "Maja"):
        assert word not in texts(parsed(raw))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_no_name_of_a_school_a_class_or_a_teacher_breaks_out_of_its_place(name: str) -> None:
    kinds = (NotificationKind.ABSENCE_NOTICE, NotificationKind.TALK_BOOKED, NotificationKind.DIGEST)
    for raw in (
        *(COMPOSER.message(letter(kind, school=name), addressed()) for kind in kinds),
        pressed(mailing(), classes=(name, "6A"), school=name, author=name),
    ):
        assert faults(raw) == []
        mail = parsed(raw)
        assert [one.addr_spec for one in mail["From"].addresses] == ["skolbro@skola.example"]
        assert [one.addr_spec for one in mail["To"].addresses] == ["anna@home.example"]


def test_a_name_that_looks_like_a_template_comes_out_as_it_is() -> None:
    for raw in (
        COMPOSER.message(letter(NotificationKind.ABSENCE_NOTICE, school="{{7*7}}"), addressed()),
        pressed(mailing(), classes=("{{7*7}}",), school="{{7*7}}", author="{{7*7}}"),
    ):
        mail = parsed(raw)
        assert "{{7*7}}" in mail["From"]
        assert "49" not in mail["From"]
        assert "{{7*7}}" in texts(mail)


@given(
    st.text(max_size=120),
    st.text(max_size=400),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
)
def test_whatever_is_written_in_a_bulletin_it_stays_one_mail(subject: str, text: str, name: str) -> None:
    try:
        said = MailingText(language="sv", subject=subject, text=text, html="<p>x</p>")
    except ValueError:
        return  # a line that no event carries
    raw = pressed(mailing(said), classes=(name,), author=name)
    assert faults(raw) == []


@pytest.mark.parametrize(
    "line", [".", "..", "From somebody", "--=_skolbro", "--=_skolbro--", "=", "a" * 5000, "\ttab "]
)
def test_lines_that_mean_something_to_mail_servers_come_out_as_they_went_in(line: str) -> None:
    said = MailingText(language="sv", subject="x", text=f"Hej\n\n{line}\n\nSlut", html="<p>x</p>")
    raw = pressed(mailing(said))
    assert faults(raw) == []
    body = parsed(raw).get_body(("plain",))
    assert body is not None
    assert line.strip() in str(body.get_content())


def test_every_text_has_its_script_and_says_its_direction() -> None:
    said = MailingText(language="ar", subject="النشرة", text="مرحبا", html="<p>مرحبا</p>")
    raw = pressed(mailing(said))
    assert faults(raw) == []
    assert parsed(raw)["Subject"] == "النشرة"
    assert 'dir="rtl"' in texts(parsed(raw))


def test_a_signed_mail_misses_no_point_either() -> None:
    key = pem(rsa.generate_private_key(65537, 2048))
    signed = SETTINGS.model_copy(update={"dkim_key": key, "dkim_selector": "s1"})
    one = Composer(signed, b"key", PORTAL, LINKS).message(letter(NotificationKind.TALK_WISHES), addressed())
    for raw in (one, pressed(mailing(), press=Press(signed, b"key", PORTAL, LINKS))):
        assert faults(raw) == []
        assert "list-unsubscribe-post" in parsed(raw)["DKIM-Signature"]


def test_the_message_id_is_the_deliverys_own_at_every_attempt_and_nobody_elses() -> None:
    kind, to = letter(NotificationKind.ABSENCE_NOTICE), addressed()
    again = replace(to, now=NOW + timedelta(minutes=5))
    first, second, other = (parsed(COMPOSER.message(kind, one)) for one in (to, again, addressed()))
    assert first["Message-ID"] == second["Message-ID"] != other["Message-ID"]
    assert second["Date"].datetime - first["Date"].datetime == timedelta(minutes=5)


def changed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: raw.replace(old, new, 1)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (changed(b"\r\n", b"\n"), "CRLF"),
        (changed(b"Subject: ", b"Subject: \xc3\xa5"), "bytes"),
        (changed(b"To: anna@home.example", b"To: anna@home.example, bo@home.example"), "not to one address"),
        (changed(b"From: ", b"From: a@b.example, "), "not from one address"),
        (changed(b"Date: ", b"X-Date: "), "Date is there 0 times"),
        (changed(b"Date: ", b"Bcc: x@y.example\r\nDate: "), "Bcc"),
        (changed(b"Message-ID: <", b"Message-ID: "), "Message-ID is not one"),
        (changed(b"Message-ID: ", b"Message-ID: <a@b.se>\r\nMessage-ID: "), "Message-ID is there 2 times"),
        (changed(b"auto-generated", b"no"), "answer it"),
        (changed(b"MIME-Version: 1.0", b"MIME-Version: 2"), "no MIME"),
        (changed(b"=?utf-8?b?", b"=?utf-8?b?" + b"QUJD" * 12), "too long"),
        (changed(b"=?utf-8?b?", b"=?utf-8?b?DQo="), "cannot be seen"),
        (changed(b"=?utf-8?b?", b"=?utf-8?b?w"), "character"),
        (changed(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""), "two headers"),
        (changed(b"<https://portal.skola.example/u", b"<http://portal.skola.example/u"), "HTTPS"),
        (changed(b"List-Id: <", b"List-Id: <6A "), "List-Id"),
        (changed(b'boundary="', b'boundary="x'), "Defect"),
        (changed(b"text/plain", b"text/html"), "plain text is not first"),
        (changed(b"charset=utf-8", b"charset=latin1"), "characters"),
        (changed(b"quoted-printable", b"8bit"), "encoded"),
        (lambda raw: raw + b"From x\r\n", "mailbox file"),
        (lambda raw: raw + b"x" * 80 + b"\r\n", "80 characters"),
        (lambda raw: raw + b"x", "not ended"),
        (changed(b"<body", b"<script>x</script><body"), "script"),
        (changed(b"</body>", b'<img alt=3D"" src=3D"https://x.example/p.gif"></body>'), "fetches"),
        (changed(b"<html lang=3D", b"<html data-x=3D"), "language"),
    ],
)
def test_each_point_can_be_missed(harm: Callable[[bytes], bytes], fault: str) -> None:
    sound = COMPOSER.message(letter(NotificationKind.TALK_WISHES), addressed())
    assert faults(sound) == []
    broken = harm(sound)
    assert broken != sound
    assert any(fault in one for one in faults(broken))


@pytest.mark.connected
async def test_what_a_mail_server_receives_is_the_same_to_the_last_point(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        received: list[bytes] = []
        take = stage.smtp.handle_DATA

        async def noted(server: Any, session: Any, envelope: Any) -> str:
            received.append(envelope.original_content)
            return await take(server, session, envelope)

        stage.smtp.handle_DATA = noted  # type: ignore[method-assign, assignment]
        stage.smtp.script["anna@home.example"] = ["drop"]
        await stage.family((await stage.guardian("anna@home.example"), Relation.GUARDIAN))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.advance(timedelta(minutes=5))
            await until(stage.is_over)
        assert [faults(raw) for raw in received] == [[], []]
        assert len({parsed(raw)["Message-ID"] for raw in received}) == 1
