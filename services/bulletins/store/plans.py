"""Half-years, the places of bulletins in them, and the diary of a class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.tables import Activity, HalfYear, Place, kit
from shared.db.bulk import ONCE, insert_rows
from shared.db.engine import table_of
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationRequested
from shared.events.roster import ContactStated, GroupStated, StaffStated

HALF, PLACE, ACTIVITY = table_of(HalfYear), table_of(Place), table_of(Activity)
HALF_NAMES = ("half_year_id", "tenant_id", "school_id", "starts", "ends", "quota", "approval", "by_hand")
PLACE_NAMES = ("place_id", "half_year_id", "school_id", "group_id", "number", "due_on", "late_told_at")
AGAIN = (
    "on conflict (place_id) do update set due_on = excluded.due_on, moved_by = null, reminded_at = null, "
    "late_told_at = excluded.late_told_at"
)
# A place's homes: how many are owed it, and how many of them have it.
HOMES = """
    select o.place_id, count(*) as homes,
        count(*) filter (where o.status in ('delivered', 'understood', 'met')) as reached
    from owed o where o.place_id in (select place_id from spot where bulletin_id is not null)
    and o.status <> 'retracted' group by o.place_id
"""
SPOTS = f"""
    select 'place' as what, to_jsonb(s) || jsonb_build_object('sent_at', b.sent_at, 'homes', coalesce(n.homes, 0),
        'reached', coalesce(n.reached, 0)) as fact
    from spot s left join bulletin b on b.bulletin_id = s.bulletin_id left join ({HOMES}) n on n.place_id = s.place_id
"""
PLAN = text(
    f"""
    with half as materialized (
        select * from half_year where school_id = any(cast(:schools as uuid[])) and ends >= :since
    ), spot as materialized (
        select p.* from place p join half h on h.half_year_id = p.half_year_id
    ), post as materialized (
        select state from roster where event_type = :staff
        and (state ->> 'school_id')::uuid = any(cast(:schools as uuid[]))
        and jsonb_array_length(state -> 'assignments') > 0
    )
    select 'half' as what, to_jsonb(h) as fact from half h
    union all {SPOTS}
    union all select 'group', r.state from roster_link l join roster r on r.event_type = :group and r.id = l.from_id
        where l.kind = 'group_of' and l.to_id = any(cast(:schools as uuid[]))
    union all select 'post', state from post
    union all select 'contact', r.state from roster r where r.event_type = :contact and r.id in (
        select (state ->> 'person_id')::uuid from post)
    """
)
SUMMARY = text(
    """
    select h.school_id, h.half_year_id, h.starts, h.ends, count(p.place_id) as owed,
        count(p.bulletin_id) as sent, count(distinct p.group_id) as classes,
        count(distinct p.group_id) filter (where p.bulletin_id is null and p.due_on < :today) as late
    from half_year h left join place p on p.half_year_id = h.half_year_id
    where h.school_id = any(cast(:schools as uuid[])) and h.starts <= :today and h.ends >= :today
    group by h.half_year_id
    """
)
OF_CLASS = text(
    f"""
    with half as materialized (
        select h.* from half_year h join roster r on r.event_type = :group and r.id = :group_id
        and h.school_id = (r.state ->> 'school_id')::uuid and h.ends >= :since
    ), spot as materialized (
        select p.* from place p join half h on h.half_year_id = p.half_year_id and p.group_id = :group_id
    )
    select 'half' as what, to_jsonb(h) as fact from half h
    union all {SPOTS}
    union all select 'group', r.state from roster r where r.event_type = :group and r.id = :group_id
    union all select 'activity', to_jsonb(a) from activity a where a.group_id = :group_id and a.on >= :since
    union all select 'open', jsonb_build_object('bulletin_id', b.bulletin_id, 'state', b.state, 'send_at', b.send_at,
        'changed_at', b.changed_at, 'subject', (select t.subject from bulletin_text t
        where t.bulletin_id = b.bulletin_id and t.subject <> '' order by t.place limit 1))
        from bulletin b join bulletin_group g on g.bulletin_id = b.bulletin_id
        where g.group_id = :group_id and b.kind = 'bulletin' and b.state not in ('sent', 'withdrawn')
    """
)
# Whom to remind of which place, and which places are late: of half-years that run (the late also on the day after).
NEAR = text(
    """
    select p.*, h.ends from place p join half_year h on h.half_year_id = p.half_year_id
    where p.school_id = any(cast(:schools as uuid[])) and p.bulletin_id is null
    and h.starts <= :today and h.ends >= :yesterday
    and (p.due_on < :today or p.due_on <= :until)
    order by p.due_on, p.group_id
    """
)


@dataclass(frozen=True)
class Spot:
    """A place as pages show it: with when it was filled, and how many of its homes have the bulletin."""

    place: Place
    sent_at: datetime | None = None
    homes: int = 0
    reached: int = 0


@dataclass(frozen=True)
class Open:
    """A bulletin that somebody is writing, or that waits: for the principal, or for its time."""

    bulletin_id: UUID
    state: str
    changed_at: datetime
    send_at: datetime | None = None
    subject: str = ""


@dataclass
class Plan:
    """The plan of some schools, or of one class."""

    halves: list[HalfYear] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    groups: dict[UUID, GroupStated] = field(default_factory=dict)
    posts: list[StaffStated] = field(default_factory=list)
    names: dict[UUID, str] = field(default_factory=dict)
    diary: list[Activity] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)


async def plan_of(session: AsyncSession, school_ids: Iterable[UUID], since: date) -> Plan:
    """The half-years of these schools that end on that day or later, with all that a page shows. One statement."""
    asked = {"schools": list(school_ids), "since": since, "staff": StaffStated.event_type}
    named = {"group": GroupStated.event_type, "contact": ContactStated.event_type}
    return _plan(await session.execute(PLAN, {**asked, **named}))


async def plan_of_class(session: AsyncSession, group_id: UUID, since: date) -> Plan:
    """The same for one class, with its diary since that day. One statement."""
    asked = {"group_id": group_id, "since": since, "group": GroupStated.event_type}
    return _plan(await session.execute(OF_CLASS, asked))


async def summary(session: AsyncSession, school_ids: Iterable[UUID], today: date) -> Sequence[Any]:
    """Each school's half-year that runs: how many bulletins are owed and sent, how many classes are late."""
    return (await session.execute(SUMMARY, {"schools": list(school_ids), "today": today})).all()


async def half_years(session: AsyncSession, school_ids: Iterable[UUID], since: date) -> list[HalfYear]:
    """The half-years of these schools that end on that day or later, the earliest first."""
    mine = HALF.c.school_id.in_(list(school_ids)) & (HALF.c.ends >= since)
    return list(await session.scalars(select(HalfYear).where(mine).order_by(HALF.c.starts)))


async def half_year(session: AsyncSession, half_year_id: UUID) -> HalfYear | None:
    """One half-year; None when this transaction does not reach it."""
    return await session.get(HalfYear, half_year_id)


async def add_half_years(session: AsyncSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write half-years (`HALF_NAMES`); one that is there stays as it is."""
    await insert_rows(session, HALF, HALF_NAMES, rows, ONCE)


async def places(session: AsyncSession, half_year_ids: Iterable[UUID], group_ids: Iterable[UUID] = ()) -> list[Place]:
    """The places of these half-years, of these classes (none given: of all), in order. For update."""
    wanted, found = list(group_ids), select(Place).where(PLACE.c.half_year_id.in_(list(half_year_ids)))
    found = found.where(PLACE.c.group_id.in_(wanted)) if wanted else found
    in_order = (PLACE.c.group_id, PLACE.c.due_on, PLACE.c.number)
    return list(await session.scalars(found.order_by(*in_order).with_for_update()))


async def places_of(session: AsyncSession, bulletin_id: UUID) -> list[Place]:
    """The places that a bulletin fills. For update."""
    mine = select(Place).where(PLACE.c.bulletin_id == bulletin_id)
    return list(await session.scalars(mine.order_by(PLACE.c.place_id).with_for_update()))


async def add_places(session: AsyncSession, rows: Sequence[tuple[Any, ...]], *, again: bool = False) -> None:
    """Write places (`PLACE_NAMES`). What is there stays, or (`again`) gets the new date, as if nobody had been told."""
    await insert_rows(session, PLACE, PLACE_NAMES, rows, AGAIN if again else ONCE)


async def remove_places(session: AsyncSession, place_ids: Iterable[UUID]) -> None:
    """Take places away."""
    await session.execute(delete(PLACE).where(PLACE.c.place_id.in_(list(place_ids))))


async def near(
    session: AsyncSession, school_ids: Iterable[UUID], today: date, yesterday: date, until: date
) -> Sequence[Any]:
    """The places without a bulletin whose day has passed, or comes before `until` is over, with the half-year's end."""
    asked = {"schools": list(school_ids), "today": today, "yesterday": yesterday, "until": until}
    return (await session.execute(NEAR, asked)).all()


async def mark_places(session: AsyncSession, place_ids: Iterable[UUID], **fields: Any) -> None:
    """Write these fields of places."""
    wanted = list(place_ids)
    if wanted:
        await session.execute(update(PLACE).where(PLACE.c.place_id.in_(wanted)).values(**fields))


async def only_once(session: AsyncSession, said: Sequence[Outgoing], now: datetime) -> list[Outgoing]:
    """Those requests to tell somebody that have not been made before; the others were."""
    by_id = {cast(NotificationRequested, one.event).notification_id: one for one in said}
    rows = [(one, now) for one in by_id]
    tail = "on conflict do nothing returning event_id"
    fresh = await insert_rows(session, kit.inbox, ("event_id", "seen_at"), rows, tail)
    return [by_id[row.event_id] for row in fresh]


async def add_activity(session: AsyncSession, activity: Activity) -> None:
    """Write a line in a class's diary."""
    session.add(activity)
    await session.flush()


async def remove_activity(session: AsyncSession, group_id: UUID, activity_id: UUID) -> bool:
    """Strike a line of that class; False when there is none such."""
    mine = (ACTIVITY.c.activity_id == activity_id) & (ACTIVITY.c.group_id == group_id)
    return bool((await session.execute(delete(ACTIVITY).where(mine).returning(ACTIVITY.c.activity_id))).all())


def _plan(rows: Iterable[Any]) -> Plan:
    found = Plan()
    for what, fact in rows:
        _add(found, what, fact)
    found.halves.sort(key=lambda one: (one.starts, str(one.school_id)))
    found.spots.sort(key=lambda one: (one.place.due_on, one.place.number))
    found.diary.sort(key=lambda one: (one.on, one.written_at))
    return found


def _add(found: Plan, what: str, fact: dict[str, Any]) -> None:
    match what:
        case "half":
            found.halves.append(HalfYear.model_validate(fact))
        case "place":
            found.spots.append(_spot(fact))
        case "group":
            group = GroupStated.model_validate(fact)
            found.groups[group.group_id] = group
        case "post":
            found.posts.append(StaffStated.model_validate(fact))
        case "contact":
            found.names[UUID(fact["person_id"])] = f"{fact['given_name']} {fact['family_name']}"
        case "activity":
            found.diary.append(Activity.model_validate(fact))
        case "open":
            found.open.append(_open(fact))


def _open(fact: dict[str, Any]) -> Open:
    send_at = datetime.fromisoformat(fact["send_at"]) if fact["send_at"] else None
    changed_at, subject = datetime.fromisoformat(fact["changed_at"]), fact["subject"] or ""
    return Open(UUID(fact["bulletin_id"]), fact["state"], changed_at, send_at, subject)


def _spot(fact: dict[str, Any]) -> Spot:
    more = {name: fact.pop(name) for name in ("sent_at", "homes", "reached")}
    sent = datetime.fromisoformat(more["sent_at"]) if more["sent_at"] else None
    return Spot(Place.model_validate(fact), sent, more["homes"], more["reached"])
