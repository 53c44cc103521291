"""What was sent, as far as somebody may possibly read it; whether they may is asked of `domain.readers` afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.readers import Belongs, Sent, pupils_of
from services.bulletins.store.people import CLASS_KINDS
from services.bulletins.tables import Attachment
from shared.clock import DEFAULT_ZONE, local_date
from shared.db.engine import table_of
from shared.events.notify import MailingKind
from shared.events.roster import ContactStated, GroupStated, PersonStated
from shared.roster.standing import Standing

MOST = 1000  # what a person can look back over: years of a home's bulletins, two years of a large school's

MEMBER = """
    member as materialized (
        select to_id as pupil_id, from_id as group_id from roster_link
        where kind = 'member' and to_id = any(cast(:pupils as uuid[]))
    )"""
# The group of a row `r`, with the times at which the reader's pupils are in it.
GROUP = """jsonb_build_object('name', r.state -> 'name', 'kind', r.state -> 'kind', 'school', r.state -> 'school_id',
        'spans', (select jsonb_agg(one) from jsonb_array_elements(r.state -> 'members') one
            where (one ->> 'person_id')::uuid = any(cast(:pupils as uuid[]))))"""
SHELF = text(
    f"""
    with {MEMBER}, near as materialized (
        select b.* from bulletin b
        where b.state = any(cast(:states as text[])) and (cast(:kind as text) is null or b.kind = :kind)
            and (cast(:one as uuid) is null or b.bulletin_id = :one) and (
                b.school_id = any(cast(:charge as uuid[]))
                or exists (select from bulletin_group g where g.bulletin_id = b.bulletin_id and (
                    g.group_id = any(cast(:groups as uuid[])) or g.group_id in (select group_id from member)))
                or b.school_id = any(cast(:places as uuid[]))
                    and not exists (select from bulletin_group g where g.bulletin_id = b.bulletin_id))
        order by b.sent_at desc, b.bulletin_id limit :most
    )
    select 'bulletin' as what, n.bulletin_id as id, jsonb_build_object('school', n.school_id, 'author', n.author_id,
        'kind', n.kind, 'topic', n.topic, 'year', n.school_year, 'edition', n.edition, 'number', n.number, 'of', n.of,
        'must_read', n.must_read, 'sent', n.sent_at, 'withdrawn', n.withdrawn_at, 'reminded', n.reminded_at,
        'replaces', n.replaces_id,
        'groups', (select jsonb_agg(group_id) from bulletin_group g where g.bulletin_id = n.bulletin_id),
        'titles', (select jsonb_agg(jsonb_build_array(x.language, x.subject) order by x.place)
            from bulletin_text x where x.bulletin_id = n.bulletin_id),
        'read', (select x.at from reading x where x.bulletin_id = n.bulletin_id and x.person_id = :me)) as fact
    from near n
    union all
    select 'group', r.id, {GROUP} from roster r where r.event_type = :group and r.id in (
        select group_id from member union select g.group_id from near join bulletin_group g using (bulletin_id))
    union all
    select 'name', r.id, r.state from roster r where r.event_type = :contact and (
        r.id = any(cast(:pupils as uuid[])) or cast(:one as uuid) is not null and r.id in (
            select author_id from near))
    union all
    select 'answer', f.feedback_id, to_jsonb(f) from near n join feedback f
        on f.about_id = n.bulletin_id and f.person_id = :me where cast(:one as uuid) is not null
    """
)
# The classes that some bulletins (rows of `b`) are for: what is for none in particular is for all of its school.
FOR_CLASSES = """
    for_class as materialized (
        select b.bulletin_id, g.group_id from b join bulletin_group g on g.bulletin_id = b.bulletin_id
        union all
        select b.bulletin_id, r.id from b join roster_link l on l.kind = 'group_of' and l.to_id = b.school_id
            join roster r on r.event_type = :group and r.id = l.from_id
                and lower(r.state ->> 'kind') = any(cast(:kinds as text[]))
        where not exists (select from bulletin_group g where g.bulletin_id = b.bulletin_id)
    )"""
COUNTS = text(
    f"""
    with b as materialized (
        select x.bulletin_id, x.day, b.school_id
        from unnest(cast(:ids as uuid[]), cast(:days as date[])) as x(bulletin_id, day)
            join bulletin b on b.bulletin_id = x.bulletin_id
    ), {FOR_CLASSES}, home as materialized (
        select distinct b.bulletin_id, b.day, (m.value ->> 'person_id')::uuid as pupil_id
        from b join for_class g on g.bulletin_id = b.bulletin_id
            join roster r on r.event_type = :group and r.id = g.group_id
            cross join lateral jsonb_array_elements(r.state -> 'members') m
        where (b.school_id = any(cast(:charge as uuid[])) or g.group_id = any(cast(:groups as uuid[])))
            and coalesce((m.value ->> 'starts')::date <= b.day, true)
            and coalesce(b.day < (m.value ->> 'ends')::date, true)
    )
    select h.bulletin_id as id, count(*) as homes, count(*) filter (where exists (
            select from reading x join roster_link l on l.to_id = x.person_id and l.kind in ('tie', 'consent')
            where x.bulletin_id = h.bulletin_id and l.from_id = h.pupil_id)
        or (p.state ->> 'born')::date <= h.day - interval '18 years' and exists (
            select from reading x where x.bulletin_id = h.bulletin_id and x.person_id = h.pupil_id)) as readers
    from home h join roster p on p.event_type = :person and p.id = h.pupil_id
    where (p.state ->> 'active')::boolean group by h.bulletin_id
    """
)


@dataclass(frozen=True)
class Group:
    """A class, as far as its name goes."""

    group_id: UUID
    name: str
    kind: str
    school_id: UUID


@dataclass(frozen=True)
class Own:
    """What the reader has answered about it."""

    feedback_id: UUID
    score: int | None
    words: str
    at: datetime


@dataclass(frozen=True)
class Entry:
    """Something that was sent, without its words. `titles` by language, in the order in which they stand in."""

    sent: Sent
    kind: MailingKind
    author_id: UUID
    titles: Mapping[str, str]
    number: int = 0
    of: int = 0
    topic: str | None = None
    school_year: str | None = None
    edition: int = 1
    replaces_id: UUID | None = None
    must_read: bool = False
    withdrawn_at: datetime | None = None
    reminded_at: datetime | None = None
    read_at: datetime | None = None

    @property
    def bulletin_id(self) -> UUID:
        """Its id."""
        return self.sent.bulletin_id


@dataclass(frozen=True)
class Shelf:
    """What was sent, newest first, and what decides whether and about whom somebody may read it."""

    entries: tuple[Entry, ...]
    belongs: tuple[Belongs, ...]
    groups: Mapping[UUID, Group]
    names: Mapping[UUID, str]
    answer: Own | None = None


@dataclass(frozen=True)
class Count:
    """How many homes (pupils) it was for, and of how many somebody has read it."""

    homes: int = 0
    readers: int = 0


async def shelf(
    db: AsyncSession, standing: Standing, kind: MailingKind | None = None, *, withdrawn: bool = False
) -> Shelf:
    """What this person may come across, of a kind or of all. One statement."""
    states = ["sent", "withdrawn"] if withdrawn else ["sent"]
    return _shelf(standing, await db.execute(SHELF, {**_asked(standing), "kind": kind, "one": None, "states": states}))


async def found(db: AsyncSession, standing: Standing, bulletin_id: UUID) -> Shelf:
    """One thing that was sent, also when it was withdrawn: nothing or one in `entries`. One statement."""
    asked = {**_asked(standing), "kind": None, "one": bulletin_id, "states": ["sent", "withdrawn"]}
    return _shelf(standing, await db.execute(SHELF, asked))


async def counts(db: AsyncSession, standing: Standing, entries: Iterable[Entry]) -> dict[UUID, Count]:
    """How many homes each was for and have read it: the pupils of its classes on the day it was sent. One statement.

    Whoever is in charge of the school is told of all its classes, a mentor of their own.
    """
    about = [(one.bulletin_id, one.sent.day) for one in entries]
    if not about:
        return {}
    kinds = {"group": GroupStated.event_type, "person": PersonStated.event_type, "kinds": list(CLASS_KINDS)}
    asked = {"ids": [one for one, _ in about], "days": [day for _, day in about], **kinds, **_at_work(standing)}
    return {row.id: Count(row.homes, row.readers) for row in await db.execute(COUNTS, asked)}


def _asked(standing: Standing) -> dict[str, Any]:
    pupils = pupils_of(standing)
    return {
        "me": standing.person.person_id,
        "pupils": list(pupils),
        "places": [school for pupil in pupils.values() for school in pupil.school_ids]
        + [group.school_id for group in standing.mentor_groups.values()],
        **_at_work(standing),
        "group": GroupStated.event_type,
        "contact": ContactStated.event_type,
        "most": MOST,
    }


def _at_work(standing: Standing) -> dict[str, list[UUID]]:
    charge = [one for one in standing.schools if standing.in_charge_of(one)]
    return {"groups": list(standing.mentor_groups), "charge": charge}


def _shelf(standing: Standing, rows: Iterable[Any]) -> Shelf:
    by: dict[str, list[tuple[UUID, Any]]] = {}
    for what, one, fact in rows:
        by.setdefault(what, []).append((one, fact))
    entries = [_entry(standing, one, fact) for one, fact in by.get("bulletin", ())]
    contacts = [ContactStated.model_validate(fact) for _, fact in by.get("name", ())]
    return Shelf(
        entries=tuple(sorted(entries, key=lambda one: (one.sent.sent_at, one.bulletin_id), reverse=True)),
        belongs=belongs_in(by.get("group", ())),
        groups={one: _group(one, fact) for one, fact in by.get("group", ())},
        names={one.person_id: one.full_name for one in contacts},
        answer=next((_own(fact) for _, fact in by.get("answer", ())), None),
    )


def belongs_in(rows: Sequence[tuple[UUID, Any]]) -> tuple[Belongs, ...]:
    """The times at which the reader's pupils are in these groups."""
    return tuple(
        Belongs(UUID(one["person_id"]), group_id, _day(one.get("starts")), _day(one.get("ends")))
        for group_id, fact in rows
        for one in fact["spans"] or ()
    )


def _entry(standing: Standing, bulletin_id: UUID, fact: Any) -> Entry:
    school_id, sent_at = UUID(fact["school"]), datetime.fromisoformat(fact["sent"])
    school = standing.schools.get(school_id)
    day = local_date(sent_at, school.zone if school else DEFAULT_ZONE)
    return Entry(
        sent=Sent(bulletin_id, school_id, frozenset(UUID(one) for one in fact["groups"] or ()), sent_at, day),
        kind=MailingKind(fact["kind"]),
        author_id=UUID(fact["author"]),
        titles=dict(fact["titles"] or ()),
        number=fact["number"],
        of=fact["of"],
        topic=fact["topic"],
        school_year=fact["year"],
        edition=fact["edition"],
        replaces_id=UUID(fact["replaces"]) if fact["replaces"] else None,
        must_read=fact["must_read"],
        withdrawn_at=_instant(fact["withdrawn"]),
        reminded_at=_instant(fact["reminded"]),
        read_at=_instant(fact["read"]),
    )


def _group(group_id: UUID, fact: Any) -> Group:
    return Group(group_id, fact["name"], fact["kind"], UUID(fact["school"]))


def _own(fact: Any) -> Own:
    return Own(UUID(fact["feedback_id"]), fact["score"], fact["words"], datetime.fromisoformat(fact["at"]))


def _day(said: str | None) -> date | None:
    return date.fromisoformat(said) if said else None


def _instant(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


async def contents(db: AsyncSession, bulletin_id: UUID, attachment_ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """The bytes of these attachments of a bulletin; what is not its own is not there. One statement."""
    files, wanted = table_of(Attachment), list(attachment_ids)
    mine = select(files.c.attachment_id, files.c.content).where(
        files.c.bulletin_id == bulletin_id, files.c.attachment_id.in_(wanted)
    )
    return {row.attachment_id: row.content for row in await db.execute(mine)} if wanted else {}
