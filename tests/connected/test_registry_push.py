"""What other systems may send us, through the whole service's app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from deploy.embedded.postgres import Postgres
from services.registry.domain.kinds import Resource
from services.registry.importer import Importer, rows_of
from services.registry.main import app_on
from services.registry.settings import RegistrySettings, Source
from services.registry.web.answers import LARGEST_BODY
from shared.clock import ManualClock
from shared.events.attendance import AbsenceReported, AttendanceRecorded
from tests.connected.registry_stage import Stage, a_stage
from tests.unit.registry.rows import PUPIL, absence, activity, attendance, calendar_event, pupil

pytestmark = pytest.mark.connected
PUSHER = Source(name="narvaro", municipality="kommunen", push_token=SecretStr("right"))
OTHER = Source(name="annan", municipality="kommunen", push_token=SecretStr("other"))
SILENT = Source(name="kommunen", base_url="http://127.0.0.1:1")
KEYED = Source(name="friskolan", base_url="http://127.0.0.1:1", webhook_url="https://x.se/webhook/friskolan?key=k")


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with a_stage(postgres, clock, "kommunen", "narvaro", "annan") as stage:
        origin = stage.origin
        for resource, raw in (
            (Resource.PERSONS, pupil()),
            (Resource.ACTIVITIES, activity()),
            (Resource.CALENDAR_EVENTS, calendar_event()),
        ):
            await stage.importer.take(origin, rows_of(resource, [raw], origin))
        await stage.news()
        yield stage


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    app = app_on(stage.importer.kit, RegistrySettings(sources=(PUSHER, OTHER, SILENT, KEYED)))
    headers = {"Authorization": "Bearer right"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry", headers=headers) as client:
        yield client


async def test_a_result_is_taken_said_and_answered(stage: Stage, client: httpx.AsyncClient) -> None:
    row = attendance()
    answer = await client.post("/attendances", json=row)
    assert (answer.status_code, answer.json()) == (201, {"id": row["id"], "outcome": "new"})
    [event] = await stage.events()
    assert isinstance(event, AttendanceRecorded)
    assert event.invalid_minutes == 60
    again = await client.post("/attendances", json=row)
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    assert await stage.news() == []


async def test_of_many_rows_each_is_answered_for_itself(stage: Stage, client: httpx.AsyncClient) -> None:
    rows: list[Any] = [attendance(), attendance(student={"id": str(uuid4())}), {"id": "?"}, None]
    answer = await client.post("/attendances", json=rows)
    assert answer.status_code == 201
    assert [one["outcome"] for one in answer.json()] == ["new", "held", "held", "held"]
    assert "goes through by itself" in answer.json()[1]["message"]
    assert len(await stage.held()) == 3


async def test_a_reported_absence_may_come_without_an_id(stage: Stage, client: httpx.AsyncClient) -> None:
    for expected in (201, 200):
        assert (await client.post("/absences", json=absence(id=None))).status_code == expected
    [event] = await stage.events()
    assert isinstance(event, AbsenceReported)
    assert (event.pupil_id, event.starts_at.tzinfo is not None) == (PUPIL, True)
    assert isinstance(event.starts_at, datetime)


async def test_a_result_may_be_taken_back_by_who_sent_it_and_by_nobody_else(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    row = attendance()
    await client.post("/attendances", json=row)
    stranger = await client.delete(f"/attendances/{row['id']}", headers={"Authorization": "Bearer other"})
    assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")
    assert (await client.delete(f"/attendances/{row['id']}")).status_code == 204
    assert (await client.delete(f"/attendances/{row['id']}")).status_code == 404
    _, withdrawn = await stage.events()
    assert isinstance(withdrawn, AttendanceRecorded)
    assert withdrawn.withdrawn


async def test_a_result_that_only_waits_may_be_taken_back_too(stage: Stage, client: httpx.AsyncClient) -> None:
    row = attendance(student={"id": str(uuid4())})
    await client.post("/attendances", json=row)
    assert (await client.delete(f"/attendances/{row['id']}")).status_code == 204
    assert await stage.held() == {}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic right", "right", "Bearer r\u00e4tt"]
)
async def test_without_the_right_token_nothing_is_taken(stage: Stage, client: httpx.AsyncClient, header: str) -> None:
    headers = httpx.Headers([(b"Authorization", header.encode("latin-1"))])
    for answer in (
        await client.post("/attendances", json=attendance(), headers=headers),
        await client.post("/absences", json=absence(), headers=headers),
        await client.delete(f"/attendances/{uuid4()}", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await stage.news() == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b'{"id": "', 400, "not_json"),
        (b"[" * 10_000, 400, "not_json"),
        (b"x" * (LARGEST_BODY + 1), 413, "too_large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_with_a_sentence(
    client: httpx.AsyncClient, content: bytes, status: int, code: str
) -> None:
    answer = await client.post("/attendances", content=content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "Nothing was kept" in answer.json()["message"]


async def test_when_the_database_is_away_the_sender_is_asked_to_come_back(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OperationalError("", {}, OSError())

    monkeypatch.setattr(Importer, "take", away)
    answer = await client.post("/attendances", json=attendance())
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


@pytest.mark.parametrize("name", ["modifiedEntites", "modifiedEntities"])
async def test_a_hint_is_taken_in_the_standards_spelling_and_in_the_right_one(
    client: httpx.AsyncClient, name: str
) -> None:
    hint = {name: ["Attendance"], "deletedEntities": False}
    assert (await client.post("/webhook/kommunen", json=hint)).status_code == 200


async def test_a_hint_for_nobody_or_without_sense_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhook/nobody", json={"deletedEntities": True})).status_code == 404
    wrong: list[Any] = [[], "x", {"deletedEntities": "perhaps"}]
    for nonsense in wrong:
        answer = await client.post("/webhook/kommunen", json=nonsense)
        assert (answer.status_code, answer.json()["code"]) == (400, "not_a_hint")


async def test_a_hint_to_a_webhook_with_a_key_needs_the_key(client: httpx.AsyncClient) -> None:
    hint = {"modifiedEntites": None, "deletedEntities": True}
    assert (await client.post("/webhook/friskolan?key=wrong", json=hint)).status_code == 403
    assert (await client.post("/webhook/friskolan", json=hint)).status_code == 403
    assert (await client.post("/webhook/friskolan?key=k", json=hint)).status_code == 200


async def test_two_senders_at_once_both_get_their_answer_and_one_state_remains(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    rows = [attendance(attendanceMinutes=minutes) for minutes in range(8)]
    answers = await asyncio.gather(*(client.post("/attendances", json=row) for row in rows))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    versions = [event.version for event in await stage.events() if isinstance(event, AttendanceRecorded)]
    assert versions == sorted(set(versions))
    assert len(versions) == 8
