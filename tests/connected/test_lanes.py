"""Lanes beside each other, and ways after each other: on a real database and real servers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from datetime import time as dtime
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.embedded.postgres import Postgres
from services.notifications import jobs
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.models import Because
from services.notifications.domain.returns import Return
from services.notifications.gate import RosterGate
from services.notifications.tables import (
    attempt,
    call_list,
    delivery,
    handover,
    notification,
    suppression,
)
from shared.clock import ManualClock
from shared.events.envelope import Outgoing
from shared.events.notify import DeliverySettled, Lane, NotificationKind
from shared.events.people import Choice, How, PreferencesStated, Subject
from shared.events.roster import Relation
from shared.messaging.reader import Batch, Reader
from shared.service import Service
from tests.connected.lanes_stage import NUMBER, TEXTED, TOWN, in_town, over, put, with_texts
from tests.connected.notifications_stage import Stage, addresses, sending, staged
from tests.on_servers import a_kit, fresh_topic, publish, running, twin, until
from tests.stack import Stack

pytestmark = pytest.mark.connected
GUARDIAN = Relation.GUARDIAN
WISHES, UNREAD = NotificationKind.TALK_WISHES, NotificationKind.STILL_UNREAD
ANNA, BO = "anna@home.example", "bo@home.example"
LADDER = timedelta(hours=2)


async def test_a_normal_lane_whose_server_says_nothing_does_not_delay_an_urgent_notice(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, smtp_timeout=60, send_batch=5) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        stage.smtp.script[BO] = ["hold"] * 40
        for _ in range(40):
            await stage.ask(WISHES, pupil_id=None, to_id=bo, duty_id=None)
        async with sending(stage.sender()):
            held = stage.settings.normal_connections
            await until(lambda: _taken(stage, BO, held))
            for person in (anna, bo):  # the second one at the very address where the other lane stands still
                stage.smtp.script[BO] = []
                await stage.family((person, GUARDIAN))
                asked = time.monotonic()
                await stage.ask()
                await until(lambda: stage.was_delivered(1 if person == anna else 2), seconds=10)  # noqa: B023
                assert time.monotonic() - asked < 2
            statuses = Counter(row for row in await stage.rows(notification, "lane", "status"))
        assert statuses["urgent", "done"] == 2
        assert statuses["normal", "done"] == 0


async def test_a_lane_takes_only_what_is_its_own(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN))
        await stage.ask()
        await stage.ask(WISHES, duty_id=None)
        async with sending(stage.on(Lane.NORMAL)):
            await until(lambda: stage.was_delivered(1))
            assert await stage.rows(notification, "lane", "status") == [("normal", "done"), ("urgent", "waiting")]
        async with sending(stage.on(Lane.URGENT)):
            await until(lambda: over(stage, 2))


async def test_each_lane_has_its_own_patience(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        stage.smtp.script[ANNA] = ["451", "451"]
        await stage.ask()
        await stage.ask(WISHES, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_put_off)
        waits = {lane: again - clock.now() for lane, again in await stage.rows(notification, "lane", "next_attempt_at")}
        assert waits == {"urgent": timedelta(seconds=25), "normal": timedelta(minutes=5)}


async def test_what_is_heard_in_the_process_wakes_every_lane_at_once(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 60)
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        async with sending(stage.sender()):
            await asyncio.sleep(0.5)  # both have looked, found nothing and fallen asleep
            await stage.ask()
            await stage.ask(WISHES, duty_id=None)
            await until(lambda: over(stage, 2), seconds=10)


async def test_an_orphan_of_one_lane_is_left_to_that_lane(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.owner.LOOK_SECONDS", 0.05)
    async with staged(postgres, clock, smtp_timeout=30) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        stage.smtp.script[ANNA] = ["hold"]
        await stage.ask(WISHES, duty_id=None)
        async with sending(stage.on(Lane.NORMAL)):
            await until(lambda: stage.was_sent(ANNA))
        async with sending(stage.on(Lane.URGENT)):
            await asyncio.sleep(0.5)
            assert await stage.rows(attempt, "outcome") == [(None,)]
        async with sending(stage.on(Lane.NORMAL)):
            await until(stage.is_over)
        assert sorted(row[0] for row in await stage.rows(attempt, "outcome")) == ["accepted", "orphaned"]


async def test_who_is_refused_by_mail_gets_a_text_at_once_and_its_providers_id_is_kept(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with with_texts(postgres, clock) as (stage, provider):
        await stage.family((await stage.guardian(ANNA, BO, phones=(NUMBER,)), GUARDIAN))
        stage.smtp.script[ANNA], stage.smtp.script[BO] = ["550"], ["550"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert [text["to"] for text in provider.texts] == [TEXTED]
        assert await stage.rows(delivery, "status", "channel") == [("delivered", "sms")]
        tried = await stage.rows(attempt, "channel", "outcome", "reference")
        assert [row[:2] for row in tried] == [("email", "refused"), ("email", "refused"), ("sms", "accepted")]
        assert tried[2][2].startswith("s")
        assert await stage.rows(call_list, "reason") == []


async def test_an_address_that_nothing_is_sent_to_is_passed_over(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA, BO), GUARDIAN))
        await put(
            stage,
            suppression,
            fingerprint=fingerprint(stage.settings.secret(False), ANNA),
            channel="email",
            reason=Return.HARD,
            since=clock.now(),
            until=clock.now() + timedelta(days=30),
        )
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [BO]


async def test_what_a_domain_does_not_take_this_minute_waits_for_the_next_and_urgent_mail_does_not(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, domain_per_minute={"home.example": 2}) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        for _ in range(3):
            await stage.ask(WISHES, duty_id=None)
        async with sending(stage.sender()):
            await until(lambda: stage.was_delivered(2))
            await stage.ask()
            await until(lambda: stage.was_delivered(3))
            waiting = [row for row in await stage.rows(delivery, "status", "tries", "retry_at") if row[2]]
            assert waiting == [("pending", 0, clock.now().replace(second=0) + timedelta(minutes=1))]
            clock.advance(timedelta(minutes=1))
            stage.kit.due_planned.set()
            await until(lambda: over(stage, 4))
        assert len(stage.smtp.taken) == 4


async def test_what_is_chosen_for_the_digest_comes_in_it_and_is_settled_with_it(
    postgres: Postgres, clock: ManualClock
) -> None:
    clock.instant = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN))
        chosen = (Choice(subject=Subject.TALKS, how=How.DIGEST),)
        await stage.state(PreferencesStated(person_id=anna, version=1, choices=chosen))
        await stage.ask(WISHES, duty_id=None)
        await stage.ask(NotificationKind.TALK_TO_READ, duty_id=None)
        async with sending(stage.sender()):
            await until(lambda: _digested(stage, 2))
            assert stage.smtp.taken == []
            assert await stage.said(DeliverySettled) == []
            clock.advance(timedelta(hours=1, minutes=30))  # 07:30 in Stockholm
            stage.kit.due_planned.set()
            await until(lambda: stage.was_delivered(3))
        assert addresses(stage.smtp.taken) == [ANNA]
        ended = Counter((one.kind, one.status) for one in await stage.said(DeliverySettled))
        assert ended == {(kind, "delivered"): 1 for kind in ("talk_wishes", "talk_to_read", "digest")}
        assert await stage.rows(handover, "lane", "handed_over", "in_time") == []  # this school has no municipality


@pytest.mark.parametrize("subject", list(Subject))
async def test_what_hurries_comes_at_once_whatever_is_chosen(
    postgres: Postgres, clock: ManualClock, subject: Subject
) -> None:
    async with staged(postgres, clock) as stage:
        anna = await stage.guardian(ANNA)
        await stage.family((anna, GUARDIAN))
        chosen = tuple(Choice(subject=subject, how=How.OFF, pupil_id=pupil) for pupil in (None, stage.pupil))
        await stage.state(PreferencesStated(person_id=anna, version=1, choices=chosen))
        await stage.ask()
        await stage.ask(NotificationKind.DIALOGUE_URGENT, duty_id=None)
        async with sending(stage.sender()):
            await until(lambda: over(stage, 2))
        assert len(stage.smtp.to(ANNA)) == 2


async def test_what_comes_in_spite_of_quiet_hours_says_so_and_what_does_not_does_not(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        await stage.state(PreferencesStated(person_id=anna, version=1, quiet_from=dtime(6), quiet_to=dtime(5, 59)))
        await stage.state(PreferencesStated(person_id=bo, version=1))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        [disturbed], [plain] = stage.smtp.to(ANNA), stage.smtp.to(BO)
        texts = [str(one.get_body(("plain",)).get_content()) for one in (disturbed, plain)]  # type: ignore[union-attr]
        assert texts[1].split() != texts[0].split()
        assert len(texts[0].split()) > len(texts[1].split())


async def test_a_subject_that_somebody_wants_not_at_all_stays_in_the_portal(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        chosen = (Choice(subject=Subject.TALKS, how=How.OFF),)
        await stage.state(PreferencesStated(person_id=anna, version=1, choices=chosen))
        await stage.ask(WISHES, duty_id=None)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [BO]
        assert (str(anna), Because.UNWANTED) in [
            (str(p), why) for p, why in await stage.rows(delivery, "person_id", "why")
        ]


async def test_what_was_handed_over_is_counted_by_municipality_lane_and_hour_and_the_late_are_told_apart(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with in_town(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        stage.smtp.script[BO] = ["550"]
        await stage.ask()
        await stage.ask(WISHES, duty_id=None, requested_at=clock.now() - timedelta(seconds=11))
        async with sending(stage.sender()):
            await until(lambda: over(stage, 2))
        hour = clock.now().replace(minute=0, second=0)
        counted = await stage.rows(handover, "tenant_id", "lane", "hour", "handed_over", "in_time", "failed")
        assert sum(row[5] for row in counted) == 1
        assert [row[:5] for row in counted if row[1] == "urgent"] in (
            [(TOWN, "urgent", hour, 1, 1)],
            [(TOWN, "urgent", hour, 2, 2)],
        )
        assert {row[4] for row in counted if row[1] == "normal"} == {0}


async def test_what_waited_for_the_morning_is_not_late(postgres: Postgres, clock: ManualClock) -> None:
    clock.instant = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    async with in_town(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await stage.ask(WISHES, duty_id=None, day=date(2026, 11, 23))
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.instant = datetime(2026, 11, 23, 6, 0, 5, tzinfo=UTC)  # five seconds past 07:00 in Stockholm
            stage.kit.due_planned.set()
            await until(stage.is_over)
        assert await stage.rows(handover, "lane", "handed_over", "in_time") == [("normal", 1, 1)]


async def test_nobody_sends_before_all_processes_together_have_read_the_whole_roster(
    stack: Stack, clock: ManualClock
) -> None:
    """Three partitions and four processes: one has read its own, two lie behind, one holds none."""
    topic, event = await fresh_topic(stack)
    go_on = asyncio.Event()
    handled: Counter[int] = Counter()

    def reader(number: int) -> Reader:
        async def handle(_: AsyncSession, batch: Batch) -> Sequence[Outgoing]:
            if number:
                await go_on.wait()
            handled[number] += len(batch.received)
            return []

        return Reader("roster", [topic], [event], handle)

    first = await a_kit(stack, clock, "many")
    kits, readers = [first, *(twin(first) for _ in range(3))], [reader(number) for number in range(4)]
    gates = [RosterGate(kit, one) for kit, one in zip(kits, readers, strict=True)]
    async with AsyncExitStack() as running_all:
        for kit, one in zip(kits, readers, strict=True):
            await running_all.enter_async_context(running(Service(kit, [one])))
        await until(lambda: _share(readers, 3), seconds=60)
        await publish(stack, [event(about=uuid4(), number=number) for number in range(60)])
        await until(lambda: _busy(readers), seconds=60)
        own = [await one.caught_up() for one in readers]
        assert not any([await gate() for gate in gates])
        go_on.set()
        for gate in gates:  # also of the one that holds nothing
            await until(gate, seconds=60)
        assert sum(handled.values()) == 60
        assert False in own
        assert 0 in {len(one.consumer.assignment()) for one in readers if one.consumer}


async def test_before_kafka_has_been_joined_nobody_sends(stack: Stack, clock: ManualClock) -> None:
    kit = await a_kit(stack, clock, "alone")
    assert not await RosterGate(kit, Reader("roster", [], [], _nothing))()
    await kit.close()


async def test_a_lanes_connections_are_its_own_and_end_with_the_service(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock) as stage:
        rooms = [stage.kit.beside(2), stage.kit.beside(2)]
        async with rooms[0].engine.connect(), rooms[0].engine.connect(), rooms[0].engine.connect():
            async with asyncio.timeout(2):
                async with rooms[1].engine.connect() as free:
                    assert await free.scalar(text("select 1")) == 1
        assert all(room.clock is stage.clock for room in rooms)
        url = stage.kit.own.database_url.replace("+psycopg", "")
        assert await _connections(url) >= 2

    async def nobody() -> bool:
        return await _connections(url) == 0

    await until(nobody)


async def _connections(url: str) -> int:
    """How many others are connected to this database."""
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    async with await psycopg.AsyncConnection.connect(url) as apart:
        [count] = await (await apart.execute(others)).fetchone() or [0]
        return int(count)


async def _share(readers: Sequence[Reader], partitions: int) -> bool:
    """The partitions are given out, each to one."""
    held = [len(one.consumer.assignment()) for one in readers if one.consumer]
    return len(held) == len(readers) and sum(held) == partitions and max(held) == 1


async def _busy(readers: Sequence[Reader]) -> bool:
    """Those who are to be held up have something in hand."""
    return any(one.in_hand for one in readers[1:])


async def _nothing(_: AsyncSession, __: Batch) -> Sequence[Outgoing]:
    return []


async def _taken(stage: Stage, address: str, count: int) -> bool:
    return len(stage.smtp.to(address)) >= count


async def _digested(stage: Stage, count: int) -> bool:
    return (await stage.statuses(delivery)).count("digested") == count
