"""The whole service: requests and roster from Kafka, mail out, events back; and senders that are killed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import date, time
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import select

from deploy.embedded.postgres import Postgres
from services.notifications.main import make_service
from services.notifications.tables import attempt, delivery, metadata, notification, roster
from services.notifications.tables import kit as tables
from shared.clock import ManualClock
from shared.db.migrate import alembic_config, migrate
from shared.events.duties import DutyMoved
from shared.events.notify import NotificationKind, NotificationRequested, requested
from shared.events.people import ConsentBasis, ConsentStated, PreferencesStated
from shared.events.roster import (
    ContactStated,
    Guardianship,
    GuardianshipsStated,
    PersonStated,
    Relation,
    SchoolStated,
)
from shared.messaging.broker import create_topics
from shared.roster.access import consent_id
from tests.connected.notifications_stage import ScriptedSmtp, Stage, killed, mail_settings, sending, staged
from tests.on_servers import publish, running, until
from tests.stack import Stack, kit_on

pytestmark = pytest.mark.connected
ANNA, ALI, EVA = "anna@home.example", "ali@home.example", "eva@home.example"
CONNECTIONS, KILLS, REQUESTS = 3, 5, 150


async def test_a_request_on_the_topic_becomes_one_mail_and_its_duty_is_told(stack: Stack, clock: ManualClock) -> None:
    await create_topics(stack.settings)
    smtp = ScriptedSmtp()
    await smtp.start()
    school, pupil, guardian = uuid4(), uuid4(), uuid4()
    asked = NotificationRequested(
        notification_id=uuid4(),
        kind=NotificationKind.ABSENCE_NOTICE,
        school_id=school,
        pupil_id=pupil,
        day=date(2026, 11, 23),
        duty_id=uuid4(),
        requested_at=clock.now(),
    )
    incomplete = asked.model_copy(update={"notification_id": uuid4(), "pupil_id": None})
    settings = mail_settings(smtp)
    kit = await kit_on(stack, "notifications", metadata, tables, clock, settings)
    stage = Stage(kit, clock, settings, smtp)
    try:
        async with running(make_service(kit, settings)):
            await publish(
                stack,
                [
                    SchoolStated(school_id=school, version=1, name="Björkskolan"),
                    PersonStated(person_id=pupil, version=1, born=date(2014, 1, 1)),
                    PersonStated(person_id=guardian, version=1),
                    ContactStated(person_id=guardian, version=1, given_name="A", family_name="E", emails=(ANNA,)),
                    GuardianshipsStated(
                        pupil_id=pupil,
                        version=1,
                        ties=(Guardianship(guardian_id=guardian, relation=Relation.GUARDIAN),),
                    ),
                    incomplete,
                    asked,
                    asked,
                ],
            )
            await until(lambda: stage.was_delivered(1), seconds=60)
            assert len(smtp.to(ANNA)) == 1
            assert await stage.duty_statuses() == ["sent", "delivered"]
            assert {moved.evidence_id for moved in await stage.said(DutyMoved)} == {asked.notification_id}
            async with kit.sessions() as session:
                [reason] = await session.scalars(select(tables.dead_letter.c.reason))
            assert "must say which pupil" in reason
    finally:
        await smtp.stop()


async def test_what_people_decide_is_read_from_its_topics_and_counts(stack: Stack, clock: ManualClock) -> None:
    await create_topics(stack.settings)
    smtp = ScriptedSmtp()
    await smtp.start()
    settings = mail_settings(smtp)
    kit = await kit_on(stack, "notifications", metadata, tables, clock, settings)
    stage = Stage(kit, clock, settings, smtp)
    pupil, eva = stage.pupil, uuid4()
    decided = [
        stage.school,
        PersonStated(person_id=pupil, version=1, born=date(2008, 11, 23)),
        PersonStated(person_id=eva, version=1),
        ContactStated(person_id=pupil, version=1, given_name="Ali", family_name="E", emails=(ALI,), language="en"),
        ContactStated(person_id=eva, version=1, given_name="Eva", family_name="E", emails=(EVA,)),
        PreferencesStated(person_id=pupil, version=1, language="nb", quiet_from=time(21), quiet_to=time(7)),
        ConsentStated(
            consent_id=consent_id(pupil, eva),
            version=1,
            pupil_id=pupil,
            person_id=eva,
            basis=ConsentBasis.PUPIL,
            given_by=(pupil,),
            starts=date(2026, 11, 23),
        ),
    ]
    about: dict[str, Any] = {
        "school_id": stage.school.school_id,
        "pupil_id": pupil,
        "day": date(2026, 11, 23),
        "requested_at": clock.now(),
    }
    asked = requested(NotificationKind.RIGHTS_ASKED, notification_id=uuid4(), **about)
    notice = requested(NotificationKind.ABSENCE_NOTICE, notification_id=uuid4(), **about)
    try:
        async with running(make_service(kit, settings)):
            await publish(stack, decided)
            await until(partial(_knows, stage, {event.key() for event in decided}), seconds=60)
            await publish(stack, [asked, notice])
            await until(lambda: stage.was_sent(ALI), seconds=60)
            await until(lambda: stage.was_sent(EVA), seconds=60)
            assert [mail["Content-Language"] for mail in smtp.to(ALI)] == ["nb"]
            assert [mail["Content-Language"] for mail in smtp.to(EVA)] == ["sv"]
            lanes = dict(await stage.rows(notification, "notification_id", "lane"))  # as the topics they came by
            assert [lanes[one.notification_id] for one in (asked, notice)] == ["normal", "urgent"]
    finally:
        await smtp.stop()


async def test_however_often_the_sender_is_killed_nothing_is_lost_and_repeats_are_few_marked_and_recognisable(
    postgres: Postgres, clock: ManualClock
) -> None:
    dice = random.Random(7)
    async with staged(postgres, clock, smtp_connections=CONNECTIONS) as stage:
        await stage.family((await stage.guardian(ANNA), Relation.GUARDIAN))
        for _ in range(REQUESTS):
            await stage.ask()
        for _ in range(KILLS):
            async with sending(stage.sender()) as task:
                enough = min(REQUESTS, len(stage.smtp.taken) + dice.randrange(1, 20))
                await until(partial(_has_taken, stage, enough))
                await killed(task)
            await stage.lose_connections()
        async with sending(stage.sender()):
            await until(stage.is_over)
        times = Counter(mail["Message-ID"] for mail in stage.smtp.to(ANNA))
        assert len(times) == REQUESTS
        assert sum(times.values()) - REQUESTS <= KILLS * CONNECTIONS
        assert set(await stage.statuses(delivery)) == {"delivered"}
        tried = await stage.rows(attempt, "delivery_id", "possible_duplicate")
        first = [delivery_id for delivery_id, possible_duplicate in tried if not possible_duplicate]
        assert len(first) == len(set(first)) == REQUESTS


async def test_two_senders_share_the_work_and_nobody_gets_anything_twice(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, send_batch=10) as stage:
        await stage.family((await stage.guardian(ANNA), Relation.GUARDIAN))
        for _ in range(REQUESTS):
            await stage.ask()
        async with sending(stage.sender()), sending(stage.sender()):
            await until(stage.is_over)
        assert len(stage.smtp.taken) == REQUESTS
        assert len({row[0] for row in await stage.rows(attempt, "owner")}) == 2


async def test_a_database_that_restarts_in_the_middle_loses_and_repeats_nothing(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await stage.family((await stage.guardian(ANNA), Relation.GUARDIAN))
        stage.smtp.script[ANNA] = ["slow"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: stage.was_sent(ANNA))
            await stage.lose_connections()
            await until(stage.is_over)
            await stage.ask()
            await until(stage.is_over)
        assert len(stage.smtp.taken) == 2
        assert [row[0] for row in await stage.rows(attempt, "outcome")] == ["accepted", "accepted"]


async def test_the_migrations_make_the_tables_the_code_expects(postgres: Postgres) -> None:
    name = f"m{uuid4().hex}"
    postgres.create_database(name)
    url = postgres.url(name, "postgresql+psycopg")
    await asyncio.to_thread(migrate, "notifications", url)
    await asyncio.to_thread(command.check, alembic_config("notifications", url))  # raises on any difference


async def _knows(stage: Stage, keys: set[str]) -> bool:
    """The broker is shared with other tests, so there may be more."""
    return keys <= {str(row[0]) for row in await stage.rows(roster, "id")}


async def _has_taken(stage: Stage, number: int) -> bool:
    return len(stage.smtp.taken) >= number
