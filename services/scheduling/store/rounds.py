"""Rounds with all that belongs to them: read in one statement, written in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.rounds import RoundPlan, RoundState, Stretch, Time, slots
from services.scheduling.tables import Host, Presence, Room, Round, RoundClass, RoundDay, Slot, Talk
from shared.db.bulk import ONCE, insert_rows
from shared.db.engine import table_of
from shared.events.roster import ContactStated, GroupStated, PersonStated, SchoolStated
from shared.events.scheduling import TalkState
from shared.ids import derived_id, new_id

ROUND, CLASS, DAY, HOST = table_of(Round), table_of(RoundClass), table_of(RoundDay), table_of(Host)
SLOT, PRESENCE, ROOM, TALK = table_of(Slot), table_of(Presence), table_of(Room), table_of(Talk)
SLOT_NAMES = ("slot_id", "round_id", "host_id", "starts_at", "ends_at", "closed")
TALK_NAMES = tuple(column.name for column in TALK.c)
PARTS = """
    select 'round' as what, to_jsonb(r) as fact from round r where r.round_id = :id
    union all select 'school', s.state from round r join roster s on s.event_type = :school and s.id = r.school_id
        where r.round_id = :id
    union all select 'class', jsonb_build_object('id', c.group_id, 'name', g.state ->> 'name',
        'members', coalesce(g.state -> 'members', '[]')) from round_class c
        left join roster g on g.event_type = :group and g.id = c.group_id where c.round_id = :id
    union all select 'day', to_jsonb(d) from round_day d where d.round_id = :id
    union all select 'host', jsonb_build_object('host_id', h.host_id, 'room_id', h.room_id, 'video', h.video,
        'room', m.name, 'contact', c.state) from host h left join room m on m.room_id = h.room_id
        left join roster c on c.event_type = :contact and c.id = h.host_id where h.round_id = :id
    union all select 'presence', to_jsonb(p) from presence p where p.round_id = :id
"""
LOAD = text(PARTS)
BOARD = text(
    PARTS
    + """
    union all select 'slot', jsonb_build_array(s.slot_id, s.host_id, s.starts_at, s.ends_at, s.closed) from slot s
        where s.round_id = :id
    union all select 'room', to_jsonb(m) from round r join room m on m.school_id = r.school_id where r.round_id = :id
    union all select 'talk', jsonb_build_object('talk', to_jsonb(t), 'person', p.state, 'contact', c.state,
        'answered', exists (select from need n where n.person_id = any(t.guardian_ids || t.pupil_id)
            and n.answered_at >= r.created_at))
        from round r join talk t on t.round_id = r.round_id
        left join roster p on p.event_type = :person and p.id = t.pupil_id
        left join roster c on c.event_type = :contact and c.id = t.pupil_id where r.round_id = :id
    """
)
LISTED = text(
    """
    select to_jsonb(r) as round, s.state as school,
        (select coalesce(jsonb_object_agg(c.group_id, g.state ->> 'name'), '{}') from round_class c
            left join roster g on g.event_type = :group and g.id = c.group_id where c.round_id = r.round_id) as classes,
        (select coalesce(jsonb_object_agg(k.state, k.number), '{}') from (
            select t.state, count(*) as number from talk t where t.round_id = r.round_id group by t.state) k) as counts,
        (select min(d.day) from round_day d where d.round_id = r.round_id) as first_day,
        (select max(d.day) from round_day d where d.round_id = r.round_id) as last_day
    from round r left join roster s on s.event_type = :school and s.id = r.school_id
    where r.school_id = any(cast(:led as uuid[])) or r.author_id = :me
        or exists (select from host h where h.round_id = r.round_id and h.host_id = :me)
        or exists (select from round_class c where c.round_id = r.round_id
            and c.group_id = any(cast(:groups as uuid[])))
    order by r.state = 'closed', r.created_at desc limit :most
    """
)
KINDS = {"school": SchoolStated.event_type, "group": GroupStated.event_type, "contact": ContactStated.event_type}
MOST = 100
PLANNED = (
    "school_id",
    "kind",
    "talk_minutes",
    "pause_minutes",
    "longest_run",
    "separate_talks",
    "video",
    "others_may_attend",
    "answer_by",
    "books_from",
    "books_until",
    "early_minutes",
)


@dataclass(frozen=True)
class HostOf:
    """Somebody who holds talks in a round, and where."""

    host_id: UUID
    name: str
    room_id: UUID | None = None
    room: str | None = None
    video: bool = False


@dataclass(frozen=True)
class Busy:
    """A stretch of time in which a host holds no talks."""

    presence_id: UUID
    host_id: UUID
    starts_at: datetime
    ends_at: datetime
    reason: str

    @property
    def time(self) -> Time:
        """From when until when."""
        return self.starts_at, self.ends_at


@dataclass(frozen=True)
class RoundFull:
    """A round with its school, classes, days, hosts, and when they are busy. `classes` has names by group."""

    round: Round
    school: SchoolStated | None
    classes: Mapping[UUID, str]
    members: Mapping[UUID, Sequence[Mapping[str, Any]]]  # of the classes, as the roster states them
    days: tuple[Stretch, ...]
    hosts: tuple[HostOf, ...]
    presence: tuple[Busy, ...]

    @property
    def zone(self) -> str:
        """The time zone of the school."""
        return self.school.zone if self.school else "Europe/Stockholm"

    def grid(self, host_id: UUID | None = None) -> list[Time]:
        """The times of a host, without those at which they are busy; without a host: all times of the round."""
        busy = [one.time for one in self.presence if one.host_id == host_id]
        its = self.round
        return slots(self.days, its.talk_minutes, its.pause_minutes, self.zone, longest_run=its.longest_run, busy=busy)


@dataclass(frozen=True)
class SlotOf:
    """A time of a host. `closed`: they are not there after all."""

    slot_id: UUID
    host_id: UUID
    starts_at: datetime
    ends_at: datetime
    closed: bool


@dataclass(frozen=True)
class TalkLine:
    """A talk in the list of a round. `answered`: somebody of the home has said when they can come."""

    talk: Talk
    name: str | None
    protected: bool
    answered: bool
    pupil: PersonStated | None = None


@dataclass(frozen=True)
class Board:
    """A round as its page shows it."""

    full: RoundFull
    talks: tuple[TalkLine, ...]
    slots: tuple[SlotOf, ...]
    rooms: Mapping[UUID, str]


@dataclass(frozen=True)
class Listed:
    """A round in a list, with how many talks are in each state."""

    round: Round
    school: SchoolStated | None
    classes: Mapping[UUID, str]
    counts: Mapping[str, int]
    first_day: date | None
    last_day: date | None

    @property
    def talks(self) -> int:
        """How many talks there are, without those that were cancelled."""
        return sum(count for state, count in self.counts.items() if state != TalkState.CANCELLED)


async def load_round(session: AsyncSession, round_id: UUID) -> RoundFull | None:
    """A round with all that was planned; None when there is none within reach. One statement."""
    rows = (await session.execute(LOAD, {"id": round_id, **KINDS})).all()
    return _full(_by_kind(rows)) if rows else None


async def board_of(session: AsyncSession, round_id: UUID) -> Board | None:
    """A round with its talks and times; None when there is none within reach. One statement."""
    asked = {"id": round_id, **KINDS, "person": "roster.person_stated.v1"}
    found = _by_kind((await session.execute(BOARD, asked)).all())
    if "round" not in found:
        return None
    talks = [_line(fact) for fact in found.get("talk", [])]
    times = [SlotOf(UUID(a), UUID(b), _at(c), _at(d), e) for a, b, c, d, e in found.get("slot", [])]
    rooms = {UUID(fact["room_id"]): fact["name"] for fact in found.get("room", [])}
    return Board(
        _full(found),
        tuple(sorted(talks, key=lambda one: (one.name is None, one.name, one.talk.household))),
        tuple(sorted(times, key=lambda one: one.starts_at)),
        dict(sorted(rooms.items(), key=lambda one: one[1])),
    )


async def listed(
    session: AsyncSession, me: UUID, led: Iterable[UUID], groups: Iterable[UUID], most: int = MOST
) -> list[Listed]:
    """The rounds of these schools, with these groups, or in which this person holds talks: open ones first."""
    asked = {"me": me, "led": list(led), "groups": list(groups), "most": most, **KINDS}
    rows = (await session.execute(LISTED, asked)).all()
    return [
        Listed(
            Round.model_validate(row.round),
            SchoolStated.model_validate(row.school) if row.school else None,
            {UUID(group): name or "" for group, name in row.classes.items()},
            row.counts,
            row.first_day,
            row.last_day,
        )
        for row in rows
    ]


async def add_round(
    session: AsyncSession,
    plan: RoundPlan,
    hosts: Iterable[UUID],
    *,
    tenant_id: UUID,
    author_id: UUID,
    term_id: UUID | None,
    now: datetime,
) -> UUID:
    """Write a round as a draft, with its classes, days and hosts; a room that is new is made. Its id."""
    round_id = new_id()
    its: dict[str, Any] = {name: getattr(plan, name) for name in PLANNED}
    its |= {"round_id": round_id, "version": 1, "tenant_id": tenant_id, "author_id": author_id, "term_id": term_id}
    its |= {"title": " ".join(plan.title.split()), "state": RoundState.DRAFT, "created_at": now}
    await session.execute(insert(ROUND).values(**its))
    await insert_rows(session, CLASS, ("round_id", "group_id"), [(round_id, group) for group in plan.group_ids])
    await add_days(session, round_id, plan.days)
    rooms = await rooms_named(session, plan.school_id, plan.rooms.values())
    rows = [(round_id, host, rooms.get(_room(plan.rooms.get(host, ""))), plan.video) for host in dict.fromkeys(hosts)]
    await insert_rows(session, HOST, ("round_id", "host_id", "room_id", "video"), rows)
    return round_id


async def add_days(session: AsyncSession, round_id: UUID, days: Iterable[Stretch]) -> None:
    """Add stretches of time; one that begins when another of the day does takes its place."""
    rows = {(one.day, one.starts): (round_id, one.day, one.starts, one.ends) for one in days}
    again = "on conflict (round_id, day, starts) do update set ends = greatest(round_day.ends, excluded.ends)"
    await insert_rows(session, DAY, ("round_id", "day", "starts", "ends"), list(rows.values()), again)


async def rooms_named(session: AsyncSession, school_id: UUID, names: Iterable[str]) -> dict[str, UUID]:
    """The rooms of a school with these names, made where they are new, by name. Empty names are no rooms."""
    wanted = sorted({_room(name) for name in names} - {""})
    rows = [(derived_id("room", school_id, name), school_id, name) for name in wanted]
    await insert_rows(session, ROOM, ("room_id", "school_id", "name"), rows, ONCE)
    there = text("select name, room_id from room where school_id = :school and name = any(cast(:names as text[]))")
    return {row.name: row.room_id for row in await session.execute(there, {"school": school_id, "names": wanted})}


async def put_host(session: AsyncSession, round_id: UUID, host_id: UUID, room_id: UUID | None, video: bool) -> None:
    """Let somebody hold talks in a round, or elsewhere than before."""
    its = {"room_id": room_id, "video": video}
    put = insert(HOST).values(round_id=round_id, host_id=host_id, **its)
    await session.execute(put.on_conflict_do_update(index_elements=["round_id", "host_id"], set_=its))


async def insert_slots(session: AsyncSession, round_id: UUID, times: Mapping[UUID, Sequence[Time]]) -> int:
    """Write each host's times that are not there yet; how many."""
    rows = [
        (derived_id("slot", round_id, host, starts.isoformat()), round_id, host, starts, ends, False)
        for host, mine in times.items()
        for starts, ends in mine
    ]
    return len(await insert_rows(session, SLOT, SLOT_NAMES, rows, f"{ONCE} returning slot_id"))


async def talks_in(session: AsyncSession, round_id: UUID) -> list[Talk]:
    """All talks of a round, as they stand in the database, to be changed."""
    wanted = Talk.__table__.select().where(TALK.c.round_id == round_id)  # type: ignore[attr-defined]
    rows = (await session.execute(wanted.with_for_update())).mappings().all()
    return [Talk(**row) for row in rows]


async def miss_talks(session: AsyncSession, round_id: UUID, now: datetime) -> list[Talk]:
    """The talks of a round that were not held are missed; those for which that is news."""
    living = (TalkState.WANTED, TalkState.PROPOSED, TalkState.BOOKED)
    its = {"state": TalkState.MISSED, "version": TALK.c.version + 1, "changed_at": now}
    mine = (TALK.c.round_id == round_id) & TALK.c.state.in_(living)
    rows = await session.execute(update(TALK).where(mine).values(its).returning(*TALK.c))
    return [Talk(**row) for row in rows.mappings().all()]


async def restate(session: AsyncSession, round_id: UUID) -> list[Talk]:
    """Give the talks of a round that are not over a new version, because the round they are said with has changed."""
    mine = (TALK.c.round_id == round_id) & TALK.c.state.in_((TalkState.WANTED, TalkState.PROPOSED, TalkState.BOOKED))
    rows = await session.execute(update(TALK).where(mine).values(version=TALK.c.version + 1).returning(*TALK.c))
    return [Talk(**row) for row in rows.mappings().all()]


async def count_slots(session: AsyncSession, round_id: UUID) -> int:
    """How many times there are in a round."""
    counted = text("select count(*) from slot where round_id = :round")
    return int((await session.execute(counted, {"round": round_id})).scalar_one())


async def begin(session: AsyncSession, round_id: UUID, state: RoundState, out_of: Sequence[RoundState]) -> bool:
    """Let a round go on from one of these states; False when it is in none of them any more."""
    stands = (ROUND.c.round_id == round_id) & ROUND.c.state.in_(out_of)
    moved = update(ROUND).where(stands).values(state=state, version=ROUND.c.version + 1).returning(ROUND.c.round_id)
    return bool((await session.execute(moved)).all())


async def set_fields(session: AsyncSession, round_id: UUID, **values: Any) -> None:
    """Write some columns of a round."""
    its = {**values, "version": ROUND.c.version + 1}
    await session.execute(update(ROUND).where(ROUND.c.round_id == round_id).values(its))


async def open_rounds(session: AsyncSession, school_ids: Iterable[UUID]) -> list[UUID]:
    """The rounds of these schools that are open."""
    mine = ROUND.c.school_id.in_(list(school_ids)) & ROUND.c.state.not_in([RoundState.DRAFT, RoundState.CLOSED])
    return list(await session.scalars(ROUND.select().with_only_columns(ROUND.c.round_id).where(mine)))


async def add_busy(session: AsyncSession, round_id: UUID, host_id: UUID, time: Time, reason: str = "busy") -> None:
    """A host cannot hold talks then. Only a code word is kept of why."""
    its = {"presence_id": derived_id("presence", round_id, host_id, *time), "round_id": round_id, "host_id": host_id}
    put = insert(PRESENCE).values(**its, starts_at=time[0], ends_at=time[1], reason=reason)
    await session.execute(put.on_conflict_do_nothing())


async def remove_busy(session: AsyncSession, round_id: UUID, host_id: UUID, presence_id: UUID) -> bool:
    """The host can after all; False when there was no such stretch."""
    its = (PRESENCE.c.round_id == round_id) & (PRESENCE.c.host_id == host_id)
    gone = delete(PRESENCE).where(its & (PRESENCE.c.presence_id == presence_id)).returning(PRESENCE.c.host_id)
    return bool((await session.execute(gone)).all())


CLOSING = text(
    """
    update slot s set closed = not s.closed where s.round_id = :round and s.host_id = :host
    and s.closed is distinct from exists (select from presence p where p.round_id = s.round_id
        and p.host_id = s.host_id and p.starts_at < s.ends_at and s.starts_at < p.ends_at)
    and (s.closed or not exists (select from talk t where t.slot_id = s.slot_id))
    and not exists (select from occupancy o where o.hold_until > :now and not s.closed
        and o.resource_id = s.host_id and o.during && tstzrange(s.starts_at, s.ends_at))
    returning s.slot_id, s.closed
    """
)


async def close_busy(session: AsyncSession, round_id: UUID, host_id: UUID, now: datetime) -> list[UUID]:
    """Close a host's free times at which they are busy, and open those at which they are not any more: the latter.

    A time at which a talk stands, or that a family is about to take, is left alone.
    """
    rows = await session.execute(CLOSING, {"round": round_id, "host": host_id, "now": now})
    return [row.slot_id for row in rows.all() if not row.closed]


TAKE_OVER = (
    text("update slot set host_id = :new where round_id = :round and host_id = :old"),
    text(
        "update occupancy o set resource_id = :new from talk t where t.talk_id = o.talk_id and t.round_id = :round "
        "and o.resource_id = :old"
    ),
    text(
        "update talk set host_id = :new, version = version + 1, changed_at = :now where round_id = :round "
        "and host_id = :old and state in ('wanted', 'proposed', 'booked')"
    ),
    text("delete from host where round_id = :round and host_id = :old"),
)


async def take_over(session: AsyncSession, round_id: UUID, old: UUID, new: UUID, now: datetime) -> None:
    """Let somebody else hold all talks of a host, at the same times and places. Raises IntegrityError when they are
    booked elsewhere at one of these times; then the transaction is broken.
    """
    for statement in TAKE_OVER:
        await session.execute(statement, {"round": round_id, "old": old, "new": new, "now": now})


def over_at(full: RoundFull, days: int) -> datetime:
    """When a round is over: some days after its last time."""
    times = full.grid()
    last = max((ends for _, ends in times), default=full.round.books_until)
    return last + timedelta(days=days)


def _by_kind(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for what, fact in rows:
        found.setdefault(what, []).append(fact)
    return found


def _full(found: Mapping[str, list[Any]]) -> RoundFull:
    schools = found.get("school", [])
    classes = sorted(found.get("class", []), key=lambda fact: fact["name"] or "")
    hosts = [_host(fact) for fact in found.get("host", [])]
    return RoundFull(
        Round.model_validate(found["round"][0]),
        SchoolStated.model_validate(schools[0]) if schools else None,
        {UUID(fact["id"]): fact["name"] or "" for fact in classes},
        {UUID(fact["id"]): fact["members"] for fact in classes},
        tuple(sorted(_stretch(fact) for fact in found.get("day", []))),
        tuple(sorted(hosts, key=lambda host: (host.name, str(host.host_id)))),
        tuple(sorted((_busy(fact) for fact in found.get("presence", [])), key=lambda one: one.starts_at)),
    )


def _host(fact: Mapping[str, Any]) -> HostOf:
    contact = fact["contact"]
    name = f"{contact['given_name']} {contact['family_name']}" if contact else ""
    room = UUID(fact["room_id"]) if fact["room_id"] else None
    return HostOf(UUID(fact["host_id"]), name, room, fact["room"], fact["video"])


def _stretch(fact: Mapping[str, Any]) -> Stretch:
    day = RoundDay.model_validate(fact)
    return Stretch(day.day, day.starts, day.ends)


def _busy(fact: Mapping[str, Any]) -> Busy:
    ids = UUID(fact["presence_id"]), UUID(fact["host_id"])
    return Busy(*ids, _at(fact["starts_at"]), _at(fact["ends_at"]), fact["reason"])


def _line(fact: Mapping[str, Any]) -> TalkLine:
    person, contact = fact["person"], fact["contact"]
    protected = bool(person) and person.get("marking", "none") != "none"
    name = f"{contact['given_name']} {contact['family_name']}" if contact and not protected else None
    pupil = PersonStated.model_validate(person) if person else None
    return TalkLine(Talk.model_validate(fact["talk"]), name, protected, fact["answered"], pupil)


def _room(name: str) -> str:
    return " ".join(name.split())[:60]


def _at(said: str) -> datetime:
    return datetime.fromisoformat(said)
