"""A reader gives each event its one effect: through faults, bad records, and changes of who reads what."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.db.engine import new_metadata
from shared.errors import SkolbroError
from shared.events.envelope import Outgoing
from shared.events.roster import ContactStated, PersonStated
from shared.ids import new_id
from shared.kit import Kit
from shared.messaging import inbox
from shared.messaging.broker import create_topics
from shared.messaging.codec import Record, headers_for
from shared.messaging.reader import Batch, Handler, Reader
from shared.messaging.tables import kit_tables
from shared.roster.projection import known, roster_reader, roster_table
from shared.service import Service
from shared.topics import CONTACTS, OPERATIONS, PERSONS, Topic
from tests.on_servers import (
    EFFECT,
    KIT,
    SOME_TIME,
    Told,
    a_kit,
    count,
    fresh_topic,
    producing,
    publish,
    running,
    tell,
    twin,
    until,
)
from tests.stack import Stack, kit_on

pytestmark = pytest.mark.connected


def effects(event: type[Told]) -> Handler:
    """A handler whose effect would show if it came twice: it relies on the inbox alone."""

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        fresh = await inbox.only_new(session, KIT, batch.of(event), batch.now)
        if fresh:
            rows = [{"about": r.event.about, "number": r.event.number, "text": r.event.text} for r in fresh]
            await session.execute(insert(EFFECT), rows)
        return []

    return handle


def a_reader(topic: Topic, event: type[Told], handle: Handler | None = None) -> Reader:
    return Reader("told", [topic], [event], handle or effects(event))


async def has(kit: Kit, rows: int) -> bool:
    return await count(kit, EFFECT) >= rows


async def order_of_effects(kit: Kit) -> dict[UUID, list[int]]:
    async with kit.sessions() as session:
        rows = await session.execute(select(EFFECT.c.about, EFFECT.c.number).order_by(EFFECT.c.id))
    found: dict[UUID, list[int]] = {}
    for about, number in rows:
        found.setdefault(about, []).append(number)
    return found


async def test_an_event_that_comes_twice_has_one_effect(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)
    kit, events = await a_kit(stack, clock), [event(about=uuid4(), number=n) for n in range(40)]
    ids = [new_id() for _ in events]
    await publish(stack, [*events, *events[:20]], ids=[*ids, *ids[:20]])
    async with running(Service(kit, [reader := a_reader(topic, event)])):
        await until(lambda: has(kit, 40))
        await publish(stack, events[10:30], ids=ids[10:30])
        await asyncio.sleep(0.3)
        await until(reader.caught_up)
        assert await count(kit, EFFECT) == 40


async def test_the_offsets_are_committed_only_after_the_database(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack, partitions=1)
    kit, place = await a_kit(stack, clock), TopicPartition(topic.name, 0)
    committed_inside: list[int | None] = []
    reader = a_reader(topic, event)
    take_effect = effects(event)

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        assert reader.consumer is not None
        committed_inside.append(await reader.consumer.committed(place))
        return await take_effect(session, batch)

    reader.handle = handle
    async with running(Service(kit, [reader])):
        await publish(stack, [event(about=uuid4(), number=1)])
        await until(lambda: has(kit, 1))
        await until(lambda: _committed(reader, place, 1))
        await publish(stack, [event(about=uuid4(), number=2)])
        await until(lambda: has(kit, 2))
    assert committed_inside == [None, 1]


async def test_a_crash_between_database_and_offsets_loses_nothing_and_repeats_nothing(
    stack: Stack, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("shared.messaging.broker", "shared.service"):
        monkeypatch.setattr(f"{module}.GRACE_SECONDS", 0.01)  # nobody waits when a process dies
    topic, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    crashing, second = twin(kit), a_reader(topic, event)
    first, delivered_again = a_reader(topic, event), 0

    async def never(_: Sequence[Record]) -> None:
        await asyncio.Event().wait()

    first._commit = never  # type: ignore[assignment] # here the process ends
    await publish(stack, [event(about=uuid4(), number=number) for number in range(50)])
    service = asyncio.create_task(Service(crashing, [first]).run())
    await until(lambda: has(kit, 1))
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)
    done, take_effect = await count(kit, EFFECT), effects(event)

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        nonlocal delivered_again
        delivered_again += len(batch.received)
        return await take_effect(session, batch)

    second.handle = handle
    await publish(stack, [event(about=uuid4(), number=50)])
    async with running(Service(kit, [second])):
        await until(lambda: has(kit, 51))
        await until(second.caught_up)
        assert delivered_again == 51 - done
        assert await count(kit, EFFECT) == 51
    await crashing.close()


async def test_an_offset_in_kafka_that_is_ahead_of_the_database_skips_nothing(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack, partitions=1)
    kit, reader, place = await a_kit(stack, clock), a_reader(topic, event), TopicPartition(topic.name, 0)
    await publish(stack, [event(about=uuid4(), number=number) for number in range(50)])
    stranger = AIOKafkaConsumer(
        topic.name,
        bootstrap_servers=stack.broker.bootstrap,
        group_id=f"{kit.service}.{reader.name}",
        enable_auto_commit=False,
        session_timeout_ms=stack.settings.kafka_session_ms(),
        heartbeat_interval_ms=500,
    )
    async with stranger:
        await stranger.commit({place: 40})
    async with running(Service(kit, [reader])):
        await until(lambda: has(kit, 50))


async def test_a_database_that_was_restored_is_given_again_what_it_has_lost(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    await publish(stack, [event(about=uuid4(), number=number) for number in range(50)])
    async with running(Service(twin(kit), [a_reader(topic, event)])):
        await until(lambda: has(kit, 50))
    async with kit.sessions.begin() as session:
        for table in (EFFECT, KIT.inbox, KIT.read_position):
            await session.execute(delete(table))
    async with running(Service(kit, [a_reader(topic, event)])):
        await until(lambda: has(kit, 50))


async def test_a_passing_database_fault_is_waited_out_in_place_and_keeps_the_order(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    kit, abouts, faults = await a_kit(stack, clock), [uuid4() for _ in range(10)], 0
    take_effect = effects(event)

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        nonlocal faults
        await take_effect(session, batch)
        if faults < 2:
            faults += 1
            await session.execute(text("select pg_terminate_backend(pg_backend_pid())"))
        return []

    await publish(stack, [event(about=about, number=number) for number in range(20) for about in abouts])
    async with running(Service(kit, [a_reader(topic, event, handle)])):
        await until(lambda: has(kit, 200))
        assert await order_of_effects(kit) == {about: list(range(20)) for about in abouts}
        assert await count(kit, KIT.dead_letter) == 0
    assert faults == 2


async def test_a_second_reader_that_joins_and_leaves_loses_nothing_and_doubles_nothing(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack, partitions=6)
    kit, total, shared_out = await a_kit(stack, clock), 3000, False
    events = [event(about=uuid4(), number=number) for number in range(total)]
    async with running(Service(kit, [first := a_reader(topic, event)])):
        saying = asyncio.create_task(_publish_slowly(stack, events))
        await until(lambda: has(kit, 100))

        async def first_reads_all() -> bool:
            return await _partitions(first) == 6

        async with running(Service(twin(kit), [second := a_reader(topic, event)])):

            async def both_read() -> bool:
                return await _partitions(first) == 3 and await _partitions(second) == 3

            await until(both_read)
            shared_out = True
        await saying
        await until(lambda: has(kit, total))
        await until(first_reads_all)
        await until(first.caught_up)
        assert sorted((await order_of_effects(kit)).items()) == sorted((e.about, [e.number]) for e in events)
    assert shared_out


BAD: dict[str, tuple[bytes, str]] = {
    "broken UTF-8": (b'{"about": "\xff\xfe"}', "Not a readable test.told.v1"),
    "not JSON": (b"{", "Not a readable test.told.v1"),
    "JSON 10,000 deep": (b"[" * 10_000, "Not a readable test.told.v1"),
    "deep inside a field": (b'{"about":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "Not a readable test.told.v1"),
    "a megabyte in one field": (b'{"about": "' + b"x" * 900_000 + b'"}', "Not a readable test.told.v1"),
    "a number beyond all bounds": (b'{"about": 1e999999, "number": 1}', "Not a readable test.told.v1"),
    "a field missing": (json.dumps({"number": 1}).encode(), "about"),
    "empty": (b"", "Not a readable test.told.v1"),
    "null": (b"null", "Not a readable test.told.v1"),
}
GOOD = headers_for(new_id(), Told.event_type, "test", SOME_TIME, "x", None)
BAD_HEADERS: dict[str, tuple[list[tuple[str, bytes]], str]] = {
    "no headers": ([], "The header ce_type is missing"),
    "a version from the future": (
        [("ce_type", b"absence.noticed.v9")],
        "this version of Skolbro reads absence.noticed.v1",
    ),
    "a type nobody knows": ([("ce_type", b"pizza.eaten.v1")], "no service here knows it"),
    "a NUL in the type": ([("ce_type", b"pizza\x00.v1")], "is unknown"),
    "a type that is not text": ([("ce_type", b"\xff\xfe")], "not UTF-8"),
    "an id that is none": ([("ce_type", b"test.told.v1"), ("ce_id", b"7")], "not a UUID"),
    "no id": ([("ce_type", b"test.told.v1")], "The header ce_id is missing"),
}


async def test_every_bad_record_is_set_aside_with_its_reason_and_its_bytes_and_the_good_go_on(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    kit, good = await a_kit(stack, clock), event(about=uuid4(), number=1).to_json()
    bad = [(value, GOOD, reason) for value, reason in BAD.values()]
    bad += [(good, headers, reason) for headers, reason in BAD_HEADERS.values()]
    async with producing(stack) as producer:
        for value, headers, _ in bad:
            await producer.send_and_wait(topic.name, value, key=b"k", headers=headers)
            fresh = headers_for(new_id(), event.event_type, "test", SOME_TIME, "k", None)
            await producer.send_and_wait(topic.name, good, key=b"k", headers=[*fresh, ("traceparent", b"\xff")])
    async with running(Service(kit, [reader := a_reader(topic, event)])):
        await until(lambda: has(kit, len(bad)))
        await until(reader.caught_up)
    async with kit.sessions() as session:
        letters = (await session.execute(select(KIT.dead_letter).order_by(KIT.dead_letter.c.id))).all()
    await kit.close()
    assert [letter.value for letter in letters] == [value for value, _, _ in bad]
    for letter, (_, _, reason) in zip(letters, bad, strict=True):
        assert reason in letter.reason
        assert len(letter.reason) < 400


async def test_a_record_that_breaks_the_handler_is_set_aside_alone(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)
    kit, take_effect = await a_kit(stack, clock), effects(event)

    async def handle(session: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
        if any(received.event.number in (7, 8, 99) for received in batch.of(event)):
            raise ValueError("a fault of ours")
        return await take_effect(session, batch)

    await publish(stack, [event(about=uuid4(), number=number) for number in range(100)])
    async with running(Service(kit, [reader := a_reader(topic, event, handle)])):
        await until(lambda: has(kit, 97))
        await until(reader.caught_up)
        assert await count(kit, EFFECT) == 97
        assert await count(kit, KIT.dead_letter) == 3


async def test_when_nearly_everything_is_unreadable_reading_stops_and_readiness_says_so(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    kit, reader = await a_kit(stack, clock), a_reader(topic, event)
    service = Service(kit, [reader])
    async with (
        running(service),
        httpx.AsyncClient(transport=httpx.ASGITransport(service.app()), base_url="http://test") as client,
    ):
        await until(lambda: _ready(client))
        async with producing(stack) as producer:
            sent = [await producer.send(topic.name, b"junk", key=b"k", headers=GOOD) for _ in range(400)]
            await asyncio.gather(*sent)

        async def stopped() -> bool:
            return reader.halted is not None

        await until(stopped)
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert "has stopped" in answer.text
        assert "Nothing is lost" in answer.text
        waiting = sum(lag or 0 for lag in (await reader.lag()).values())
        assert waiting + await count(kit, KIT.dead_letter) == 400
        assert waiting >= 400 - reader.limit.least
        assert (await client.get("/health/live")).status_code == 200
    patient = a_reader(topic, event)
    patient.limit.least = 1000
    async with running(Service(restarted := twin(kit), [patient])):

        async def all_parked() -> bool:
            return await count(restarted, KIT.dead_letter) == 400

        await until(all_parked)


async def test_a_tombstone_erases_the_person_from_the_projection_and_the_dead_letters(
    stack: Stack, clock: ManualClock
) -> None:
    metadata = new_metadata()
    tables, roster = kit_tables(metadata), roster_table(metadata)
    await create_topics(stack.settings, [PERSONS, CONTACTS, OPERATIONS])
    kit = await kit_on(stack, "listener", metadata, tables, clock)
    speaker = await a_kit(stack, clock, "speaker")
    gone, stays = uuid4(), uuid4()
    reader = roster_reader(roster, PersonStated, ContactStated)
    async with running(Service(speaker)), running(Service(kit, [reader])):
        contacts = [ContactStated(person_id=p, version=1, given_name="Ada", family_name="Al") for p in (gone, stays)]
        await tell(speaker, [*contacts, *[PersonStated(person_id=p, version=1) for p in (gone, stays)]])
        async with producing(stack) as producer:
            await producer.send_and_wait(CONTACTS.name, b'{"Ada"', key=str(gone).encode(), headers=_as(ContactStated))

        async def arrived() -> bool:
            async with kit.sessions() as session:
                people = await known(session, roster, ContactStated, [gone, stays])
            return len(people) == 2 and await _parked(kit, gone) == 1

        await until(arrived)
        await tell(speaker, contacts[:1], tombstone=True)

        async def erased() -> bool:
            async with kit.sessions() as session:
                return set(await known(session, roster, ContactStated, [gone, stays])) == {stays}

        await until(erased)
        assert await _parked(kit, gone) == 0
        async with kit.sessions() as session:
            assert set(await known(session, roster, PersonStated, [gone, stays])) == {gone, stays}


async def test_positions_are_noted_under_the_life_of_the_broker_the_records_came_from(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    real = kit.cluster
    async with running(Service(kit, [reader := a_reader(topic, event)])):
        await publish(stack, [event(about=uuid4(), number=number) for number in range(10)])
        await until(lambda: has(kit, 10))
        kit.cluster = "a life that is over"
        await publish(stack, [event(about=uuid4(), number=number) for number in range(10)])
        await until(lambda: has(kit, 20))
        await until(reader.caught_up)
        async with kit.sessions() as session:
            assert set(await session.scalars(select(KIT.read_position.c.cluster))) == {real}


async def test_two_readers_of_one_topic_in_a_service_are_refused(stack: Stack, clock: ManualClock) -> None:
    topic, event = await fresh_topic(stack)
    kit = await a_kit(stack, clock)
    with pytest.raises(SkolbroError, match="make them one"):
        Service(kit, [a_reader(topic, event), a_reader(topic, event)])
    await kit.close()


async def test_a_service_reads_within_moments_of_its_start_and_stops_at_once_when_idle(
    stack: Stack, clock: ManualClock
) -> None:
    topic, event = await fresh_topic(stack)
    kit, loop = await a_kit(stack, clock), asyncio.get_running_loop()
    await publish(stack, [event(about=uuid4(), number=1)])
    began = loop.time()
    async with running(Service(kit, [a_reader(topic, event)])):
        await until(lambda: has(kit, 1))
        read = loop.time()
    stopped = loop.time()
    assert read - began < 3
    assert stopped - read < 1


async def _committed(reader: Reader, place: TopicPartition, offset: int) -> bool:
    return reader.consumer is not None and await reader.consumer.committed(place) == offset


async def _partitions(reader: Reader) -> int:
    return len(reader.consumer.assignment()) if reader.consumer else 0


async def _publish_slowly(stack: Stack, events: Sequence[Told]) -> None:
    for start in range(0, len(events), 100):
        await publish(stack, events[start : start + 100])
        await asyncio.sleep(random.uniform(0.02, 0.1))


async def _ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


def _as(event: type[ContactStated]) -> list[tuple[str, bytes]]:
    return headers_for(new_id(), event.event_type, "test", SOME_TIME, "x", None)


async def _parked(kit: Kit, person: UUID) -> int:
    letter = kit.tables.dead_letter
    async with kit.sessions() as session:
        mine = select(func.count()).select_from(letter).where(letter.c.key == str(person).encode())
        return await session.scalar(mine) or 0
