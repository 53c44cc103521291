"""After a broker lost everything, what was lost comes again; what was set aside can be put back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from typer.testing import CliRunner

from deploy.embedded.broker import Broker, start_broker
from deploy.embedded.postgres import Postgres
from services.operations import dead_letters
from shared.clock import ManualClock
from shared.errors import Permanent
from shared.events.envelope import Erased, Outgoing
from shared.events.roster import PersonStated
from shared.kit import Kit
from shared.messaging import dlq, inbox
from shared.messaging.broker import create_topics
from shared.messaging.reader import Batch, Reader
from shared.messaging.reconcile import compare, prune, reconcile
from shared.service import Service
from shared.topics import PERSONS
from tests.on_servers import (
    EFFECT,
    KIT,
    SOME_TIME,
    a_kit,
    count,
    everything_on,
    fresh_topic,
    producing,
    running,
    tell,
    twin,
    until,
)
from tests.stack import Stack

pytestmark = pytest.mark.connected


@pytest.fixture
def mortal(postgres: Postgres, tmp_path: Path) -> Iterator[Stack]:
    """A stack with an embedded broker of its own, which the test may kill."""
    stack = Stack(postgres, start_broker(tmp_path))
    yield stack
    stack.broker.stop()


def rebirth(stack: Stack, folder: Path) -> Broker:
    """Kill the broker and start it again on the same port; it has forgotten everything."""
    stack.broker.child.kill()
    assert stack.broker.child.process is not None
    stack.broker.child.process.wait()
    return start_broker(folder, int(stack.broker.bootstrap.rpartition(":")[2]))


def people_reader() -> Reader:
    """Notes each state of a person, and each erasure as number -1; the inbox keeps out what came before."""

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        rows = []
        for received in await inbox.only_new(session, KIT, batch.received, batch.now):
            about = UUID(received.event.key())
            number = received.event.version if isinstance(received.event, PersonStated) else -1
            rows.append({"about": about, "number": number})
        if rows:
            await session.execute(insert(EFFECT), rows)
        return []

    return Reader("people", [PERSONS], [PersonStated, Erased], handle)


async def effects(kit: Kit) -> list[tuple[UUID, int]]:
    async with kit.sessions() as session:
        rows = await session.execute(select(EFFECT.c.about, EFFECT.c.number))
        return [(about, number) for about, number in rows]


def persons(ids: Sequence[UUID], version: int) -> list[PersonStated]:
    return [PersonStated(person_id=person, version=version) for person in ids]


async def test_what_a_lost_broker_held_reaches_its_readers_after_all_and_nothing_twice(
    mortal: Stack, clock: ManualClock, tmp_path: Path
) -> None:
    await create_topics(mortal.settings)
    speaker, listener = await a_kit(mortal, clock, "registry"), await a_kit(mortal, clock, "absence")
    early, late = [uuid4() for _ in range(60)], [uuid4() for _ in range(40)]
    databases = {"registry": speaker.own.database_url, "absence": listener.own.database_url}
    async with running(Service(twin(speaker))) as speaking:
        async with running(Service(twin(listener), [people_reader()])):
            await tell(speaking.kit, persons(early, 1))
            await until(lambda: has(listener, 60))
        await tell(speaking.kit, persons(late, 1))
        await until(lambda: published(speaker, 100))
    mortal.broker = rebirth(mortal, tmp_path)
    await create_topics(mortal.settings)
    assert await reconcile(databases, mortal.settings) == 40
    assert await reconcile(databases, mortal.settings) == 0
    async with running(Service(speaker)), running(Service(listener, [reader := people_reader()])):
        await until(lambda: has(listener, 100))
        await until(reader.caught_up)
        assert sorted(await effects(listener)) == sorted((person, 1) for person in [*early, *late])
    assert await reconcile(databases, mortal.settings) == 0


async def test_a_running_service_notices_that_the_broker_was_reborn_and_joins_the_new_one(
    mortal: Stack, clock: ManualClock, tmp_path: Path
) -> None:
    await create_topics(mortal.settings)
    speaker, listener = await a_kit(mortal, clock, "registry"), await a_kit(mortal, clock, "absence")
    databases = {"registry": speaker.own.database_url, "absence": listener.own.database_url}
    before, after = [uuid4() for _ in range(20)], [uuid4() for _ in range(20)]
    async with running(Service(speaker)), running(Service(listener, [people_reader()])):
        await tell(speaker, persons(before, 1))
        await until(lambda: has(listener, 20))
        first_life = speaker.cluster
        mortal.broker = rebirth(mortal, tmp_path)
        await create_topics(mortal.settings)
        await tell(speaker, persons(after, 1))
        await until(lambda: published(speaker, 40), seconds=60)
        await reconcile(databases, mortal.settings)
        await until(lambda: has(listener, 40), seconds=60)
        assert speaker.cluster == listener.cluster != first_life
        assert sorted(await effects(listener)) == sorted((person, 1) for person in [*before, *after])


async def test_a_state_that_was_replaced_or_erased_since_is_not_said_again(
    mortal: Stack, clock: ManualClock, tmp_path: Path
) -> None:
    await create_topics(mortal.settings)
    speaker, listener = await a_kit(mortal, clock, "registry"), await a_kit(mortal, clock, "absence")
    databases = {"registry": speaker.own.database_url, "absence": listener.own.database_url}
    changed, erased = uuid4(), uuid4()
    async with running(Service(twin(speaker))) as speaking:
        await tell(speaking.kit, persons([changed, erased], 1))
        await tell(speaking.kit, persons([changed], 2))
        await tell(speaking.kit, persons([erased], 2), tombstone=True)
        await until(lambda: published(speaker, 3))
    mortal.broker = rebirth(mortal, tmp_path)
    await create_topics(mortal.settings)
    assert await reconcile(databases, mortal.settings) == 2
    async with running(Service(speaker)):
        records = await everything_on(mortal, PERSONS, 2)
    assert sorted((record.key.decode(), record.value is None) for record in records) == sorted(
        [(str(changed), False), (str(erased), True)]
    )
    await listener.close()


async def test_a_database_that_is_not_there_is_told_in_a_sentence_and_the_others_are_compared(
    mortal: Stack, clock: ManualClock
) -> None:
    await create_topics(mortal.settings)
    kit = await a_kit(mortal, clock, "registry")
    missing = mortal.postgres.url("never_made", "postgresql+psycopg")
    found = await compare({"registry": kit.own.database_url, "portal": missing}, mortal.settings)
    assert found.said_again == {"registry": 0}
    assert found.absent == [
        "The service portal has no database or no tables yet (`skolbro migrate portal` makes them)."
    ]
    await kit.close()


async def test_pruning_keeps_the_newest_state_of_each_key_of_a_compacted_topic(
    mortal: Stack, clock: ManualClock
) -> None:
    _, event = await fresh_topic(mortal)
    kit, someone = await a_kit(mortal, clock), uuid4()
    await tell(kit, [*persons([someone], 1), *persons([someone], 2), event(about=uuid4(), number=1)])
    async with kit.sessions.begin() as session:
        await session.execute(update(KIT.outbox).values(sent_at=clock.now()))
        await session.execute(insert(KIT.inbox), [{"event_id": uuid4(), "seen_at": clock.now()}])
    await tell(kit, [event(about=uuid4(), number=2)])
    async with kit.sessions.begin() as session:
        await prune(session, KIT, clock.now())
    assert await count(kit, KIT.outbox) == 4
    async with kit.sessions.begin() as session:
        await prune(session, KIT, clock.now() + timedelta(seconds=1))
        left = (await session.scalars(select(KIT.outbox.c.event_type).order_by(KIT.outbox.c.id))).all()
    assert left == [PersonStated.event_type, event.event_type]
    assert await count(kit, KIT.inbox) == 0
    await kit.close()


async def test_a_dead_letter_is_put_back_as_it_came(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)
    kit, mended = await a_kit(stack, clock), False

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        if not mended:
            raise Permanent("The school is not known yet.")
        fresh = await inbox.only_new(session, KIT, batch.of(event), batch.now)
        rows = [{"about": r.event.about, "number": r.event.number} for r in fresh]
        if rows:
            await session.execute(insert(EFFECT), rows)
        return []

    headers = [("ce_type", b"test.told.v1"), ("ce_id", str(uuid4()).encode()), ("odd", b"\xff\x00")]
    value = event(about=uuid4(), number=5).to_json()
    url = kit.own.database_url
    async with running(Service(kit, [Reader("told", [topic], [event], handle)])):
        async with producing(stack) as producer:
            await producer.send_and_wait(topic.name, value, key=b"k\x00", headers=headers)
        await until(lambda: parked(kit, 1))
        [letter] = await dlq.letters("absence", url)
        assert letter.reason == "The school is not known yet."
        assert (letter.payload, letter.key, list(letter.headers)) == (value, b"k\x00", headers)
        mended = True
        with pytest.raises(Permanent, match="no dead letter 4711"):
            await dlq.replay("absence", url, stack.settings, [4711])
        assert await dlq.replay("absence", url, stack.settings) == 1
        await until(lambda: has(kit, 1))
        assert await dlq.replay("absence", url, stack.settings) == 0
        assert await dlq.replay("absence", url, stack.settings, [letter.id]) == 1
        assert [r.value for r in await everything_on(stack, topic, 3)] == [value] * 3
        assert await count(kit, EFFECT) == 1


async def test_the_operator_lists_and_shows_dead_letters_without_their_content(
    stack: Stack, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = await a_kit(stack, clock)
    secret = "Ada Andersson"
    row = {"cluster": "c", "topic": "t", "partition": 0, "offset": 3, "value": secret.encode(), "headers": b"[]"}
    async with kit.sessions.begin() as session:
        await session.execute(insert(KIT.dead_letter), [{**row, "reason": "No school.", "parked_at": SOME_TIME}])
    monkeypatch.setenv("ABSENCE_DATABASE_URL", kit.own.database_url)
    await kit.close()
    listed = run(dead_letters, "list", "--service", "absence", "--json")
    [told] = json.loads(listed)
    assert (told["record"], told["reason"], told["replayed_at"]) == ("t/0/3", "No school.", None)
    shown = run(dead_letters, "show", str(told["id"]), "--service", "absence")
    assert "No school." in shown
    assert secret not in listed + shown
    assert secret in run(dead_letters, "show", str(told["id"]), "--service", "absence", "--payload")


def run(app: object, *arguments: str) -> str:
    """A command's output, run in a thread of its own because it brings its own event loop."""
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(CliRunner().invoke, app, arguments).result()  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.output


async def has(kit: Kit, rows: int) -> bool:
    return await count(kit, EFFECT) >= rows


async def parked(kit: Kit, rows: int) -> bool:
    return await count(kit, KIT.dead_letter) >= rows


async def published(kit: Kit, rows: int) -> bool:
    async with kit.sessions() as session:
        sent = (await session.scalars(select(KIT.outbox.c.id).where(KIT.outbox.c.sent_at.is_not(None)))).all()
    return len(sent) >= rows
