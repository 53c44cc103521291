"""What follows when a message comes back: the next way, the suppressed address, the school's call list."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.returns import return_path
from services.notifications.store.returns import suppressed
from services.notifications.tables import addressee, attempt, call_list, delivery, mailing, notification, suppression
from shared.clock import ManualClock
from shared.events.notify import DeliverySettled
from shared.events.roster import Relation
from tests.connected.bounces_stage import ANNA, ANNAS_WORK, DAY, DOMAIN, Post, a_mailing, post, told
from tests.connected.notifications_stage import sending
from tests.on_servers import until
from tests.unit.notifications.bounced_mails import COMPLAINT, VACATION, filled, hard, postfix, soft

pytestmark = pytest.mark.connected


async def test_a_notice_that_comes_back_goes_to_the_next_address_at_once(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        assert here.stage.smtp.to(ANNAS_WORK) == []
        await here.comes_back(hard)
        await until(lambda: here.stage.was_sent(ANNAS_WORK))
        await until(here.stage.is_over)
        assert await here.stage.rows(delivery, "status") == [("delivered",)]
        assert await here.stage.rows(attempt, "outcome", "reply_code") == [("accepted", 250), ("refused", 550)]
        assert await here.stage.rows(call_list, "reason") == []
        assert here.paths[0] != here.paths[1]


async def test_when_the_last_address_comes_back_the_school_is_told_to_call(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA,))
        assert await here.stage.duty_statuses() == ["sent", "delivered"]
        await here.comes_back(hard)
        await until(lambda: is_status(here, "unreached"))
        assert await here.stage.rows(call_list, "reason") == [("bounced",)]
        settled = [str(event.status) for event in await here.stage.said(DeliverySettled)]
        assert settled == ["delivered", "bounced"]
        assert len(here.stage.smtp.taken) == 1


async def is_status(here: Post, status: str) -> bool:
    return await here.stage.statuses(notification) == [status]


async def test_where_one_of_two_homes_has_it_nobody_needs_to_call(postgres: Postgres, clock: ManualClock) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA,), ("bo@home.example",))
        await here.comes_back(hard, here.paths[0])
        await until(lambda: has_statuses(here, "bounced", "delivered"))
        await until(here.stage.is_over)
        assert await here.stage.statuses(notification) == ["done"]
        assert await here.stage.rows(call_list, "reason") == []


async def has_statuses(here: Post, *statuses: str) -> bool:
    return await here.stage.statuses(delivery) == sorted(statuses)


async def test_an_address_that_is_bad_gets_nothing_for_thirty_days_and_then_another_try(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        await here.comes_back(hard)
        await until(lambda: here.stage.was_sent(ANNAS_WORK))
        await here.stage.ask()
        await until(here.stage.is_over)
        assert len(here.stage.smtp.to(ANNA)) == 1
        assert len(here.stage.smtp.to(ANNAS_WORK)) == 2
        clock.advance(31 * DAY)
        await here.stage.ask()
        await until(here.stage.is_over)
        assert len(here.stage.smtp.to(ANNA)) == 2
        await here.comes_back(hard)
        [(since, ends)] = await here.stage.rows(suppression, "since", "until")
        assert ends - since == 60 * DAY


async def test_the_same_report_again_does_nothing_more_even_while_the_next_address_is_under_way(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        first = here.paths[-1]
        here.stage.smtp.script[ANNAS_WORK] = ["slow"]
        await here.comes_back(hard, first)
        await until(lambda: here.stage.was_sent(ANNAS_WORK))
        before = await here.stage.rows(suppression, "since", "until")
        for _ in range(3):
            await here.comes_back(hard, first)
        await until(here.stage.is_over)
        await here.comes_back(hard, first)
        await here.comes_back(soft, first)
        assert await here.stage.rows(delivery, "status") == [("delivered",)]
        assert await here.stage.rows(suppression, "since", "until") == before
        assert len(here.stage.smtp.taken) == 2


async def test_many_reports_at_once_are_one(postgres: Postgres, clock: ManualClock) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        path = here.paths[-1]
        await asyncio.gather(*[here.comes_back(hard, path) for _ in range(8)])
        await until(lambda: here.stage.was_sent(ANNAS_WORK))
        await until(here.stage.is_over)
        assert len(here.stage.smtp.taken) == 2


async def test_a_report_that_is_faster_than_the_answer_it_is_about_is_believed(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock, smtp_timeout=30) as here:
        await here.stage.family((await here.stage.guardian(ANNA, ANNAS_WORK), Relation.GUARDIAN))
        here.stage.smtp.script[ANNA] = ["hold"]
        async with sending(here.stage.sender()):
            await here.stage.ask()
            await until(lambda: here.stage.was_sent(ANNA))
            await here.comes_back(hard)
            await until(lambda: here.stage.was_delivered(1))
            assert [to for to, _ in here.stage.smtp.taken] == [ANNA, ANNAS_WORK]


async def test_what_did_not_arrive_this_time_takes_the_next_way_and_the_third_ends_the_address(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        for seen in range(1, 4):
            if seen > 1:
                await here.stage.ask()
                await until(here.stage.is_over)
            assert len(here.stage.smtp.to(ANNA)) == seen
            assert not await here.is_suppressed(ANNA)
            await here.comes_back(soft)
            await until(lambda seen=seen: count_is(here, ANNAS_WORK, seen))  # type: ignore[misc]
            await until(here.stage.is_over)
            clock.advance(DAY)
        assert await here.is_suppressed(ANNA)


async def count_is(here: Post, address: str, number: int) -> bool:
    return len(here.stage.smtp.to(address)) == number


async def test_a_delay_a_vacation_notice_and_what_has_arrived_change_nothing(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        await here.comes_back(lambda to: postfix(("delayed", "4.4.1", "timed out"), to=to))
        await here.comes_back(lambda to: postfix(("delivered", "2.1.5", "250 OK"), to=to))
        await here.comes_back(lambda to: filled(VACATION, to))
        assert await here.stage.rows(delivery, "status") == [("delivered",)]
        assert await here.stage.rows(suppression, "reason") == []
        assert len(here.stage.smtp.taken) == 1


async def test_what_arrives_at_an_address_ends_what_was_held_against_it(postgres: Postgres, clock: ManualClock) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        await here.comes_back(soft)
        await until(here.stage.is_over)
        assert await here.stage.rows(suppression, "reason") == [("soft",)]
        await here.stage.ask()
        await until(here.stage.is_over)
        await here.comes_back(lambda to: postfix(("delivered", "2.1.5", "250 OK"), to=to))
        assert await here.stage.rows(suppression, "reason") == []


async def test_a_complaint_ends_what_may_be_chosen_and_no_notice_of_the_law(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA,))
        path = here.paths[-1]
        await here.deliver(f"Complaints@{DOMAIN}", filled(COMPLAINT, path, kind="abuse"))
        assert await here.is_suppressed(ANNA, optional=True)
        assert not await here.is_suppressed(ANNA)
        await here.stage.ask()
        await until(lambda: count_is(here, ANNA, 2))
        assert await here.stage.rows(call_list, "reason") == []


async def test_whoever_chooses_anew_after_a_complaint_gets_what_they_chose(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here:
        _, _, path = await a_mailing(here)
        await here.deliver(f"complaints@{DOMAIN}", filled(COMPLAINT, path, kind="abuse"))
        one, before = fingerprint(b"test", ANNA), int(clock.now().timestamp() * 1000)
        async with here.stage.kit.sessions() as session:
            for version, shut in ((before - 1, {one}), (before, {one}), (before + 1, set())):
                assert await suppressed(session, [one], clock.now(), True, {one: version}) == shut
        clock.advance(181 * DAY)
        assert not await here.is_suppressed(ANNA, optional=True)


@pytest.mark.parametrize("status", ["delivered", "uncertain", "sending"])
async def test_a_bulletin_that_comes_back_is_open_again_for_that_home_by_another_way(
    postgres: Postgres, clock: ManualClock, status: str
) -> None:
    async with post(postgres, clock) as here:
        _, _, path = await a_mailing(here, status)
        clock.advance(timedelta(minutes=5))
        for _ in range(2):
            await here.comes_back(hard, path)
        [row] = await here.stage.rows(addressee, "status", "retry_at", "owner", "refused", "reply_code")
        assert row == ("deferred", clock.now(), None, [fingerprint(b"test", ANNA)], 550)
        assert await here.stage.statuses(mailing) == ["sending"]
        assert await here.is_suppressed(ANNA)


async def test_a_bulletin_that_somebody_complains_of_has_arrived(postgres: Postgres, clock: ManualClock) -> None:
    async with post(postgres, clock) as here:
        _, _, path = await a_mailing(here)
        await here.deliver(f"complaints@{DOMAIN}", filled(COMPLAINT, path, kind="abuse"))
        assert await here.stage.statuses(addressee) == ["delivered"]
        assert await here.is_suppressed(ANNA, optional=True)
        assert not await here.is_suppressed(ANNA)


async def test_a_report_on_something_that_is_erased_is_taken_and_forgotten(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here:
        path = return_path(b"test", uuid4(), DOMAIN, "00" * 16)
        assert path
        for report in (hard, soft, lambda to: filled(COMPLAINT, to, kind="abuse")):
            await here.comes_back(report, path)
        assert await here.stage.rows(suppression, "reason") == []
