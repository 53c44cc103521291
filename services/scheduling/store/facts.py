"""What a proposal is made from, read at one moment. None of this commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.proposals import Occasion
from services.scheduling.domain.wishes import Needs, Stretch, Window, window
from services.scheduling.store.wishes import needs_of, wishes_of
from services.scheduling.tables import (
    Host,
    Interpreter,
    InterpreterBlock,
    Round,
    RoundDay,
    Slot,
    Talk,
    roster,
)
from shared.clock import DEFAULT_ZONE, local_date
from shared.db.engine import table_of
from shared.events.roster import SchoolStated
from shared.roster.access import Family, families

ROUND, TALK, HOST, SLOT, DAY = (table_of(one) for one in (Round, Talk, Host, Slot, RoundDay))
INTERPRETER, BLOCK = table_of(Interpreter), table_of(InterpreterBlock)
AFRESH = {"populate_existing": True}  # what was read earlier in the transaction may have been written since
BUSY = text(
    "select o.resource_id, lower(o.during) as starts_at, upper(o.during) as ends_at, o.talk_id, "
    "coalesce(t.school_id, m.school_id) as school_id, coalesce(t.video, false) as video "
    "from occupancy o left join talk t on t.talk_id = o.talk_id left join meeting m on m.meeting_id = o.meeting_id "
    "where o.resource_id = any(cast(:resources as uuid[])) and o.hold_until is null "
    "and o.during && tstzrange(cast(:starts as timestamptz), cast(:ends as timestamptz)) "
    "and (o.talk_id is null or not t.round_id = any(cast(:rounds as uuid[])))"
)


@dataclass(frozen=True)
class Taken:
    """Somebody or something that is used by what is not proposed now."""

    resource_id: UUID
    starts_at: datetime
    ends_at: datetime
    school_id: UUID
    video: bool


@dataclass
class Facts:
    """Everything a proposal is made from, read at one moment."""

    occasion: Occasion
    now: datetime
    rounds: Mapping[UUID, Round] = field(default_factory=dict)
    zones: Mapping[UUID, str] = field(default_factory=dict)  # by round
    windows: Mapping[UUID, list[Window]] = field(default_factory=dict)  # by round
    talks: Sequence[Talk] = ()
    hosts: Sequence[Host] = ()
    slots: Sequence[Slot] = ()
    wishes: Mapping[UUID, list[Stretch]] = field(default_factory=dict)
    needs: Mapping[UUID, Needs] = field(default_factory=dict)
    families: Mapping[UUID, Family] = field(default_factory=dict)
    taken: Sequence[Taken] = ()
    interpreters: Sequence[Interpreter] = ()
    blocks: Mapping[UUID, list[Window]] = field(default_factory=dict)  # by interpreter
    lost: frozenset[UUID] = frozenset()  # talks without a time that are to get one also when a host is away


async def gather(session: AsyncSession, round_ids: Sequence[UUID], occasion: Occasion, now: datetime) -> Facts:
    """Read what these rounds are proposed from. A dozen statements, whatever the size. Machine's transaction."""
    facts = Facts(occasion, now)
    await _read_rounds(session, facts, round_ids)
    in_rounds = TALK.c.round_id.in_(round_ids), TALK.c.state != "cancelled"
    talks = select(Talk).where(*in_rounds).order_by(TALK.c.talk_id)
    facts.talks = (await session.scalars(talks, execution_options=AFRESH)).all()
    hosts = select(Host).where(HOST.c.round_id.in_(round_ids))
    facts.hosts = (await session.scalars(hosts, execution_options=AFRESH)).all()
    slots = select(Slot).where(SLOT.c.round_id.in_(round_ids))
    facts.slots = (await session.scalars(slots, execution_options=AFRESH)).all()
    today = {one.pupil_id: local_date(now, facts.zones[one.round_id]) for one in facts.talks}
    facts.families = await families(session, roster, today, today)
    people = {person for one in facts.talks for person in (one.pupil_id, *one.guardian_ids)}
    spans = [span for windows in facts.windows.values() for span in windows]
    facts.wishes, facts.needs = await wishes_of(session, people, spans), await needs_of(session, people)
    await _read_interpreters(session, facts)
    await _read_taken(session, facts, people)
    return facts


async def _read_rounds(session: AsyncSession, facts: Facts, round_ids: Sequence[UUID]) -> None:
    zone = (
        select(roster.c.state["zone"].astext)
        .where(roster.c.event_type == SchoolStated.event_type, roster.c.id == ROUND.c.school_id)
        .scalar_subquery()
    )
    rows = (await session.execute(select(Round, zone).where(ROUND.c.round_id.in_(round_ids)))).all()
    facts.rounds = {one.round_id: one for one, _ in rows}
    facts.zones = {one.round_id: zone or DEFAULT_ZONE for one, zone in rows}
    windows = defaultdict(list)
    for row in await session.execute(select(DAY).where(DAY.c.round_id.in_(round_ids))):
        windows[row.round_id].append(window(row.day, row.starts, row.ends, facts.zones[row.round_id]))
    facts.windows = windows


def _span(facts: Facts) -> tuple[datetime, datetime]:
    """From the first to the last time of these rounds."""
    times = [at for one in facts.slots for at in (one.starts_at, one.ends_at)] or [facts.now]
    return min(times) - timedelta(hours=2), max(times) + timedelta(hours=2)


async def _read_interpreters(session: AsyncSession, facts: Facts) -> None:
    tenants, (first, last) = {one.tenant_id for one in facts.rounds.values()}, _span(facts)
    asked = select(Interpreter).where(INTERPRETER.c.tenant_id.in_(tenants)).order_by(INTERPRETER.c.interpreter_id)
    facts.interpreters = (await session.scalars(asked)).all()
    ids = [one.interpreter_id for one in facts.interpreters]
    of_these = BLOCK.c.interpreter_id.in_(ids), ~BLOCK.c.cancelled, BLOCK.c.starts_at < last, BLOCK.c.ends_at > first
    blocks = defaultdict(list)
    for row in await session.execute(select(BLOCK).where(*of_these)):
        blocks[row.interpreter_id].append(Window(row.starts_at, row.ends_at))
    facts.blocks = blocks


async def _read_taken(session: AsyncSession, facts: Facts, people: Iterable[UUID]) -> None:
    rooms = [one.room_id for one in facts.hosts if one.room_id]
    others = [*(one.host_id for one in facts.hosts), *rooms, *(one.interpreter_id for one in facts.interpreters)]
    starts, ends = _span(facts)
    values = {"resources": [*people, *others], "starts": starts, "ends": ends, "rounds": list(facts.rounds)}
    rows = await session.execute(BUSY, values)
    facts.taken = [Taken(one.resource_id, one.starts_at, one.ends_at, one.school_id, one.video) for one in rows]
