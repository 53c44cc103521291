"""Schemathesis against every service: what their OpenAPI says holds, and no page breaks, whoever asks.

Pages are not in the services' own OpenAPI; for the attack one is made here with all routes in it. The services are
real, over HTTP, on a real database. The seed is fixed, so that a red run is red again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from deploy.embedded.postgres import Postgres
from shared.clock import ManualClock
from shared.kit import Kit, make_kit
from tests.connected.attack_browser import Browser, Cookie
from tests.connected.attack_stage import World, a_world, apps_on
from tests.portal_stage import TEN

pytestmark = pytest.mark.connected
EXAMPLES = 4
ENDLESS, ENDS_IT = ("changes",), ("/logout",)  # a stream that never ends; the end of the session that attacks
PROGRAM = {"accept": "application/json"}
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
SERVICES = ("portal", "registry", "scheduling", "absence", "bulletins", "notifications")
WITH_PAGES = (*SERVICES[:3], "bulletins", "notifications")
WHO = ("nobody", "guardian_a", "officer", "mentor", "principal")
WHO_TALKS = WHO[3:]  # who has no more to open elsewhere than the others do


@dataclass
class Running:
    """Every service, answering over HTTP, and cookies of people in two of them."""

    world: World
    apps: dict[str, FastAPI]
    addresses: dict[str, str]
    cookies: dict[str, Cookie | None]


@pytest.fixture(scope="module")
async def running(postgres: Postgres) -> AsyncIterator[Running]:
    world = await a_world(postgres, ManualClock(TEN))
    browser = Browser(world)
    cookies = {name: await browser.cookie(world.who[name]) for name in WHO if name != "nobody"}
    apps, kits = _apps(world)
    with _serving(apps) as addresses:
        yield Running(world, apps, addresses, {"nobody": None, **cookies})
    for kit in kits:
        await kit.close()
    await world.close()


def _apps(world: World) -> tuple[dict[str, FastAPI], list[Kit]]:
    """The apps on engine rooms of their own: theirs is another event loop."""
    kits = {name: _again(kit) for name, kit in world.kits.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKOLBRO_DEMO", "true")  # notifications wants a secret otherwise
        bare = {name: import_module(f"services.{name}.main").create_app() for name in SERVICES if name not in kits}
    return {**apps_on(kits), **bare}, list(kits.values())


def _again(kit: Kit) -> Kit:
    own = make_kit(kit.service, kit.tables, kit.settings, kit.own)
    own.clock, own.cluster = kit.clock, kit.cluster
    return own


@contextmanager
def _serving(apps: dict[str, FastAPI]) -> Iterator[dict[str, str]]:
    """The apps on free ports of this machine, in a thread each. Their readers are not begun."""
    servers, threads = {}, []
    for name, app in apps.items():
        config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", access_log=False)
        servers[name] = server = uvicorn.Server(config)
        threads.append(threading.Thread(target=server.run, daemon=True))
        threads[-1].start()
    until = time.monotonic() + 20
    while not all(server.started for server in servers.values()):
        assert time.monotonic() < until, "a service did not answer"
        time.sleep(0.02)
    ports = {name: server.servers[0].sockets[0].getsockname()[1] for name, server in servers.items()}
    try:
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        for server in servers.values():
            server.should_exit = True
        for thread in threads:
            thread.join(10)


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI of all routes of an app, also of those that are not in its own."""
    routes = [route for route in iter_route_contexts(app.routes) if isinstance(route.original_route, APIRoute)]
    hidden = [route for route in routes if not route.include_in_schema]
    for route in hidden:
        route._effective_route.include_in_schema = True  # type: ignore[union-attr]
    try:
        return get_openapi(title="every route", version="1", routes=routes)
    finally:
        for route in hidden:
            route._effective_route.include_in_schema = False  # type: ignore[union-attr]


def attack(
    spec: dict[str, Any], address: str, cookie: Cookie | None, wanted: list[Any], headers: dict[str, str] | None = None
) -> int:
    """Send examples that fit the OpenAPI and such that do not, to each operation; how many answers were checked."""
    count = 0

    def send(case: Any) -> None:
        nonlocal count
        count += 1
        sent = {**(headers or {}), **({"cookie": cookie.header} if cookie else {})}
        if cookie and isinstance(case.body, dict):
            case.body["csrf"] = cookie.csrf
        case.validate_response(_answer(case, address, sent), checks=wanted)

    schema: Any = schemathesis.openapi.from_dict(spec)
    for found in schema.get_all_operations():
        operation = found.ok()
        if (cookie and operation.path.endswith((*ENDLESS, *ENDS_IT))) or operation.path == "/health/ready":
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _examples(operation.as_strategy(generation_mode=mode), send)
    return count


def _answer(case: Any, address: str, headers: dict[str, str]) -> Any:
    """What the server says. A server may reset the connection of a request it has refused unread (an address of 50 kB):
    that is asked once more."""
    asked = {"base_url": address, "headers": headers, "allow_redirects": False, "timeout": 20}
    try:
        return case.call(**asked)
    except OSError:
        return case.call(**asked)


def _examples(cases: Any, send: Any) -> None:
    usual: Any = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        with_cases: Any = given(cases)
        seeded: Any = seed(3)
        seeded(usual(with_cases(send)))()
    except Unsatisfiable:
        return  # an operation without parameters has no way to be asked wrongly


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_keeps_what_its_openapi_says(running: Running, service: str) -> None:
    spec, address = running.apps[service].openapi(), running.addresses[service]
    tokens: tuple[dict[str, str], ...] = ({}, {"Authorization": "Bearer here"}, {"Authorization": "Bearer wrong"})
    counts = [attack(spec, address, None, CHECKS, {**PROGRAM, **token}) for token in tokens]
    assert bool(spec["paths"]) == (service in ("registry", "scheduling"))
    assert all(counts) == (service in ("registry", "scheduling"))


def test_who_books_by_a_program_gets_what_the_openapi_says(running: Running) -> None:
    """With a session and its token in the header: what is free, and bookings that are made up."""
    cookie = running.cookies["guardian_a"]
    assert cookie
    spec = running.apps["scheduling"].openapi()
    assert set(spec["paths"]) == {"/talks/api/free", "/talks/api/bookings"}
    assert attack(spec, running.addresses["scheduling"], cookie, CHECKS, {**PROGRAM, "x-csrf": cookie.csrf})


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("who", WHO)
def test_no_page_breaks_whoever_asks_for_whatever(running: Running, service: str, who: str) -> None:
    spec = openapi_of(running.apps[service])
    assert len(spec["paths"]) >= {"portal": 10, "scheduling": 50}.get(service, 3)
    if who == "nobody" or service == "scheduling" or (service in WITH_PAGES and who not in WHO_TALKS):
        assert attack(spec, running.addresses[service], running.cookies[who], [checks.not_a_server_error])
