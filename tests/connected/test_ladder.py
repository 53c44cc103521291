"""What nobody reads climbs, and a municipality on trial writes only to its guests: on real servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.notifications.domain.models import Because
from services.notifications.tables import (
    call_list,
    delivery,
    guest,
    notification,
    trial,
)
from shared.clock import ManualClock
from shared.events.duties import DutyMoved
from shared.events.notify import NotificationKind
from shared.events.roster import Relation
from tests.connected.lanes_stage import NUMBER, TOWN, in_town, later, over, put, with_texts
from tests.connected.notifications_stage import NOTICE, RETRACTION, addresses, sending, staged
from tests.on_servers import until

pytestmark = pytest.mark.connected
GUARDIAN = Relation.GUARDIAN
UNREAD = NotificationKind.STILL_UNREAD
ANNA, BO = "anna@home.example", "bo@home.example"
LADDER = timedelta(hours=2)


async def test_an_unread_notice_climbs_all_evening_and_ends_with_the_schools_call(
    postgres: Postgres, clock: ManualClock
) -> None:
    clock.instant = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # 15:30 in Stockholm
    async with with_texts(postgres, clock) as (stage, provider):
        await stage.family((await stage.guardian(ANNA, phones=(NUMBER,)), GUARDIAN))
        notice = await stage.ask()
        seen = []
        async with sending(stage.sender()):
            await until(lambda: over(stage, 1))
            for _ in range(18):  # every half hour until after midnight
                await later(stage, timedelta(minutes=30))
                await until(stage.is_over)
                seen.append((len(stage.smtp.taken), len(provider.texts), len(await stage.rows(call_list, "reason"))))
        assert seen == [(1, 0, 0)] * 3 + [(1, 1, 0)] * 4 + [(1, 1, 1)] * 11
        assert await stage.rows(call_list, "notification_id", "reason") == [(notice, "unread")]
        rungs = await stage.rows(notification, "rung", "kind", "about_id", "ways", "status")
        assert [row for row in rungs if row[0]] == [
            (1, "still_unread", notice, ["push", "sms"], "done"),
            (2, "still_unread", notice, ["push"], "unreached"),
        ]
        moves = await stage.said(DutyMoved)
        assert [(move.status, move.reason) for move in moves] == [
            ("sent", None),
            ("delivered", None),
            ("unreachable", "unread"),
        ]
        assert {move.evidence_id for move in moves} == {notice}


async def test_one_who_reads_it_ends_the_ladder_for_everybody_and_a_stranger_does_not(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with with_texts(postgres, clock) as (stage, provider):
        anna, bo = await stage.guardian(ANNA, phones=(NUMBER,)), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        read, unread = await stage.ask(), await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: over(stage, 2))
            await stage.read(read, bo)
            await stage.read(unread, uuid4())
            await later(stage, LADDER)
            await until(lambda: over(stage, 3))
        asked = [row for row in await stage.rows(notification, "kind", "about_id") if row[0] == UNREAD]
        assert asked == [(UNREAD, unread)]
        assert len(provider.texts) == 1
        marks = {row[0]: row[1] for row in await stage.rows(notification, "notification_id", "read_at")}
        assert (marks[read], marks[unread]) == (clock.now() - LADDER, None)


async def test_reading_what_was_asked_again_counts_for_the_notice(postgres: Postgres, clock: ManualClock) -> None:
    async with with_texts(postgres, clock) as (stage, _):
        anna = await stage.guardian(ANNA, phones=(NUMBER,))
        await stage.family((anna, GUARDIAN))
        notice = await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: over(stage, 1))
            await later(stage, LADDER)
            await until(lambda: over(stage, 2))
            await stage.read(notice, anna)
            await later(stage, LADDER)
            await until(stage.is_over)
        assert len(await stage.statuses(notification)) == 2
        assert await stage.rows(call_list, "reason") == []


async def test_a_retraction_ends_the_ladder_and_takes_its_call_off_the_list(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with with_texts(postgres, clock) as (stage, provider):
        await stage.family((await stage.guardian(ANNA, phones=(NUMBER,)), GUARDIAN))
        early, late = await stage.ask(), await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: over(stage, 2))
            await stage.ask(RETRACTION, about=early)
            await until(lambda: over(stage, 3))
            for _ in range(2):
                await later(stage, LADDER)
                await until(stage.is_over)
            assert [row[0] for row in await stage.rows(call_list, "notification_id")] == [late]
            await stage.ask(RETRACTION, about=late)
            await until(stage.is_over)
        assert len(provider.texts) == 1
        assert await stage.rows(call_list, "withdrawn_at") == [(clock.now(),)]


async def test_a_rung_that_waits_for_its_server_is_taken_back_with_its_notice(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with with_texts(postgres, clock) as (stage, provider):
        await stage.family((await stage.guardian(ANNA, phones=(NUMBER,)), GUARDIAN))
        notice = await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: over(stage, 1))
        await later(stage, LADDER)
        assert sorted(await stage.statuses(notification)) == ["done", "waiting"]
        await stage.ask(RETRACTION, about=notice)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert provider.texts == []
        rows = {row[0]: row[1:] for row in await stage.rows(notification, "kind", "status", "retracted")}
        assert rows[UNREAD] == ("cancelled", True)
        assert rows[NOTICE][1]
        assert [mail["Subject"].split()[0] for mail in stage.smtp.to(ANNA)] == ["Meddelande", "Tidigare"]


async def test_without_a_ladder_nothing_climbs(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock, ladder_minutes=0) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        clock.advance(timedelta(days=1))
        assert await stage.due() == 0


async def test_in_a_trial_only_guests_are_written_to_and_every_other_delivery_says_so(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with in_town(postgres, clock) as stage:
        anna, bo = await stage.guardian(ANNA), await stage.guardian(BO)
        await stage.family((anna, GUARDIAN), (bo, GUARDIAN))
        await put(stage, trial, tenant_id=TOWN, author_id=uuid4(), since=clock.now())
        await put(stage, guest, tenant_id=TOWN, address=BO.upper(), added_at=clock.now())
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [BO]
        rows = {row[0]: row[1:] for row in await stage.rows(delivery, "person_id", "status", "channel", "why")}
        assert rows[anna] == ("delivered", "simulated", Because.TRIAL)
        assert rows[bo][:2] == ("delivered", "email")
        await stage.read(uuid4(), anna)
        clock.advance(LADDER)
        await stage.due()
        [only] = [row[0] for row in await stage.rows(notification, "narrowed_to") if row[0]]
        assert only == [str(bo)]  # who had nothing is not asked whether they have read it


async def test_another_municipality_is_not_on_trial_with_it(postgres: Postgres, clock: ManualClock) -> None:
    async with in_town(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), GUARDIAN))
        await put(stage, trial, tenant_id=uuid4(), author_id=uuid4(), since=clock.now())
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ANNA]
