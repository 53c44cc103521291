"""Logging in through a real provider process: who comes in, who does not, and when it is over."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from deploy.embedded.postgres import Postgres
from deploy.embedded.process import free_port
from services.portal import tables
from services.portal.settings import PortalSettings
from services.portal.tables import Draft, Login
from shared.clock import ManualClock
from shared.db.engine import table_of
from shared.errors import SkolbroError
from shared.kit import Kit
from shared.web.seals import Sessions
from tests.conftest import SCHOOL_MORNING
from tests.connected.door_stage import (
    HIGH,
    OTHER_TOWN,
    PORTAL,
    SUBSTANTIAL,
    Browser,
    Stage,
    provider,
    question,
    running_provider,
    settings_of,
)
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
PID = "20120501-2382"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_provider(tmp_path_factory.mktemp("provider")) as address:
        yield address


@pytest.fixture(scope="module")
async def kit(postgres: Postgres) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, ManualClock(SCHOOL_MORNING))
    yield kit
    await kit.engine.dispose()


@pytest.fixture
async def stage(kit: Kit, issuer: str) -> Stage:
    settings_of(kit)
    ways = (
        provider(issuer),
        provider(issuer, "elsewhere", tenant=OTHER_TOWN),
        provider(issuer, "silent", acr=(), step_up_acr=(), acr_optional=True),
        provider(issuer, "by-mail", claim="email", kind="email", userinfo=True, scope="openid email"),
        provider(issuer, "odd-keys", algorithms=("ES256",)),
        provider(f"http://127.0.0.1:{free_port()}", "away"),
    )
    stage = Stage(kit, issuer, PortalSettings(providers=ways))
    await stage.clear()
    return stage


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[Browser]:
    browser = stage.browser()
    yield browser
    await browser.client.aclose()


@pytest.fixture
async def at_home(stage: Stage, browser: Browser) -> Browser:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    assert (await browser.log_in("anna")).status_code == 303
    return browser


async def test_a_person_comes_in_through_their_provider_and_lands_where_they_were_going(
    stage: Stage, browser: Browser
) -> None:
    person = await stage.person(PID.replace("-", ""))
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    sent = await browser.get("/preferences?page=2")
    assert sent.headers["location"] == f"{PORTAL}/login?next=%2Fpreferences%3Fpage%3D2"
    chosen = await browser.get(sent.headers["location"])
    assert "/login/e-id?next=/preferences%3Fpage%3D2" in chosen.text
    back = await browser.log_in("anna", "/login/e-id?next=/preferences%3Fpage%3D2")
    assert (back.status_code, back.headers["location"]) == (303, "/preferences?page=2")
    assert (await browser.get("/")).text == f"{person} login"
    assert browser.session().acr == SUBSTANTIAL


async def test_the_question_to_the_provider_carries_state_nonce_pkce_and_the_levels_we_accept(
    stage: Stage, browser: Browser
) -> None:
    asked = question((await browser.get("/login/e-id")).headers["location"])
    attempt = next(iter(browser.client.cookies.jar))
    assert attempt.name == f"skolbro-login-{asked['state'][:12]}"
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert asked["acr_values"] == f"{SUBSTANTIAL} {HIGH}"
    assert asked["redirect_uri"] == f"{PORTAL}/login/callback/e-id"
    verifier = stage.door.attempts._seal.loads(str(attempt.value))["verifier"]
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked["code_challenge"] == digest
    assert len(asked["nonce"]) >= 32


@pytest.mark.parametrize("acr", ["loa-low", None, 4])
async def test_a_login_of_a_level_we_do_not_accept_is_refused(stage: Stage, browser: Browser, acr: object) -> None:
    await stage.person(PID)
    await stage.knows("weak", pid=PID, **({"acr": acr} if acr else {}))
    back = await browser.log_in("weak")
    assert back.status_code == 403
    assert browser.cookie() is None


async def test_a_provider_without_levels_is_let_in_only_where_the_settings_say_so(
    stage: Stage, browser: Browser
) -> None:
    await stage.person(PID)
    await stage.knows("levelless", pid=PID)
    assert (await browser.log_in("levelless", "/login/silent")).status_code == 303
    assert (browser.session().acr, browser.session().level) == ("", "login")


async def test_nobody_unknown_comes_in_and_the_page_does_not_say_who_exists(stage: Stage, browser: Browser) -> None:
    await stage.person(PID)
    await stage.person("19800101-1111", active=False)
    for _ in range(2):
        await stage.person("19700101-2222")
    answers = set()
    for pid in ("19990101-9999", "19800101-1111", "19700101-2222"):
        await stage.knows("somebody", pid=pid, acr=SUBSTANTIAL)
        back = await browser.log_in("somebody")
        assert back.status_code == 403
        answers.add(back.text)
    await stage.knows("nameless", acr=SUBSTANTIAL)
    answers.add((await browser.log_in("nameless")).text)
    assert len(answers) == 1
    assert browser.cookie() is None


async def test_the_same_number_in_another_municipality_is_another_person_or_nobody(
    stage: Stage, browser: Browser
) -> None:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    assert (await browser.log_in("anna", "/login/elsewhere")).status_code == 403
    there = await stage.person(PID, OTHER_TOWN)
    assert (await browser.log_in("anna", "/login/elsewhere")).status_code == 303
    assert browser.session().person_id == there


async def test_an_address_counts_only_when_the_provider_has_verified_it(stage: Stage, browser: Browser) -> None:
    await stage.person("a@b.example", kind="email")
    await stage.knows("mail", email="A@b.example", acr=SUBSTANTIAL)
    assert (await browser.log_in("mail", "/login/by-mail")).status_code == 403
    await stage.knows("mail", email="A@b.example", email_verified=True, acr=SUBSTANTIAL)
    assert (await browser.log_in("mail", "/login/by-mail")).status_code == 303


async def test_a_sensitive_page_asks_for_a_stronger_login_which_gives_a_new_session(
    stage: Stage, at_home: Browser
) -> None:
    before, old = at_home.session(), at_home.cookie()
    sent = await at_home.get("/sensitive")
    assert sent.headers["location"] == f"{PORTAL}/step-up?next=%2Fsensitive"
    assert "/step-up?go=true&amp;next=/sensitive" in (await at_home.get(sent.headers["location"])).text
    asked = question((await at_home.get("/step-up?go=true&next=/sensitive")).headers["location"])
    assert (asked["acr_values"], asked["prompt"]) == (HIGH, "login")
    assert (await at_home.log_in("anna", "/step-up?go=true&next=/sensitive")).status_code == 403
    await stage.knows("anna", pid=PID, acr=HIGH)
    back = await at_home.log_in("anna", "/step-up?go=true&next=/sensitive")
    assert back.headers["location"] == "/sensitive"
    assert (await at_home.get("/sensitive")).text == f"{before.person_id} {HIGH}"
    assert at_home.session().session_id != before.session_id
    replayed = await stage.browser(str(old)).get("/preferences")
    assert replayed.status_code == 303


async def test_somebody_else_cannot_lend_their_stronger_login(stage: Stage, at_home: Browser) -> None:
    await stage.person("19750505-1234")
    await stage.knows("boss", pid="19750505-1234", acr=HIGH)
    before = at_home.session()
    assert (await at_home.log_in("boss", "/step-up?go=true&next=/sensitive")).status_code == 403
    assert at_home.session() == before


async def test_who_logs_in_strongly_at_once_is_not_asked_again(stage: Stage, browser: Browser) -> None:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=HIGH)
    await browser.log_in("anna")
    assert (await browser.get("/sensitive")).status_code == 200


async def test_logging_out_ends_the_session_here_and_then_at_the_provider(stage: Stage, at_home: Browser) -> None:
    old = str(at_home.cookie())
    sealed = await stored_proof(stage)
    assert sealed is not None
    assert not sealed.startswith("eyJhbGciOiJSUzI1NiI")
    page = await at_home.post("/logout")
    there = page.headers["refresh"].removeprefix("0; url=")
    assert urlsplit(there).netloc == urlsplit(stage.issuer).netloc
    assert question(there)["post_logout_redirect_uri"] == f"{PORTAL}/logged-out"
    assert question(there)["id_token_hint"].count(".") == 2
    assert at_home.cookie() is None
    assert (await at_home.get("/logged-out")).status_code == 200
    replay = await stage.browser(old).get("/preferences")
    assert (replay.status_code, urlsplit(replay.headers["location"]).path) == (303, "/login")
    assert await stored_proof(stage) is None


async def test_a_cookie_that_was_due_for_a_new_time_does_not_undo_a_logout(stage: Stage, at_home: Browser) -> None:
    token = (await at_home.get("/preferences")).text.split(" ")[-1]
    stage.clock.advance(timedelta(minutes=5))
    page = await at_home.client.post("/logout", data={"csrf": token})
    assert len(page.headers.get_list("set-cookie")) == 1
    assert at_home.cookie() is None


async def stored_proof(stage: Stage) -> str | None:
    async with stage.kit.sessions() as db:
        proof: str | None = (await db.execute(select(table_of(Login).c.id_token))).scalar_one()
    return proof


async def test_logging_out_works_while_the_provider_is_away(stage: Stage, at_home: Browser) -> None:
    stage.door.clients["e-id"] = stage.door.clients["away"]
    old = str(at_home.cookie())
    page = await at_home.post("/logout")
    assert (page.status_code, "refresh" in page.headers) == (200, False)
    assert (await stage.browser(old).get("/preferences")).status_code == 303


async def test_nobody_is_logged_out_by_another_site(stage: Stage, at_home: Browser) -> None:
    forged = await at_home.client.post("/logout")
    assert forged.status_code == 403
    assert (await at_home.get("/preferences")).status_code == 200


async def test_an_answer_with_another_state_or_in_another_browser_is_refused(stage: Stage, browser: Browser) -> None:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    back = await browser.way_back("anna", "/login/e-id")
    assert (await stage.browser().get(back)).status_code == 400
    state = question(back)["state"]
    for other in ("x" + state, state[:-1] + "!", state[:12], ""):
        assert (await browser.get(back.replace(state, other))).status_code == 400
    assert (await browser.get(back.replace("/callback/e-id", "/callback/elsewhere"))).status_code == 400
    assert browser.cookie() is None


async def test_an_answer_counts_once_even_with_every_cookie_put_back(stage: Stage, browser: Browser) -> None:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    back = await browser.way_back("anna", "/login/e-id")
    thief = stage.browser()
    thief.client.cookies.update(dict(browser.client.cookies))
    assert (await browser.get(back)).status_code == 303
    assert (await browser.get(back)).status_code == 400
    assert (await thief.get(back)).status_code == 400
    assert thief.cookie() is None


async def test_a_login_that_took_longer_than_ten_minutes_begins_again(stage: Stage, browser: Browser) -> None:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    back = await browser.way_back("anna", "/login/e-id")
    stage.clock.advance(timedelta(minutes=11))
    assert (await browser.get(back)).status_code == 400


async def test_a_code_of_one_login_cannot_be_slipped_into_another(stage: Stage, browser: Browser) -> None:
    """The proof carries the nonce of the login it was made for."""
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    victim = stage.browser()
    stolen = question(await browser.way_back("anna", "/login/e-id"))["code"]
    asked = question((await victim.get("/login/e-id")).headers["location"])
    answer = await victim.get(f"/login/callback/e-id?code={stolen}&state={asked['state']}")
    assert (answer.status_code, victim.cookie()) == (400, None)


async def test_a_proof_signed_in_a_way_we_do_not_accept_is_refused(stage: Stage, browser: Browser) -> None:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    assert (await browser.log_in("anna", "/login/odd-keys")).status_code == 400
    assert browser.cookie() is None


async def test_whoever_says_no_at_the_provider_gets_a_page_that_helps(stage: Stage, browser: Browser) -> None:
    back = await browser.get(await browser.way_back("", "/login/e-id", action="deny"))
    assert back.status_code == 403
    assert "/login/e-id" in back.text


async def test_a_provider_that_is_away_or_does_not_exist_gives_a_page_that_helps(browser: Browser) -> None:
    assert (await browser.get("/login/away")).status_code == 503
    assert (await browser.get("/login/nowhere")).status_code == 404


@pytest.mark.parametrize(
    "evil",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/%5Cevil.example", "/%2F/evil.example", "/\t/x"],
)
async def test_nobody_is_sent_to_another_site_after_the_login(stage: Stage, browser: Browser, evil: str) -> None:
    await stage.person(PID)
    await stage.knows("anna", pid=PID, acr=SUBSTANTIAL)
    back = await browser.log_in("anna", f"/login/e-id?next={quote(evil, safe='')}")
    assert back.headers["location"] == "/"
    assert (await browser.get(f"/login?next={quote(evil, safe='')}")).headers["location"] == "/"


async def test_a_path_of_another_service_leads_to_where_that_service_is(stage: Stage, at_home: Browser) -> None:
    stage.door.settings = stage.door.settings.model_copy(update={"elsewhere": {"/registry": "http://127.0.0.1:8001"}})
    assert (await at_home.get("/login?next=/registry/x")).headers["location"] == "http://127.0.0.1:8001/registry/x"
    assert (await at_home.get("/login?next=/registryx")).headers["location"] == "/registryx"


async def test_a_session_that_is_used_lives_on_but_not_for_ever(stage: Stage, at_home: Browser) -> None:
    for _ in range(19):
        stage.clock.advance(timedelta(minutes=25))
        assert (await at_home.get("/preferences")).status_code == 200
    stage.clock.advance(timedelta(minutes=25))
    assert (await at_home.get("/preferences")).status_code == 303


async def test_a_session_nobody_uses_is_over_and_a_stream_does_not_count_as_use(stage: Stage, at_home: Browser) -> None:
    stage.clock.advance(timedelta(minutes=20))
    cookie = at_home.cookie()
    await at_home.get("/", headers={"accept": "text/event-stream"})
    assert at_home.cookie() == cookie
    stage.clock.advance(timedelta(minutes=11))
    assert (await at_home.get("/preferences")).status_code == 303


async def test_what_was_typed_when_the_session_ended_is_kept_shown_and_sent_after_the_login(
    stage: Stage, at_home: Browser
) -> None:
    token = (await at_home.get("/preferences")).text.split(" ")[-1]
    stage.clock.advance(timedelta(minutes=31))
    late = await at_home.client.post("/preferences", data={"csrf": token, "text": "Quiet <after> eight"})
    assert late.headers["location"].startswith(f"{PORTAL}/login?next=%2Fdraft")
    assert stage.sent == []
    back = await at_home.log_in("anna", f"/login/e-id?{urlsplit(late.headers['location']).query}")
    shown = await at_home.get(back.headers["location"])
    assert "Quiet &lt;after&gt; eight" in shown.text
    onward = await at_home.post("/draft/send", draft_path="/preferences", text="Quiet <after> eight")
    assert (onward.status_code, onward.headers["location"]) == (307, "/preferences")
    assert (await at_home.post("/preferences", text="Quiet <after> eight")).status_code == 303
    assert [sent["text"] for sent in stage.sent] == ["Quiet <after> eight"]
    assert (await at_home.get(back.headers["location"])).status_code == 303


async def test_a_draft_is_shown_to_nobody_else_and_can_be_thrown_away(stage: Stage, at_home: Browser) -> None:
    token = (await at_home.get("/preferences")).text.split(" ")[-1]
    stage.clock.advance(timedelta(minutes=31))
    await at_home.client.post("/preferences", data={"csrf": token, "text": "mine alone"})
    await stage.person("19750505-1234")
    await stage.knows("other", pid="19750505-1234", acr=SUBSTANTIAL)
    other = stage.browser()
    await other.log_in("other")
    assert (await other.get("/draft?path=/preferences")).status_code == 303
    await at_home.log_in("anna")
    assert (await at_home.post("/draft/discard", draft_path="/preferences")).status_code == 303
    assert await drafts(stage) == []


async def test_nothing_is_kept_of_a_form_that_is_forged_too_big_or_of_a_session_that_was_ended(
    stage: Stage, at_home: Browser
) -> None:
    token = (await at_home.get("/preferences")).text.split(" ")[-1]
    cookie = str(at_home.cookie())
    stage.clock.advance(timedelta(minutes=31))
    for form in ({"text": "no token"}, {"csrf": "0" * 64, "text": "x"}, {"csrf": token, "text": "x" * 60_000}):
        late = await at_home.client.post("/preferences", data=form)
        assert late.headers["location"] == f"{PORTAL}/login?next=%2F"
    await stage.door.opened.end(at_home.session())
    ended = await stage.browser(cookie).client.post("/preferences", data={"csrf": token, "text": "x"})
    assert ended.status_code == 303
    assert await drafts(stage) == []


async def drafts(stage: Stage) -> list[str]:
    async with stage.kit.sessions() as db:
        return list((await db.scalars(select(table_of(Draft).c.fields))).all())


async def test_a_cookie_that_was_changed_or_that_others_signed_is_nobody(stage: Stage, at_home: Browser) -> None:
    cookie = str(at_home.cookie())
    middle = len(cookie) // 3
    changed = cookie[:middle] + ("A" if cookie[middle] != "A" else "B") + cookie[middle + 1 :]
    settings_of(stage.kit, session_key=SecretStr("t" * 40))
    others = Sessions(stage.kit.settings).seal(at_home.session())
    for bad in (changed, others, cookie[:-2], "", "x" * 5000):
        assert (await stage.browser(bad).get("/preferences")).status_code == 303


async def test_a_session_the_portal_never_began_is_nobody_even_with_our_signature(stage: Stage) -> None:
    session = stage.door.sessions.begin(uuid4(), uuid4(), "e-id", SUBSTANTIAL)
    sealed = stage.door.sessions.seal(session)
    assert (await stage.browser(sealed).get("/preferences")).status_code == 303


async def test_a_form_without_its_token_with_a_wrong_one_or_another_sessions_changes_nothing(
    stage: Stage, at_home: Browser
) -> None:
    other = stage.browser()
    await other.log_in("anna")
    theirs = (await other.get("/preferences")).text.split(" ")[-1]
    mine = (await at_home.get("/preferences")).text.split(" ")[-1]
    for fields in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": theirs}, {"csrf": "ö"}):
        assert (await at_home.client.post("/preferences", data={**fields, "text": "x"})).status_code == 403
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        forged = await at_home.client.post("/preferences", data={"csrf": mine, "text": "x"}, headers=headers)
        assert forged.status_code == 403
    assert stage.sent == []
    assert (await at_home.post("/preferences", text="x")).status_code == 303
    assert len(stage.sent) == 1


async def test_whoever_asks_too_often_waits_and_others_do_not(stage: Stage, at_home: Browser) -> None:
    statuses = [(await at_home.get("/preferences")).status_code for _ in range(260)]
    assert (statuses[0], statuses[-1]) == (200, 429)
    refused = await at_home.get("/preferences")
    assert int(refused.headers["retry-after"]) >= 1
    other = stage.browser()
    assert (await other.get("/")).status_code == 200
    tries = [(await other.get("/login/nowhere")).status_code for _ in range(130)]
    assert (tries[0], tries[-1]) == (404, 429)


async def test_cookies_are_held_to_this_host_and_to_https_where_people_reach_us_by_it(stage: Stage) -> None:
    settings_of(stage.kit, portal_url="https://skolbro.example")
    https = Stage(stage.kit, stage.issuer, stage.settings)
    begun = await https.browser().get("/login/e-id")
    said = begun.headers["set-cookie"]
    assert said.startswith("__Host-skolbro-login-")
    for flag in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert flag in said
    assert "domain" not in said.lower()


async def test_without_keys_no_door_is_opened(stage: Stage) -> None:
    for missing in (
        {"session_key": None},
        {"login_key": None},
        {"session_key": SecretStr("short")},
    ):
        settings_of(stage.kit, **missing)
        with pytest.raises(SkolbroError, match="SKOLBRO_"):
            Stage(stage.kit, stage.issuer, stage.settings)
