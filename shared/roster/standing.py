"""Who somebody is now, by the roster, and what that lets them see. Worked out at every request, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Table, or_, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import select

from shared.clock import DEFAULT_ZONE, age_on, local_date
from shared.events.envelope import Event
from shared.events.people import ConsentStated
from shared.events.roster import (
    ContactStated,
    GroupStated,
    GuardianshipsStated,
    PersonStated,
    SchoolStated,
    StaffStated,
)
from shared.roster.access import Why, in_force, is_protected, ties_of, verdicts

NORWEGIAN_ZONES = ("Europe/Oslo", "Arctic/Longyearbyen")
OWN_SECRETS_FROM = 16  # years; Norway: from then on health-related reasons belong to the pupil
# SS 12000 dutyRole and assignmentRoleType, and their Norwegian sisters, in small letters.
PRINCIPALS = frozenset({"rektor"})
MENTORS = frozenset({"mentor", "kontaktlærer"})
OFFICERS = frozenset({"övrig arbetsledning", "skoladministratör"})  # at the municipality itself, not at a school
E = TypeVar("E", bound=Event)
Place = tuple[str, UUID]

ABOUT = text(
    "select event_type, id, state from roster where (event_type, id) in ("
    "select :person, cast(:id as uuid) union select :contact, cast(:id as uuid) "
    "union select :person, from_id from roster_link where to_id = :id and kind in ('tie', 'consent') "
    "union select :ties, from_id from roster_link where to_id = :id and kind in ('tie', 'consent') "
    "union select :staff, source_id from roster_link where to_id = :id and kind = 'post' "
    "union select :consent, theirs.source_id from roster_link mine join roster_link theirs "
    "on theirs.from_id = mine.from_id and theirs.kind = 'consent' "
    "where mine.to_id = :id and mine.kind in ('tie', 'consent') "
    "union select :consent, source_id from roster_link where from_id = :id and kind = 'consent')"
)
KINDS = {
    "person": PersonStated.event_type,
    "contact": ContactStated.event_type,
    "ties": GuardianshipsStated.event_type,
    "staff": StaffStated.event_type,
    "consent": ConsentStated.event_type,
}


class Role(StrEnum):
    """What somebody comes as; one person may be several."""

    PUPIL = "pupil"
    GUARDIAN = "guardian"
    MENTOR = "mentor"
    PRINCIPAL = "principal"
    MUNICIPALITY = "municipality"


class Fact(StrEnum):
    """What there is to see about a pupil."""

    NOTICE = "notice"  # that something happened, and what became of the duty
    TOTALS = "totals"
    REASON = "reason"  # why somebody was away; may be about health
    NAME = "name"  # names and how to reach people


@dataclass(frozen=True)
class Child:
    """A pupil whom somebody may see, and why. `protected`: one of the two has a protected identity."""

    pupil: PersonStated
    why: Why
    protected: bool
    tells_reasons: bool


@dataclass(frozen=True)
class Standing:
    """Who somebody is at this moment. `schools` are all they have to do with; what is not here is not theirs."""

    person: PersonStated
    tenant_id: UUID
    contact: ContactStated | None = None
    schools: Mapping[UUID, SchoolStated] = field(default_factory=dict)
    children: Mapping[UUID, Child] = field(default_factory=dict)
    mentor_groups: Mapping[UUID, GroupStated] = field(default_factory=dict)
    principal_of: frozenset[UUID] = frozenset()
    works_at: frozenset[UUID] = frozenset()  # where they hold a post today
    municipality: bool = False
    consents: tuple[ConsentStated, ...] = ()
    today: date = date.min

    @property
    def is_pupil(self) -> bool:
        """True for somebody enrolled at a school."""
        return bool(self.person.school_ids)

    @property
    def roles(self) -> tuple[Role, ...]:
        """What this person comes as, in the order in which pages are offered."""
        found = {
            Role.GUARDIAN: bool(self.children),
            Role.PUPIL: self.is_pupil,
            Role.MENTOR: bool(self.mentor_groups),
            Role.PRINCIPAL: bool(self.principal_of),
            Role.MUNICIPALITY: self.municipality,
        }
        return tuple(role for role, holds in found.items() if holds)

    @property
    def zone(self) -> str:
        """The time zone of the first of this person's schools."""
        return next((school.zone for school in self.schools.values()), DEFAULT_ZONE)

    def may_see(self, pupil: PersonStated, fact: Fact) -> bool:
        """May this person see such a fact about this pupil now?"""
        if pupil.tenant_id != self.tenant_id:
            return False
        if pupil.person_id == self.person.person_id or self.teaches(pupil):
            return True
        if child := self.children.get(pupil.person_id):
            return fact is not Fact.REASON or child.tells_reasons
        return self.municipality and fact in (Fact.NOTICE, Fact.TOTALS)

    def teaches(self, pupil: PersonStated) -> bool:
        """True for the mentor of a group the pupil is in today, and the principal of a school the pupil goes to."""
        if pupil.tenant_id != self.tenant_id:
            return False
        if self.principal_of.intersection(pupil.school_ids):
            return True
        return any(pupil.person_id in members_on(group, self.today) for group in self.mentor_groups.values())

    def in_charge_of(self, school_id: UUID) -> bool:
        """True for the principal of that school, and for officers of its municipality."""
        return school_id in self.schools and (self.municipality or school_id in self.principal_of)


def members_on(group: GroupStated, day: date) -> list[UUID]:
    """Who is in the group on that day."""
    return [one.person_id for one in group.members if in_force(one.starts, one.ends, day)]


async def standing_of(
    session: AsyncSession, roster: Table, person_id: UUID, tenant_id: UUID, now: datetime
) -> Standing | None:
    """Who this person is now; None when the roster does not know them as an active person of this municipality.

    Two queries for everybody. Needs a transaction that reaches the municipality.
    """
    stated = _Stated(await session.execute(ABOUT, {**KINDS, "id": person_id}))
    person = stated.get(PersonStated, person_id)
    if person is None or not person.active or person.tenant_id != tenant_id:
        return None
    posts = stated.all(StaffStated)
    pupils = stated.all(PersonStated)
    places = {school for pupil in pupils for school in pupil.school_ids} | {post.school_id for post in posts}
    stated.add(await _named_in(session, roster, stated, person, posts, places))
    return _assemble(stated, person, posts, places, now)


class _Stated:
    """What the roster says of a few things, by kind and id, read with its model when it is asked for."""

    def __init__(self, rows: Iterable[tuple[str, UUID, object]]) -> None:
        self._states = {(event_type, thing_id): state for event_type, thing_id, state in rows}

    def add(self, rows: Iterable[tuple[str, UUID, object]]) -> None:
        """Know these as well."""
        self._states.update({(event_type, thing_id): state for event_type, thing_id, state in rows})

    def get(self, kind: type[E], thing_id: UUID) -> E | None:
        """The thing, if it is known."""
        state = self._states.get((kind.event_type, thing_id))
        return None if state is None else kind.model_validate(state)

    def all(self, kind: type[E]) -> list[E]:
        """All things of one kind."""
        mine = [state for (event_type, _), state in self._states.items() if event_type == kind.event_type]
        return [kind.model_validate(state) for state in mine]


async def _named_in(
    session: AsyncSession,
    roster: Table,
    stated: _Stated,
    person: PersonStated,
    posts: Iterable[StaffStated],
    places: Iterable[UUID],
) -> Iterable[tuple[str, UUID, object]]:
    """What the things that are known name: groups, schools, and who else answers where a consent must be judged.

    All schools of the municipality come along for who may be an officer there; whether they are is seen afterwards.
    """
    groups = {part.group_id for post in posts for part in post.assignments if part.role.casefold() in MENTORS}
    ties = [tie for one in stated.all(GuardianshipsStated) for tie in one.ties]
    wanted: list[Place] = [(SchoolStated.event_type, one) for one in places]
    wanted += [(GroupStated.event_type, one) for one in groups]
    if stated.all(ConsentStated):
        wanted += [(PersonStated.event_type, one) for one in {tie.guardian_id for tie in ties} - {person.person_id}]
    if not wanted:
        return ()
    these: list[ColumnElement[bool]] = [tuple_(roster.c.event_type, roster.c.id).in_(wanted)]
    if any(post.role.casefold() in OFFICERS for post in posts):
        these.append((roster.c.event_type == SchoolStated.event_type) & (roster.c.tenant_id == person.tenant_id))
    rows = await session.execute(select(roster.c.event_type, roster.c.id, roster.c.state).where(or_(*these)))
    return [(row.event_type, row.id, row.state) for row in rows]


def _assemble(
    stated: _Stated, person: PersonStated, posts: Iterable[StaffStated], places: Iterable[UUID], now: datetime
) -> Standing:
    schools = {place: school for place in places if (school := stated.get(SchoolStated, place))}
    today = local_date(now, next((school.zone for school in schools.values()), DEFAULT_ZONE))
    held = [post for post in posts if in_force(post.starts, post.ends, today)]
    municipality = any(_is_officer(post, schools.get(post.school_id)) for post in held)
    if municipality:
        schools = {school.school_id: school for school in stated.all(SchoolStated)}
    else:  # where somebody worked once is not theirs any more; where their children go is
        mine = {school for pupil in stated.all(PersonStated) for school in pupil.school_ids}
        mine |= {post.school_id for post in held}
        schools = {place: school for place, school in schools.items() if place in mine}
    return Standing(
        person=person,
        tenant_id=person.tenant_id or UUID(int=0),
        contact=stated.get(ContactStated, person.person_id),
        schools=schools,
        children=_children(stated, person, schools, now),
        mentor_groups=_mentor_groups(stated, held, today),
        principal_of=frozenset(post.school_id for post in held if post.role.casefold() in PRINCIPALS),
        works_at=frozenset(post.school_id for post in held),
        municipality=municipality,
        consents=tuple(stated.all(ConsentStated)),
        today=today,
    )


def _is_officer(post: StaffStated, place: SchoolStated | None) -> bool:
    return place is not None and place.kind == "municipality" and post.role.casefold() in OFFICERS


def _mentor_groups(stated: _Stated, posts: Iterable[StaffStated], today: date) -> dict[UUID, GroupStated]:
    parts = [part for post in posts for part in post.assignments]
    mine = {p.group_id for p in parts if p.role.casefold() in MENTORS and in_force(p.starts, p.ends, today)}
    return {group_id: group for group_id in mine if (group := stated.get(GroupStated, group_id))}


def _children(
    stated: _Stated, person: PersonStated, schools: Mapping[UUID, SchoolStated], now: datetime
) -> dict[UUID, Child]:
    """The pupils this person may see as one who answers for them or has a consent, judged on each one's own date."""
    persons = {one.person_id: one for one in stated.all(PersonStated)}
    consents = stated.all(ConsentStated)
    found = {}
    for pupil in persons.values():
        ties = ties_of(stated.get(GuardianshipsStated, pupil.person_id))
        given = [consent for consent in consents if consent.pupil_id == pupil.person_id]
        on = local_date(now, _zone(pupil, schools))
        for verdict in verdicts(pupil, ties, persons, on, given):
            if verdict.guardian_id == person.person_id and verdict.allowed and pupil.tenant_id == person.tenant_id:
                protected, tells = is_protected(pupil, person), _tells_reasons(pupil, schools, on)
                found[pupil.person_id] = Child(pupil, verdict.why, protected, tells)
    return found


def _zone(pupil: PersonStated, schools: Mapping[UUID, SchoolStated]) -> str:
    return next((schools[one].zone for one in pupil.school_ids if one in schools), DEFAULT_ZONE)


def _tells_reasons(pupil: PersonStated, schools: Mapping[UUID, SchoolStated], on: date) -> bool:
    """In Norway the reasons of somebody of 16 are their own; guardians see totals and warnings."""
    norwegian = _zone(pupil, schools) in NORWEGIAN_ZONES
    return not norwegian or (pupil.born is not None and age_on(pupil.born, on) < OWN_SECRETS_FROM)
