"""The talks a school owes, from being owed to being met or missed. All in the machine's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.coverage import Owed, owed
from services.scheduling.domain.rounds import instant
from services.scheduling.outgoing import duty_moved, to_person
from services.scheduling.placing import duty_kind
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import coverage
from services.scheduling.store.people import mentors_of, principals_of, schools_of
from services.scheduling.store.school_year import years_of
from services.scheduling.tables import Coverage, Talk, roster
from services.scheduling.tables import kit as tables
from shared.clock import DEFAULT_ZONE, local_date
from shared.due.plan import plan
from shared.events.duties import DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.roster import GroupStated, SchoolStated
from shared.events.scheduling import TalkKind
from shared.ids import derived_id
from shared.roster.projection import everything
from shared.roster.standing import members_on

LACKING = "talks_lacking"
PAGE = "/talks/rounds"
Ends = tuple[UUID, date]  # a school, and the last day on which its pupils are owed a talk


async def owe(session: AsyncSession, duties: Iterable[Owed], now: datetime) -> tuple[list[Outgoing], list[Coverage]]:
    """Write what is owed: what is to be said of it, and which duties are new."""
    written = await coverage.owe(session, duties)
    said = [duty_moved(one, DutyStatus(one.status), now) for one in (*written.new, *written.moved)]
    return said, list(written.new)


async def cover(
    session: AsyncSession, schools: Sequence[SchoolStated], settings: SchedulingSettings, now: datetime
) -> list[Outgoing]:
    """What a night brings to these schools of one zone: duties that begin, follow a pupil, are missed, or end.

    As often as one likes: what has been said is not said again.
    """
    if not schools:
        return []
    by_id = {school.school_id: school for school in schools}
    today, years = local_date(now, schools[0].zone), await years_of(session, schools)
    pupils = [one for one in await coverage.enrolled(session, by_id) if one.school_id in years]
    due = [one for one in (owed(pupil, years[pupil.school_id], today) for pupil in pupils) if one]
    said, new = await owe(session, due, now)
    said += [duty_moved(one, DutyStatus.MISSED, now) for one in await coverage.miss(session, by_id, today)]
    said += [duty_moved(one, DutyStatus.RETRACTED, now) for one in await coverage.let_go(session, by_id, today)]
    await _plan_lacking(session, new, by_id, settings, now)
    return said


async def talk_held(session: AsyncSession, talk: Talk, now: datetime) -> list[Outgoing]:
    """A talk was held (at its time, or now when it has none): the duty it meets, if one is open, is met."""
    zones = await schools_of(session, [talk.school_id])
    zone = zones[talk.school_id].zone if talk.school_id in zones else DEFAULT_ZONE
    day = local_date(talk.starts_at or now, zone)
    met = await coverage.meet(session, talk.pupil_id, duty_kind(TalkKind(talk.kind)), day, talk.talk_id)
    return [duty_moved(one, DutyStatus.MET, now, talk.talk_id) for one in met]


async def tell_lacking(session: AsyncSession, refs: Iterable[UUID], now: datetime) -> list[Outgoing]:
    """Tell mentors and principals, each once, how many of theirs lack a talk that will soon be late."""
    wanted, said = set(refs), list[Outgoing]()
    for school in (await _all_schools(session)).values():
        today = local_date(now, school.zone)
        for ends in await coverage.terms_owed(session, [school.school_id], today):
            if lacking_ref(ends) in wanted:
                said += await _tell(session, school, ends[1], today, now)
    return said


def lacking_ref(ends: Ends) -> UUID:
    """What the word about those who lack a talk is planned under."""
    return derived_id(LACKING, *ends)


async def _plan_lacking(
    session: AsyncSession,
    new: Sequence[Coverage],
    schools: Mapping[UUID, SchoolStated],
    settings: SchedulingSettings,
    now: datetime,
) -> None:
    """Plan the word about a term once: when its first duties begin, or again while it is still ahead."""
    fresh: defaultdict[Ends, int] = defaultdict(int)
    for one in new:
        fresh[one.school_id, one.last_day] += 1
    if not fresh:
        return
    today = local_date(now, next(iter(schools.values())).zone)
    there = await coverage.terms_owed(session, schools, today)
    things = []
    for ends, count in fresh.items():
        day = ends[1] - timedelta(days=settings.lacking_days)
        at = instant(day, time(7), schools[ends[0]].zone)
        if at > now or there.get(ends) == count:
            things.append((lacking_ref(ends), max(at, now), None))
    await plan(session, tables, LACKING, things)


async def _tell(
    session: AsyncSession, school: SchoolStated, last_day: date, today: date, now: datetime
) -> list[Outgoing]:
    pupils, groups = await coverage.who_lacks(session, school.school_id, last_day, now)
    if not pupils:
        return []
    counts: dict[UUID, int] = dict.fromkeys(
        (await principals_of(session, [school.school_id], today)).get(school.school_id, []), len(pupils)
    )
    mentors = await mentors_of(session, [school.school_id], today)
    for mentor, theirs in _by_mentor(groups, mentors, today).items():
        counts.setdefault(mentor, len(theirs.intersection(pupils)))
    mark, kind = (school.school_id, last_day), NotificationKind.TALKS_LACKING
    return [
        to_person(kind, one, school.school_id, now, mark=mark, zone=school.zone, count=count, path=PAGE)
        for one, count in counts.items()
        if count
    ]


def _by_mentor(
    groups: Iterable[GroupStated], mentors: Mapping[UUID, Sequence[UUID]], today: date
) -> dict[UUID, set[UUID]]:
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for group in groups:
        for mentor in mentors.get(group.group_id, []):
            found[mentor].update(members_on(group, today))
    return found


async def _all_schools(session: AsyncSession) -> dict[UUID, SchoolStated]:
    return {school.school_id: school for school in await everything(session, roster, SchoolStated)}
