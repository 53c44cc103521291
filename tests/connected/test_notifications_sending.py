"""What mail servers do, and what becomes of a message then: on a real database and a real mail server."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from deploy.embedded.postgres import Postgres
from services.notifications import owner
from services.notifications.tables import attempt, call_list, delivery, notification
from shared.clock import ManualClock
from shared.events.notify import DeliverySettled, Lane
from shared.events.roster import Relation
from tests.connected.notifications_stage import (
    RETRACTION,
    Stage,
    addresses,
    killed,
    sending,
    staged,
)
from tests.on_servers import twin, until

pytestmark = pytest.mark.connected
GUARDIAN = Relation.GUARDIAN
ANNA = "anna@home.example"
RETRY = timedelta(seconds=25)


async def a_family(stage: Stage, *emails: str) -> None:
    """One guardian with these addresses."""
    await stage.family((await stage.guardian(*emails), GUARDIAN))


async def test_a_server_that_says_later_gets_it_later_with_the_same_message_id(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["451"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            assert stage.smtp.taken == []
            clock.advance(RETRY)
            await until(stage.is_over)
        assert len(stage.smtp.to(ANNA)) == 1
        assert await stage.rows(attempt, "outcome", "reply_code", "possible_duplicate") == [
            ("accepted", 250, False),
            ("later", 451, False),
        ]
        assert await stage.duty_statuses() == ["sent", "delivered"]


async def test_a_refused_address_leads_to_the_next_one_and_when_all_are_refused_to_the_call_list(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await a_family(stage, ANNA, "anna@work.example")
        stage.smtp.script[ANNA] = ["550", "550"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_over)
            assert addresses(stage.smtp.taken) == ["anna@work.example"]
            stage.smtp.script["anna@work.example"] = ["550"]
            await stage.ask()
            await until(stage.is_over)
        assert len(stage.smtp.taken) == 1
        assert await stage.rows(call_list, "reason") == [("bounced",)]
        assert [event.status for event in await stage.said(DeliverySettled)] == ["delivered", "bounced"]
        assert (await stage.duty_statuses())[-1] == "unreachable"


async def test_a_server_that_never_takes_it_is_given_up_and_the_school_told(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, tries=2) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["451"] * 9
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            clock.advance(RETRY)
            await until(stage.is_over)
        assert await stage.rows(call_list, "reason") == [("given_up",)]


@pytest.mark.parametrize("silence", ["drop", "hold"])
async def test_silence_after_the_final_dot_is_uncertain_and_the_repeat_is_marked_and_recognisable(
    postgres: Postgres, clock: ManualClock, silence: str
) -> None:
    async with staged(postgres, clock, smtp_timeout=0.5) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = [silence]
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            assert await stage.statuses(delivery) == ["uncertain"]
            clock.advance(RETRY)
            await until(stage.is_over)
        first, second = stage.smtp.to(ANNA)
        assert first["Message-ID"] == second["Message-ID"]
        assert await stage.rows(attempt, "outcome", "possible_duplicate") == [
            ("accepted", True),
            ("uncertain", False),
        ]


async def test_a_mail_server_that_is_away_costs_no_tries_and_nothing_is_lost(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, tries=1) as stage:
        await a_family(stage, ANNA)
        await stage.smtp.stop()
        await stage.ask()
        async with sending(stage.sender()):
            for _ in range(2):
                await until(stage.is_put_off)
                clock.advance(RETRY)
            await until(stage.is_put_off)
            assert await stage.rows(delivery, "tries") == [(0,)]
            await stage.smtp.start()
            clock.advance(RETRY)
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ANNA]


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_wrong_password_of_ours_bounces_nobody_and_a_right_one_is_enough(
    postgres: Postgres, clock: ManualClock
) -> None:
    login = {"smtp_username": "skolbro", "smtp_password": SecretStr("wrong")}
    async with staged(postgres, clock, password="right", **login) as stage:
        await a_family(stage, ANNA)
        await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
        assert await stage.rows(attempt, "outcome", "reply_code") == [("unsent", 535)]
        stage.settings.smtp_password = SecretStr("right")
        clock.advance(RETRY)
        async with sending(stage.sender()):
            await until(stage.is_over)
        assert addresses(stage.smtp.taken) == [ANNA]


@pytest.mark.parametrize("how", ["silently", "with a word"])
async def test_a_connection_the_server_has_closed_meanwhile_is_made_anew_at_once(
    postgres: Postgres, clock: ManualClock, how: str
) -> None:
    async with staged(postgres, clock, smtp_connections=1) as stage:
        await a_family(stage, ANNA)
        async with sending(stage.sender()):
            await stage.ask()
            await until(stage.is_over)
            if how == "silently":
                await stage.smtp.stop()
                await stage.smtp.start()
            stage.smtp.tired = how == "with a word"
            await stage.ask()
            await until(stage.is_over)
        assert [row[0] for row in await stage.rows(attempt, "outcome")] == ["accepted", "accepted"]


async def test_one_slow_server_holds_up_nobody_else(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock, smtp_timeout=30) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["hold"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: stage.was_sent(ANNA))
            await a_family(stage, "bo@home.example")
            await stage.ask()
            await until(lambda: stage.was_delivered(1), seconds=5)
        assert await stage.statuses(notification) == ["done", "sending"]


@pytest.mark.parametrize(
    ("address", "outcomes"),
    [
        ("simulate:bounce", ["refused"]),
        ("simulate:bounce@x", ["refused"]),
        ("simulate:defer", ["later", "later", "accepted"]),
        ("simulate:slow", ["accepted"]),
    ],
)
async def test_a_municipality_can_rehearse_failures_and_no_mail_leaves(
    postgres: Postgres, clock: ManualClock, address: str, outcomes: list[str]
) -> None:
    async with staged(postgres, clock, simulate=True) as stage:
        await a_family(stage, address)
        await stage.ask()
        async with sending(stage.sender()):
            for _ in outcomes[1:]:
                await until(stage.is_put_off)
                clock.advance(RETRY)
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert sorted(row[0] for row in await stage.rows(attempt, "outcome")) == sorted(outcomes)


async def test_what_a_killed_sender_left_open_is_repeated_by_the_next_and_marked_as_possible_duplicate(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, smtp_timeout=30) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["hold"]
        await stage.ask()
        async with sending(stage.sender()) as task:
            await until(lambda: stage.was_sent(ANNA))
            await killed(task)
        assert await stage.statuses(delivery) == ["sending"]
        async with sending(stage.sender()):
            await until(stage.is_over)
        first, second = stage.smtp.to(ANNA)
        assert first["Message-ID"] == second["Message-ID"]
        assert await stage.rows(attempt, "outcome", "possible_duplicate") == [("accepted", True), ("orphaned", False)]
        assert await stage.duty_statuses() == ["sent", "delivered"]


async def test_a_second_sender_leaves_alone_what_a_living_one_has_in_hand(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "LOOK_SECONDS", 0.05)
    async with staged(postgres, clock, smtp_timeout=30) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["hold"]
        await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: stage.was_sent(ANNA))
            stage.kit = twin(stage.kit)
            other = stage.on(Lane.URGENT)
            async with sending(other):
                await other.owner.held.wait()
                await asyncio.sleep(0.3)
                assert await stage.rows(attempt, "outcome") == [(None,)]
            await stage.kit.close()


async def test_an_orderly_stop_waits_for_the_answer_so_that_nothing_is_left_open(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, smtp_timeout=30) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["slow"]
        await stage.ask()
        async with sending(stage.sender()) as task:
            await until(lambda: stage.was_sent(ANNA))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert await stage.rows(attempt, "outcome") == [("accepted",)]


async def test_a_retraction_waits_while_its_notice_is_under_way_and_then_follows_it(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock, smtp_timeout=30) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["slow"]
        notice = await stage.ask()
        async with sending(stage.sender()):
            await until(lambda: stage.was_sent(ANNA))
            await stage.ask(RETRACTION, about=notice)
            assert await stage.statuses(notification) == ["sending", "waiting"]
            await until(stage.is_over)
        subjects = [mail["Subject"] for mail in stage.smtp.to(ANNA)]
        assert [subject.split()[0] for subject in subjects] == ["Meddelande", "Tidigare"]
        assert await stage.duty_statuses() == ["sent", "delivered", "retracted"]


async def test_a_notice_that_was_put_off_is_cancelled_by_its_retraction_and_neither_goes_out(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with staged(postgres, clock) as stage:
        await a_family(stage, ANNA)
        stage.smtp.script[ANNA] = ["451"]
        notice = await stage.ask()
        async with sending(stage.sender()):
            await until(stage.is_put_off)
            await stage.ask(RETRACTION, about=notice)
            await until(stage.is_over)
        assert stage.smtp.taken == []
        assert await stage.statuses(notification) == ["cancelled", "cancelled"]
        assert await stage.duty_statuses() == ["sent", "retracted"]


async def test_a_request_that_breaks_the_rules_themselves_holds_nobody_up(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(postgres, clock) as stage:
        await a_family(stage, ANNA)
        sender = stage.on(Lane.URGENT)
        poison, sound = await stage.ask(), await stage.ask()
        look_up = sender.claims.recipients.situations

        async def broken(session: object, requests: list[object], now: object) -> object:
            if any(getattr(request, "notification_id", None) == poison for request in requests):
                raise ValueError("a fault of ours")
            return await look_up(session, requests, now)  # type: ignore[arg-type]

        monkeypatch.setattr(type(sender.claims.recipients), "situations", staticmethod(broken))
        async with sending(sender):
            await until(lambda: stage.was_delivered(1))
        assert f"/n/{sound}" in str(stage.smtp.to(ANNA)[0])
        assert await stage.statuses(notification) == ["done", "waiting"]
