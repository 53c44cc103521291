"""What goes by text message and to browsers, what breaks through and says why, digests, own words, and leaving."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.notifications.domain.digest import DigestLine
from services.notifications.domain.letters import leavable
from services.notifications.domain.short import ALONE, GSM, parts, shortest_of
from services.notifications.domain.wordings import Wording
from services.notifications.messages import Addressed, Composer, Letter
from services.notifications.settings import NotificationsSettings
from shared.events.notify import URGENT, NotificationKind
from shared.events.people import Channel, Subject
from shared.languages import LANGUAGES
from shared.links import Links
from shared.settings import KitSettings
from tests.unit.notifications.factories import NOW, appointment

LINKS = Links(KitSettings(session_key=SecretStr("a key of the tests that is long enough to sign")))
NOTICE, BOOKED = NotificationKind.ABSENCE_NOTICE, NotificationKind.TALK_BOOKED
ID, DELIVERY, ANNA, TENANT = uuid4(), uuid4(), uuid4(), uuid4()
EVERY = list(product(NotificationKind, LANGUAGES))


class Own:
    """A municipality with words of its own."""

    def __init__(self, *words: tuple[NotificationKind, str, Wording]) -> None:
        self.words = {(TENANT, kind, tag): wording for kind, tag, wording in words}

    def of(self, tenant_id: UUID | None, kind: NotificationKind, tag: str) -> Wording | None:
        return self.words.get((tenant_id, kind, tag)) if tenant_id else None

    async def fresh(self) -> None:
        """They do not change."""


def composer(*words: tuple[NotificationKind, str, Wording]) -> Composer:
    return Composer(NotificationsSettings(), b"key", "https://portal.example/", LINKS, Own(*words))


COMPOSER = composer()


def letter(kind: NotificationKind = NOTICE, tag: str = "en", **changes: Any) -> Letter:
    return replace(Letter(kind, LANGUAGES[tag], "Björkskolan", False, date(2026, 11, 23), 2), **changes)


def to(path: str | None = None, **changes: Any) -> Addressed:
    plain = Addressed(ID, DELIVERY, "anna@home.example", NOW, NOW, path, ANNA, TENANT)
    return replace(plain, **changes)


def mail(of: Letter, by: Composer = COMPOSER, **changes: Any) -> EmailMessage:
    found = message_from_bytes(by.written(Channel.EMAIL, of, to(**changes)), policy=policy.default)
    assert isinstance(found, EmailMessage)
    assert [part.defects for part in found.walk() if part.defects] == []
    return found


def body(found: EmailMessage, kind: str = "plain") -> str:
    part = found.get_body((kind,))
    assert part is not None
    return " ".join(str(part.get_content()).split())


@pytest.mark.parametrize(("kind", "tag"), EVERY)
def test_every_text_message_fits_into_one_part_says_no_matter_and_ends_with_its_link(
    kind: NotificationKind, tag: str
) -> None:
    for neutral in (False, True):
        text = COMPOSER.written(Channel.SMS, letter(kind, tag, neutral=neutral), to()).decode()
        assert parts(text) == 1
        assert set(text) <= GSM
        assert text.endswith(f" https://portal.example/n/{ID}")
        assert ("Björkskolan" in text) is not (neutral or kind is NotificationKind.DIGEST)
        for word in ("samtal", "samtale", "talk", "frånvaro", "fravær", "absence", "bulletin", "klassbrev"):
            assert word not in text.lower()


@given(st.text(max_size=200), st.sampled_from(sorted(LANGUAGES)))
def test_whatever_a_school_is_called_the_text_message_has_at_most_two_parts_and_its_link(name: str, tag: str) -> None:
    path = "/talks/" + "a" * 190
    text = COMPOSER.short(letter(BOOKED, tag, school=name), to(path))
    assert parts(text) <= 2
    assert text.split(" ")[-1].startswith("https://portal.example/")


def test_a_name_that_would_cost_more_is_left_out_rather_than_changed() -> None:
    text = COMPOSER.short(letter(BOOKED, school="Árdna Čáhppesgáisi skuvla"), to())
    assert text == f"You have a message to read. https://portal.example/n/{ID}"


def test_parts_are_counted_as_networks_count_them() -> None:
    assert [parts("å" * ALONE), parts("å" * 161), parts("€" * 80), parts("€" * 81)] == [1, 2, 1, 2]
    assert [parts("č" * 70), parts("č" * 71), parts("😀" * 35), parts("😀" * 36)] == [1, 2, 1, 2]
    assert shortest_of(["a" * 200, "b" * 170, "c"]) == "c"
    assert shortest_of(["a" * 200, "b" * 170]) == "a" * 200


@pytest.mark.parametrize(("kind", "tag"), EVERY)
def test_a_browser_shows_that_there_is_something_and_not_what(kind: NotificationKind, tag: str) -> None:
    shown = json.loads(COMPOSER.written(Channel.PUSH, letter(kind, tag), to("/talks")))
    assert (shown["title"], shown["url"], shown["tag"]) == ("Björkskolan", "https://portal.example/talks", str(ID))
    hidden = json.loads(COMPOSER.written(Channel.PUSH, letter(kind, tag, neutral=True), to()))
    assert hidden["title"] == "Skolbro"


def test_a_letter_on_paper_is_not_written_before_it_is_printed() -> None:
    with pytest.raises(ValueError, match="printed"):
        COMPOSER.written(Channel.LETTER, letter(), to())
    words = COMPOSER.letter_words(letter())
    assert words.subject == "Message from Björkskolan: read today"
    assert any("https://portal.example" in one for one in words.paragraphs)
    assert "\x00" not in "".join(words.paragraphs)


@pytest.mark.parametrize(("kind", "tag"), list(product(sorted(URGENT), LANGUAGES)))
def test_what_comes_in_spite_of_quiet_says_so_and_why(kind: NotificationKind, tag: str) -> None:
    quiet = {"sv": "inte bli störd", "nb": "bedt om ro", "nn": "bede om ro", "en": "asked for quiet"}[tag]
    assert quiet in body(mail(letter(kind, tag, breaks=True)))
    assert quiet in body(mail(letter(kind, tag, breaks=True)), "html")
    assert quiet not in body(mail(letter(kind, tag)))


def test_the_reason_for_breaking_in_is_the_laws_the_clocks_or_the_schools_and_a_neutral_one_names_none() -> None:
    def said(kind: NotificationKind, **changes: Any) -> str:
        return body(mail(letter(kind, breaks=True, **changes)))

    assert "because the law" not in said(NOTICE)
    assert "quiet: the law asks the school to tell you the same day." in said(NOTICE)
    assert "quiet: a time you know of changes soon." in said(NotificationKind.TALK_MOVED)
    assert "quiet: the school has marked it as urgent." in said(NotificationKind.DIALOGUE_URGENT)
    assert "quiet: it cannot wait." in said(NOTICE, neutral=True, school="")


@pytest.mark.parametrize("kind", NotificationKind)
def test_with_one_click_exactly_what_may_be_left_can_be_left(kind: NotificationKind) -> None:
    found = mail(letter(kind))
    subject = leavable(kind)
    if subject is None:
        assert found["List-Unsubscribe"] is None
        assert found["List-Id"] is None
        return
    address = str(found["List-Unsubscribe"]).strip("<>")
    assert address.startswith("https://portal.example/unsubscribe/")
    leaving = LINKS.leave(address.rsplit("/", 1)[-1])
    assert leaving is not None
    assert (leaving.person_id, leaving.subject) == (ANNA, subject)
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "https://portal.example/preferences" in body(found)


def test_absence_and_urgent_messages_cannot_be_left_and_neutral_ones_name_no_list() -> None:
    assert leavable(NOTICE) is leavable(NotificationKind.DIALOGUE_URGENT) is None
    assert leavable(NotificationKind.TALK_MOVED) is None
    assert leavable(NotificationKind.DIALOGUE_MESSAGE) is Subject.DIALOGUE
    hidden = mail(letter(BOOKED, neutral=True, school=""))
    assert hidden["List-Id"] is hidden["List-Unsubscribe"] is None
    assert mail(letter(BOOKED), person_id=None)["List-Unsubscribe"] is None


LINES = (
    DigestLine("Björkskolan", "bulletin", date(2026, 11, 20), "/bulletins/1", (("sv", "Klassbrev 6A"), ("en", "6A"))),
    DigestLine("Lindskolan", "talk_wishes", date(2026, 11, 21), "/talks"),
    DigestLine("Björkskolan", "talk_to_read", date(2026, 11, 22), "https://evil.example/x"),
)


def test_a_digest_has_its_lines_under_their_schools_each_with_its_day_and_link() -> None:
    found = mail(letter(NotificationKind.DIGEST, digest=LINES))
    text = body(found)
    assert found["Subject"] == "3 things to read"
    assert text.index("Björkskolan") < text.index("* 6A (Friday 20 November)") < text.index("Lindskolan")
    assert "* When can you come? (Saturday 21 November) https://portal.example/talks" in text
    assert "evil" not in text + body(found, "html")
    assert 'href="https://portal.example/bulletins/1"' in body(found, "html")
    swedish = mail(letter(NotificationKind.DIGEST, "nb", digest=LINES))
    assert "Klassbrev 6A" in body(swedish)


def test_a_neutral_digest_says_only_how_much_there_is() -> None:
    found = mail(letter(NotificationKind.DIGEST, digest=LINES, neutral=True, school=""))
    everything = f"{found['From']} {found['Subject']} {body(found)} {body(found, 'html')}"
    assert "There are 3 things for you to read." in everything
    for word in ("Björkskolan", "Lindskolan", "6A", "talks", "bulletins", "November"):
        assert word not in everything


def test_a_title_in_a_digest_is_data() -> None:
    line = DigestLine("{{7*7}}", "bulletin", date(2026, 11, 20), "/b", (("sv", "<script>x</script>\r\nBcc: a@b.se"),))
    found = mail(letter(NotificationKind.DIGEST, digest=(line,)))
    assert found["Bcc"] is None
    assert "{{7*7}}" in body(found)
    assert "<script>" not in body(found, "html")


def test_own_words_take_the_place_of_subject_and_text_and_of_nothing_else() -> None:
    own = composer((BOOKED, "en", Wording("Welcome to {{ school }}", "At {{ when }}.\n\nBring <b>cake</b> & tea.")))
    of = letter(BOOKED, appointment=appointment(place="Sal 7"))
    found, before = mail(of, own), mail(of)
    assert found["Subject"] == "Welcome to Björkskolan"
    assert "At Tuesday 24 November, 17:00–17:20. Bring <b>cake</b> & tea." in body(found)
    assert "&lt;b&gt;cake&lt;/b&gt; &amp; tea" in body(found, "html")
    assert "You are invited to a talk." not in body(found)
    for kept in ("A time is booked", "See the talk", f"https://portal.example/n/{ID}", "registered as a guardian"):
        assert kept in body(found)
        assert kept in body(before)
    assert found.get_content_type() == before.get_content_type() == "multipart/mixed"


def test_own_words_are_one_municipalitys_and_one_languages_and_never_a_neutral_letters_or_staffs() -> None:
    own = composer((BOOKED, "en", Wording("Welcome", "To {{ school }}")))
    assert mail(letter(BOOKED), own, tenant_id=uuid4())["Subject"] != "Welcome"
    assert mail(letter(BOOKED), own, tenant_id=None)["Subject"] != "Welcome"
    assert mail(letter(BOOKED, "sv"), own)["Subject"] != "Welcome"
    assert mail(letter(BOOKED, neutral=True, school=""), own)["Subject"] != "Welcome"
    assert mail(letter(BOOKED, named=True), own)["Subject"] != "Welcome"
    assert mail(letter(BOOKED), own)["Subject"] == "Welcome"


def test_where_own_words_lack_a_value_the_built_in_ones_are_used() -> None:
    own = composer((BOOKED, "en", Wording("Welcome", "In {{ place }}")))
    assert mail(letter(BOOKED, appointment=appointment()), own)["Subject"] == "An invitation from Björkskolan"


def test_a_subject_of_own_words_injects_nothing() -> None:
    own = composer((BOOKED, "en", Wording("A\r\nBcc: x@y.se {{ school }}", "B")))
    found = mail(letter(BOOKED, school="X\r\nBcc: z@y.se"), own)
    assert found["Bcc"] is None
    assert found["Subject"] == "A Bcc: x@y.se X Bcc: z@y.se"
