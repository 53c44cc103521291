"""Nobody gets at what is not theirs, by any route of any service: everybody asks for everything.

The real apps, two municipalities, and planted strings (attack_stage.py). What may be asked is in attack_recipes.py,
and a route that is not there fails. Every attack has its counter-check: what is theirs is answered and shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from shared.clock import ManualClock
from shared.ids import derived_id
from tests.connected.attack_answers import RECIPES
from tests.connected.attack_browser import Browser, beginning, everything_kept, routes_of, words_of
from tests.connected.attack_recipes import MACHINES, OPEN, Ask, Route
from tests.connected.attack_stage import World, a_world, marks
from tests.portal_stage import TEN
from tests.unit.registry.rows import absence, attendance

pytestmark = pytest.mark.connected
FEWEST = 9000
LONG = 600  # seconds, on a machine that does much else
Planted = dict[str, list[tuple[str, set[UUID]]]]  # by service: strings, and who may read them there
BARE = {("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/metrics"), ("GET", "/openapi.json")}
REFUSALS = {401, 403, 404, 405, 410, 422, 429}
AWAY = re.compile(r"^(/|/registry/quarantine\?done=gone|http://127\.0\.0\.1:8000/login\?next=.*)$")
CHANGING = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f-]{27}|/draft-of-\w+|%2Fdraft-of-\w+")
BAD_COOKIES = ("expired", "ended", "unknown", "forged", "elsewhere")
ASKS_THE_DATABASE = ("ended", "unknown")  # of the portal alone (docs/decisions/0013)
# The secret is the way in there.
NO_SESSION = {"/calendar/{secret}.ics", "/talks/check/{check_in_id}", "/logout"}
NO_SESSION |= {"/bulletins/read/{token}", "/unsubscribe/{token}"}
MANY = ("scheduling", "bulletins", "notifications")  # services with so many routes that a part of the people ask
HOME_HERE = ("bulletins", "notifications")  # where a home's look at its own child is nobody's to write down


@pytest.fixture(scope="module")
async def world(postgres: Postgres) -> AsyncIterator[World]:
    made = await a_world(postgres, ManualClock(TEN))
    yield made
    await made.close()


@pytest.fixture(scope="module")
def browser(world: World) -> Browser:
    return Browser(world)


@pytest.fixture(scope="module")
def planted(world: World) -> Planted:
    return {service: list(world.secrets(service)) for service in world.apps}


def all_asks(world: World, viewer: UUID) -> Iterator[tuple[Route, Ask]]:
    for route, made in RECIPES.items():
        for ask in made(world, viewer):
            yield route, ask


def leaks(planted: list[tuple[str, set[UUID]]], viewer: UUID | None, ask: Ask, answer: httpx.Response) -> list[str]:
    """What is in the answer that this person may not read, but for what they sent themselves."""
    said = words_of(answer) + repr(answer.headers.multi_items())
    sent = ask.path + repr(ask.form) + repr(ask.json)
    return [secret for secret, knowing in planted if secret in said and viewer not in knowing and secret not in sent]


def is_refusal(answer: httpx.Response, ask: Ask) -> bool:
    if answer.status_code == 303:
        return bool(AWAY.match(answer.headers["location"]))
    return answer.status_code in REFUSALS | ask.also


def changes(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> set[tuple[str, str]]:
    """The tables in which anything is otherwise: (service, table)."""
    return {(name, table) for name, kept in before.items() for table in kept if kept[table] != after[name][table]}


async def looks(world: World) -> set[tuple[UUID, UUID | None, str]]:
    """Every look on record: who, at whom, and the entry's own id; those of other services wait in their outboxes."""
    async with world.here.kit.sessions() as db:
        rows = await db.execute(text("select viewer_id, pupil_id, entry_id::text from audit_entry"))
        found = {(row[0], row[1], row[2]) for row in rows}
    for service in ("registry", *MANY):
        async with world.kits[service].sessions() as db:
            wanted = "select value from outbox where event_type = 'pupil.looked_at.v1'"
            for value in await db.scalars(text(wanted)):
                said = json.loads(value)
                found.add((UUID(said["viewer_id"]), UUID(said["pupil_id"]), said["look_id"]))
    return found


async def test_every_route_of_every_service_has_a_recipe(world: World, postgres: Postgres) -> None:
    known = set(RECIPES) | set(OPEN) | set(MACHINES)
    assert {(name, *route) for name, app in world.apps.items() for route in routes_of(app)} == known


@pytest.mark.parametrize("service", ["absence", "bulletins", "notifications"])
def test_a_service_without_pages_answers_operators_only(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKOLBRO_DEMO", "true")  # notifications wants a secret otherwise
    assert routes_of(import_module(f"services.{service}.main").create_app()) == BARE


@pytest.mark.timeout(LONG)
async def test_everybody_gets_what_is_theirs_and_each_look_at_a_pupil_is_on_record(
    world: World, browser: Browser, planted: Planted
) -> None:
    wrong, count = list[object](), 0
    pupils, before = set(world.duties), await looks(world)
    for viewer in world.who.values():
        for (service, method, path), ask in all_asks(world, viewer):
            if not ask.theirs or method != "GET":
                continue
            count += 1
            cookie = await browser.cookie(viewer)
            if ask.stream:
                status, said = await beginning(world.portal, ask.path, cookie)
                answer = httpx.Response(status, text=said)
            else:
                answer = await browser.send(service, method, ask.path, cookie)
            said, leaked = words_of(answer), leaks(planted[service], viewer, ask, answer)
            missing = [one for one in ask.shows if one not in said]
            if answer.status_code != 200 or missing or leaked:
                wrong.append((world.name_of(viewer), path, answer.status_code, missing, leaked))
            shown = {one for one in pupils if one != viewer and any(mark in said for mark in marks(one))}
            after = await looks(world)
            noted, before = {(who, whom) for who, whom, _ in after - before}, after
            shown -= world.sees[viewer] if service in HOME_HERE or path == "/preferences" else set()
            wrong += [(world.name_of(viewer), path, "no trace") for one in shown if (viewer, one) not in noted]
    assert not wrong, "\n".join(map(str, wrong))
    assert count > 250


@pytest.mark.timeout(LONG)
async def test_nobody_gets_what_is_not_theirs(world: World, browser: Browser, planted: Planted) -> None:
    before, wrong, count = await everything_kept(world), [], 0
    for viewer in world.who.values():
        cookie = await browser.cookie(viewer)
        for (service, method, path), ask in all_asks(world, viewer):
            if ask.theirs:
                continue
            count += 1
            answer = await browser.send(service, method, ask.path, cookie, ask.form, **ask.more)
            leaked = leaks(planted[service], viewer, ask, answer)
            if leaked or not is_refusal(answer, ask):
                wrong.append((world.name_of(viewer), method, path, ask.target, answer.status_code, leaked))
    assert not wrong, "\n".join(map(str, wrong))
    assert changes(before, await everything_kept(world)) == set()
    assert count >= FEWEST


@pytest.mark.timeout(LONG)
async def test_without_a_session_that_lasts_nobody_gets_anything(
    world: World, browser: Browser, planted: Planted
) -> None:
    before, wrong, count, times = await everything_kept(world), [], 0, dict[tuple[Route, str], int]()
    for viewer in world.who.values():
        for route, ask in all_asks(world, viewer):
            service, method, path = route
            if not ask.theirs or path in NO_SESSION:
                continue
            for kind in ("nobody", *BAD_COOKIES):
                times[route, kind] = times.get((route, kind), 0) + 1
                if times[route, kind] > 4 or (service != "portal" and kind in ASKS_THE_DATABASE):
                    continue
                count += 1
                cookie = None if kind == "nobody" else await browser.cookie(viewer, kind)
                answer = await browser.send(service, method, ask.path, cookie, ask.form, **ask.more)
                leaked = leaks(planted[service], None, ask, answer)
                if leaked or not is_refusal(answer, ask):
                    wrong.append((kind, world.name_of(viewer), method, path, answer.status_code, leaked))
    assert not wrong, "\n".join(map(str, wrong))
    assert changes(before, await everything_kept(world)) == set()
    assert count > 400


async def test_what_is_not_theirs_answers_as_what_does_not_exist(world: World, browser: Browser) -> None:
    wrong, routes = [], set()
    for viewer in world.who.values():
        cookie, done = await browser.cookie(viewer), set[Route]()
        for route, ask in all_asks(world, viewer):
            again = route in done or route[0] in MANY
            if ask.theirs or not ask.target or (again and viewer.int % 3):
                continue
            done.add(route)
            routes.add(route)
            nowhere = f"/draft-of-{uuid4().hex[:12]}" if ask.target.startswith("/") else str(uuid4())
            there = await _normal(browser, route, ask, cookie)
            if there != (nothing := await _normal(browser, route, ask.instead(nowhere), cookie)):
                wrong.append((world.name_of(viewer), route, there[:2], nothing[:2]))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(routes) >= 12


async def _normal(browser: Browser, route: Route, ask: Ask, cookie: object) -> tuple[int, str, str]:
    answer = await browser.send(route[0], route[1], ask.path, cookie, ask.form, **ask.more)  # type: ignore[arg-type]
    return answer.status_code, CHANGING.sub("…", answer.headers.get("location", "")), CHANGING.sub("…", answer.text)


async def test_what_is_open_to_everybody_tells_nothing_about_anybody(
    world: World, browser: Browser, planted: Planted
) -> None:
    wrong = list[object]()
    for viewer in (None, *world.who.values()):
        cookie = await browser.cookie(viewer) if viewer else None
        for service, method, path in OPEN:
            ask = Ask(
                path.replace("{provider}", "e-id"), theirs=False, form={"language": "en"} if method == "POST" else None
            )
            answer = await browser.send(service, method.replace("MOUNT", "GET"), ask.path, cookie, ask.form)
            own = [one for one in planted[service] if viewer is None or one[0] in answer.text]
            if answer.status_code >= 500 and path != "/health/ready":
                wrong.append((viewer, path, answer.status_code))
            wrong += [(viewer, path, secret) for secret in leaks(own, viewer, ask, answer)]
    assert not wrong, "\n".join(map(str, wrong))


async def test_what_is_theirs_to_change_is_changed(world: World, browser: Browser) -> None:
    """The counter-check of all the forms above. Stands last: it changes what the others compare."""
    wrong, changed = [], set()
    for viewer in world.who.values():
        cookie = await browser.cookie(viewer)
        for route, ask in all_asks(world, viewer):
            if not ask.theirs or route[1] != "POST":
                continue
            answer = await browser.send(route[0], route[1], ask.path, cookie, ask.form, **ask.more)
            welcome = answer.status_code in (200, 201, 303) and "login" not in answer.headers.get("location", "")
            changed.add(route)
            if not welcome:
                wrong.append((world.name_of(viewer), route, ask.path, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert changed == {route for route in RECIPES if route[1] == "POST"} - {("portal", "POST", "/draft/send")}


async def test_a_registry_reaches_no_other_municipality(world: World, browser: Browser) -> None:
    """With a valid token of its own a registry can neither excuse nor accuse a pupil of another municipality."""
    pupil, lesson = world.who["child_1"], derived_id("lesson", world.here.school_1)
    missed = attendance(student={"id": str(pupil)}, calendarEvent={"id": str(lesson)})
    excuse = absence(student={"id": str(pupil)})
    for path, row in (("/attendances", missed), ("/absences", excuse)):
        foreign = await _push(browser, path, row, "there")
        assert (foreign.status_code, foreign.json()["outcome"]) == (200, "held")
        own = await _push(browser, path, row, "here")
        assert (own.status_code, own.json()["outcome"]) == (201, "new")
    await _delete(browser, missed["id"], "there")  # takes back its own row, which was only held
    assert (await _delete(browser, missed["id"], "here")).status_code == 204


async def _push(browser: Browser, path: str, row: dict[str, Any], token: str) -> httpx.Response:
    return await browser.clients["registry"].post(path, json=row, headers={"Authorization": f"Bearer {token}"})


async def _delete(browser: Browser, row_id: str, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await browser.clients["registry"].delete(f"/attendances/{row_id}", headers=headers)
