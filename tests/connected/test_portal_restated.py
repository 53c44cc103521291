"""A duty that follows its pupil to another school, or its term to another last day: said again, and judged anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.portal import tables
from services.portal.domain.duties import Seen, marks
from services.portal.store.ledger import write_duties
from services.portal.store.wishes import acknowledge
from shared.clock import ManualClock
from shared.db.reach import Reach, reach_as
from shared.events.duties import RANK, DutyKind, DutyMoved, DutyStatus
from shared.events.roster import SchoolStated
from shared.ids import derived_id
from shared.kit import Kit
from tests.portal_stage import HERE, hear
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAYS = [date(2026, 11, day) for day in (22, 23, 24)]
ZONES = {derived_id("school", zone): zone for zone in ("Europe/Stockholm", "Pacific/Auckland")}
OLD, NEW = ZONES
DUTY, PUPIL = derived_id("duty"), derived_id("pupil")
DUTIES = text("select duty_id, version, status, school_id, day, moved_at, flags from duty order by duty_id")
MOMENTS = text("select duty_id, status, at, evidence_id, reason from duty_moment order by duty_id, status")
MOVES = st.builds(
    lambda number, status, hours, **more: moved(status, hours, duty_id=derived_id("duty", number), **more),
    st.integers(1, 2),
    st.sampled_from(DutyStatus),
    st.integers(-14, 14),
    school_id=st.sampled_from(list(ZONES)),
    day=st.sampled_from(DAYS),
    evidence_id=st.none() | st.sampled_from([derived_id("proof", number) for number in (1, 2)]),
    reason=st.none() | st.sampled_from(["bounced", "no_address"]),
)


@pytest.fixture
async def kit(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, clock)
    stated = [SchoolStated(school_id=one, version=1, tenant_id=HERE, name="…", zone=at) for one, at in ZONES.items()]
    await hear(kit, *stated)
    yield kit
    await kit.close()


def moved(status: DutyStatus, hours: int, **more: Any) -> DutyMoved:
    """The duty has come so far, these hours from noon."""
    values = {
        "duty_id": DUTY,
        "kind": DutyKind.DEVELOPMENT_TALK,
        "status": status,
        "pupil_id": PUPIL,
        "school_id": OLD,
        "day": DAYS[1],
        "at": NOON + timedelta(hours=hours),
    }
    return DutyMoved.model_validate(values | more)


async def tell(kit: Kit, *batches: Sequence[DutyMoved]) -> None:
    for batch in batches:
        async with kit.sessions.begin() as session:
            await write_duties(session, batch, "Europe/Oslo")


async def kept(kit: Kit) -> tuple[list[Any], list[Any]]:
    async with kit.sessions() as session:
        found = [(await session.execute(one)).all() for one in (DUTIES, MOMENTS)]
    return [tuple(row) for row in found[0]], [tuple(row) for row in found[1]]


async def the_duty(kit: Kit) -> Any:
    async with kit.sessions() as session:
        return (await session.execute(text("select * from duty where duty_id = :duty"), {"duty": DUTY})).one()


async def forget(kit: Kit) -> None:
    async with kit.sessions.begin() as session:
        for table in ("duty_moment", "duty"):
            await session.execute(text(f"delete from {table}"))


def judged(moves: Sequence[DutyMoved], school: UUID, day: date) -> int:
    return int(reduce(or_, (marks(one.status, one.at, day, ZONES[school]) for one in moves), Seen(0)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(MOVES, min_size=1, max_size=10), data=st.data())
async def test_the_same_words_in_any_order_and_however_often_end_in_the_same_rows(
    kit: Kit, moves: list[DutyMoved], data: st.DataObject
) -> None:
    await forget(kit)
    await tell(kit, moves)
    once = await kept(kit)
    await forget(kit)
    again = data.draw(st.lists(st.sampled_from(moves), max_size=6))
    told = data.draw(st.permutations([*moves, *again]))
    size = data.draw(st.integers(1, len(told)))
    await tell(kit, *[told[start : start + size] for start in range(0, len(told), size)])
    assert await kept(kit) == once
    for duty_id, _, status, school, day, at, flags in once[0]:
        mine = [one for one in moves if one.duty_id == duty_id]
        last = max(mine, key=lambda one: (RANK[one.status], one.at))
        assert (status, at) == (last.status, last.at)
        assert (school, day) in {(one.school_id, one.day) for one in mine if (one.status, one.at) == (status, at)}
        assert flags == judged(mine, school, day)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
async def test_the_later_word_of_the_same_status_says_at_which_school_and_until_when(
    kit: Kit, at_once: bool, backwards: bool
) -> None:
    words = [moved(DutyStatus.OWED, -5), moved(DutyStatus.OWED, 0, school_id=NEW, day=DAYS[2])]
    words = words[::-1] if backwards else words
    await tell(kit, words) if at_once else await tell(kit, *[[word] for word in words])
    duty = await the_duty(kit)
    assert (duty.school_id, duty.day, duty.status) == (NEW, DAYS[2], DutyStatus.OWED)
    _, [moment] = await kept(kit)
    assert moment[2] == NOON - timedelta(hours=5)  # it has been owed since the first word


async def test_an_earlier_status_said_later_moves_no_duty(kit: Kit) -> None:
    await tell(kit, [moved(DutyStatus.SENT, -5)], [moved(DutyStatus.OWED, 0, school_id=NEW, day=DAYS[2])])
    duty = await the_duty(kit)
    assert (duty.school_id, duty.day, duty.status) == (OLD, DAYS[1], DutyStatus.SENT)


async def test_what_depends_on_the_day_is_judged_by_the_day_it_has_now(kit: Kit) -> None:
    late = moved(DutyStatus.DELIVERED, 20)  # after midnight in Stockholm
    await tell(kit, [late])
    assert (await the_duty(kit)).flags == Seen.DELIVERED
    await tell(kit, [moved(DutyStatus.DELIVERED, 21, day=DAYS[2])])
    assert (await the_duty(kit)).flags == Seen.DELIVERED | Seen.TOLD_IN_TIME
    await tell(kit, [late], [moved(DutyStatus.DELIVERED, 22, day=DAYS[0])])
    assert (await the_duty(kit)).flags == Seen.DELIVERED


async def test_an_acknowledgement_counts_when_the_day_is_judged_anew(kit: Kit) -> None:
    await tell(kit, [moved(DutyStatus.DELIVERED, -40)])
    async with kit.people.begin() as session:
        await reach_as(session, Reach(HERE, (OLD,)))
        seen = marks(DutyStatus.UNDERSTOOD, NOON, DAYS[1], ZONES[OLD])
        assert await acknowledge(session, DUTY, PUPIL, NOON, seen)
    await tell(kit, [moved(DutyStatus.DELIVERED, -39, day=DAYS[2])])
    assert (await the_duty(kit)).flags == Seen.DELIVERED | Seen.UNDERSTOOD | Seen.TOLD_IN_TIME
    await tell(kit, [moved(DutyStatus.DELIVERED, -38, day=date(2026, 11, 20))])
    assert (await the_duty(kit)).flags == Seen.DELIVERED | Seen.UNDERSTOOD
