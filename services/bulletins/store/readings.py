"""Who has read what, which homes it has not reached, and what a reminder needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.store.archive import FOR_CLASSES
from services.bulletins.store.people import CLASS_KINDS
from services.bulletins.tables import Bulletin, Reading
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.notify import ReadBy
from shared.events.roster import ContactStated, GroupStated, PersonStated

BULLETIN = table_of(Bulletin)
NAMES = ("bulletin_id", "person_id", "at", "how")
FIRST = "on conflict (bulletin_id, person_id) do nothing returning person_id"
# Whether a pupil's home (a row `h`) has read a bulletin: somebody tied to the pupil, or the pupil who is of age.
HOMES = f"""
    b as materialized (select bulletin_id, school_id from bulletin where bulletin_id = :id), {FOR_CLASSES},
    home as materialized (
        select distinct g.bulletin_id, g.group_id, (m.value ->> 'person_id')::uuid as pupil_id
        from for_class g join roster r on r.event_type = :group and r.id = g.group_id
            cross join lateral jsonb_array_elements(r.state -> 'members') m
        where (cast(:groups as uuid[]) is null or g.group_id = any(cast(:groups as uuid[])))
            and coalesce((m.value ->> 'starts')::date <= cast(:day as date), true)
            and coalesce(cast(:day as date) < (m.value ->> 'ends')::date, true)
    ), reader as materialized (
        select h.pupil_id from home h join roster_link l on l.from_id = h.pupil_id and l.kind in ('tie', 'consent')
            join reading x on x.bulletin_id = h.bulletin_id and x.person_id = l.to_id
        union select h.pupil_id from home h join reading x on x.bulletin_id = h.bulletin_id and x.person_id = h.pupil_id
            join roster p on p.event_type = :person and p.id = h.pupil_id
            and (p.state ->> 'born')::date <= cast(:day as date) - interval '18 years'
    )"""
# Not reached: everything that was tried has failed; or nothing was told of within a day, so that nobody was there.
PUPILS = text(
    f"""
    with {HOMES}, told as materialized (
        select cast(p.value as uuid) as pupil_id,
            bool_or(x.status not in ('bounced', 'given_up', 'cancelled')) as has_it
        from reach x cross join lateral jsonb_array_elements_text(x.pupil_ids) p
        where x.bulletin_id = :id group by 1
    ), judged as (
        select h.pupil_id, p.state ->> 'marking' <> 'none' as protected, r.pupil_id is not null as has_read,
            r.pupil_id is null and not coalesce(t.has_it, false) and (t.pupil_id is not null or cast(:over as boolean))
            as unreached
        from (select distinct pupil_id from home) h
            join roster p on p.event_type = :person and p.id = h.pupil_id and (p.state ->> 'active')::boolean
            left join told t on t.pupil_id = h.pupil_id left join reader r on r.pupil_id = h.pupil_id
    )
    select null as pupil_id, null as given, null as family, false as protected, count(*) as number,
        count(*) filter (where has_read) as readers from judged
    union all
    select j.pupil_id, c.state ->> 'given_name', c.state ->> 'family_name', j.protected, 0, 0
    from judged j left join roster c on c.event_type = :contact and c.id = j.pupil_id where j.unreached
    """
)
UNREAD = text(
    f"with {HOMES} select count(distinct h.pupil_id) from home h "
    "join roster p on p.event_type = :person and p.id = h.pupil_id and (p.state ->> 'active')::boolean "
    "where h.pupil_id not in (select pupil_id from reader)"
)


@dataclass(frozen=True)
class Unreached:
    """A pupil whose home has not been reached; staff see by a mark that somebody's identity is protected."""

    pupil_id: UUID
    name: str
    protected: bool


@dataclass(frozen=True)
class Homes:
    """Of how many pupils' homes somebody has read it, and whom it has not reached."""

    number: int
    readers: int
    unreached: tuple[Unreached, ...]


@dataclass(frozen=True)
class Remindable:
    """What a reminder asks about something that was sent."""

    bulletin_id: UUID
    school_id: UUID
    must_read: bool
    sent_at: datetime


async def note_once(db: AsyncSession, bulletin_id: UUID, person_id: UUID, how: ReadBy, now: datetime) -> bool:
    """Keep that somebody has read it; False when it was known."""
    rows = [(bulletin_id, person_id, now, how.value)]
    return bool(await insert_rows(db, table_of(Reading), NAMES, rows, FIRST))


async def homes(db: AsyncSession, bulletin_id: UUID, groups: Iterable[UUID] | None, day: date, over: bool) -> Homes:
    """How it stands with the homes of these of its classes (None: all). One statement.

    `day`: when it was sent, by the school's calendar. `over`: it has had a day to arrive, so of a home of which nothing
    is known nobody could be written to.
    """
    rows = (await db.execute(PUPILS, {**_asked(bulletin_id, groups, day), "over": over})).all()
    found = [
        Unreached(row.pupil_id, f"{row.given or ''} {row.family or ''}".strip(), row.protected)
        for row in rows
        if row.pupil_id is not None
    ]
    found.sort(key=lambda one: (one.name, str(one.pupil_id)))
    return Homes(sum(row.number for row in rows), sum(row.readers for row in rows), tuple(found))


async def unread_homes(db: AsyncSession, bulletin_id: UUID, day: date) -> int:
    """Of how many pupils nobody at home has read it."""
    return int(await db.scalar(UNREAD, _asked(bulletin_id, None, day)) or 0)


async def remindable(db: AsyncSession, bulletin_ids: Iterable[UUID]) -> list[Remindable]:
    """Those that are sent, and of which nobody has been reminded. Locked, so that nobody is reminded twice."""
    columns = (BULLETIN.c.bulletin_id, BULLETIN.c.school_id, BULLETIN.c.must_read, BULLETIN.c.sent_at)
    wanted = (
        BULLETIN.select()
        .with_only_columns(*columns)
        .where(
            BULLETIN.c.bulletin_id.in_(list(bulletin_ids)),
            BULLETIN.c.state == BulletinState.SENT,
            BULLETIN.c.reminded_at.is_(None),
            BULLETIN.c.sent_at.is_not(None),
        )
    )
    rows = await db.execute(wanted.order_by(BULLETIN.c.bulletin_id).with_for_update())
    return [Remindable(*row) for row in rows]


async def reminded(db: AsyncSession, bulletin_id: UUID, now: datetime) -> None:
    """Keep that its homes have been reminded."""
    await db.execute(update(BULLETIN).where(BULLETIN.c.bulletin_id == bulletin_id).values(reminded_at=now))


def _asked(bulletin_id: UUID, groups: Iterable[UUID] | None, day: date) -> dict[str, object]:
    return {
        "id": bulletin_id,
        "groups": None if groups is None else list(groups),
        "day": day,
        "group": GroupStated.event_type,
        "person": PersonStated.event_type,
        "contact": ContactStated.event_type,
        "kinds": list(CLASS_KINDS),
    }
