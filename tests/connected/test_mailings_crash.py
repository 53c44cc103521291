"""What a bulk sender that dies leaves behind: nothing is lost, little comes twice, and what is over is said once."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.notifications.mailings import recorder
from services.notifications.tables import addressee
from shared.clock import ManualClock
from tests.connected.mailings_process import CONNECTIONS
from tests.connected.mailings_stage import MailingStage, at_work, mailings_stage
from tests.on_servers import twin, until

pytestmark = pytest.mark.connected


async def homes(stage: MailingStage, count: int) -> list[UUID]:
    """So many guardians with a child each in one class."""
    people = []
    for number in range(count):
        people.append(await stage.guardian(f"home{number}@home.example"))
        await stage.pupil("5A", people[-1])
    return people


async def said_of(stage: MailingStage) -> Counter[UUID]:
    """How often the end of it was said, by person."""
    return Counter(one.person_id for part in await stage.settled() for one in part.people)


async def test_a_process_that_is_killed_loses_nothing_and_repeats_no_more_than_its_connections(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with mailings_stage(postgres, clock) as stage:
        people = await homes(stage, 60)
        await stage.ask("5A")
        url, port = stage.kit.own.database_url, str(stage.smtp.port)
        arguments = ["-m", "tests.connected.mailings_process", url, port, clock.now().isoformat()]
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments)

        async def half_way() -> bool:
            return len(stage.smtp.taken) >= 20

        await until(half_way)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        before = len(stage.smtp.taken)
        assert before < 60
        async with at_work(stage.sender()):
            await until(stage.is_over)
        got = Counter(address for address, _ in stage.smtp.taken)
        assert len(got) == 60
        assert got.total() - len(got) <= CONNECTIONS
        for address, times in got.items():
            assert len({message["Message-ID"] for message in stage.smtp.to(address)}) == 1, times
        assert {status for (status,) in await stage.rows(addressee, "status")} == {"delivered"}
        assert await said_of(stage) == Counter(people)


async def test_what_was_over_and_not_said_is_said_by_who_takes_over(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SAY_SECONDS", 1000.0)
    async with mailings_stage(postgres, clock) as stage:
        people = await homes(stage, 3)
        await stage.ask("5A")

        async def delivered() -> bool:
            return await stage.rows(addressee, "status") == [("delivered",)] * 3

        first = twin(stage.kit)
        first.settings = stage.kit.settings
        async with at_work(stage.sender(first)):
            await until(delivered)
        await first.close()
        assert await said_of(stage) == Counter()
        assert None not in {owner for (owner,) in await stage.rows(addressee, "owner")}
        monkeypatch.setattr(recorder, "SAY_SECONDS", 0.1)
        async with at_work(stage.sender()):
            await until(stage.is_over)
        assert await said_of(stage) == Counter(people)
        assert len(stage.smtp.taken) == 3


async def test_several_senders_share_a_mailing_and_nobody_gets_it_twice(postgres: Postgres, clock: ManualClock) -> None:
    async with mailings_stage(postgres, clock, bulk_batch=5) as stage:
        people = await homes(stage, 40)
        await stage.ask("5A")
        other = twin(stage.kit)
        other.settings = stage.kit.settings
        async with at_work(stage.sender(), stage.sender(other)):
            await until(stage.is_over)
        await other.close()
        assert Counter(Counter(address for address, _ in stage.smtp.taken).values()) == Counter({1: 40})
        assert await said_of(stage) == Counter(people)
        assert [part.open for part in await stage.settled()].count(0) == 1


async def test_a_sender_that_is_asked_to_stop_gives_back_what_it_has_not_begun(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with mailings_stage(postgres, clock, bulk_connections=1) as stage:
        await homes(stage, 8)
        for number in range(8):
            stage.smtp.script[f"home{number}@home.example"] = ["slow"]
        await stage.ask("5A")
        task = asyncio.create_task(stage.sender().run())

        async def begun() -> bool:
            return len(stage.smtp.taken) >= 1

        await until(begun)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(stage.smtp.taken) < 4
        assert {status for (status,) in await stage.rows(addressee, "status")} == {"delivered", "pending"}
        assert {arrived for (arrived,) in await stage.rows(addressee, "may_have_arrived")} == {True, False}
        async with at_work(stage.sender()):
            await until(stage.is_over)
        assert len(stage.smtp.taken) == 8
