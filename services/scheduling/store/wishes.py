"""When families can come and what they need, and the talks of guardians who want one apart. None of this commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, false, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.rounds import RoundState
from services.scheduling.domain.wishes import Needs, Stretch, Window, households
from services.scheduling.tables import Interpreter, Need, Round, RoundDay, Talk, Wish, roster
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.roster import ContactStated
from shared.events.scheduling import TalkState
from shared.ids import derived_id, new_id

WISH, NEED, TALK, ROUND = table_of(Wish), table_of(Need), table_of(Talk), table_of(Round)
DAY, INTERPRETER = table_of(RoundDay), table_of(Interpreter)
WISH_NAMES = ("wish_id", "tenant_id", "person_id", "starts_at", "ends_at", "gladly")
NEEDS = ("interpreter", "video", "more_time", "apart")
DAYS = (
    select(func.json_agg(func.json_build_array(DAY.c.day, DAY.c.starts, DAY.c.ends)))
    .where(DAY.c.round_id == ROUND.c.round_id)
    .scalar_subquery()
)
NAME = (
    select(roster.c.state)
    .where(roster.c.event_type == ContactStated.event_type, roster.c.id == TALK.c.pupil_id)
    .scalar_subquery()
)


@dataclass(frozen=True)
class Asked:
    """A talk about which a family is asked, with its round, the round's days (local), and the pupil's name."""

    talk: Talk
    round: Round
    days: tuple[tuple[date, time, time], ...]
    name: str


@dataclass(frozen=True)
class Answers:
    """What somebody has said: when they can, what they need, since when; and which languages can be interpreted."""

    stretches: tuple[Stretch, ...] = ()
    needs: Needs = field(default_factory=Needs)
    answered_at: datetime | None = None
    languages: tuple[str, ...] = ()


async def asked_of(
    session: AsyncSession, pupil_ids: Iterable[UUID], states: Sequence[str], *, lock: bool = False
) -> list[Asked]:
    """The talks of these pupils in rounds that have come so far, in the order of their names. One statement."""
    wanted = (
        select(Talk, Round, DAYS, NAME)
        .join(Round, TALK.c.round_id == ROUND.c.round_id)
        .where(TALK.c.pupil_id.in_(list(pupil_ids)), ROUND.c.state.in_(states))
        .order_by(TALK.c.talk_id)
    )
    rows = await session.execute(wanted.with_for_update(of=Talk) if lock else wanted)
    found = [Asked(talk, round_, _days(days), _name(state)) for talk, round_, days, state in rows]
    return sorted(found, key=lambda one: (one.name, one.talk.household))


async def answers_of(session: AsyncSession, person_id: UUID, tenant_id: UUID) -> Answers:
    """What this person has said, and the languages of the municipality's interpreters. One statement."""
    said = func.json_build_array(WISH.c.starts_at, WISH.c.ends_at, WISH.c.gladly)
    wishes = select(func.json_agg(said)).where(WISH.c.person_id == person_id).scalar_subquery()
    need = select(func.to_json(text("need.*"))).select_from(NEED).where(NEED.c.person_id == person_id)
    spoken = select(func.unnest(INTERPRETER.c.languages).label("tag")).where(INTERPRETER.c.tenant_id == tenant_id)
    tags = select(func.json_agg(spoken.subquery().c.tag.distinct())).scalar_subquery()
    row = (await session.execute(select(wishes, need.scalar_subquery(), tags))).one()
    return _answers(row[0] or [], row[1], row[2] or [])


async def keep_answers(
    session: AsyncSession,
    tenant_id: UUID,
    person_id: UUID,
    windows: Sequence[Window],
    stretches: Sequence[Stretch],
    needs: Needs,
    now: datetime,
) -> None:
    """Replace what this person has said of these windows by these stretches, and what they need."""
    await session.execute(delete(WISH).where(WISH.c.person_id == person_id, _about(windows)))
    rows = [(new_id(), tenant_id, person_id, one.starts_at, one.ends_at, one.gladly) for one in stretches]
    await insert_rows(session, WISH, WISH_NAMES, rows)
    said = {name: getattr(needs, name) for name in NEEDS} | {"answered_at": now}
    put = insert(NEED).values(person_id=person_id, tenant_id=tenant_id, **said)
    await session.execute(put.on_conflict_do_update(index_elements=["person_id"], set_=said))


async def apart_of(session: AsyncSession, person_ids: Iterable[UUID]) -> set[UUID]:
    """Who of these people has asked for a talk apart."""
    wanted = select(NEED.c.person_id).where(NEED.c.person_id.in_(list(person_ids)), NEED.c.apart)
    return set(await session.scalars(wanted))


async def wishes_of(
    session: AsyncSession, person_ids: Iterable[UUID], windows: Sequence[Window]
) -> dict[UUID, list[Stretch]]:
    """What these people have said of any of the windows."""
    mine = select(WISH.c.person_id, WISH.c.starts_at, WISH.c.ends_at, WISH.c.gladly)
    rows = await session.execute(mine.where(WISH.c.person_id.in_(list(person_ids)), _about(windows)))
    found: dict[UUID, list[Stretch]] = {}
    for row in rows:
        found.setdefault(row.person_id, []).append(Stretch(row.starts_at, row.ends_at, row.gladly))
    return found


async def needs_of(session: AsyncSession, person_ids: Iterable[UUID]) -> dict[UUID, Needs]:
    """What these people need; who has said nothing is not there."""
    rows = await session.execute(select(NEED).where(NEED.c.person_id.in_(list(person_ids))))
    return {row.person_id: Needs(*(getattr(row, name) for name in NEEDS)) for row in rows}


async def settle_households(session: AsyncSession, pupil_ids: Iterable[UUID], now: datetime) -> list[Asked]:
    """Let the talks of these pupils be as many as their guardians have asked for, and answer those that changed.

    Only in rounds that grant separate talks and still collect wishes, and only while none of the pupil's talks has a
    time. A talk that is not wanted any more is cancelled; it comes back when the guardians want it again.
    """
    locked = await asked_of(session, pupil_ids, [RoundState.WISHES], lock=True)
    granted = [one for one in locked if one.round.separate_talks]
    apart = await apart_of(session, {guardian for one in granted for guardian in one.talk.guardian_ids})
    families: dict[tuple[UUID, UUID], list[Asked]] = {}
    for one in granted:
        families.setdefault((one.round.round_id, one.talk.pupil_id), []).append(one)
    changed = [moved for family in families.values() for moved in _settled(family, apart, now)]
    await _write_talks(session, [one.talk for one in changed])
    return changed


def _settled(family: Sequence[Asked], apart: set[UUID], now: datetime) -> list[Asked]:
    """What changes in the talks of one pupil in one round."""
    states = {one.talk.state for one in family}
    if TalkState.WANTED not in states or states - {TalkState.WANTED, TalkState.CANCELLED}:
        return []
    there = {one.talk.household: one for one in family}
    guardians = {guardian for one in family for guardian in one.talk.guardian_ids}
    wanted = households(guardians, apart)
    changed = [
        _changed(there.get(number) or _another(family[0], number), list(whose), TalkState.WANTED, now)
        for number, whose in wanted.items()
    ]
    changed += [
        _changed(one, one.talk.guardian_ids, TalkState.CANCELLED, now)
        for number, one in there.items()
        if number not in wanted
    ]
    return [one for one in changed if one is not None]


def _changed(one: Asked, guardians: list[UUID], state: TalkState, now: datetime) -> Asked | None:
    talk = one.talk
    if (sorted(talk.guardian_ids), talk.state) == (sorted(guardians), state):
        return None
    its = {**talk.model_dump(), "guardian_ids": guardians, "state": state, "version": talk.version + 1}
    return replace(one, talk=Talk(**{**its, "changed_at": now}))


def _another(one: Asked, number: int) -> Asked:
    """The talk of another household, not yet there."""
    talk_id = derived_id("talk", one.round.round_id, one.talk.pupil_id, number)
    its = {**one.talk.model_dump(), "talk_id": talk_id, "household": number, "version": 0, "guardian_ids": []}
    return replace(one, talk=Talk(**{**its, "sequence": 0, "invited": False, "pinned": False}))


async def _write_talks(session: AsyncSession, talks: Sequence[Talk]) -> None:
    for talk in talks:  # of one family: at most a handful
        values = talk.model_dump()
        changed = {name: values[name] for name in ("version", "state", "guardian_ids", "changed_at")}
        put = insert(TALK).values(**values)
        await session.execute(put.on_conflict_do_update(index_elements=["talk_id"], set_=changed))


async def alone_with(session: AsyncSession, *ids: UUID) -> None:
    """Wait until nobody else decides about the same things; until the end of the transaction."""
    for one in sorted(ids):
        await session.execute(text("select pg_advisory_xact_lock(hashtextextended(:id, 0))"), {"id": str(one)})


def _about(windows: Sequence[Window]) -> ColumnElement[bool]:
    """Of a wish: it says something of one of these windows, and be it that there is no time in it."""
    begins, ends = WISH.c.starts_at, WISH.c.ends_at
    none = begins == ends
    return or_(
        false(), *[(begins < w.ends_at) & ((ends > w.starts_at) | none & (ends >= w.starts_at)) for w in windows]
    )


def _answers(wishes: list[Any], need: Mapping[str, Any] | None, languages: list[str]) -> Answers:
    stretches = [Stretch(datetime.fromisoformat(a), datetime.fromisoformat(b), glad) for a, b, glad in wishes]
    if need is None:
        return Answers(tuple(sorted(stretches)), languages=tuple(languages))
    needs = Needs(*(need[name] for name in NEEDS))
    return Answers(tuple(sorted(stretches)), needs, datetime.fromisoformat(need["answered_at"]), tuple(languages))


def _days(found: list[tuple[str, str, str]] | None) -> tuple[tuple[date, time, time], ...]:
    return tuple(
        (date.fromisoformat(day), time.fromisoformat(begins), time.fromisoformat(ends))
        for day, begins, ends in sorted(map(tuple, found or []))
    )


def _name(state: Any) -> str:
    return ContactStated.model_validate(state).full_name if state else ""
