"""The plan of bulletins: half-years and places that begin, what is owed, who is reminded. For the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain import plans
from services.bulletins.domain.duties import bulletin_duty_id, information_duty_id
from services.bulletins.domain.information import year_of
from services.bulletins.domain.plans import DAY, Country, Planned, Unfit, Unmoved, country_of
from services.bulletins.outgoing import duty_moved, to_person
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import duties
from services.bulletins.store import plans as store
from services.bulletins.store.people import (
    classes_in,
    groups_of_schools,
    mentors_in,
    posts_of_schools,
    principals_in,
)
from services.bulletins.tables import HalfYear, Owed, Place
from shared.clock import local_date
from shared.events.duties import DutyKind, DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.roster import GroupStated, SchoolStated

PLAN_PAGE = "/bulletins/plan"


@dataclass(frozen=True)
class Staff:
    """Who works where today: the mentors of each class, the principals of each school."""

    mentors: Mapping[UUID, Sequence[UUID]]
    principals: Mapping[UUID, Sequence[UUID]]


async def night(
    session: AsyncSession, schools: Sequence[SchoolStated], settings: BulletinsSettings, now: datetime
) -> list[Outgoing]:
    """What a day brings to these schools of one zone, as often as one likes: what has been said is not said again."""
    if not schools:
        return []
    ids, today = [school.school_id for school in schools], local_date(now, schools[0].zone)
    posts = await posts_of_schools(session, ids)
    staff = Staff(mentors_in(posts, today), principals_in(posts, today))
    classes = classes_in(await groups_of_schools(session, ids), staff.mentors)
    halves = await begin(session, schools, classes, settings, today, now)
    said = [duty_moved(one, DutyStatus.MISSED, now) for one in await duties.miss(session, ids, today)]
    said += [duty_moved(one, DutyStatus.RETRACTED, now) for one in await duties.let_go(session, ids, today)]
    said += await owe(session, ids, today, now)
    said += await _owe_information(session, halves, today, now)
    return said + await _remind(session, schools, staff, settings, today, now)


async def begin(
    session: AsyncSession,
    schools: Sequence[SchoolStated],
    classes: Iterable[GroupStated],
    settings: BulletinsSettings,
    today: date,
    now: datetime,
) -> list[HalfYear]:
    """Let half-years begin, a while ahead, and in those that run let each class have its places. The running ones."""
    classes = list(classes)
    with_classes = {group.school_id for group in classes}
    mine = [school for school in schools if school.school_id in with_classes and school.tenant_id]
    halves = await store.half_years(session, with_classes, today)
    fresh = [row for school in mine for row in _half_years(school, halves, settings, today)]
    if fresh:
        await store.add_half_years(session, fresh)
        halves = await store.half_years(session, with_classes, today)
    running = [half for half in halves if half.starts <= today]
    await _begin_places(session, running, {s.school_id: country_of(s.zone) for s in mine}, classes, today, now)
    return running


async def owe(session: AsyncSession, school_ids: Iterable[UUID], today: date, now: datetime) -> list[Outgoing]:
    """Say what is owed to every pupil who is in a class today and is not owed it yet."""
    rows = [
        (
            bulletin_duty_id(one.place_id, one.pupil_id, now if one.again else None),
            DutyKind.CLASS_BULLETIN,
            one.place_id,
            None,
            one.school_id,
            one.pupil_id,
            one.due_on,
            DutyStatus.OWED,
        )
        for one in await duties.lacking(session, school_ids, today)
    ]
    return [duty_moved(one, DutyStatus.OWED, now) for one in await duties.add(session, rows)]


async def edit(
    session: AsyncSession,
    school: SchoolStated,
    half: HalfYear,
    wanted: tuple[date, date, int, bool],
    now: datetime,
) -> Unfit | list[Outgoing]:
    """Give a half-year other days, another quota, or let the principal read first (starts, ends, quota, approval).

    Places without a bulletin follow; those there is no room for any more are gone, and what was owed in them with them.
    """
    (starts, ends, quota, approval), country = wanted, country_of(school.zone)
    others = await store.half_years(session, [school.school_id], starts)
    apart = [(one.starts, one.ends) for one in others if one.half_year_id != half.half_year_id]
    if trouble := plans.unfit(country, starts, ends, quota, apart):
        return trouble
    if min(half.ends, ends) < local_date(now, school.zone):
        return Unfit.OVER
    same = (half.starts, half.ends, half.quota) == (starts, ends, quota)
    half.starts, half.ends, half.quota, half.approval, half.by_hand = starts, ends, quota, approval, True
    await session.flush()
    return [] if same else await _replan(session, school, half, country, now)


async def move(
    session: AsyncSession, school: SchoolStated, half: HalfYear, place: Place, day: date, by: UUID, now: datetime
) -> Unmoved | list[Outgoing]:
    """Let a class's bulletin be due on another day; what is owed to its homes follows."""
    mine = await store.places(session, [half.half_year_id], [place.group_id])
    today, country = local_date(now, school.zone), country_of(school.zone)
    trouble = plans.unmoved(_planned(mine), place.number, day, half.starts, half.ends, today, country)
    if trouble or day == place.due_on:
        return trouble or []
    await store.mark_places(session, [place.place_id], due_on=day, moved_by=by, reminded_at=None)
    return [duty_moved(one, DutyStatus(one.status), now) for one in await duties.follow(session, [place.place_id])]


def _half_years(
    school: SchoolStated, halves: Sequence[HalfYear], settings: BulletinsSettings, today: date
) -> list[tuple[Any, ...]]:
    """The half-years that a school lacks: the one that runs by the country's usual days, and the next when it is near.

    Where the school's own days overlap the usual ones, the school's own hold.
    """
    own = [one for one in halves if one.school_id == school.school_id]
    wanted = {plans.usual(country_of(school.zone), day) for day in (today, today + plans.LEAD)}
    approval = own[-1].approval if own else False
    return [
        (
            plans.half_year_id(school.school_id, one.key),
            school.tenant_id,
            school.school_id,
            one.starts,
            one.ends,
            own[-1].quota if own else settings.quota,
            approval,
            False,
        )
        for one in sorted(wanted, key=lambda one: one.starts)
        if one.starts <= today + plans.LEAD and all(one.starts > half.ends or one.ends < half.starts for half in own)
    ]


async def _begin_places(
    session: AsyncSession,
    halves: Iterable[HalfYear],
    countries: Mapping[UUID, Country],
    classes: Sequence[GroupStated],
    today: date,
    now: datetime,
) -> None:
    """The places of each class that has none in a half-year. One whose day has passed already is not chased."""
    running = {half.school_id: half for half in halves if half.school_id in countries}
    there = {one.group_id for one in await store.places(session, [half.half_year_id for half in running.values()])}
    rows: list[tuple[Any, ...]] = []
    for group in classes:
        half, since = running.get(group.school_id), plans.began(group, today)
        if half is None or since is None or group.group_id in there:
            continue
        dates = plans.spread(countries[group.school_id], half.starts, half.ends, half.quota)
        rows += _rows(half, group.group_id, plans.first_places(dates, since), today, now)
    await store.add_places(session, rows)


def _rows(
    half: HalfYear, group_id: UUID, planned: Iterable[Planned], today: date, now: datetime
) -> list[tuple[Any, ...]]:
    return [
        (
            plans.place_id(half.half_year_id, group_id, one.number),
            half.half_year_id,
            half.school_id,
            group_id,
            one.number,
            one.due_on,
            now if one.due_on < today else None,
        )
        for one in planned
    ]


async def _replan(
    session: AsyncSession, school: SchoolStated, half: HalfYear, country: Country, now: datetime
) -> list[Outgoing]:
    today = local_date(now, school.zone)
    dates = plans.spread(country, half.starts, half.ends, half.quota)
    groups = {group.group_id: group for group in await groups_of_schools(session, [school.school_id])}
    rows, gone = list[tuple[Any, ...]](), list[UUID]()
    before = await store.places(session, [half.half_year_id])
    for group_id, theirs in groupby(before, key=lambda one: one.group_id):
        mine = list(theirs)
        known, since = _planned(mine), plans.running_since(groups.get(group_id), _planned(mine), today)
        after = plans.planned_again(known, [day for day in dates if day > since], half.ends)
        changed = {one.number: one for one in after if one not in known}
        rows += _rows(half, group_id, changed.values(), today, now)
        gone += [one.place_id for one in mine if one.number not in {one.number for one in after}]
    await store.add_places(session, rows, again=True)
    said = [duty_moved(one, DutyStatus.RETRACTED, now) for one in await duties.drop(session, gone)]
    await store.remove_places(session, gone)
    followed = await duties.follow(session, [row[0] for row in rows])
    said += [duty_moved(one, DutyStatus(one.status), now) for one in followed]
    return said + await owe(session, [school.school_id], today, now)


def _planned(places: Iterable[Place]) -> list[Planned]:
    found = [Planned(one.number, one.due_on, one.moved_by is not None, one.bulletin_id is not None) for one in places]
    return sorted(found, key=lambda one: one.number)


async def _owe_information(
    session: AsyncSession, halves: Sequence[HalfYear], today: date, now: datetime
) -> list[Outgoing]:
    """The school's information of the year is owed by the end of the half-year in which a pupil is first there."""
    ends, year = {half.school_id: half.ends for half in halves}, year_of(today)
    rows = [
        (
            information_duty_id(one.school_id, year, one.pupil_id),
            DutyKind.SCHOOL_INFORMATION,
            None,
            year,
            one.school_id,
            one.pupil_id,
            ends[one.school_id],
            DutyStatus.OWED,
        )
        for one in await duties.uninformed(session, ends, year)
    ]
    return [duty_moved(one, DutyStatus.OWED, now) for one in await duties.add(session, rows)]


async def _remind(
    session: AsyncSession,
    schools: Sequence[SchoolStated],
    staff: Staff,
    settings: BulletinsSettings,
    today: date,
    now: datetime,
) -> list[Outgoing]:
    """Remind of what is due soon, tell of what is late: each once, and again whoever has become the mentor since."""
    zones = {school.school_id: school.zone for school in schools}
    until = today + timedelta(days=settings.remind_days)
    near = await store.near(session, zones, today, today - DAY, until)
    soon = [one for one in near if one.due_on >= today]
    late = [one for one in near if one.due_on < today and one.late_told_at is None]
    said = [word for one in soon for word in _soon(one, staff, zones[one.school_id], now)]
    said += [word for one in late for word in _late(one, staff, zones[one.school_id], now)]
    said = await store.only_once(session, said, now)
    await store.mark_places(session, [one.place_id for one in soon if one.reminded_at is None], reminded_at=now)
    await store.mark_places(session, [one.place_id for one in late], late_told_at=now)
    return said


def _soon(place: Any, staff: Staff, zone: str, now: datetime) -> list[Outgoing]:
    """To the mentors; when the class has none, to the principals, who see to it that somebody writes."""
    mentors = staff.mentors.get(place.group_id, ())
    kind, mark = NotificationKind.BULLETIN_DUE, f"{place.place_id} {place.due_on}"
    people = mentors or staff.principals.get(place.school_id, ())
    path = class_page(place.group_id) if mentors else PLAN_PAGE
    return [to_person(kind, one, place.school_id, now, mark=mark, zone=zone, path=path) for one in people]


def _late(place: Any, staff: Staff, zone: str, now: datetime) -> list[Outgoing]:
    kind, mark = NotificationKind.BULLETIN_LATE, f"{place.place_id} {place.due_on}"
    paths = dict.fromkeys(staff.principals.get(place.school_id, ()), PLAN_PAGE)
    paths |= dict.fromkeys(staff.mentors.get(place.group_id, ()), class_page(place.group_id))
    return [to_person(kind, one, place.school_id, now, mark=mark, zone=zone, path=path) for one, path in paths.items()]


def class_page(group_id: UUID) -> str:
    """Where a class's plan is."""
    return f"/bulletins/classes/{group_id}"


def statuses(moved: Iterable[Owed], now: datetime) -> list[Outgoing]:
    """What is to be said of duties that have reached the status they have; the bulletin is the evidence."""
    return [duty_moved(one, DutyStatus(one.status), now, one.bulletin_id) for one in moved]
