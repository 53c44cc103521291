"""Whom a bulletin is for, and whom it must not point at: one statement for a page, one look at the roster copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.leaks import Known, Name, phone_digits
from services.bulletins.store.people import CLASS_KINDS
from services.bulletins.tables import Place
from shared.clock import local_date
from shared.events.people import ConsentStated
from shared.events.roster import (
    ContactStated,
    GroupStated,
    GuardianshipsStated,
    Marking,
    PersonStated,
    SchoolStated,
    StaffStated,
)
from shared.languages import DEFAULT
from shared.roster.access import oneself, ties_of, verdicts
from shared.roster.standing import MENTORS, members_on

WEEK = timedelta(days=7)
CIRCLE = text(
    """
    with clock as materialized (
        select (cast(:now as timestamptz) at time zone coalesce((select r.state ->> 'zone' from roster r
            where r.event_type = :is_school and r.id = :school), 'Europe/Stockholm'))::date as today
    ), grp as materialized (
        select r.id, r.state from roster r where r.event_type = :group and r.id = any(cast(:groups as uuid[]))
        union all
        select r.id, r.state from roster_link l join roster r on r.event_type = :group and r.id = l.from_id
        where cardinality(cast(:groups as uuid[])) = 0 and l.kind = 'group_of' and l.to_id = :school
          and (lower(r.state ->> 'kind') = any(cast(:kinds as text[])) or r.id in (
            select (a ->> 'group_id')::uuid from roster s, jsonb_array_elements(s.state -> 'assignments') a
            where s.event_type = :staff and (s.state ->> 'school_id')::uuid = :school
              and lower(a ->> 'role') = any(cast(:mentors as text[]))))
    ), member as materialized (
        select distinct l.to_id as id from grp join roster_link l on l.kind = 'member' and l.from_id = grp.id
    ), tied as materialized (
        select distinct l.to_id as id from member
        join roster_link l on l.kind in ('tie', 'consent') and l.from_id = member.id
    ), near as materialized (
        select id from member union select id from tied
    ), enrolled as materialized (
        select p.id, p.state ->> 'marking' as marking from roster_link l
        join roster p on p.event_type = :person and p.id = l.from_id
        where :look and l.kind = 'enrolled' and l.to_id = :school and (p.state ->> 'active')::bool
        union
        select p.id, p.state ->> 'marking' from member join roster p on p.event_type = :person and p.id = member.id
        where :look
    ), watched as materialized (
        select g.id, case when g.state ->> 'marking' <> 'none' then g.state ->> 'marking' else p.marking end as marking
        from enrolled p join roster_link l on l.kind in ('tie', 'consent') and l.from_id = p.id
        join roster g on g.event_type = :person and g.id = l.to_id
        where p.marking <> 'none' or g.state ->> 'marking' <> 'none'
    )
    select 'group' as what, state as fact from grp
    union all select 'school', r.state from roster r where r.event_type = :is_school and r.id = :school
    union all select 'person', r.state from near join roster r on r.event_type = :person and r.id = near.id
    union all select 'ties', r.state from member join roster r on r.event_type = :ties and r.id = member.id
    union all select 'consent', r.state from member
      join roster_link l on l.kind = 'consent' and l.from_id = member.id
      join roster r on r.event_type = :consent and r.id = l.source_id
    union all select 'reads', jsonb_build_object('id', r.id, 'language', r.state -> 'language')
      from near join roster r on r.event_type = :contact and r.id = near.id
    union all select 'address', jsonb_build_object('emails', r.state -> 'emails', 'phones', r.state -> 'phones')
      from near join roster r on r.event_type = :contact and r.id = near.id where :look
    union all select 'week', jsonb_build_object('id', w.person_id, 'count', count(*)) from (
        select h.person_id from reach h where h.at > :since and h.status in ('delivered', 'digested', 'pending')
          and h.person_id in (select id from near)
        union all
        select y.person_id from message m join party y on y.thread_id = m.thread_id and y.person_id <> m.person_id
        where m.written_at > :since and y.person_id in (select id from near) and y.part <> 'staff'
      ) w group by w.person_id
    union all select 'half', jsonb_build_object('approval', h.approval, 'quota', h.quota, 'ends', h.ends)
      from half_year h, clock where h.school_id = :school and clock.today between h.starts and h.ends
    union all select 'place', to_jsonb(p) from place p join half_year h on h.half_year_id = p.half_year_id, clock
      where p.group_id in (select id from grp) and clock.today between h.starts and h.ends
    union all select 'name', jsonb_build_object('id', e.id, 'who', 'pupil', 'marking', e.marking,
        'given', c.state -> 'given_name', 'family', c.state -> 'family_name')
      from enrolled e join roster c on c.event_type = :contact and c.id = e.id
    union all select 'name', jsonb_build_object('id', w.id, 'who', 'guardian', 'marking', w.marking,
        'given', c.state -> 'given_name', 'family', c.state -> 'family_name')
      from watched w join roster c on c.event_type = :contact and c.id = w.id
    union all select 'name', jsonb_build_object('id', c.id, 'who', 'staff', 'marking', 'none',
        'given', c.state -> 'given_name', 'family', c.state -> 'family_name')
      from roster s join roster c on c.event_type = :contact and c.id = (s.state ->> 'person_id')::uuid
      where :look and s.event_type = :staff and (s.state ->> 'school_id')::uuid = :school
    """
)
ASKED = {
    "group": GroupStated.event_type,
    "is_school": SchoolStated.event_type,
    "person": PersonStated.event_type,
    "ties": GuardianshipsStated.event_type,
    "consent": ConsentStated.event_type,
    "contact": ContactStated.event_type,
    "staff": StaffStated.event_type,
    "kinds": list(CLASS_KINDS),
    "mentors": sorted(MENTORS),
}


@dataclass(frozen=True)
class Circle:
    """The classes a bulletin is for, today: their homes, what they read, what is owed, and the names around them.

    `languages` counts the homes that read a language, by its tag. `average` and `most` are how many messages of this
    service a home had in the last seven days.
    """

    school: SchoolStated
    groups: Mapping[UUID, GroupStated]
    homes: int
    pupils: int
    alone: int  # pupils of whom nobody can be told
    languages: Mapping[str, int]
    average: float
    most: int
    approval: bool = False
    places: tuple[Place, ...] = ()
    known: Known = field(default_factory=Known)

    @property
    def next_place(self) -> Place | None:
        """The earliest place of its classes that nothing fills yet."""
        return min((one for one in self.places if one.bulletin_id is None), key=lambda one: one.due_on, default=None)

    @property
    def quota(self) -> int:
        """How many bulletins each class owes in the half-year; 0 outside of one."""
        return max((one.number for one in self.places), default=0)


async def circle_of(
    session: AsyncSession, school_id: UUID, group_ids: Iterable[UUID], now: datetime, *, look: bool, least: int
) -> Circle | None:
    """Everything around a bulletin for these classes; without classes, for all of the school. One statement.

    `look`: with the names a text must not tell; `least`: pupils from which on figures about a class may be told.
    None when the school is not known.
    """
    asked = {**ASKED, "school": school_id, "groups": list(group_ids), "look": look, "since": now - WEEK, "now": now}
    rows = (await session.execute(CIRCLE, asked)).all()
    facts: dict[str, list[Any]] = {}
    for what, fact in rows:
        facts.setdefault(what, []).append(fact)
    schools = [SchoolStated.model_validate(one) for one in facts.get("school", ())]
    return _circle(schools[0], facts, now, look, least) if schools else None


def _circle(school: SchoolStated, facts: Mapping[str, list[Any]], now: datetime, look: bool, least: int) -> Circle:
    today = local_date(now, school.zone)
    groups = {one.group_id: one for one in (GroupStated.model_validate(fact) for fact in facts.get("group", ()))}
    told = _told(facts, groups, today)
    homes = [people for people in told.values() if people]  # a home is a pupil's, as wherever homes are counted
    reads = {UUID(one["id"]): one["language"] or school.language or DEFAULT for one in facts.get("reads", ())}
    languages = Counter(language for home in homes for language in {reads.get(one, school.language) for one in home})
    week = {UUID(one["id"]): int(one["count"]) for one in facts.get("week", ())}
    counts = [max(week.get(one, 0) for one in home) for home in homes]
    return Circle(
        school=school,
        groups=groups,
        homes=len(homes),
        pupils=len(told),
        alone=sum(not people for people in told.values()),
        languages=dict(languages.most_common()),
        average=sum(counts) / len(counts) if counts else 0.0,
        most=max(counts, default=0),
        approval=any(one["approval"] for one in facts.get("half", ())),
        places=tuple(Place.model_validate(one) for one in facts.get("place", ())),
        known=_known(facts, groups, today, least) if look else Known(),
    )


def _told(
    facts: Mapping[str, list[Any]], groups: Mapping[UUID, GroupStated], today: date
) -> dict[UUID, frozenset[UUID]]:
    """Whom of each pupil's home the bulletin reaches today, the pupil too when of age."""
    persons = {one.person_id: one for one in (PersonStated.model_validate(fact) for fact in facts.get("person", ()))}
    ties = {one.pupil_id: one for one in (GuardianshipsStated.model_validate(fact) for fact in facts.get("ties", ()))}
    consents: dict[UUID, list[ConsentStated]] = {}
    for consent in (ConsentStated.model_validate(fact) for fact in facts.get("consent", ())):
        consents.setdefault(consent.pupil_id, []).append(consent)
    found = {}
    for pupil_id in dict.fromkeys(one for group in groups.values() for one in members_on(group, today)):
        pupil = persons.get(pupil_id)
        if pupil is None or not pupil.active:
            continue
        judged = verdicts(pupil, ties_of(ties.get(pupil_id)), persons, today, consents.get(pupil_id, ()))
        people = {one.guardian_id for one in judged if one.allowed}
        found[pupil_id] = frozenset(people | ({pupil_id} if oneself(pupil, today).allowed else set()))
    return found


def _known(facts: Mapping[str, list[Any]], groups: Mapping[UUID, GroupStated], today: date, least: int) -> Known:
    members = {group: set(members_on(one, today)) for group, one in groups.items()}
    inside = {one for some in members.values() for one in some}
    names = [(one, Name(one["given"], one["family"])) for one in facts.get("name", ())]
    pupils = [(UUID(one["id"]), name) for one, name in names if one["who"] == "pupil" and _plain(one)]
    staff = [name for one, name in names if one["who"] == "staff"]
    mails = {mail.casefold() for one in facts.get("address", ()) for mail in one["emails"] or ()}
    phones = {phone_digits(phone) for one in facts.get("address", ()) for phone in one["phones"] or ()}
    return Known(
        protected=tuple(dict.fromkeys(name for one, name in names if not _plain(one))),
        pupils=tuple(name for _, name in pupils),
        classmates=tuple(name.given for one, name in names if one["who"] == "pupil" and UUID(one["id"]) in inside),
        namesakes=frozenset(name.given for name in [*(name for one, name in pupils if one in inside), *staff]),
        addresses=frozenset(mails | phones),
        smallest=min((len(some) for some in members.values()), default=0),
        least=least,
    )


def _plain(one: Mapping[str, Any]) -> bool:
    return bool(one["marking"] == Marking.NONE)
