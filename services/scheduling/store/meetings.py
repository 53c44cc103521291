"""Meetings in the database: the list and the page in one statement each, who comes, and what the machine writes.

Every part finds its rows by an index and by ids alone, because behind row-level security a condition on JSON would be
worked out for every row of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.guests import Fact, Gathered, InClass, Meet
from services.scheduling.tables import Gathering, Meeting, MeetingClass, Registration
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.people import ConsentStated
from shared.events.roster import ContactStated, GroupStated, GuardianshipsStated, PersonStated, StaffStated

MEETING, CLASS, SITTING, COMES = (table_of(one) for one in (Meeting, MeetingClass, Gathering, Registration))
# SS 12000 groupType and its Norwegian sisters, in small letters.
CLASS_KINDS = ["klass", "klasse", "basisgruppe", "mentor", "kontaktlærergruppe"]
ALONE = text("select pg_advisory_xact_lock(hashtextextended('meeting ' || cast(:meeting as text), 0))")

MEET = """
    to_jsonb(m) || jsonb_build_object(
        'classes', (select coalesce(jsonb_agg(c.group_id), '[]') from meeting_class c
            where c.meeting_id = m.meeting_id),
        'gatherings', (select coalesce(jsonb_agg(to_jsonb(g) order by g.starts_at, g.place), '[]') from gathering g
            where g.meeting_id = m.meeting_id),
        'taken', (select coalesce(sum(r.seats), 0) from registration r where r.meeting_id = m.meeting_id),
        'mine', (select r.seats from registration r where r.meeting_id = m.meeting_id and r.person_id = :me))
"""
MEMBERS = """
    select 'member' as kind, l.to_id as id, jsonb_build_object('pupil_id', l.to_id, 'group_id', g.id,
        'spans', (select coalesce(jsonb_agg(one), '[]') from jsonb_array_elements(g.state -> 'members') one
            where one ->> 'person_id' = cast(l.to_id as text))) as data
    from unnest(cast(:pupils as uuid[])) as pupil(id)
    join roster_link l on l.to_id = pupil.id and l.kind = 'member'
    join roster g on g.event_type = :group and g.id = l.from_id
"""


NAMES = """
    select 'name' as kind, n.id, jsonb_build_array(n.state -> 'given_name', n.state -> 'family_name') as data
    from unnest(cast(:pupils as uuid[])) as who(id) join roster n on n.event_type = :contact and n.id = who.id
"""
LISTED = text(
    f"""
    with met as materialized (
        select * from meeting where school_id = any(cast(:schools as uuid[])) and starts_at > :since
    )
    select 'meeting' as kind, m.meeting_id as id, ({MEET}) - 'programme' - 'minutes' as data from met m
    union all {MEMBERS}
    union all
    select 'group', g.id, g.state -> 'name'
    from (select distinct c.group_id as id from met m join meeting_class c on c.meeting_id = m.meeting_id) used
    join roster g on g.event_type = :group and g.id = used.id
    union all {NAMES}
    """
)
PAGE = text(
    f"""
    with met as materialized (select * from meeting where meeting_id = :meeting)
    select 'meeting' as kind, m.meeting_id as id, {MEET} as data from met m
    union all {MEMBERS}
    union all
    select 'group', g.id, g.state -> 'name'
    from meeting_class c join roster g on g.event_type = :group and g.id = c.group_id
    where c.meeting_id = :meeting
    union all {NAMES}
    union all
    select 'name', n.id, jsonb_build_array(n.state -> 'given_name', n.state -> 'family_name')
    from (select distinct host_id as id from gathering where meeting_id = :meeting) host
    join roster n on n.event_type = :contact and n.id = host.id
    join roster p on p.event_type = :person and p.id = host.id and coalesce(p.state ->> 'marking', 'none') = 'none'
    union all
    select 'talk', t.talk_id, jsonb_build_array(t.starts_at, t.ends_at)
    from met m join unnest(cast(:pupils as uuid[])) as pupil(id) on true
    join talk t on t.pupil_id = pupil.id and t.starts_at < m.ends_at and t.ends_at > m.starts_at
    where t.slot_id is not null and (t.pupil_id = :me or :me = any(t.guardian_ids))
    """
)
# Who comes, with what decides whether they still may: a registration outlives neither custody nor consent.
ROLL = text(
    """
    with comes as materialized (select * from registration where meeting_id = :meeting),
    pupil as materialized (
        select distinct c.person_id, l.from_id as id
        from comes c join roster_link l on l.to_id = c.person_id and l.kind in ('tie', 'consent')
        join roster_link m on m.to_id = l.from_id and m.kind = 'member'
        join meeting_class k on k.meeting_id = :meeting and k.group_id = m.from_id
        union select person_id, pupil_id from comes
    ), known as (
        select id from pupil union select person_id from comes
    )
    select 'registration' as kind, c.person_id as id, to_jsonb(c) as data from comes c
    union all
    select 'with', p.person_id, to_jsonb(p.id) from pupil p
    union all
    select r.event_type, r.id, r.state from known join roster r on r.id = known.id
        and r.event_type in (:person, :contact, :guardianships)
    union all
    select r.event_type, r.id, r.state
    from (select distinct l.source_id as id from pupil p
        join roster_link l on l.from_id = p.id and l.kind = 'consent') given
    join roster r on r.event_type = :consent and r.id = given.id
    union all
    select 'member', l.to_id, jsonb_build_object('pupil_id', l.to_id, 'group_id', g.id,
        'spans', (select coalesce(jsonb_agg(one), '[]') from jsonb_array_elements(g.state -> 'members') one
            where one ->> 'person_id' = cast(l.to_id as text)))
    from (select distinct id from pupil) p join roster_link l on l.to_id = p.id and l.kind = 'member'
    join meeting_class k on k.meeting_id = :meeting and k.group_id = l.from_id
    join roster g on g.event_type = :group and g.id = l.from_id
    """
)
CLASSES = text(
    """
    select g.id, g.state ->> 'name' as name, cast(g.state ->> 'school_id' as uuid) as school_id
    from roster_link l join roster g on g.event_type = :group and g.id = l.from_id
    where l.kind = 'group_of' and l.to_id = any(cast(:schools as uuid[]))
        and lower(g.state ->> 'kind') = any(cast(:kinds as text[]))
    order by 2
    """
)
STAFF = text(
    "select state from roster r where event_type = :staff and tenant_id = :tenant and exists (select "
    "from jsonb_array_elements(r.state -> 'assignments') a where a ->> 'group_id' = any(cast(:groups as text[]))) "
    "order by id"
)
READ = text(f"select {MEET} as data from meeting m where m.meeting_id = :meeting")
ONCE_MORE = "on conflict (meeting_id, person_id) do update set seats = excluded.seats"
FACTS = {
    "person": PersonStated.event_type,
    "contact": ContactStated.event_type,
    "group": GroupStated.event_type,
    "guardianships": GuardianshipsStated.event_type,
    "consent": ConsentStated.event_type,
}


@dataclass(frozen=True)
class Found:
    """Meetings with what is needed to show them. `talks` are the reader's own at the same time as the one meeting."""

    meetings: list[Meet] = field(default_factory=list)
    inside: list[InClass] = field(default_factory=list)
    groups: Mapping[UUID, str] = field(default_factory=dict)
    names: Mapping[UUID, str] = field(default_factory=dict)
    talks: Sequence[tuple[datetime, datetime]] = ()


class Comes(Fact):
    """Somebody has registered, with how many; `came` None: nobody has ticked it yet."""

    person_id: UUID
    pupil_id: UUID
    seats: int
    at: datetime
    came: bool | None = None


@dataclass(frozen=True)
class Roll:
    """Everybody who comes, for which pupils, and what the registry says of all of them."""

    comes: list[Comes]
    with_pupils: Mapping[UUID, list[UUID]]
    persons: Mapping[UUID, PersonStated]
    contacts: Mapping[UUID, ContactStated]
    ties: Mapping[UUID, GuardianshipsStated]
    consents: list[ConsentStated]
    inside: list[InClass]


async def listed(db: AsyncSession, schools: Sequence[UUID], pupils: Sequence[UUID], me: UUID, since: datetime) -> Found:
    """The meetings of these schools that begin after `since`, with the classes of these pupils. One statement."""
    asked = {"schools": list(schools), "pupils": list(pupils), "me": me, "since": since}
    return _found(await db.execute(LISTED, {**_facts("contact", "group"), **asked}))


async def page(db: AsyncSession, meeting_id: UUID, pupils: Sequence[UUID], me: UUID) -> tuple[Meet, Found] | None:
    """One meeting with the classes of these pupils; None when this transaction does not reach it. One statement."""
    asked = {"meeting": meeting_id, "pupils": list(pupils), "me": me}
    found = _found(await db.execute(PAGE, {**_facts("person", "contact", "group"), **asked}))
    return (found.meetings[0], found) if found.meetings else None


async def roll(db: AsyncSession, meeting_id: UUID) -> Roll:
    """Everybody who comes to a meeting. One statement; for staff, who see of it what is theirs."""
    rows = _sorted(await db.execute(ROLL, {**FACTS, "meeting": meeting_id}))
    with_pupils: dict[UUID, list[UUID]] = {}
    for person, pupil in rows.get("with", ()):
        with_pupils.setdefault(person, []).append(UUID(pupil))
    return Roll(
        [Comes.model_validate(data) for _, data in rows.get("registration", ())],
        with_pupils,
        {one: PersonStated.model_validate(state) for one, state in rows.get(FACTS["person"], ())},
        {one: ContactStated.model_validate(state) for one, state in rows.get(FACTS["contact"], ())},
        {one: GuardianshipsStated.model_validate(state) for one, state in rows.get(FACTS["guardianships"], ())},
        [ConsentStated.model_validate(state) for _, state in rows.get(FACTS["consent"], ())],
        [InClass.model_validate(data) for _, data in rows.get("member", ())],
    )


async def classes_of(db: AsyncSession, schools: Iterable[UUID]) -> list[tuple[UUID, str, UUID]]:
    """The classes of these schools, by name: id, name, school."""
    wanted = list(schools)
    if not wanted:
        return []
    asked = {**_facts("group"), "schools": wanted, "kinds": CLASS_KINDS}
    return [(row.id, row.name, row.school_id) for row in await db.execute(CLASSES, asked)]


# The machine's own: asked and written after `act`.


async def alone(db: AsyncSession, meeting_ids: Iterable[UUID]) -> None:
    """Wait until nobody else registers for or changes these meetings; the same order for all, so that none waits for
    each other. Lasts as long as the transaction.
    """
    for meeting_id in sorted(set(meeting_ids)):
        await db.execute(ALONE, {"meeting": str(meeting_id)})


async def read(db: AsyncSession, meeting_id: UUID, me: UUID | None = None) -> Meet:
    """The meeting as it stands now, `mine` being this person's seats."""
    return Meet.model_validate((await db.execute(READ, {"meeting": meeting_id, "me": me})).scalar_one())


async def add(db: AsyncSession, meetings: Sequence[Meet]) -> None:
    """Write new meetings with their classes and gatherings."""
    db.add_all([Meeting(version=1, **_columns(one)) for one in meetings])
    await db.flush()
    for one in meetings:
        await write_classes(db, one.meeting_id, one.classes)
        await write_gatherings(db, one.meeting_id, one.gatherings)


async def change(db: AsyncSession, meeting: Meet, **fields: Any) -> None:
    """Write these fields of a meeting, as its next version."""
    mine = MEETING.c.meeting_id == meeting.meeting_id
    await db.execute(update(MEETING).where(mine).values(version=MEETING.c.version + 1, **fields))


async def as_stated(db: AsyncSession, meeting_ids: Iterable[UUID]) -> list[tuple[Meeting, list[UUID]]]:
    """These meetings as they are written now, with their classes in a fixed order."""
    wanted = list(meeting_ids)
    of_class = select(CLASS.c.meeting_id, CLASS.c.group_id).where(CLASS.c.meeting_id.in_(wanted))
    groups: dict[UUID, list[UUID]] = {one: [] for one in wanted}
    for meeting_id, group_id in await db.execute(of_class.order_by(CLASS.c.group_id)):
        groups[meeting_id].append(group_id)
    found = select(Meeting).where(MEETING.c.meeting_id.in_(wanted)).order_by(MEETING.c.starts_at)
    rows = await db.scalars(found.execution_options(populate_existing=True))
    return [(row, groups[row.meeting_id]) for row in rows]


async def remove(db: AsyncSession, meeting_id: UUID) -> None:
    """Take a meeting away with all that hangs on it."""
    for table in (COMES, SITTING, CLASS, MEETING):
        await db.execute(delete(table).where(table.c.meeting_id == meeting_id))


async def write_classes(db: AsyncSession, meeting_id: UUID, groups: Iterable[UUID]) -> None:
    """Let these classes, and no others, be invited."""
    await db.execute(delete(CLASS).where(CLASS.c.meeting_id == meeting_id))
    await insert_rows(db, CLASS, ("meeting_id", "group_id"), [(meeting_id, one) for one in groups])


async def write_gatherings(db: AsyncSession, meeting_id: UUID, gatherings: Iterable[Gathered]) -> None:
    """Let these be the gatherings of the meeting."""
    await db.execute(delete(SITTING).where(SITTING.c.meeting_id == meeting_id))
    names = ("meeting_id", "group_id", "starts_at", "ends_at", "place", "host_id")
    rows = [(meeting_id, one.group_id, one.starts_at, one.ends_at, one.place, one.host_id) for one in gatherings]
    await insert_rows(db, SITTING, names, rows)


async def register(
    db: AsyncSession, meeting_id: UUID, person_id: UUID, pupil_id: UUID, seats: int, now: datetime
) -> None:
    """Write that somebody comes, or with how many others than before."""
    names = ("meeting_id", "person_id", "pupil_id", "seats", "at")
    await insert_rows(db, COMES, names, [(meeting_id, person_id, pupil_id, seats, now)], ONCE_MORE)


async def withdraw(db: AsyncSession, meeting_id: UUID, person_id: UUID) -> bool:
    """Take somebody's registration away; False when there was none."""
    mine = (COMES.c.meeting_id == meeting_id) & (COMES.c.person_id == person_id)
    return bool((await db.execute(delete(COMES).where(mine).returning(COMES.c.person_id))).all())


async def registered(db: AsyncSession, meeting_id: UUID) -> list[tuple[UUID, UUID]]:
    """Who has registered, and for which pupil."""
    rows = await db.execute(COMES.select().where(COMES.c.meeting_id == meeting_id))
    return [(row.person_id, row.pupil_id) for row in rows]


async def tick(db: AsyncSession, meeting_id: UUID, came: Iterable[UUID], among: Iterable[UUID]) -> None:
    """Of these who had registered, those came and the others did not."""
    mine = (COMES.c.meeting_id == meeting_id) & COMES.c.person_id.in_(list(among))
    await db.execute(update(COMES).where(mine).values(came=COMES.c.person_id.in_(list(came))))


async def drafts_like(db: AsyncSession, meeting: Meet, now: datetime) -> list[UUID]:
    """The drafts that were made together with this one, itself among them: the same visit on several days."""
    alike = (MEETING.c.school_id == meeting.school_id) & (MEETING.c.author_id == meeting.author_id)
    same = (MEETING.c.title == meeting.title) & (MEETING.c.kind == meeting.kind) & (MEETING.c.state == meeting.state)
    found = select(MEETING.c.meeting_id).where(alike & same, MEETING.c.starts_at > now).order_by(MEETING.c.starts_at)
    return list(await db.scalars(found))


async def posts_for(db: AsyncSession, tenant_id: UUID, groups: Iterable[UUID]) -> list[StaffStated]:
    """The posts with an assignment in these groups."""
    asked = {"staff": StaffStated.event_type, "tenant": tenant_id, "groups": [str(one) for one in groups]}
    return [StaffStated.model_validate(state) for state in await db.scalars(STAFF, asked)]


def _columns(meeting: Meet) -> dict[str, Any]:
    apart = {"classes", "gatherings", "taken", "mine"}
    return {name: getattr(meeting, name) for name in Meet.model_fields if name not in apart}


def _facts(*names: str) -> dict[str, str]:
    return {name: FACTS[name] for name in names}


def _sorted(rows: Iterable[Any]) -> dict[str, list[tuple[UUID, Any]]]:
    found: dict[str, list[tuple[UUID, Any]]] = {}
    for kind, thing_id, data in rows:
        found.setdefault(kind, []).append((thing_id, data))
    return found


def _found(result: Iterable[Any]) -> Found:
    rows = _sorted(result)
    return Found(
        [Meet.model_validate(data) for _, data in rows.get("meeting", ())],
        [InClass.model_validate(data) for _, data in rows.get("member", ())],
        dict(rows.get("group", ())),
        {one: f"{given} {family}" for one, (given, family) in rows.get("name", ())},
        [(datetime.fromisoformat(starts), datetime.fromisoformat(ends)) for _, (starts, ends) in rows.get("talk", ())],
    )
