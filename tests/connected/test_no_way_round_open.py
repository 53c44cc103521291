"""What is open without a login, and what people bring along: forged reports, files, words, and names of others."""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.notifications import tables as notifications_tables
from services.notifications.bounces import NOT_OURS, Bounces
from services.notifications.channels.sms import callback_url
from services.notifications.domain.returns import return_path
from services.notifications.domain.sms_reports import twilio_signature
from services.portal.domain.browsers import name_of
from services.portal.store.push import push_of
from shared.clock import ManualClock
from tests.connected.attack_browser import Browser, Cookie, digests
from tests.connected.attack_bulletins import browser_of, leaving, reading
from tests.connected.attack_letters import PIXEL
from tests.connected.attack_sending import ELKS, SETTINGS, TWILIO
from tests.connected.attack_stage import World, a_world, apps_on
from tests.connected.attack_town import Thing
from tests.portal_stage import TEN

pytestmark = pytest.mark.connected
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\n"


@pytest.fixture(scope="module")
async def world(postgres: Postgres) -> AsyncIterator[World]:
    made = await a_world(postgres, ManualClock(TEN))
    yield made
    await made.close()


@pytest.fixture(scope="module")
def browser(world: World) -> Browser:
    return Browser(world)


async def kept(world: World) -> dict[str, str]:
    """What the notifications service has on disk."""
    return await digests(world.kits["notifications"], notifications_tables.metadata)


# Reports of providers, and bounces -----------------------------------------------------------------------------------


def report(world: World, one: Thing, *, by: str, secret: str) -> tuple[dict[str, str], dict[str, str]]:
    """The form and the headers with which a provider of this kind says that a text has not arrived."""
    if by == ELKS:
        login = base64.b64encode(f"{by}:{secret}".encode()).decode()
        return {"id": one.more["reference"], "status": "failed"}, {"authorization": f"Basic {login}"}
    form = {"MessageSid": one.more["reference"], "MessageStatus": "failed", "ErrorCode": "30005"}
    url = callback_url(world.here.kit.settings.portal_url, by, one.id) or ""
    return form, {"x-twilio-signature": twilio_signature(secret, url, list(form.items()))}


async def reported(browser: Browser, provider: str, about: UUID, form: object, headers: dict[str, str]) -> int:
    path = f"/callbacks/sms/{provider}/{about}"
    answer = await browser.clients["notifications"].post(path, data=form, headers=headers)  # type: ignore[arg-type]
    assert answer.content == b"", "whoever calls is told nothing"
    return answer.status_code


async def test_a_report_that_no_provider_has_signed_changes_nothing(world: World, browser: Browser) -> None:
    """Another provider's secret, a signature for another message, another name, and nobody's at all."""
    texts = {one.more["provider"]: one for one in world.letters.things["text"]}
    before, refused = await kept(world), set[int]()
    for name, other in ((ELKS, TWILIO), (TWILIO, ELKS)):
        one = texts[name]
        for secret in (f"secret of {other}", "", "pass of " + name, "x"):
            form, headers = report(world, one, by=name, secret=secret)
            refused.add(await reported(browser, name, one.id, form, headers))
        form, headers = report(world, one, by=name, secret=f"secret of {name}")
        refused.add(await reported(browser, other, one.id, form, headers))
        refused.add(await reported(browser, "nobody", one.id, form, headers))
        refused.add(await reported(browser, name, one.id, form, {}))
        refused.add(await reported(browser, name, one.id, {"a": "b" * 20_000}, headers))
    form, headers = report(world, texts[TWILIO], by=TWILIO, secret=f"secret of {TWILIO}")
    refused.add(await reported(browser, TWILIO, texts[ELKS].id, form, headers))  # signed for another address
    form, headers = report(world, texts[ELKS], by=ELKS, secret=f"secret of {ELKS}")
    assert await reported(browser, ELKS, uuid4(), form, headers) == 404
    assert await reported(browser, ELKS, texts[TWILIO].id, form, headers) == 404, "what another provider sent"
    assert refused == {403}
    assert await kept(world) == before


async def test_a_true_report_counts_once_however_often_it_is_played(world: World, browser: Browser) -> None:
    for one in world.letters.things["text"]:
        name, before = one.more["provider"], await kept(world)
        form, headers = report(world, one, by=name, secret=f"secret of {name}")
        assert await reported(browser, name, one.id, form, headers) == 204
        after = await kept(world)
        assert after["delivery"] != before["delivery"]
        await reported(browser, name, one.id, form, headers)
        assert await kept(world) == after


async def test_a_forged_return_path_takes_nothing_back(world: World) -> None:
    one = world.letters.things["text"][0]
    bounces, secret = Bounces(world.kits["notifications"], SETTINGS), SETTINGS.secret(demo=False)
    ours = return_path(secret, one.id, "back.example", one.more["digest"]) or ""
    foreign = return_path(b"another secret", one.id, "back.example", one.more["digest"]) or ""
    other = return_path(secret, uuid4(), "back.example", one.more["digest"]) or ""
    forged = [foreign, ours[:20] + other[20:], ours.replace("@", "a@"), ours[:-20] + "@back.example", "r@back.example"]
    mail = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n"
    mail += b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
    mail += b"Final-Recipient: rfc822; x@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    before = await kept(world)
    for address in forged:
        assert bounces.sent(address) is None
        assert await bounces.handle_RCPT(None, None, None, address, []) == NOT_OURS  # type: ignore[arg-type]
        assert await bounces.take(mail, address) is None
        inside = b"To: " + address.encode() + b"\r\n" + mail
        assert await bounces.take(inside, "complaints@back.example") is None
    assert await kept(world) == before
    assert bounces.sent(ours) is not None


async def test_who_tries_links_and_reports_one_after_another_is_made_to_wait(world: World) -> None:
    slow = {name: replace(kit) for name, kit in world.kits.items()}
    for kit in slow.values():
        kit.settings = kit.settings.model_copy(update={"visits_per_minute": 3})
    apps, asked = apps_on(slow), world.who["guardian_a"]
    paths = {"portal": leaving(world, asked)[:-4], "bulletins": reading(world, asked, uuid4())[:-4]}
    for service, path in (*paths.items(), ("notifications", f"/callbacks/sms/{ELKS}/{uuid4()}")):
        client = httpx.AsyncClient(transport=httpx.ASGITransport(apps[service]), base_url="http://127.0.0.1:8000")
        answers = [(await client.post(path)).status_code for _ in range(5)]
        assert answers[-1] == 429, service
        assert 429 not in answers[:3]


async def test_a_large_body_at_an_open_link_is_not_taken_in(world: World, browser: Browser) -> None:
    """It is a leave all the same, as whatever a mail program sends."""
    path = leaving(world, world.who["former_guardian"])
    answer = await browser.clients["portal"].post(path, data={"List-Unsubscribe": "One-Click", "back": "b" * 3_000_000})
    assert answer.status_code == 200
    said = "select choices from preference where person_id = :person"
    async with world.here.kit.sessions() as session:
        [choices] = (await session.scalars(text(said), {"person": world.who["former_guardian"]})).all()
    assert choices == [{"subject": "bulletins", "how": "off"}]


# Others, named by an id in a form ------------------------------------------------------------------------------------


async def test_nobody_asks_somebody_into_a_conversation_who_has_nothing_to_do_with_the_pupil(
    world: World, browser: Browser
) -> None:
    """Nor does a home ask in a grown-up whose identity is protected: their child's other home does not find them."""
    thread = next(one for one in world.letters.things["thread"] if one.more["mark"] == "ask-in")
    strangers = [world.who[one] for one in ("stranger", "other_guardian", "step_parent", "mentor_2", "officer")]
    cookie = await browser.cookie(world.who["guardian_b"])
    form: dict[str, str | list[str]] = {"party": [str(one) for one in strangers]}
    await browser.send("bulletins", "POST", f"/dialogue/{thread.id}/ask-in", cookie, form)
    form |= {"pupil_id": str(world.who["child_1"]), "subject": "support", "words": "Hej"}
    answer = await browser.send("bulletins", "POST", "/dialogue", cookie, form)
    assert answer.status_code == 400, "nobody is left to write to"
    other = await browser.cookie(world.who["stranger"])
    hidden = [str(world.who["protected_guardian"])]
    form = {"pupil_id": str(world.who["stranger_child"]), "subject": "support", "words": "Hej", "party": hidden}
    assert (await browser.send("bulletins", "POST", "/dialogue", other, form)).status_code == 400
    async with world.kits["bulletins"].sessions() as session:
        wanted = {"ids": [*strangers, world.who["protected_guardian"]], "at": TEN}
        rows = await session.scalars(
            text("select 1 from party where person_id = any(cast(:ids as uuid[])) and joined_at >= :at"), wanted
        )
        assert rows.all() == []


async def test_nobody_takes_another_persons_browser_away(world: World, browser: Browser) -> None:
    one, other = world.who["guardian_a"], world.who["guardian_b"]
    cookies = {who: await browser.cookie(who) for who in (one, other)}
    await browser.send("portal", "POST", "/preferences/push", cookies[one], browser_of(one).model_dump())
    named = {"browser": name_of(browser_of(one))}
    await browser.send("portal", "POST", "/preferences/push/remove", cookies[other], named)
    async with world.here.kit.sessions() as session:
        assert await push_of(session, one) == (browser_of(one),)
        assert await push_of(session, other) == ()


# Files and words -----------------------------------------------------------------------------------------------------


def draft(world: World, mark: str = "edit") -> UUID:
    """A draft of the mentor's."""
    return next(one.id for one in world.letters.things["bulletin"] if one.more["mark"] == mark)


async def add(browser: Browser, cookie: Cookie, bulletin: UUID, name: str, content: bytes) -> httpx.Response:
    form = {"version": "1", "act": "file", "file_alt": "x"}
    files = {"file": (name, content)}
    return await browser.send("bulletins", "POST", f"/bulletins/{bulletin}/files", cookie, form, files=files)


def packed(content: bytes) -> bytes:
    """A document in which this lies in a packed stream of objects."""
    return PDF + b"2 0 obj <</Type /ObjStm /Filter /FlateDecode>>\nstream\n" + zlib.compress(content) + b"\nendstream"


def bomb() -> bytes:
    """Eight thousand bytes that unfold to a picture of 400 million pixels."""
    made = BytesIO()
    Image.new("1", (20_000, 20_000)).save(made, "PNG")
    return made.getvalue()


async def test_no_file_with_a_program_in_it_and_no_bomb_is_taken(world: World, browser: Browser) -> None:
    bad = {
        "svg.png": SVG,
        "page.jpg": b"<html><script>alert(1)</script>",
        "plain.pdf": PDF + b"<</S /JavaScript /JS (app.alert(1))>>",
        "escaped.pdf": PDF + b"<</S /J#61vaScript /#4a#53 (app.alert(1))>>",
        "packed.pdf": packed(b"1 0 <</OpenAction 3 0 R>>"),
        "packed escaped.pdf": packed(b"1 0 <</Open#41ction 3 0 R>>"),
        "unreadable.pdf": PDF + b"2 0 obj <</Type /ObjStm>>\nstream\nnothing that unfolds",
        "bomb.pdf": packed(b"\0" * 60_000_000),
        "bomb.png": bomb(),
        "long.png": PIXEL[:40],
    }
    cookie, began = await browser.cookie(world.who["mentor"]), time.monotonic()
    for name, content in bad.items():
        answer = await add(browser, cookie, draft(world, "preview"), name, content)
        assert answer.status_code == 400, name
    assert time.monotonic() - began < 20
    assert (await add(browser, cookie, draft(world, "preview"), "good.pdf", packed(b"1 0 <</Type /Page>>"))).is_redirect


async def test_a_file_is_served_as_what_it_is_under_a_name_that_adds_no_header(world: World, browser: Browser) -> None:
    cookie, bulletin = await browser.cookie(world.who["mentor"]), draft(world, "check")
    for name in ('x"\r\nSet-Cookie: a=b\r\n.html', "..\\..\\evil.svg", "räksmörgås\u202egnp.exe"):
        assert (await add(browser, cookie, bulletin, name, PIXEL)).is_redirect
    async with world.kits["bulletins"].sessions() as session:
        rows = (await session.execute(text("select attachment_id, name from attachment where bulletin_id = :id"),
                                      {"id": bulletin})).all()  # fmt: skip
    assert len(rows) == 5
    for file, _ in rows:
        answer = await browser.send("bulletins", "GET", f"/bulletins/{bulletin}/files/{file}", cookie)
        assert answer.status_code == 200
        assert answer.headers["content-type"] in ("image/png", "application/pdf")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers
        shown = answer.headers["content-disposition"]
        assert ("evil" in shown) <= shown.endswith(".png")
        assert not any(one in shown for one in ("\r", "\n", "\u202e", ".html", ".svg", ".exe"))


EVIL = (
    "<script>alert(1)</script>", '<img src=x onerror="alert(1)">', "[x](javascript:alert(1))", "![x](https://evil/p.png)",
    "[x](data:text/html,<script>alert(1)</script>)", "![x](attachment:../../../home)", '"><svg onload=alert(1)>',
    "<a href='vbscript:x' style='position:fixed'>x</a>", "[x](java\tscript:alert(1))", "<!--><script>alert(1)//-->",
)  # fmt: skip


async def test_no_word_of_a_bulletin_runs_loads_or_leads_to_a_program(world: World, browser: Browser) -> None:
    cookie, bulletin = await browser.cookie(world.who["mentor"]), draft(world, "files")
    files = next(one.more["files"] for one in world.letters.things["bulletin"] if one.id == bulletin)
    words = "\n\n".join(EVIL) + f"\n\n![{EVIL[6]}](attachment:{files[0]})"
    form = {"version": "1", "language": "sv", "subject-sv": EVIL[6] + "\r\nBcc: x@evil.example", "act": "save"}
    form |= {"learning-sv": words, "activities-sv": words, f"alt-{files[0]}": EVIL[6]}
    assert (await browser.send("bulletins", "POST", f"/bulletins/{bulletin}/edit", cookie, form)).is_redirect
    for path in (f"/bulletins/{bulletin}/preview", f"/bulletins/{bulletin}/edit", "/bulletins/new", "/bulletins"):
        page = (await browser.send("bulletins", "GET", path, cookie)).text
        shown = page.split("<textarea")  # what is typed is typed: inside of its field it is text
        page = shown[0] + "".join(one.split("</textarea>", 1)[1] for one in shown[1:])
        for bad in (
            "<script>alert",
            "<img src=x",
            "<svg",
            'href="javascript',
            'href="data:',
            "<a href='",
            "https://evil/p",
        ):
            assert bad not in page, (path, bad)
        assert (
            "script-src 'self'"
            in (await browser.send("bulletins", "GET", path, cookie)).headers["content-security-policy"]
        )
    async with world.kits["bulletins"].sessions() as session:
        subject = await session.scalar(
            text("select subject from bulletin_text where bulletin_id = :id"), {"id": bulletin}
        )
    assert subject is not None
    assert "\n" not in subject
    assert "\r" not in subject
