"""What is on record about a duty is what its moments say, in whatever order and however often they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

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
DAY = date(2026, 11, 23)
MIDNIGHT = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)  # the day's end in Stockholm; in Helsinki it is an hour earlier
ZONES = {derived_id("school", zone): zone for zone in ("Europe/Stockholm", "Europe/Helsinki", "Atlantic/Reykjavik")}
UNKNOWN = derived_id("school", "not stated yet")
DEFAULT = "Europe/Oslo"
KEPT = text("select d.school_id, m.status, m.at from duty_moment m join duty d using (duty_id)")
Word = tuple[UUID, DutyStatus, int]  # school (one duty at each), status, minutes after midnight in Stockholm
WORDS = st.tuples(st.sampled_from([*ZONES, UNKNOWN]), st.sampled_from(DutyStatus), st.integers(-180, 180))


@pytest.fixture
async def kit(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, clock)
    stated = [SchoolStated(school_id=one, version=1, tenant_id=HERE, name="…", zone=at) for one, at in ZONES.items()]
    await hear(kit, *stated)
    yield kit
    await kit.close()


def moved(word: Word) -> DutyMoved:
    school, status, minutes = word
    return DutyMoved(
        duty_id=derived_id("duty", school),
        kind=DutyKind.SAME_DAY_NOTICE,
        status=status,
        pupil_id=derived_id("pupil", school),
        school_id=school,
        day=DAY,
        at=MIDNIGHT + timedelta(minutes=minutes),
    )


def left_by(words: Sequence[tuple[DutyStatus, datetime]], school: UUID) -> int:
    return int(reduce(or_, (marks(status, at, DAY, ZONES.get(school, DEFAULT)) for status, at in words), Seen(0)))


async def tell(kit: Kit, batches: Sequence[Sequence[Word]]) -> None:
    for batch in batches:
        async with kit.sessions.begin() as session:
            await write_duties(session, [moved(word) for word in batch], DEFAULT)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, min_size=1, max_size=12), data=st.data())
async def test_any_order_and_repetition_of_moments_ends_in_the_flags_that_the_moments_themselves_say(
    kit: Kit, words: list[Word], data: st.DataObject
) -> None:
    async with kit.sessions.begin() as session:
        await session.execute(text("delete from duty_moment"))
        await session.execute(text("delete from duty"))
    again = data.draw(st.lists(st.sampled_from(words), max_size=6))
    told = data.draw(st.permutations([*words, *again]))
    size = data.draw(st.integers(1, len(told)))
    await tell(kit, [told[start : start + size] for start in range(0, len(told), size)])
    async with kit.sessions() as session:
        duties = (await session.execute(text("select school_id, status, flags from duty"))).all()
        kept = (await session.execute(KEPT)).all()
    assert {duty.school_id for duty in duties} == {school for school, _, _ in words}
    for duty in duties:
        said = [(status, MIDNIGHT + timedelta(minutes=at)) for school, status, at in words if school == duty.school_id]
        mine = [(DutyStatus(one.status), one.at) for one in kept if one.school_id == duty.school_id]
        assert duty.flags == left_by(said, duty.school_id) == left_by(mine, duty.school_id)
        assert dict(mine) == {status: min(at for one, at in said if one is status) for status, _ in said}
        assert duty.status == max((status for status, _ in said), key=lambda status: RANK[status])


@pytest.mark.parametrize("first", ["acknowledged", "told"])
async def test_an_acknowledgement_adds_its_flags_once_and_a_late_moment_keeps_them(kit: Kit, first: str) -> None:
    school = next(iter(ZONES))
    owed, told = (school, DutyStatus.OWED, -600), [(school, DutyStatus.SENT, -500), (school, DutyStatus.DELIVERED, 90)]
    await tell(kit, [[owed], told] if first == "told" else [[owed]])
    seen, reader = marks(DutyStatus.UNDERSTOOD, MIDNIGHT - timedelta(minutes=5), DAY, ZONES[school]), uuid4()
    duty = derived_id("duty", school)
    async with kit.people.begin() as session:
        await reach_as(session, Reach(HERE, (school,)))
        assert await acknowledge(session, duty, reader, MIDNIGHT, seen)
        assert not await acknowledge(session, duty, reader, MIDNIGHT, seen)
    await tell(kit, [told])
    async with kit.sessions() as session:
        flags = await session.scalar(text("select flags from duty where duty_id = :duty"), {"duty": duty})
    assert flags == Seen.SENT | Seen.DELIVERED | Seen.UNDERSTOOD | Seen.TOLD_IN_TIME


async def test_nobody_acknowledges_a_duty_they_do_not_reach(kit: Kit) -> None:
    school, other = list(ZONES)[:2]
    await tell(kit, [[(school, DutyStatus.OWED, -600)]])
    duty = derived_id("duty", school)
    async with kit.people() as session:
        await reach_as(session, Reach(HERE, (other,)))
        with pytest.raises(ProgrammingError, match="row-level security"):
            await acknowledge(session, duty, uuid4(), MIDNIGHT, Seen.UNDERSTOOD)
    async with kit.sessions() as session:
        assert await session.scalar(text("select flags from duty")) == 0
