"""Whatever happens to families, no sequence of events ever lets anybody see what is not theirs.

Families, custody, consents, moves between schools and markings change in any order, also late and twice. After each
change everybody's standing is compared with an answer worked out here from the law's words, not from our code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from deploy.embedded.postgres import Postgres
from services.portal import tables
from services.portal.consumers import ROSTER
from services.portal.tables import roster
from shared.clock import ManualClock
from shared.db.reach import Reach, reach_as
from shared.events.envelope import Event, Received
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.roster import (
    Assignment,
    GroupStated,
    Guardianship,
    GuardianshipsStated,
    Membership,
    PersonStated,
    Relation,
    SchoolStated,
    StaffStated,
)
from shared.kit import Kit
from shared.messaging.reader import Batch
from shared.roster.access import consent_id, families
from shared.roster.projection import roster_reader
from shared.roster.standing import Fact, Standing, standing_of
from tests.portal_stage import statements
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
TENANTS = (UUID(int=1), UUID(int=2))
SCHOOLS = (UUID(int=11), UUID(int=12), UUID(int=13))  # the last belongs to the second municipality
ZONES = ("Europe/Stockholm", "Europe/Oslo", "Europe/Stockholm")
GROUPS = (UUID(int=21), UUID(int=22))
PUPILS = (UUID(int=31), UUID(int=32))
GROWN_UPS = (UUID(int=41), UUID(int=42), UUID(int=43))
TEACHER, PRINCIPAL, OFFICER, STRANGER = UUID(int=51), UUID(int=52), UUID(int=53), UUID(int=54)
DAYS = st.sampled_from([None, TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)])
BIRTHDAYS = st.sampled_from([date(2015, 1, 1), date(2010, 11, 23), date(2008, 11, 24), date(2008, 11, 23), None])


@dataclass
class Truth:
    """The world as it is, and the events that tell of it."""

    pupils: dict[UUID, PersonStated] = field(default_factory=dict)
    ties: dict[UUID, tuple[Guardianship, ...]] = field(default_factory=dict)
    consents: dict[UUID, ConsentStated] = field(default_factory=dict)
    groups: dict[UUID, tuple[Membership, ...]] = field(default_factory=dict)
    mentors: tuple[Assignment, ...] = ()
    version: int = 0

    def next(self) -> int:
        self.version += 1
        return self.version

    def custodians(self, pupil_id: UUID) -> set[UUID]:
        born = self.pupils[pupil_id].born
        if born is None or (born.year + 18, born.month, born.day) <= (TODAY.year, TODAY.month, TODAY.day):
            return set()
        lawful = [t for t in self.ties.get(pupil_id, ()) if t.relation in (Relation.GUARDIAN, Relation.APPOINTED)]
        return {t.guardian_id for t in lawful if (t.starts or TODAY) <= TODAY < (t.ends or date.max)}

    def may_know(self, person_id: UUID, pupil_id: UUID) -> bool:
        """Custody today, or a consent by those who decide today."""
        pupil = self.pupils.get(pupil_id)
        if pupil is None or not pupil.active or pupil.born is None:
            return False
        deciding = self.custodians(pupil_id)
        if person_id in deciding:
            return True
        grown = (pupil.born.year + 18, pupil.born.month, pupil.born.day) <= (TODAY.year, TODAY.month, TODAY.day)
        given = self.consents.get(consent_id(pupil_id, person_id))
        if given is None or given.withdrawn or not given.starts <= TODAY < (given.ends or date.max):
            return False
        if grown:
            return given.basis is ConsentBasis.PUPIL and pupil_id in given.given_by
        return given.basis is ConsentBasis.GUARDIANS and bool(deciding) and deciding <= set(given.given_by)

    def reasons_too(self, pupil_id: UUID) -> bool:
        """In Norway, from 16 on, a reason is the pupil's own."""
        pupil = self.pupils[pupil_id]
        if not pupil.school_ids or pupil.school_ids[0] != SCHOOLS[1]:
            return True
        born = pupil.born
        return born is not None and (born.year + 16, born.month, born.day) > (TODAY.year, TODAY.month, TODAY.day)

    def teaches(self, person_id: UUID, pupil_id: UUID) -> bool:
        pupil = self.pupils[pupil_id]
        if person_id == PRINCIPAL:
            return SCHOOLS[0] in pupil.school_ids
        if person_id != TEACHER:
            return False
        mine = {
            a.group_id
            for a in self.mentors
            if a.role == "Mentor" and (a.starts or TODAY) <= TODAY < (a.ends or date.max)
        }
        members = [m for group_id in mine for m in self.groups.get(group_id, ())]
        return any(m.person_id == pupil_id and (m.starts or TODAY) <= TODAY < (m.ends or date.max) for m in members)


def tenant_of(school_ids: tuple[UUID, ...]) -> UUID:
    return TENANTS[1] if SCHOOLS[2] in school_ids else TENANTS[0]


def change(truth: Truth, draw: Callable[..., object]) -> Event:
    """Something happens; returns the event that tells of it."""
    pupil_id = draw(st.sampled_from(PUPILS))
    kind = draw(st.sampled_from(["pupil", "ties", "consent", "group", "mentor"]))
    assert isinstance(pupil_id, UUID)
    return {"pupil": _pupil, "ties": _ties, "consent": _consent, "group": _group, "mentor": _mentor}[str(kind)](
        truth, pupil_id, draw
    )


def _pupil(truth: Truth, pupil_id: UUID, draw: Callable[..., object]) -> Event:
    school = draw(st.sampled_from(SCHOOLS))
    assert isinstance(school, UUID)
    event = PersonStated(
        person_id=pupil_id,
        version=truth.next(),
        tenant_id=tenant_of((school,)),
        born=draw(BIRTHDAYS),
        active=draw(st.booleans()) or draw(st.booleans()),
        school_ids=(school,),
    )
    truth.pupils[pupil_id] = event
    return event


def _ties(truth: Truth, pupil_id: UUID, draw: Callable[..., object]) -> Event:
    tie = st.builds(
        Guardianship, guardian_id=st.sampled_from(GROWN_UPS), relation=st.sampled_from(Relation), starts=DAYS, ends=DAYS
    )
    ties = draw(st.lists(tie, max_size=3))
    assert isinstance(ties, list)
    truth.ties[pupil_id] = tuple(ties)
    return GuardianshipsStated(pupil_id=pupil_id, version=truth.next(), tenant_id=TENANTS[0], ties=tuple(ties))


def _consent(truth: Truth, pupil_id: UUID, draw: Callable[..., object]) -> Event:
    person_id = draw(st.sampled_from(GROWN_UPS))
    given_by = draw(st.lists(st.sampled_from([*GROWN_UPS, pupil_id]), max_size=3, unique=True))
    assert isinstance(person_id, UUID)
    assert isinstance(given_by, list)
    event = ConsentStated(
        consent_id=consent_id(pupil_id, person_id),
        version=truth.next(),
        tenant_id=TENANTS[0],
        pupil_id=pupil_id,
        person_id=person_id,
        basis=draw(st.sampled_from(ConsentBasis)),
        given_by=tuple(given_by),
        starts=draw(st.sampled_from([TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1)])),
        ends=draw(DAYS),
        withdrawn=draw(st.booleans()),
    )
    truth.consents[event.consent_id] = event
    return event


def _group(truth: Truth, _: UUID, draw: Callable[..., object]) -> Event:
    group_id = draw(st.sampled_from(GROUPS))
    member = st.builds(Membership, person_id=st.sampled_from(PUPILS), starts=DAYS, ends=DAYS)
    members = draw(st.lists(member, max_size=2))
    assert isinstance(group_id, UUID)
    assert isinstance(members, list)
    truth.groups[group_id] = tuple(members)
    return GroupStated(
        group_id=group_id,
        version=truth.next(),
        tenant_id=TENANTS[0],
        school_id=SCHOOLS[0],
        name="7B",
        kind="Klass",
        members=tuple(members),
    )


def _mentor(truth: Truth, _: UUID, draw: Callable[..., object]) -> Event:
    part = st.builds(
        Assignment, group_id=st.sampled_from(GROUPS), role=st.sampled_from(["Mentor", "Lärare"]), starts=DAYS, ends=DAYS
    )
    parts = draw(st.lists(part, max_size=2))
    assert isinstance(parts, list)
    truth.mentors = tuple(parts)
    return _post(TEACHER, SCHOOLS[0], "Lärare", truth.next(), tuple(parts))


def _post(person_id: UUID, place: UUID, role: str, version: int, parts: tuple[Assignment, ...] = ()) -> StaffStated:
    return StaffStated(
        post_id=replace_last(person_id),
        version=version,
        tenant_id=TENANTS[0],
        school_id=place,
        person_id=person_id,
        role=role,
        assignments=parts,
    )


def replace_last(person_id: UUID) -> UUID:
    return UUID(int=person_id.int + 1000)


def beginning(truth: Truth) -> list[Event]:
    """Schools, grown-ups and staff who are simply there, and two pupils."""
    town = UUID(int=10)
    schools: list[Event] = [
        SchoolStated(school_id=town, version=1, tenant_id=TENANTS[0], name="Town", kind="municipality")
    ]
    for number, school_id in enumerate(SCHOOLS):
        schools.append(
            SchoolStated(
                school_id=school_id, version=1, tenant_id=tenant_of((school_id,)), name="School", zone=ZONES[number]
            )
        )
    people = [
        PersonStated(person_id=one, version=1, tenant_id=TENANTS[0])
        for one in (*GROWN_UPS, TEACHER, PRINCIPAL, OFFICER, STRANGER)
    ]
    posts = [
        _post(PRINCIPAL, SCHOOLS[0], "Rektor", 1),
        _post(OFFICER, town, "Övrig arbetsledning", 1),
    ]
    for pupil_id in PUPILS:
        truth.pupils[pupil_id] = PersonStated(
            person_id=pupil_id,
            version=truth.next(),
            tenant_id=TENANTS[0],
            born=date(2012, 1, 1),
            school_ids=(SCHOOLS[0],),
        )
    return [*schools, *people, *posts, *truth.pupils.values()]


@pytest.fixture
async def kit(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Kit]:
    kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, clock)
    yield kit
    await kit.engine.dispose()


async def hear(kit: Kit, *events: Event) -> None:
    reader = roster_reader(roster, *ROSTER)
    received = [Received(e, str(uuid4()).encode(), None, e.topic, 0, 0) for e in events]
    async with kit.sessions.begin() as session:
        await reader.handle(session, Batch(received, NOW))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_sequence_of_events_shows_a_fact_to_anybody_without_the_right(kit: Kit, data: st.DataObject) -> None:
    async with kit.sessions.begin() as session:
        await session.execute(text("delete from roster"))
        await session.execute(text("delete from roster_link"))
    truth = Truth()
    told = beginning(truth)
    await hear(kit, *told)
    for _ in range(data.draw(st.integers(1, 6))):
        told.append(change(truth, data.draw))
        late = data.draw(st.lists(st.sampled_from(told), max_size=2))
        await hear(kit, *data.draw(st.permutations([told[-1], *late])))
    await check(kit, truth)


async def check(kit: Kit, truth: Truth) -> None:
    """Everybody's standing and everybody who would be told, against the truth."""
    everybody = (*GROWN_UPS, TEACHER, PRINCIPAL, OFFICER, STRANGER)
    async with kit.people.begin() as session:
        await reach_as(session, Reach(TENANTS[0]))
        for person_id in everybody:
            standing = await standing_of(session, roster, person_id, TENANTS[0], NOW)
            assert standing is not None
            for pupil in truth.pupils.values():
                for fact in Fact:
                    assert standing.may_see(pupil, fact) == allowed(truth, standing, pupil, fact), (person_id, fact)
        mine = [pupil.person_id for pupil in truth.pupils.values() if pupil.tenant_id == TENANTS[0]]
        found = await families(session, roster, mine, dict.fromkeys(mine, TODAY))
    for pupil_id in mine:
        assert set(found[pupil_id].to_tell()) == {one for one in everybody if truth.may_know(one, pupil_id)}


def allowed(truth: Truth, standing: Standing, pupil: PersonStated, fact: Fact) -> bool:
    """What the law and the house rules say."""
    person_id = standing.person.person_id
    if pupil.tenant_id != TENANTS[0]:
        return False
    if truth.teaches(person_id, pupil.person_id):
        return True
    if truth.may_know(person_id, pupil.person_id):
        return fact is not Fact.REASON or truth.reasons_too(pupil.person_id)
    return person_id == OFFICER and fact in (Fact.NOTICE, Fact.TOTALS)


async def test_somebody_of_another_municipality_has_no_standing_here(kit: Kit) -> None:
    truth = Truth()
    await hear(kit, *beginning(truth))
    stranger = PersonStated(person_id=uuid4(), version=1, tenant_id=TENANTS[1])
    await hear(kit, stranger)
    async with kit.people.begin() as session:
        await reach_as(session, Reach(TENANTS[0]))
        assert await standing_of(session, roster, stranger.person_id, TENANTS[0], NOW) is None
        assert await standing_of(session, roster, GROWN_UPS[0], TENANTS[1], NOW) is None


async def test_somebody_who_is_not_active_any_more_has_no_standing(kit: Kit) -> None:
    truth = Truth()
    events = beginning(truth)
    await hear(kit, *events)
    leaving = next(e for e in events if isinstance(e, PersonStated) and e.person_id == PRINCIPAL)
    await hear(kit, leaving.model_copy(update={"version": 2, "active": False}))
    async with kit.people.begin() as session:
        await reach_as(session, Reach(TENANTS[0]))
        assert await standing_of(session, roster, PRINCIPAL, TENANTS[0], NOW) is None


@pytest.mark.parametrize("place", ["town", "school"])
async def test_an_officer_has_every_school_of_their_own_municipality_and_an_administrator_at_a_school_has_that_one(
    kit: Kit, place: str
) -> None:
    own = UUID(int=10) if place == "town" else SCHOOLS[0]
    await hear(kit, *beginning(Truth()), _post(OFFICER, own, "Skoladministratör", 2))
    for sessions in (kit.people, kit.sessions):
        async with sessions.begin() as session:
            if sessions is kit.people:
                await reach_as(session, Reach(TENANTS[0]))
            sent = statements(kit)
            standing = await standing_of(session, roster, OFFICER, TENANTS[0], NOW)
        assert standing is not None
        assert standing.municipality is (place == "town")
        assert set(standing.schools) == ({own, SCHOOLS[0], SCHOOLS[1]} if place == "town" else {own})
        assert len([one for one in sent if "roster" in one]) == 2, sent


def test_the_oracle_knows_a_separated_family() -> None:
    truth = Truth()
    beginning(truth)
    custody = Guardianship(guardian_id=GROWN_UPS[0], relation=Relation.GUARDIAN)
    truth.ties[PUPILS[0]] = (custody, replace_tie(custody))
    assert truth.may_know(GROWN_UPS[0], PUPILS[0])
    assert not truth.may_know(GROWN_UPS[1], PUPILS[0])


def replace_tie(tie: Guardianship) -> Guardianship:
    return tie.model_copy(update={"guardian_id": GROWN_UPS[1], "relation": Relation.PARENT})
