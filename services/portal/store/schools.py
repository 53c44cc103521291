"""The ledger of duties, the list behind each of its numbers, and the evidence of one duty."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.duties import NOTICE, Outcome, Period, Seen, Tally, courses, stands
from services.portal.store.finding import CLASSED, FACT, IN_PERIOD, ONE, Zones, asked, finding, people
from shared.events.duties import DutyKind, DutyStatus
from shared.events.roster import ContactStated, PersonStated


def _counting(key: str, name: str) -> str:
    """Equal sets of flags, counted by line and by day; and how many homes were told and have confirmed it, by line."""
    told, read = int(Seen.DELIVERED | Seen.UNDERSTOOD), int(Seen.UNDERSTOOD)
    return f"""
    select case when grouping(day) = 1 then 'line' else 'day' end as what, {key} as key, {name} as name, day, course,
        count(*) as number, 0 as homes, 0 as readers
    from classed group by grouping sets (({key}, {name}, course), (day, course))
    union all
    select 'homes', {key}, {name}, null, 0, 0, count(*) filter (where seen & {told} <> 0),
        count(*) filter (where seen & {read} <> 0)
    from (
        select {key}, {name}, bit_or(course) as seen
        from classed where course & {int(Seen.RETRACTED)} = 0 group by {key}, {name}, pupil_id
    ) home group by {key}, {name}"""


UNCLASSED = ", classed as (select *, cast(null as text) as class_name from counted)"
BY_CLASS = text(finding(IN_PERIOD) + CLASSED + _counting("group_id", "class_name"))
BY_SCHOOL = text(finding(IN_PERIOD) + UNCLASSED + _counting("school_id", "class_name"))
LISTED = text(
    finding(IN_PERIOD)
    + CLASSED
    + f""", kept as (
        select * from classed where course = any(cast(:courses as bigint[]))
            and (not :one_class or group_id is not distinct from cast(:class as uuid))
    ), p as (select * from kept order by day desc, class_name, duty_id limit :most offset :skip)
    {FACT} p
    union all select 'class', jsonb_build_object('group_id', group_id, 'name', class_name)
    from (select distinct group_id, class_name from classed) c
    union all select 'total', to_jsonb(count(*)) from kept"""
    + people("select pupil_id from p")
)
EVIDENCE = text(
    finding(ONE)
    + CLASSED
    + f""", told as (
        select * from delivery where notification_id in (select evidence_id from duty_moment where duty_id = :duty)
    )
    {FACT} classed p
    union all select 'delivery', to_jsonb(told) from told
    union all select 'talk', to_jsonb(t.talk_id) from talk t join classed c on c.pupil_id = t.pupil_id
        where t.talk_id in (select evidence_id from duty_moment where duty_id = :duty)"""
    + people(
        "select pupil_id from classed union select person_id from told "
        "union select person_id from acknowledgement where duty_id = :duty"
    )
)


class Row(BaseModel):
    """A row read from JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Moment(Row):
    """When a duty reached a status, what proves it, and in a code word why nobody could be reached."""

    status: DutyStatus
    at: datetime
    evidence_id: UUID | None = None
    reason: str | None = None


class Reader(Row):
    """Somebody who has confirmed a notice."""

    person_id: UUID
    at: datetime


class Told(Row):
    """What became of a message to one person (None: the school); `why` is the verdict it was sent on."""

    delivery_id: UUID
    notification_id: UUID
    person_id: UUID | None
    kind: str
    status: str
    why: str | None
    at: datetime


class Known(Row):
    """A duty with everything that is on record about it. `group_id` None: the pupil was in no class on that day."""

    duty_id: UUID
    kind: DutyKind
    school_id: UUID
    pupil_id: UUID
    day: date
    seen: Seen
    group_id: UUID | None
    class_name: str | None
    moments: tuple[Moment, ...]
    readers: tuple[Reader, ...]

    @property
    def stands(self) -> Outcome:
        """How the duty stands now."""
        return stands(self.seen, self.kind)

    def first(self, *statuses: DutyStatus) -> datetime | None:
        """When the duty first reached one of these, also by a confirmation that is not told of yet."""
        read = [reader.at for reader in self.readers] if DutyStatus.UNDERSTOOD in statuses else []
        return min([moment.at for moment in self.moments if moment.status in statuses] + read, default=None)

    @property
    def reason(self) -> str | None:
        """In a code word: why nobody could be reached by mail."""
        return next((moment.reason for moment in self.moments if moment.reason), None)


@dataclass
class Ledger:
    """A line for each class or school, and the same duties by day."""

    lines: dict[UUID | None, Tally] = field(default_factory=dict)
    names: dict[UUID | None, str | None] = field(default_factory=dict)
    days: dict[date, Tally] = field(default_factory=dict)


@dataclass
class Registry:
    """What the registry says of some persons, by their ids."""

    persons: dict[UUID, PersonStated]
    contacts: dict[UUID, ContactStated]


@dataclass(frozen=True)
class Wanted:
    """Which duties to list: of a kind, of a class (`no_class`: of pupils in none), with an outcome, in a period."""

    period: Period
    outcome: Outcome = Outcome.OWED
    class_id: UUID | None = None
    no_class: bool = False
    kind: DutyKind = NOTICE


@dataclass
class Listed:
    """A page of the list, how many there are in all, and every class that has any in the period."""

    duties: list[Known]
    total: int
    classes: dict[UUID | None, str | None]
    registry: Registry


@dataclass
class Evidence:
    """Everything about one duty, and those whom it names."""

    duty: Known
    told: list[Told]
    talks: frozenset[UUID]  # those among what proves it that are talks
    registry: Registry


async def by_class(db: AsyncSession, zones: Zones, when: Period, now: datetime, kind: DutyKind = NOTICE) -> Ledger:
    """The ledger of these schools for one kind of duty, a line for each class."""
    return await _ledger(db, BY_CLASS, asked(zones, now, kind, since=when.since, until=when.until), kind)


async def by_school(db: AsyncSession, zones: Zones, when: Period, now: datetime, kind: DutyKind = NOTICE) -> Ledger:
    """The ledger of these schools for one kind of duty, a line for each that has duties."""
    return await _ledger(db, BY_SCHOOL, asked(zones, now, kind, since=when.since, until=when.until), kind)


async def listed(db: AsyncSession, zones: Zones, wanted: Wanted, now: datetime, most: int, skip: int = 0) -> Listed:
    """The duties behind one number of the ledger, the latest first."""
    when = wanted.period
    question = asked(zones, now, wanted.kind, since=when.since, until=when.until, most=most, skip=skip)
    question |= {"courses": list(courses(wanted.outcome, wanted.kind)), "class": wanted.class_id}
    question |= {"one_class": wanted.no_class or wanted.class_id is not None}
    rows = (await db.execute(LISTED, question)).all()
    return await asyncio.to_thread(_listed, rows)


async def evidence(db: AsyncSession, zones: Zones, duty_id: UUID, now: datetime) -> Evidence | None:
    """Everything on record about a duty at one of these schools; None when there is no such duty."""
    rows = (await db.execute(EVIDENCE, asked(zones, now, duty=duty_id))).all()
    duty = next((Known.model_validate(fact) for what, fact in rows if what == "duty"), None)
    told = sorted((Told.model_validate(fact) for what, fact in rows if what == "delivery"), key=lambda one: one.at)
    talks = frozenset(UUID(fact) for what, fact in rows if what == "talk")
    return Evidence(duty, told, talks, registry_in(rows)) if duty else None


def registry_in(rows: Iterable[Any]) -> Registry:
    """The persons and contacts among rows of event type and state."""
    persons = [PersonStated.model_validate(fact) for what, fact in rows if what == PersonStated.event_type]
    contacts = [ContactStated.model_validate(fact) for what, fact in rows if what == ContactStated.event_type]
    return Registry({one.person_id: one for one in persons}, {one.person_id: one for one in contacts})


async def _ledger(db: AsyncSession, statement: TextClause, question: Mapping[str, Any], kind: DutyKind) -> Ledger:
    ledger = Ledger()
    for row in (await db.execute(statement, question)).all():
        if row.what == "day":
            ledger.days.setdefault(row.day, Tally()).add(Seen(row.course), row.number, kind)
            continue
        line = ledger.lines.setdefault(row.key, Tally())
        ledger.names[row.key] = row.name
        if row.what == "line":
            line.add(Seen(row.course), row.number, kind)
        else:
            line.homes, line.readers = row.homes, row.readers
    return ledger


def _listed(rows: Sequence[Any]) -> Listed:
    """Read the rows; of a year's export that takes seconds, so it is done beside the event loop."""
    duties = [Known.model_validate(fact) for what, fact in rows if what == "duty"]
    groups = [fact for what, fact in rows if what == "class"]
    number = next(fact for what, fact in rows if what == "total")
    duties.sort(key=lambda duty: (-duty.day.toordinal(), duty.class_name or "~", duty.duty_id))
    classes = {UUID(one["group_id"]) if one["group_id"] else None: one["name"] for one in groups}
    return Listed(duties, number, classes, registry_in(rows))
