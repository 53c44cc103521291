"""Whom to step in as in the demo: a few people of each kind, found in the roster as it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.events.roster import ContactStated, PersonStated
from shared.languages import N_
from shared.roster.projection import known
from shared.roster.standing import OFFICERS

EACH = 3
FOUND = 20
ADULT_YEARS, OLDER_YEARS = 18, 16
LAW = "('guardian', 'appointed')"
# One line for each tie in force today between a grown-up and a pupil under 18, with the pupil's schools.
TIES = f"""
    with tie as (
        select (t ->> 'guardian_id')::uuid as grown_up, r.id as pupil, t ->> 'relation' as relation
        from roster r, jsonb_array_elements(r.state -> 'ties') t
        where r.event_type = 'roster.guardianships_stated.v1'
          and (t ->> 'starts' is null or (t ->> 'starts')::date <= :today)
          and (t ->> 'ends' is null or (t ->> 'ends')::date > :today)
    ), child as (
        select tie.*, (p.state ->> 'born')::date as born from tie
        join roster p on p.event_type = 'roster.person_stated.v1' and p.id = tie.pupil
        where coalesce((p.state ->> 'active')::boolean, true)
    ), mine as (
        select child.*, l.to_id as school from child
        left join roster_link l on l.kind = 'enrolled' and l.from_id = child.pupil
        where relation in {LAW} and born > :adults
    )
"""
POSTS = """
    select (r.state ->> 'person_id')::uuid as id from roster r
    where r.event_type = 'roster.staff_stated.v1' and r.state ->> 'person_id' is not null
      and (r.state ->> 'starts' is null or (r.state ->> 'starts')::date <= :today)
      and (r.state ->> 'ends' is null or (r.state ->> 'ends')::date > :today)
"""
PUPILS = """
    select r.id from roster r where r.event_type = 'roster.person_stated.v1'
      and exists (select from roster_link l where l.kind = 'enrolled' and l.from_id = r.id)
"""


class Kind(Enum):
    """Kinds of people worth stepping in as: what they are, what one will see, and how the roster tells them."""

    TWO_SCHOOLS = (
        N_("Guardian of children at two schools"),
        N_("All children on one page, whatever school they go to."),
        TIES + "select grown_up as id from mine group by 1 having count(distinct school) > 1 order by 1 limit :many",
    )
    ONE_CHILD = (
        N_("Guardian of one child"),
        N_("Today, what waits for you, and what you have been told."),
        TIES + "select grown_up as id from mine group by 1 having count(distinct pupil) = 1 order by 1 limit :many",
    )
    NO_CUSTODY = (
        N_("Parent without custody"),
        N_("Nothing about the child, unless those with custody have agreed to it."),
        TIES + "select grown_up as id from child group by 1 having every(relation = 'parent') order by 1 limit :many",
    )
    YOUNG_PUPIL = (
        N_("Pupil under 16"),
        N_("The same about yourself as your guardians see."),
        PUPILS + "and (r.state ->> 'born')::date > :older order by 1 limit :many",
    )
    ADULT_PUPIL = (
        N_("Pupil of 18 with guardians"),
        N_("You alone decide now: the question who may go on being told waits for you."),
        PUPILS + "and (r.state ->> 'born')::date <= :adults and exists "
        "(select from roster_link l where l.kind = 'tie' and l.from_id = r.id) order by 1 limit :many",
    )
    MENTOR = (
        N_("Mentor of a class"),
        N_("Your class: who needs a word, and what is due."),
        POSTS + "and exists (select from jsonb_array_elements(r.state -> 'assignments') a "
        "where lower(a ->> 'role') in ('mentor', 'kontaktlærer')) order by 1 limit :many",
    )
    PRINCIPAL = (
        N_("Principal"),
        N_("The duty ledger of the school, with the evidence behind every notice."),
        POSTS + "and lower(r.state ->> 'role') = 'rektor' order by 1 limit :many",
    )
    MUNICIPALITY = (
        N_("At the municipality"),
        N_("All schools, the wall of undelivered notices, and the health of the registries."),
        POSTS + "and exists (select from roster s where s.event_type = 'roster.school_stated.v1' "
        "and s.id = (r.state ->> 'school_id')::uuid and s.state ->> 'kind' = 'municipality') "
        "and r.state ->> 'role' ilike any(:officers) order by 1 limit :many",
    )

    @property
    def role_text(self) -> str:
        """What they are; translated when shown."""
        return self.value[0]

    @property
    def about(self) -> str:
        """What one will see; translated when shown."""
        return self.value[1]

    @property
    def query(self) -> str:
        """Ids of such people: more than are shown, because some have no name or are not active."""
        return self.value[2]


@dataclass(frozen=True)
class Suggestion:
    """Somebody to step in as. `role_text` and `about` are English and translated when shown; `name` may be empty."""

    person_id: UUID
    name: str
    role_text: str = ""
    about: str = ""


async def suggestions(db: AsyncSession, roster: Table, today: date) -> list[Suggestion]:
    """A few active people of each kind, in the order of the kinds; the same ones as long as the roster stands."""
    given = {"today": today, "many": EACH * 5, "adults": _years_before(today, ADULT_YEARS)}
    given |= {"officers": [f"_{role[1:]}" for role in OFFICERS]}  # `_`: a database may not know that Ö is a capital ö
    given |= {"older": _years_before(today, OLDER_YEARS)}
    ids = {kind: (await db.scalars(text(kind.query), _needed(kind.query, given))).all() for kind in Kind}
    names = await _named(db, roster, {one for some in ids.values() for one in some})
    return [
        Suggestion(one, names[one], kind.role_text, kind.about)
        for kind in Kind
        for one in [known for known in ids[kind] if known in names][:EACH]
    ]


def by_kind(people: Iterable[Suggestion]) -> list[list[Suggestion]]:
    """The people of each kind together, in the order they came."""
    groups: defaultdict[str, list[Suggestion]] = defaultdict(list)
    for one in people:
        groups[one.role_text].append(one)
    return list(groups.values())


async def people_called(db: AsyncSession, roster: Table, words: str) -> list[Suggestion]:
    """Active people whose name has these letters in it, at most 20."""
    wanted = "%" + words.strip().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    called = text(
        "select id from roster where event_type = 'roster.contact_stated.v1' "
        "and (state ->> 'given_name') || ' ' || (state ->> 'family_name') ilike :wanted order by id limit :many"
    )
    ids = (await db.scalars(called, {"wanted": wanted, "many": FOUND})).all()
    names = await _named(db, roster, ids)
    return sorted((Suggestion(one, name) for one, name in names.items()), key=lambda one: one.name)


async def _named(db: AsyncSession, roster: Table, ids: Iterable[UUID]) -> Mapping[UUID, str]:
    """The names of those who are active; empty where the roster has no name."""
    people = await known(db, roster, PersonStated, ids)
    contacts = await known(db, roster, ContactStated, ids)
    active = [one for one, person in people.items() if person.active]
    return {one: contacts[one].full_name if one in contacts else "" for one in active}


def _needed(query: str, given: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if f":{name}" in query}


def _years_before(day: date, years: int) -> date:
    """Whoever was born after that day is younger than so many years."""
    return date(day.year - years, day.month, min(day.day, 28) if day.month == 2 else day.day)
