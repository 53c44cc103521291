"""The registry double answers as SS 12000 says, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from deploy.embedded.process import free_port
from services.demo.actions import Remove, Stage
from services.demo.day import plan_day, prepare
from services.demo.people import Case
from services.demo.records import Records, Resource
from services.demo.server import serving
from services.demo.source import Tokens, create_source
from services.demo.ss12000 import load
from services.demo.subscriptions import Subscription, Subscriptions
from shared.clock import ManualClock
from tests.unit.demo.world import MONDAY, small_municipality

CLIENT = {"grant_type": "client_credentials", "client_id": "skolbro", "client_secret": "s3cret"}
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


class Source:
    """A running double and a client with a token."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient, subscriptions: Subscriptions) -> None:
        self.stage, self.client, self.subscriptions = stage, client, subscriptions
        self.remembered: list[list[Subscription]] = []

    async def get(self, path: str, **query: str | int) -> httpx.Response:
        return await self.client.get(f"/v2.0/{path}", params=query)

    async def everything(self, path: str, limit: int, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        answer = (await self.get(path, limit=limit, **(query or {}))).json()
        found += answer["data"]
        while answer["pageToken"]:
            answer = (await self.get(path, limit=limit, pageToken=answer["pageToken"])).json()
            found += answer["data"]
        return found


@pytest.fixture(scope="module")
async def source() -> AsyncIterator[Source]:
    whole, records, port = small_municipality(150), Records(), free_port()
    stage, clock = Stage(whole, records), ManualClock(NOON)
    load(whole, records)
    prepare(plan_day(whole, MONDAY), stage)
    remembered: list[list[Subscription]] = []
    subscriptions = Subscriptions(clock, remembered.append)
    app = create_source(records, subscriptions, Tokens("skolbro", "s3cret"))
    async with serving(app, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        token = (await client.post("/token", data=CLIENT)).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        made = Source(stage, client, subscriptions)
        made.remembered = remembered
        yield made


async def test_without_a_token_nothing_is_answered(source: Source) -> None:
    answer = await source.client.get("/v2.0/persons", headers={"authorization": "Bearer made-up"})
    assert (answer.status_code, answer.json()["code"]) == (401, "401")


async def test_a_token_needs_the_right_secret_in_the_form_or_in_the_basic_header(source: Source) -> None:
    wrong = await source.client.post("/token", data={**CLIENT, "client_secret": "guess"})
    basic = await source.client.post(
        "/token", data={"grant_type": "client_credentials"}, auth=httpx.BasicAuth("skolbro", "s3cret")
    )
    assert (wrong.status_code, basic.status_code) == (401, 200)


@pytest.mark.parametrize("limit", [7, 100, 500])
async def test_pages_together_are_the_whole_list_and_nothing_twice(source: Source, limit: int) -> None:
    persons = await source.everything("persons", limit)
    ids = [person["id"] for person in persons]
    whole = source.stage.whole
    assert len(ids) == len(set(ids)) == len(whole.pupils) + len(whole.adults) + len(whole.employees)


async def test_what_changes_while_somebody_reads_comes_again_and_pushes_nothing_aside(source: Source) -> None:
    first = (await source.get("groups", limit=1)).json()
    group = source.stage.records.get(Resource.GROUPS, first["data"][0]["id"])
    assert group is not None
    source.stage.records.put(Resource.GROUPS, [group.body], NOON)
    rest: list[str] = []
    token = first["pageToken"]
    while token:
        answer = (await source.get("groups", limit=1, pageToken=token)).json()
        rest += [one["id"] for one in answer["data"]]
        token = answer["pageToken"]
    assert rest[-1] == group.id
    assert len(rest) == len(source.stage.records.kept[Resource.GROUPS])


async def test_a_page_token_goes_with_limit_only(source: Source) -> None:
    token = (await source.get("persons", limit=1)).json()["pageToken"]
    mixed = await source.get("persons", pageToken=token, **{"meta.modified.after": NOON.isoformat()})
    made_up = await source.get("persons", pageToken="bm90IG91cnM=")
    assert (mixed.status_code, made_up.status_code) == (400, 400)
    assert "pageToken" in mixed.json()["message"]


async def test_modified_after_gives_what_changed_since_and_not_the_moment_itself(source: Source) -> None:
    at = NOON + timedelta(hours=1)
    activity = next(source.stage.records.all(Resource.ACTIVITIES))
    source.stage.records.put(Resource.ACTIVITIES, [activity.body], at)
    before = await source.everything(
        "activities", 500, {"meta.modified.after": (at - timedelta(seconds=1)).isoformat()}
    )
    exactly = await source.everything("activities", 500, {"meta.modified.after": at.isoformat()})
    assert [one["id"] for one in before] == [activity.id]
    assert exactly == []


async def test_two_changes_in_one_moment_are_told_apart() -> None:
    records = Records()
    records.put(Resource.PERSONS, [{"id": "a"}, {"id": "b"}], NOON)
    one, other = records.all(Resource.PERSONS)
    assert one.modified < other.modified


async def test_what_is_taken_out_late_is_told_to_whoever_asked_in_between() -> None:
    records, asked_at = Records(), NOON + timedelta(minutes=5)
    records.put(Resource.PERSONS, [{"id": "a"}], NOON - timedelta(days=1))
    records.now = lambda: asked_at + timedelta(seconds=1)
    records.remove(Resource.PERSONS, "a", NOON)  # planned for noon, done when the machine had time
    assert records.deleted_after(asked_at, set()) == {"persons": ["a"]}


async def test_lessons_are_asked_for_between_two_times(source: Source) -> None:
    open_ended = await source.get("calendarEvents", **{"startTime.onOrAfter": NOON.isoformat()})
    afternoon = await source.everything(
        "calendarEvents",
        500,
        {"startTime.onOrAfter": NOON.isoformat(), "startTime.onOrBefore": (NOON + timedelta(hours=6)).isoformat()},
    )
    assert open_ended.status_code == 400
    assert "startTime.onOrBefore" in open_ended.json()["message"]
    assert 0 < len(afternoon) < len(source.stage.records.kept[Resource.CALENDAR_EVENTS])


async def test_an_unknown_filter_is_refused_rather_than_left_out(source: Source) -> None:
    assert (await source.get("persons", civicNo="1")).status_code == 400


async def test_a_plus_sign_that_nobody_encoded_is_understood(source: Source) -> None:
    answer = await source.client.get("/v2.0/persons?limit=1&meta.modified.after=2026-01-01T00:00:00+01:00")
    assert answer.status_code == 200


async def test_what_was_taken_out_is_among_the_deleted_entities(source: Source) -> None:
    pupil = source.stage.whole.with_case(Case.APPOINTED)[0]
    Remove(NOON, pupil.id).do(source.stage)
    deleted = (await source.get("deletedEntities", after=NOON.isoformat(), entities="Person")).json()
    later = (await source.get("deletedEntities", after=(NOON + timedelta(seconds=1)).isoformat())).json()
    assert deleted == {"data": {"persons": [str(pupil.id)]}, "pageToken": None}
    assert later["data"] == {}
    assert (await source.get(f"persons/{pupil.id}")).status_code == 404


async def test_an_end_date_is_the_last_day_in_force(source: Source) -> None:
    ended = source.stage.whole.with_case(Case.ENDED)[0]
    body = (await source.get(f"persons/{ended.id}")).json()
    [_, tie] = body["responsibles"]
    assert tie["relationType"] == "Vårdnadshavare"
    assert tie["endDate"] == (MONDAY - timedelta(days=1)).isoformat()


async def test_a_subscriber_is_told_what_to_come_and_read(source: Source) -> None:
    heard: list[dict[str, Any]] = []
    listener, port = FastAPI(), free_port()

    @listener.post("/hook")
    async def hook(request: Request) -> None:
        heard.append(await request.json())

    wish = {"name": "me", "target": f"http://127.0.0.1:{port}/hook", "resourceTypes": [{"resource": "Duty"}]}
    subscribed = await source.client.post("/v2.0/subscriptions", json=wish)
    duty = next(source.stage.records.all(Resource.DUTIES))
    source.subscriptions._gathered()  # what happened before anybody listened
    async with serving(listener, port):
        telling = asyncio.create_task(source.subscriptions.run())
        source.stage.records.put(Resource.DUTIES, [duty.body, duty.body], NOON)
        source.stage.records.put(Resource.ORGANISATIONS, [], NOON)
        for _ in range(100):
            if heard:
                break
            await asyncio.sleep(0.02)
        telling.cancel()
    assert subscribed.status_code == 201
    assert heard == [{"modifiedEntites": ["Duty"], "deletedEntities": False}]
    assert source.remembered[-1][0].target == wish["target"]


async def test_a_subscription_is_prolonged_and_ended(source: Source) -> None:
    wish = {"name": "me", "target": "http://127.0.0.1:1/x", "resourceTypes": [{"resource": "Person"}]}
    made = (await source.client.post("/v2.0/subscriptions", json=wish)).json()
    again = (await source.client.post("/v2.0/subscriptions", json=wish)).json()
    path = f"/v2.0/subscriptions/{made['id']}"
    until = NOON + timedelta(days=200)
    prolonged = (await source.client.patch(path, json={"expires": until.isoformat()})).json()
    assert again["id"] == made["id"]
    assert datetime.fromisoformat(prolonged["expires"]) == until
    assert (await source.client.delete(path)).status_code == 204
    assert (await source.client.patch(path, json={"expires": until.isoformat()})).status_code == 404
    assert (await source.client.post("/v2.0/subscriptions", json={"name": "x"})).status_code == 400
