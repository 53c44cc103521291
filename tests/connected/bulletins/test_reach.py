"""Whom a bulletin reached, and what that makes of what was owed: in whatever order we hear of it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.bulletins.filling import understood
from services.bulletins.privacy import InLists
from services.bulletins.tables import Reading
from shared.clock import ManualClock
from shared.events.duties import RANK, DutyMoved, DutyStatus
from shared.events.notify import Addressee, DeliveryStatus, MailingKind, MailingSettled
from shared.events.people import Channel
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.test_duties import begin, send, statuses

pytestmark = pytest.mark.connected
HOMES = {
    "anna": ("ebba",),
    "bo": ("ebba",),
    "nadia": ("noor",),
    "nils": ("noor",),
    "petra": ("pia",),
    "greta": ("gustav",),
    "sven": ("stig", "siri"),
}
OF_6A = ("anna", "bo", "nadia", "nils", "petra", "greta")
DELIVERED, BOUNCED, GIVEN_UP = DeliveryStatus.DELIVERED, DeliveryStatus.BOUNCED, DeliveryStatus.GIVEN_UP


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock) as here:
        await begin(here)
        yield here


def part(
    stage: Stage,
    bulletin: UUID,
    minute: int,
    people: dict[str, DeliveryStatus],
    still_open: int = 0,
    first: bool = True,
) -> MailingSettled:
    """Part of the bulletin's mailing (or of a reminder), settled so many minutes from now."""
    return MailingSettled(
        mailing_id=bulletin if first else uuid4(),
        part_id=uuid4(),
        about_id=bulletin,
        kind=MailingKind.BULLETIN,
        school_id=stage.school["north"],
        path=f"/bulletins/{bulletin}",
        at=stage.now + timedelta(minutes=minute),
        people=tuple(
            Addressee(
                person_id=stage.who[one],
                pupil_ids=tuple(stage.who[pupil] for pupil in HOMES[one]),
                status=status,
                channel=Channel.EMAIL,
            )
            for one, status in people.items()
        ),
        open=still_open,
    )


async def read(stage: Stage, bulletin: UUID, who: str) -> None:
    """Somebody reads it, as the reading pages write it."""
    async with stage.machine() as session:
        session.add(Reading(bulletin_id=bulletin, person_id=stage.who[who], at=stage.now, how="portal"))
        await session.flush()
        await stage.say(session, await understood(session, bulletin, stage.who[who], stage.now))


async def first(stage: Stage, pupil: str) -> str:
    """What became of the first bulletin owed to this pupil's home."""
    return (await statuses(stage, pupil))[0]


async def test_one_guardian_who_has_it_is_enough_for_a_pupils_home(stage: Stage) -> None:
    bulletin = await send(stage, "6A")
    await stage.hear(part(stage, bulletin, 1, {"anna": BOUNCED, "bo": DELIVERED, "petra": BOUNCED}, still_open=2))
    assert [await first(stage, one) for one in ("ebba", "pia", "noor")] == ["delivered", "sent", "sent"]
    await stage.hear(part(stage, bulletin, 2, {"nadia": GIVEN_UP, "nils": GIVEN_UP}))
    assert [await first(stage, one) for one in ("ebba", "pia", "noor")] == ["delivered", "unreachable", "unreachable"]
    assert await first(stage, "filip") == "unreachable"  # nobody in that home was there to be told


async def test_siblings_are_reached_by_one_mail(stage: Stage) -> None:
    bulletin = await send(stage, "4B")
    await stage.hear(part(stage, bulletin, 1, {"sven": DELIVERED}))
    assert [await first(stage, one) for one in ("stig", "siri", "hugo")] == ["delivered", "delivered", "unreachable"]


async def test_a_home_found_unreachable_is_reached_by_the_reminder(stage: Stage) -> None:
    bulletin = await send(stage, "6A")
    await stage.hear(part(stage, bulletin, 1, {"petra": BOUNCED}))
    assert await first(stage, "pia") == "unreachable"
    await stage.hear(part(stage, bulletin, 99, {"petra": DELIVERED}, first=False))
    assert await first(stage, "pia") == "delivered"


async def test_reading_is_understanding_for_the_pupils_one_was_told_about(stage: Stage) -> None:
    bulletin = await send(stage, "6A")
    await read(stage, bulletin, "anna")  # before we hear that it arrived
    assert await first(stage, "ebba") == "sent"
    await stage.hear(part(stage, bulletin, 1, {"anna": DELIVERED, "nadia": DELIVERED}, still_open=1))
    assert [await first(stage, one) for one in ("ebba", "noor")] == ["understood", "delivered"]
    await read(stage, bulletin, "nadia")
    assert await first(stage, "noor") == "understood"
    said = [one for one in await stage.said(DutyMoved) if one.pupil_id == stage.who["noor"] and one.evidence_id]
    assert [one.status for one in said] == [DutyStatus.SENT, DutyStatus.DELIVERED, DutyStatus.UNDERSTOOD]
    assert {one.evidence_id for one in said} == {bulletin}


async def test_a_part_that_comes_twice_or_of_something_unknown_says_nothing(
    stage: Stage,
) -> None:
    bulletin = await send(stage, "6A")
    one = part(stage, bulletin, 1, {"anna": DELIVERED})
    await stage.hear(one)
    await stage.forget_said()
    await stage.hear(one, part(stage, uuid4(), 1, {"anna": DELIVERED}))
    assert await stage.said(DutyMoved) == []


@pytest.mark.parametrize("seed", range(12))
async def test_in_any_order_the_same_rows_stand_at_the_end(stage: Stage, seed: int) -> None:
    """The same settled parts, reminders and readings, in the order of time and in any other."""
    chance, rows = random.Random(seed), list[Any]()
    for shuffled in (False, True):
        bulletin = await send(stage, "6A")
        story = _story(stage, bulletin, random.Random(seed))
        if shuffled:
            chance.shuffle(story)
        for what in story:
            await (read(stage, bulletin, what) if isinstance(what, str) else stage.hear(what))
        rows.append(await _rows(stage, bulletin))
        moved = [one for one in await stage.said(DutyMoved) if one.evidence_id == bulletin]
        for duty in {one.duty_id for one in moved}:
            ranks = [RANK[one.status] for one in moved if one.duty_id == duty]
            assert ranks == sorted(set(ranks)), "a duty only moves forward"
    assert rows[0] == rows[1]


def _story(stage: Stage, bulletin: UUID, chance: random.Random) -> list[Any]:
    """Parts that end each person's delivery, a late bounce, a reminder, and two readers."""
    ends = {one: chance.choice([DELIVERED, BOUNCED, GIVEN_UP]) for one in OF_6A}
    people = list(ends)
    some = {one: ends[one] for one in people[:3]}
    rest = {one: ends[one] for one in people[3:]}
    late = chance.choice(people)
    return [
        part(stage, bulletin, 1, some, still_open=len(rest)),
        part(stage, bulletin, 2, rest),
        part(stage, bulletin, 30, {late: BOUNCED}),
        part(stage, bulletin, 99, {chance.choice(people): chance.choice([DELIVERED, BOUNCED])}, first=False),
        *chance.sample(people, 2),
    ]


async def _rows(stage: Stage, bulletin: UUID) -> tuple[list[Any], list[Any]]:
    reach = "select person_id, status, pupil_ids from reach where bulletin_id = :id order by 1"
    owed = "select pupil_id, status from owed where bulletin_id = :id order by 1"
    return [tuple(row) for row in await stage.rows(reach, id=bulletin)], [
        tuple(row) for row in await stage.rows(owed, id=bulletin)
    ]


async def test_who_is_erased_is_gone_from_what_was_sent_to_others(stage: Stage) -> None:
    bulletin = await send(stage, "6A")
    await stage.hear(part(stage, bulletin, 1, {"anna": DELIVERED, "nadia": DELIVERED}))
    ebba = stage.who["ebba"]
    async with stage.machine() as session:
        found = await InLists().export(session, ebba)
        assert [row["status"] for row in found["bulletin a home was sent"]] == ["delivered"]
        assert str(stage.who["anna"]) not in str(found)
        assert "bulletin written" in await InLists().export(session, stage.who["maja"])
        changed, said = await InLists().erase(session, [ebba], stage.now)
        assert (changed, said) == (1, [])
        left = await session.execute(text("select pupil_ids from reach order by jsonb_array_length(pupil_ids)"))
        assert [row.pupil_ids for row in left] == [[], [str(stage.who["noor"])]]
        assert await InLists().export(session, ebba) == {}
