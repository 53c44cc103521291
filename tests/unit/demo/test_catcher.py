"""The mail catcher over real SMTP, and its pages over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib
import httpx
import pytest

from deploy.embedded.process import free_port
from services.demo.catcher import Mailboxes, listen
from services.demo.mailpages import Owner, create_pages, owners
from services.demo.people import Case
from services.demo.server import serving
from shared.clock import ManualClock
from tests.conftest import SCHOOL_MORNING
from tests.unit.demo.world import MONDAY, small_municipality

ANNA, BO = "anna.ek1@hem.example", "bo.ek2@hem.example"


@dataclass
class Post:
    """A running catcher, its SMTP port and its pages."""

    mailboxes: Mailboxes
    port: int
    pages: httpx.AsyncClient

    async def send(self, to: str, number: int, subject: str = "Frånvaro i dag") -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "skola@skolbro.example", to, subject
        message["Message-ID"] = f"<{number}@skolbro.example>"
        message.set_content("Läs mer hos skolan.")
        message.add_alternative("<p style='color:teal'>Läs mer <a href='http://x/n/1'>hos skolan</a></p>", "html")
        await aiosmtplib.send(message, hostname="127.0.0.1", port=self.port)


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    mailboxes, smtp, web = Mailboxes(ManualClock(SCHOOL_MORNING), most=60), free_port(), free_port()
    server = await listen(mailboxes, smtp)
    app = create_pages(mailboxes, {ANNA: Owner("Anna Ek", ("Moa, 7A", ""))}, "http://127.0.0.1:8000")
    async with (
        serving(app, web),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{web}", headers={"accept-language": "en"}) as client,
    ):
        yield Post(mailboxes, smtp, client)
    server.close()


async def test_a_mail_is_kept_as_it_came(post: Post) -> None:
    await post.send(ANNA, 1)
    [mail] = post.mailboxes.newest()
    assert (mail.recipient, mail.message_id, mail.at) == (ANNA, "<1@skolbro.example>", SCHOOL_MORNING)
    assert mail.part("plain").strip() == "Läs mer hos skolan."


async def test_the_same_message_id_twice_in_one_mailbox_is_a_repeat(post: Post) -> None:
    for to in (ANNA, ANNA, BO):
        await post.send(to, 1)
    assert [mail.recipient for mail in post.mailboxes.newest()] == [BO, ANNA]
    assert post.mailboxes.repeats == 1


def test_a_folded_message_id_is_read_and_one_in_the_text_is_not() -> None:
    mailboxes = Mailboxes(ManualClock(SCHOOL_MORNING))
    mailboxes.add("a@x", [ANNA], b"Subject: x\r\nMESSAGE-ID:\r\n <long@x>\r\n\r\nhello")
    mailboxes.add("a@x", [ANNA], b"Subject: x\r\n\r\nMessage-ID: <long@x>\r\n")
    assert [mail.message_id for mail in mailboxes.newest()] == ["none-2", "<long@x>"]
    assert mailboxes.repeats == 0


async def test_the_oldest_mails_go_when_there_are_too_many(post: Post) -> None:
    await asyncio.gather(*[post.send(ANNA, number) for number in range(70)])
    assert len(post.mailboxes.kept) == 60


async def test_the_list_shows_the_newest_first_and_finds_by_name_and_address(post: Post) -> None:
    await post.send(ANNA, 1, "Först")
    await post.send(BO, 2, "Sedan")
    everything = (await post.pages.get("/")).text
    by_name, by_address = [(await post.pages.get("/", params={"q": q})).text for q in ("anna", "BO.EK2")]
    assert everything.index("Sedan") < everything.index("Först")
    assert ("Först" in by_name, "Sedan" in by_name) == (True, False)
    assert ("Först" in by_address, "Sedan" in by_address) == (False, True)


async def test_a_page_is_in_the_reader_s_language_and_names_no_protected_child(post: Post) -> None:
    await post.send(ANNA, 1)
    swedish = (await post.pages.get("/", headers={"accept-language": "sv"})).text
    assert "Moa, 7A; ett barn med skyddade personuppgifter" in swedish
    assert "Moa, 7A; a child with a protected identity" in (await post.pages.get("/mail/1")).text
    assert 'href="http://127.0.0.1:8000/demo/people"' in swedish


async def test_a_mail_is_shown_in_a_sandbox_with_a_strict_policy(post: Post) -> None:
    await post.send(ANNA, 1, "<script>alert(1)</script>")
    answer = await post.pages.get("/mail/1")
    assert "<script>alert" not in answer.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in answer.text
    assert "&lt;p style=" in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_pages_answer_only_to_this_computer_and_for_mails_that_are_there(post: Post) -> None:
    elsewhere = await post.pages.get("/", headers={"host": "evil.example"})
    assert elsewhere.status_code == 400
    assert (await post.pages.get("/mail/99")).status_code == 404
    assert (await post.pages.get("/static/../command.py")).status_code == 404
    assert "No mail yet" in (await post.pages.get("/")).text


def test_owners_say_whose_mailbox_it_is() -> None:
    whole = small_municipality(150)
    known = owners(whole)
    assert {school.email for school in whole.schools} <= known.keys()
    protected = whole.with_case(Case.PROTECTED)[0]
    guardian = whole.entitled(protected.id, MONDAY)[0]
    assert known[guardian.emails[0]].children == ("",)
    assert all(email in known for adult in whole.adults.values() for email in adult.emails)
