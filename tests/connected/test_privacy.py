"""Erasing a hundred people leaves no plain trace of them, and what is kept about one can be handed out."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from sqlalchemy import select

from deploy.embedded.forked import SERVICES
from services.notifications.tables import kit as notification_tables
from services.registry.domain.kinds import Resource
from services.registry.store import forgotten
from shared.db.engine import connect, reaching, session_factory
from shared.db.reach import MACHINE
from shared.errors import Permanent
from shared.messaging.broker import create_topics, make_producer
from shared.messaging.codec import headers_for
from shared.messaging.outbox import LARGEST_VALUE
from shared.messaging.reconcile import repeat_tombstones
from shared.rights.privacy import packed, unpacked
from shared.topics import CONTACTS, PRIVACY_ANSWERS, SEGMENT_MS, TOPICS
from tests.brokers import KINDS, Kind, NoKafka, running_broker
from tests.connected.privacy_stage import KEY, Somebody, Stage, a_stage, found_in
from tests.on_servers import until

pytestmark = pytest.mark.connected
PEOPLE = 100
SHORT = {"segment.ms": "500", "max.compaction.lag.ms": "500", "min.cleanable.dirty.ratio": "0.01"}
# Tombstones, for as long as somebody may miss them; the audit trail, and that somebody asked.
WITH_IDS = ("registry", "portal")
AT_ONCE = {"cleanup.policy": "compact", "file.delete.delay.ms": "500", **SHORT}


@pytest.fixture(params=KINDS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    kind: Kind = request.param
    with tempfile.TemporaryDirectory(prefix="skolbro-test-") as made:
        os.chmod(made, 0o755)  # noqa: S103 - PostgreSQL runs as a user of its own when we are root
        folder = Path(made)
        try:
            with running_broker(kind, folder / "broker") as broker:
                async with a_stage(folder, broker, PEOPLE) as running:
                    yield running
        except NoKafka as missing:
            pytest.skip(str(missing))


async def test_erasing_a_hundred_people_leaves_no_plain_trace(stage: Stage) -> None:
    kafka = stage.settings.kafka_idempotent
    await create_topics(stage.settings)
    if kafka:
        await compact_soon(stage)
    await start(stage)
    await stage.a_school_day()
    await bad_input(stage)
    await asyncio.to_thread(stage.talks)
    await until(partial(everything_has_happened, stage), seconds=60)
    before = {name: found_in(await asyncio.to_thread(stage.dump, name)) for name in SERVICES}
    assert all(before[name] for name in ("registry", "portal", "notifications", "scheduling")), (
        "the search finds what is there"
    )
    assert not await no_topic_has_a_trace(stage)

    await the_export_is_whole(stage, stage.pupils[0])
    ids = [str(one.id) for one in stage.everybody()]
    done = await stage.ask("person", "erase", *ids, "--yes", "--reason", "test", "--wait", "60")
    assert done.returncode == 0, done.stderr
    assert "Erased 100 persons" in done.stdout

    await until(partial(tombstones_are_out, stage), seconds=20)
    await no_database_has_a_trace(stage)
    for log in [*stage.stack.data.glob("logs/*"), stage.stack.data / "pg" / "log.txt"]:
        assert not found_in(log.read_bytes()), log.name
    await nobody_comes_back_by_an_import(stage)
    if kafka:
        await turn_the_page(stage)
        await until(partial(no_topic_has_a_trace, stage), seconds=60)
    else:
        await every_person_has_a_tombstone(stage)


async def compact_soon(stage: Stage) -> None:
    """Let Kafka do in seconds what takes it up to a day (`Topic.config`)."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.settings.kafka_bootstrap)
    await admin.start()
    compacted = [topic.name for topic in TOPICS if topic.compacted]
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, AT_ONCE) for name in compacted])
    await admin.close()


async def start(stage: Stage) -> None:
    await stage.stack.start_services(
        {
            "SKOLBRO_LOG_LEVEL": "debug",
            "ABSENCE_GRACE_MINUTES": "0",
            "NOTIFICATIONS_SMTP_PORT": str(stage.smtp.port),
            "SKOLBRO_LOGIN_KEY": KEY,
        }
    )


async def bad_input(stage: Stage) -> None:
    """Rows that are held back and records that become dead letters, with names in them."""
    for one in stage.everybody()[::10]:
        assert await stage.take(Resource.PERSONS, [one.row(birthDate="unreadable")]) == ["held"]
        assert await stage.take(Resource.PERSONS, [one.row(id="no id at all")]) == ["held"]
    producer = make_producer(stage.settings, "stranger")
    await producer.start()
    now = datetime.now(UTC)
    for one in stage.everybody()[:5]:
        broken = json.dumps({**one.row(), "person_id": str(one.id), "version": "unreadable"}).encode()
        headers = headers_for(uuid4(), "roster.contact_stated.v1", "stranger", now, str(one.id), None)
        await producer.send_and_wait(CONTACTS.name, broken, key=str(one.id).encode(), headers=headers)
    await producer.stop()


async def everything_has_happened(stage: Stage) -> bool:
    """Every guardian has a mail, every service its copy, every bad record is set aside, every duty is kept."""
    [[parked]] = stage.query("notifications", "select count(*) from dead_letter")
    [[duties]] = stage.query("portal", "select count(*) from duty where status = 'delivered'")
    [[copies]] = stage.query("portal", "select count(*) from roster where event_type like 'roster.contact%'")
    mailed = {recipient for recipient, _ in stage.smtp.taken}
    everybody_mailed = {one.email for one in stage.guardians} <= mailed
    return everybody_mailed and parked == 5 and duties == PEOPLE // 2 and copies == PEOPLE


async def the_export_is_whole(stage: Stage, one: Somebody) -> None:
    """All six services, names and all, for a machine and for a person; afterwards nothing of it lies about."""
    folder = stage.stack.data / "handed out"
    done = await stage.ask("person", "export", str(one.id), "--out", str(folder), "--wait", "60")
    assert done.returncode == 0, done.stderr
    said = json.loads((folder / "person.json").read_text(encoding="utf-8"))["services"]
    assert set(said) == set(SERVICES)
    assert said["registry"]["contact"][0]["given_name"] == f"Canaria{one.number:03}"
    assert said["registry"]["held"]
    assert said["absence"]["lesson_result"][0]["invalid_minutes"] == 60
    assert said["notifications"]["delivery"]
    assert said["portal"]["duty"]
    kept = {"talk", "preparation", "record", "signature", "commitment", "check_in", "adaptation", "coverage"}
    assert kept <= set(said["scheduling"])
    page = (folder / "person.html").read_text(encoding="utf-8")
    assert f"Plåntson{one.number:03}" in page
    assert "Närvaro på lektioner" in page
    assert (folder / "person.json").stat().st_mode & 0o077 == 0
    assert stage.query("portal", "select 1 from privacy_answer where content is not null") == []
    await until(partial(answers_are_forgotten, stage), seconds=20)


async def answers_are_forgotten(stage: Stage) -> bool:
    """No service's outbox holds what it handed out."""
    said = "select 1 from outbox where topic = :topic and value is not null"
    return not any(stage.query(name, said, topic=PRIVACY_ANSWERS.name) for name in SERVICES)


async def tombstones_are_out(stage: Stage) -> bool:
    """The outboxes are empty, and the roster of every service has heard what the registry said."""
    unsent = [stage.query(name, "select 1 from outbox where sent_at is null") for name in SERVICES]
    naming = "select count(*) from roster where position(:id in state::text) > 0"
    [[copies]] = stage.query("portal", naming, id=str(stage.pupils[0].id))
    return not any(unsent) and copies == 0


async def no_database_has_a_trace(stage: Stage) -> None:
    for name in SERVICES:
        dump = await asyncio.to_thread(stage.dump, name)
        assert not found_in(dump), name
        ids = [one for one in stage.everybody() if str(one.id).encode() in dump]
        assert not ids or name in WITH_IDS, f"{name} still has ids"
    [[kept]] = stage.query("portal", "select count(*) from duty")
    assert kept == PEOPLE // 2, "what a school owed and did stays as a count"
    named = "select count(*) from duty where pupil_id = any(cast(:ids as uuid[]))"
    assert stage.query("portal", named, ids=[one.id for one in stage.everybody()])[0][0] == 0


async def nobody_comes_back_by_an_import(stage: Stage) -> None:
    assert set(await stage.take(Resource.PERSONS, stage.people_rows())) == {"held"}
    held = stage.query("registry", "select reason, payload from held")
    assert len(held) == PEOPLE
    assert all("was erased" in row.reason and row.payload is None for row in held)
    assert not found_in(await asyncio.to_thread(stage.dump, "registry"))
    kit, [one, other] = stage.importer.kit, [stage.pupils[0].id, stage.pupils[1].id]
    async with kit.sessions() as session:
        assert await forgotten.release(session, kit.settings, [one]) == 1
        known = await forgotten.load(session, kit.settings)
        assert one not in known
        assert other in known
        assert await forgotten.release_all(session) == PEOPLE - 1
        await session.rollback()
    kit.settings = kit.settings.model_copy(update={"login_key": None})
    with pytest.raises(Permanent, match="another SKOLBRO_LOGIN_KEY"):
        await stage.take(Resource.PERSONS, stage.people_rows())


async def turn_the_page(stage: Stage) -> None:
    """What each service does an hour after a tombstone is some hours old."""
    later = datetime.now(UTC) + timedelta(milliseconds=SEGMENT_MS, hours=1)
    for name in ("registry", "portal"):
        engine = reaching(connect(stage.stack.database_url(name), 0), MACHINE)
        async with session_factory(engine).begin() as session:
            assert await repeat_tombstones(session, notification_tables, later) > 0
            outbox = notification_tables.outbox
            again = await session.scalars(select(outbox.c.value).where(outbox.c.sent_at.is_(None)))
            assert set(again) == {None}


async def no_topic_has_a_trace(stage: Stage) -> bool:
    """Every record of every topic, and every file of the broker where it is ours."""
    assert stage.stack.broker is not None
    said = await stage.topics()
    handed_out = [record for record in said.get(PRIVACY_ANSWERS.name, ()) if b'"content"' in record]
    files = [file for file in (stage.stack.data / "broker" / "kafka").rglob("*") if file.is_file()]
    return (
        not handed_out
        and not any(found_in(record) for records in said.values() for record in records)
        and not any(found_in(content_of(file)) for file in files)
    )


def content_of(file: Path) -> bytes:
    """The bytes of a file of Kafka's, which may be deleted at any moment."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


async def every_person_has_a_tombstone(stage: Stage) -> None:
    """The embedded broker keeps its log in memory until it stops and does not compact: more cannot be shown there."""
    said = await stage.topics()
    assert {topic for topic, records in said.items() if any(found_in(record) for record in records)} == {CONTACTS.name}
    for one in stage.everybody():
        last = [record for record in said[CONTACTS.name] if record.startswith(str(one.id).encode())][-1]
        assert b"\n\nce_specversion" in last, "no value: the last word is a tombstone"


async def test_what_is_asked_while_the_services_are_down_waits_and_says_so(stage: Stage) -> None:
    one, folder = stage.pupils[0], stage.stack.data / "handed out"
    await create_topics(stage.settings)
    await stage.a_school_day()
    done = await stage.ask("person", "export", str(one.id), "--out", str(folder), "--wait", "1")
    assert done.returncode == 1
    assert "The services do not run" in done.stderr
    assert not folder.exists()
    await start(stage)
    done = await stage.ask("person", "export", str(one.id), "--out", str(folder), "--wait", "60")
    assert done.returncode == 0, done.stderr
    assert stage.query("portal", "select count(*) from privacy_request") == [(1,)], "the first request was taken up"
    assert found_in((folder / "person.json").read_bytes())


def test_a_content_of_ten_years_fits_and_what_never_can_is_said() -> None:
    lesson = {"pupil_id": str(uuid4()), "starts_at": "2026-11-23T08:00:00+00:00", "valid_minutes": 0}
    years = {"lesson_result": [{**lesson, "lesson_id": str(UUID(int=number * 7919))} for number in range(15_000)]}
    assert unpacked(packed(years, "absence")) == years
    noise = {"draft": [{"fields": os.urandom(100).hex()} for _ in range(12_000)], "feed": [{"made_at": "2026"}]}
    text = packed(noise, "portal")
    assert len(text) < LARGEST_VALUE
    assert "portal" in str(unpacked(text)["draft"][0]["left out"])
    assert unpacked(text)["feed"] == noise["feed"]
