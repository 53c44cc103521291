"""Odd requests: other methods, crooked paths and headers, bytes that are no text. Never a fault, never a way round."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from deploy.embedded.postgres import Postgres
from services.portal.main import app_on as portal_on
from services.portal.settings import PortalSettings
from shared.clock import ManualClock
from shared.web.csrf import form_checked
from shared.web.session import a_session
from tests.connected.attack_answers import RECIPES
from tests.connected.attack_browser import Browser, Cookie, routes_of
from tests.connected.attack_recipes import MACHINES, OPEN
from tests.connected.attack_stage import World, a_world, marks
from tests.portal_stage import TEN

pytestmark = pytest.mark.connected
METHODS = ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "QUERY")
LONG = "a" * 70_000
# Anybody may open these: no session is asked for, each for its own reason.
WITHOUT_SESSION = (
    {path for _, _, path in OPEN}
    | {path for _, _, path in MACHINES}
    | {"/calendar/{secret}.ics", "/talks/check/{check_in_id}", "/logout"}
    | {"/bulletins/read/{token}", "/unsubscribe/{token}"}
)
WITHOUT_SESSION -= {"/step-up"}
# Forms without the session's token, and what stands in its place.
WITHOUT_TOKEN = {
    "/language": "sets a cookie of its own; asks for the same origin",
    "/logout": "asks for the token itself when there is a session to end",
    "/demo/step-in": "a demo only; nobody is logged in yet; asks for the same origin",
    "/attendances": "a program with a bearer token; no cookie counts",
    "/absences": "a program with a bearer token; no cookie counts",
    "/attendances/{row_id}": "a program with a bearer token; no cookie counts",
    "/webhook/{source}": "a program with a key; rings a bell",
    "/talks/check/{check_in_id}": "the link is the secret, nobody is logged in; asks for the same origin",
    "/bulletins/read/{token}": "the link is the secret, nobody is logged in; asks for the same origin",
    "/unsubscribe/{token}": "the link is the secret; a mail program sends it, which has no page of ours (RFC 8058)",
    "/callbacks/sms/{provider}/{delivery_id}": "a provider with a signature or a password; no cookie counts",
    "/talks/api/bookings": "JSON; the token travels in a header (json_checked)",
}
# Of all that is odd every fifth is sent to each form and page of a service that has many; in all of them together all.
EVERY = {"portal": 1, "registry": 1, "scheduling": 5, "bulletins": 20, "notifications": 10}
DEMO = {("GET", "/demo/people"), ("GET", "/live"), ("GET", "/live/changes")}
DEMO |= {("POST", "/demo/step-in"), ("POST", "/demo/step-up")}


@pytest.fixture(scope="module")
async def world(postgres: Postgres) -> AsyncIterator[World]:
    made = await a_world(postgres, ManualClock(TEN))
    yield made
    await made.close()


@pytest.fixture(scope="module")
def browser(world: World) -> Browser:
    return Browser(world)


@dataclass(frozen=True)
class Raw:
    """A request as bytes, as a client that keeps no rules would send it."""

    path: str
    method: str = "GET"
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


async def sent(app: FastAPI, raw: Raw, cookie: Cookie | None) -> tuple[int, str]:
    """Send it past every client's tidying; its status, and headers and body as text."""
    headers = list(raw.headers)
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", b"127.0.0.1:8000"))
    if cookie:
        headers.append((b"cookie", cookie.header.encode()))
    scope: dict[str, Any] = {"type": "http", "method": raw.method, "path": raw.path, "query_string": raw.query}
    scope |= {"headers": headers, "scheme": "http", "root_path": "", "http_version": "1.1"}
    scope |= {"raw_path": raw.path.encode("utf-8", "replace"), "server": ("portal", 80), "client": ("127.0.0.1", 1)}
    said, status, asked = b"", 0, iter([{"type": "http.request", "body": raw.body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(asked, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        nonlocal said, status
        status = message.get("status", status)
        said += message.get("body", b"") + b"".join(one + b":" + two for one, two in message.get("headers", ()))

    await app(scope, receive, send)
    return status, said.decode("utf-8", "replace")


def foreign(world: World, name: str, service: str) -> list[str]:
    """The planted strings that this person may not read there."""
    viewer = world.who[name]
    return [secret for secret, knowing in world.secrets(service) if viewer not in knowing]


async def test_other_methods_are_refused_everywhere(world: World, browser: Browser) -> None:
    cookie, wrong, count = await browser.cookie(world.who["guardian_a"]), [], 0
    for service, app in world.apps.items():
        strange = foreign(world, "guardian_a", service)
        paths = {path for method, path in routes_of(app) if method != "MOUNT"}
        for path in paths:
            for method in METHODS:
                if (method, path) in routes_of(app):
                    continue
                count += 1
                filled = _filled(world, path)
                status, said = await sent(app, Raw(filled, method), cookie)
                leaked = [one for one in strange if one in said and one not in filled]
                if leaked or (status not in (404, 405) and not (path == "/openapi.json" and status == 200)):
                    wrong.append((method, path, status, leaked))
    assert not wrong, "\n".join(map(str, wrong))
    assert count > 800


def crooked(path: str) -> list[str]:
    """The same path as somebody writes it who looks for a gap in a check of paths."""
    tail = path.rsplit("/", 1)[1]
    return [
        f"/{path}",
        f"{path}/",
        f"/.{path}",
        f"/static/..{path}",
        f"/static/%2e%2e{path}",
        f"/static/../{path}",
        f"/health/..{path}",
        f"/health/%2e%2e{path}",
        f"/metrics/..{path}",
        f"/login/..{path}",
        path.upper(),
        path.replace(tail, tail.upper()),
        path.replace(tail, f"{{{tail}}}"),
        path.replace(tail, f"urn:uuid:{tail}"),
        path.replace(tail, tail.replace("-", "")),
        f"{path}\x00",
        f"{path}%00",
        f"{path}\n",
        f"{path}\t",
        f"{path};x",
        f"{path}.ics",
        f"{path}#x",
        f"{path}\\..",
        f"{path}\ufffd",
        f"{path}/{LONG}",
        f"\\{path}",
    ]


async def test_a_crooked_path_leads_nowhere_else(world: World, browser: Browser) -> None:
    """Whatever way it is written: a stranger gets nothing, nobody gets nothing, and no path breaks the page."""
    s = world.here
    cookie = await browser.cookie(world.who["stranger"])
    things = world.town.things
    paths: tuple[str, ...] = (
        f"/n/{s.notice_1}",
        f"/pupil/{s.child_1}",
        f"/duty/{s.duty_1}",
        f"/school/{s.school_1}",
        "/home",
    )
    paths += (f"/class/{s.class_1}", "/municipality", "/draft", "/registry/quarantine", "/calendar/x", "/attendances/x")
    talks: tuple[str, ...] = ("/talks", "/talks/rounds", f"/talks/{things['coming'][0].id}", "/meetings")
    talks += (f"/talks/pupil/{s.child_1}/adaptations", f"/talks/commitments/{things['commitment'][0].id}")
    talks += (f"/talks/rounds/{things['round'][0].id}", f"/talks/{things['held'][0].id}/plan.pdf")
    wrong = []
    for service, app in world.apps.items():
        strange = foreign(world, "stranger", service)
        for path in talks if service == "scheduling" else paths:
            for twisted in crooked(path):
                for who in (cookie, None):
                    status, said = await sent(app, Raw(twisted), who)
                    leaked = [one for one in strange if one in said and one not in twisted]
                    leaked += (
                        [marks(world.who["stranger"])[0]]
                        if who is None and marks(world.who["stranger"])[0] in said
                        else []
                    )
                    if status >= 500 or leaked:
                        wrong.append((twisted[:120], status, leaked))
    assert not wrong, "\n".join(map(str, wrong))


HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-forwarded-for", b"127.0.0.1, ::1"),
    (b"forwarded", b"for=127.0.0.1;host=evil.example;proto=https"),
    (b"x-forwarded-host", b"evil.example"),
    (b"x-forwarded-prefix", b"/static"),
    (b"x-original-url", b"/health/live"),
    (b"x-rewrite-url", b"/health/live"),
    (b"x-http-method-override", b"POST"),
    (b"x-http-method", b"DELETE"),
    (b"host", b"evil.example"),
    (b"host", b"x/static/"),
    (b"host", b"[::"),
    (b"host", b"\xff\xfe"),
    (b"host", b""),
    (b"origin", b"http://[::"),
    (b"origin", b"\xff"),
    (b"sec-fetch-site", b"\xff"),
    (b"referer", b"http://[::"),
    (b"accept", b"text/event-stream"),
    (b"accept", b"application/json"),
    (b"accept-language", b"\xff;q=\xff,sv;q=nan,*;q=-1"),
    (b"accept-language", b"x" * 20_000),
    (b"cookie", b"skolbro=\xff\xfe; skolbro_language=\xff"),
    (b"cookie", b"skolbro=" + b"a" * 8000),
    (b"cookie", b"skolbro=.....; =; ;;;"),
    (b"authorization", b"Bearer \xff"),
    (b"authorization", b"Bearer "),
    (b"if-none-match", b"*"),
    (b"range", b"bytes=0-1,5-"),
    (b"content-length", b"-1"),
    (b"content-type", b"multipart/form-data"),
    (b"content-type", b"multipart/form-data; boundary="),
    (b"content-type", b"application/x-www-form-urlencoded; charset=nonsense"),
    (b"content-type", b"application/json; charset=\xff"),
)
QUERIES: tuple[bytes, ...] = (
    b"\xff\xfe",
    b"path=%00",
    b"path=%ff",
    b"next=%00",
    b"next=//evil.example",
    b"page=%00",
    b"page=" + b"9" * 400,
)
QUERIES += (b"pupil=%00", b"span=%00&day=%00", b"day=9999-12-31&span=year", b"day=0001-01-01&span=week", b"name=%00")
QUERIES += (b"from=9999-12-31&to=9999-12-31", b"from=0001-01-01&to=0001-01-01", b"class=%00", b"status=%00")
QUERIES += (b"state=%ff&code=%00&error=%00", b"done=%00", b"&&&=&=", b"page=-1", b"go=true", b"key=%ff%00")
BODIES: tuple[bytes, ...] = (
    b"",
    b"\xff\xfe\x00",
    b"csrf=%00",
    b"act=%00&csrf=%ff",
    b"draft_path=%00",
    b"language=%00&next=%00",
    b"{",
    b"[]",
)
BODIES += (b'{"a": ' * 5000, b"note=%00&decision=release", b"--x\r\n", b"&" * 2000, b"language=" + b"a" * 50_000)


@pytest.mark.timeout(600)
async def test_odd_headers_queries_and_bodies_break_nothing_and_open_nothing(world: World, browser: Browser) -> None:
    wrong, count = [], 0
    officer = await browser.cookie(world.who["officer"])
    for service, app in world.apps.items():
        strange = foreign(world, "officer", service)
        for number, (method, path) in enumerate(sorted(routes_of(app))):
            if method == "MOUNT" or path.endswith("changes") or path in ("/logout", "/metrics"):
                continue
            filled = _filled(world, path)
            odd = [Raw(filled, method, headers=(one,)) for one in HEADERS]
            odd += [Raw(filled, method, query=one) for one in QUERIES]
            if method == "POST":
                kinds = (b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"application/json")
                token = b"csrf=" + officer.csrf.encode() + b"&"
                odd += [
                    Raw(filled, method, body=start + one, headers=((b"content-type", kind),))
                    for one in BODIES
                    for kind in kinds
                    for start in (b"", token)
                    if not (start and kind != kinds[0])
                ]
            for raw in odd[number % EVERY[service] :: EVERY[service]]:
                count += 1
                status, said = await sent(app, raw, officer)
                leaked = [one for one in strange if one in said and one not in filled]
                if leaked or (status >= 500 and path != "/health/ready"):
                    wrong.append((service, method, path, raw.query[:40], raw.headers, raw.body[:40], status, leaked))
    assert not wrong, "\n".join(map(str, wrong))
    assert count > 2000


def _filled(world: World, path: str) -> str:
    s = world.here
    ids: dict[str, object] = {"notification_id": s.notice_1, "group_id": s.class_1, "pupil_id": s.child_1}
    ids |= {"school_id": s.school_1, "duty_id": s.duty_1, "secret": "x" * 43, "provider": "e-id", "source": "brohamn"}
    ids |= {"entry_id": s.duty_2, "row_id": s.duty_2, "check_in_id": s.duty_2}
    kinds = {"talk": "coming", "interpreter": "interpreter", "block": "block", "offer": "offer", "meeting": "meeting"}
    kinds |= {"round": "round", "proposal": "proposal", "hold": "hold", "commitment": "commitment"}
    ids |= {f"{name}_id": world.town.things[kind][0].id for name, kind in kinds.items()}
    letters = {"bulletin": "bulletin", "thread": "thread", "message": "message", "feedback": "feedback"}
    ids |= {f"{name}_id": world.letters.things[kind][0].id for name, kind in letters.items()}
    ids |= {"attachment_id": world.letters.things["bulletin"][0].more["files"][0], "kind": "talk_booked"}
    ids |= {"file_id": world.letters.things["message"][0].more["file"], "token": "x" * 60}
    ids |= {"delivery_id": world.letters.things["text"][0].id}
    return path.format(**ids)


async def test_a_session_in_a_service_that_cannot_ask_the_portal_is_not_prolonged(
    world: World, browser: Browser
) -> None:
    """Or a cookie stolen from somebody who has logged out would work for hours (docs/decisions/0013)."""
    session = browser.sessions.begin(world.who["officer"], world.here.tenant, "test", "strong", level="step_up")
    lately = replace(
        session, began_at=session.began_at - timedelta(minutes=5), seen_at=session.seen_at - timedelta(minutes=5)
    )
    cookie = Cookie(f"{browser.sessions.cookie}={browser.sessions.seal(lately)}", "", None)
    status, said = await sent(world.registry, Raw("/registry/sources"), cookie)
    assert status == 200
    assert "set-cookie" not in said.lower()


def _asked(dependant: Dependant) -> set[object]:
    """Everything that is called before a route answers."""
    found: set[object] = set()
    for one in dependant.dependencies:
        found |= {one.call} | _asked(one)
    return found


def _guards(app: FastAPI) -> dict[tuple[str, str], set[object]]:
    """For each method and path: what is asked before."""
    found: dict[tuple[str, str], set[object]] = {}
    for route in iter_route_contexts(app.routes):
        dependant: Dependant | None = getattr(route, "dependant", None)
        for method in route.methods or ():
            if method != "HEAD":
                found[method, str(route.path)] = _asked(dependant) if dependant else set()
    return found


@pytest.fixture(scope="module")
def guards(world: World) -> dict[tuple[str, str], set[object]]:
    """Of every app with pages, the demo's portal too."""
    kit = replace(world.here.kit)
    kit.settings = kit.settings.model_copy(update={"demo": True, "session_key": SecretStr("k" * 40)})
    demo = portal_on(kit, PortalSettings())
    assert routes_of(demo) - routes_of(world.portal) == DEMO
    found = _guards(demo)
    for app in world.apps.values():
        found |= _guards(app)
    return found


def test_every_page_asks_for_a_session(guards: dict[tuple[str, str], set[object]]) -> None:
    free = WITHOUT_SESSION | {path for _, path in DEMO if path != "/demo/step-up"}
    bare = {path for (_, path), asked in guards.items() if a_session not in asked}
    assert bare == free - {"/static", "/static/skolbro"}


def test_every_form_asks_for_its_token(guards: dict[tuple[str, str], set[object]]) -> None:
    bare = {path for (method, path), asked in guards.items() if method != "GET" and form_checked not in asked}
    assert bare == set(WITHOUT_TOKEN)
    assert {path for _, method, path in RECIPES if method == "POST"} - bare == {
        path for (method, path), asked in guards.items() if form_checked in asked and method == "POST"
    } - {"/demo/step-up"}
