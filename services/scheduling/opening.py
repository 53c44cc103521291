"""A round from its opening to its end: its times, its talks, whom it asks, and what falls due on the way.

All in the machine's transaction, which others commit; what is to be said is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.covering import owe
from services.scheduling.domain.coverage import Enrolled, owed, owing
from services.scheduling.domain.rounds import OPEN, RoundState, Stretch, shared_out
from services.scheduling.domain.school_year import half_year_id
from services.scheduling.domain.wishes import households
from services.scheduling.outgoing import about_talk, talk_stated, to_person
from services.scheduling.placing import duty_kind, freed, unplace
from services.scheduling.store import rounds
from services.scheduling.store.people import guardians_of, mentors_of, principals_of, pupils_of_groups
from services.scheduling.store.rounds import RoundFull, load_round
from services.scheduling.store.school_year import years_of
from services.scheduling.store.wishes import apart_of
from services.scheduling.tables import Talk
from services.scheduling.tables import kit as tables
from shared.clock import local_date
from shared.due.plan import plan
from shared.events.duties import DutyKind
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.scheduling import TalkKind, TalkState
from shared.ids import derived_id
from shared.roster.access import Family, Why

__all__ = ["load_round"]

WISHES_OVER, BOOKING, BOOKS_UNTIL, OVER = "round_wishes", "round_booking", "round_books", "round_over"
MISSED_DAYS = 7  # after the last time of a round: what has not been held by then is missed
LEFT, CLOSED = "left", "closed"  # why a talk has no time: the pupil left the class; the round was closed
WISHES_PAGE = "/talks/wishes"
TIMELESS = (TalkState.WANTED,)
LIVING = (TalkState.WANTED, TalkState.PROPOSED, TalkState.BOOKED)


async def open_round(session: AsyncSession, round_id: UUID, now: datetime) -> list[Outgoing]:
    """Open a draft: its times and talks are made, what is owed is written, homes are asked when they can come.

    A round that is no draft any more is left alone, so that two who open it at once open it once.
    """
    if not await rounds.begin(session, round_id, RoundState.WISHES, [RoundState.DRAFT]):
        return []
    full = await load_round(session, round_id)
    if full is None:
        return []
    if full.round.term_id is None and full.days:
        await rounds.set_fields(session, round_id, term_id=half_year_id(full.round.tenant_id, full.days[0].day))
    await rounds.insert_slots(session, round_id, {host.host_id: full.grid(host.host_id) for host in full.hosts})
    await plan_round(session, full, now)
    return await keep_talks(session, round_id, now)


async def plan_round(session: AsyncSession, full: RoundFull, now: datetime) -> None:
    """Let the round go on by itself: the end of the wishes, the opening and the end of booking, its own end."""
    its = full.round
    await plan(session, tables, WISHES_OVER, [(its.round_id, max(its.answer_by, now), None)])
    await plan(session, tables, BOOKS_UNTIL, [(its.round_id, max(its.books_until, now), None)])
    await plan(session, tables, OVER, [(its.round_id, max(rounds.over_at(full, MISSED_DAYS), now), None)])
    if its.books_from:
        opens = its.books_from - timedelta(minutes=its.early_minutes)
        await plan(session, tables, BOOKING, [(its.round_id, max(opens, now), None)])


async def add_evening(session: AsyncSession, round_id: UUID, day: Stretch, now: datetime) -> list[UUID]:
    """One more stretch of time for all hosts of a round that is open. The hosts who got times."""
    await rounds.add_days(session, round_id, [day])
    full = await load_round(session, round_id)
    if full is None:
        return []
    times = {host.host_id: full.grid(host.host_id) for host in full.hosts}
    await rounds.insert_slots(session, round_id, times)
    await plan_round(session, full, now)
    slots = [derived_id("slot", round_id, host, start.isoformat()) for host, mine in times.items() for start, _ in mine]
    await freed(session, slots, now)
    return list(times)


async def keep_talks(session: AsyncSession, round_id: UUID, now: datetime) -> list[Outgoing]:
    """Let an open round have a talk for each who is in its classes today, and none for who has left.

    Whoever came since is asked as the others were. As often as one likes: what is as it should be is left alone.
    """
    full = await load_round(session, round_id)
    if full is None or full.round.state not in OPEN:
        return []
    there, today = await rounds.talks_in(session, round_id), local_date(now, full.zone)
    members = await pupils_of_groups(session, full.classes, today)
    wanted = {pupil: group for group in full.classes for pupil in members.get(group, [])}
    gone = [one for one in there if one.state in LIVING and one.group_id in members and one.pupil_id not in wanted]
    had = {one.pupil_id for one in there if not (one.state == TalkState.CANCELLED and one.declined == LEFT)}
    new = {pupil: group for pupil, group in wanted.items() if pupil not in had}
    said = await unplace(session, [one.talk_id for one in gone], TalkState.CANCELLED, now, why=LEFT) if gone else []
    said += await _keep_guardians(session, full, [one for one in there if one.pupil_id in wanted], now)
    return said + (await _begin(session, full, new, there, now) if new else [])


async def close_round(session: AsyncSession, round_id: UUID, now: datetime) -> list[Outgoing]:
    """End a round before its time: talks that are still ahead are cancelled, and their homes told."""
    if not await rounds.begin(session, round_id, RoundState.CLOSED, [RoundState.DRAFT, *OPEN]):
        return []
    there = await rounds.talks_in(session, round_id)
    ahead = [one.talk_id for one in there if one.state in LIVING and (one.starts_at is None or one.starts_at > now)]
    return await unplace(session, ahead, TalkState.CANCELLED, now, why=CLOSED) if ahead else []


async def end_round(session: AsyncSession, full: RoundFull, now: datetime) -> list[Outgoing]:
    """The days of a round are over: what was not held was missed, and the round is closed."""
    if not await rounds.begin(session, full.round.round_id, RoundState.CLOSED, OPEN):
        return []
    return [talk_stated(talk, full.round) for talk in await rounds.miss_talks(session, full.round.round_id, now)]


async def remind_staff(session: AsyncSession, full: RoundFull, mark: str, now: datetime) -> list[Outgoing]:
    """Tell the principals, and who opened the round, how many of its talks have no time. Nobody, when all have."""
    there = await rounds.talks_in(session, full.round.round_id)
    count = len([one for one in there if one.state in TIMELESS])
    if not count:
        return []
    school, its = full.round.school_id, full.round
    principals = (await principals_of(session, [school], local_date(now, full.zone))).get(school, [])
    kind, path = NotificationKind.TALKS_LACKING, f"/talks/rounds/{its.round_id}"
    return [
        to_person(kind, one, school, now, mark=(its.round_id, mark), zone=full.zone, count=count, path=path)
        for one in dict.fromkeys([its.author_id, *principals])
    ]


async def _keep_guardians(
    session: AsyncSession, full: RoundFull, there: Sequence[Talk], now: datetime
) -> list[Outgoing]:
    """Talks of all guardians that have no time yet are with those who answer for the pupil today."""
    joint = [one for one in there if one.state == TalkState.WANTED and one.household == 0]
    pupils = {one.pupil_id for one in joint}
    families = await guardians_of(session, pupils, dict.fromkeys(pupils, local_date(now, full.zone))) if pupils else {}
    changed = {
        one.talk_id: coming
        for one in joint
        if one.pupil_id in families and set(coming := _coming(families[one.pupil_id])) != set(one.guardian_ids)
    }
    talks = [await session.get_one(Talk, talk_id, populate_existing=True) for talk_id in changed]  # a few a year
    for talk in talks:
        talk.guardian_ids, talk.version, talk.changed_at = changed[talk.talk_id], talk.version + 1, now
    return [talk_stated(talk, full.round) for talk in talks]


async def _begin(
    session: AsyncSession, full: RoundFull, new: Mapping[UUID, UUID], there: Sequence[Talk], now: datetime
) -> list[Outgoing]:
    """The talks of pupils who have none yet; those who had one and came back get it again."""
    today = local_date(now, full.zone)
    families = await guardians_of(session, new, dict.fromkeys(new, today))
    coming = {pupil: _coming(family) for pupil, family in families.items()}
    everybody = {guardian for some in coming.values() for guardian in some}
    apart = await apart_of(session, everybody) if full.round.separate_talks and everybody else set()
    hosts = await _hosts(session, full, new, there, now)
    before = {one.talk_id: one for one in there}
    talks = [
        _talk(full, pupil, new[pupil], household, guardians, hosts[pupil], before, now)
        for pupil, guardian_ids in coming.items()
        for household, guardians in households(guardian_ids, apart).items()
    ]
    for talk in talks:
        if talk.talk_id in before:
            await session.merge(talk)  # of the few who came back
        else:
            session.add(talk)
    await session.flush()
    said = [talk_stated(talk, full.round) for talk in talks]
    said += _asked(talks, full, now)
    return said + await _owe(session, full, families, now)


def _coming(family: Family) -> list[UUID]:
    """Those who answer for the pupil. Who was only let know does not come by right, and a pupil of age comes alone."""
    return [one.guardian_id for one in family.verdicts if one.allowed and one.why is Why.ANSWERS_FOR]


def _talk(
    full: RoundFull,
    pupil_id: UUID,
    group_id: UUID,
    household: int,
    guardians: Iterable[UUID],
    host_id: UUID | None,
    before: Mapping[UUID, Talk],
    now: datetime,
) -> Talk:
    talk_id = derived_id("talk", full.round.round_id, pupil_id, household)
    was, its = before.get(talk_id), full.round
    return Talk(
        talk_id=talk_id,
        version=was.version + 1 if was else 1,
        tenant_id=its.tenant_id,
        school_id=its.school_id,
        round_id=its.round_id,
        group_id=group_id,
        pupil_id=pupil_id,
        household=household,
        guardian_ids=list(guardians),
        host_id=host_id,
        kind=its.kind,
        state=TalkState.WANTED,
        sequence=was.sequence if was else 0,
        changed_at=now,
    )


async def _hosts(
    session: AsyncSession, full: RoundFull, new: Mapping[UUID, UUID], there: Sequence[Talk], now: datetime
) -> dict[UUID, UUID | None]:
    """Who holds the talk of each pupil: their class's mentors who are hosts, else those who hold its other talks.

    When neither is, all hosts of a round with one class; else nobody in particular, and every host's times fit.
    """
    hosts = {host.host_id for host in full.hosts}
    mentors = await mentors_of(session, [full.round.school_id], local_date(now, full.zone))
    found: dict[UUID, UUID | None] = {}
    for group in dict.fromkeys(new.values()):
        mine = [pupil for pupil, theirs in new.items() if theirs == group]
        own = hosts.intersection(mentors.get(group, []))
        others = hosts.intersection(one.host_id for one in there if one.group_id == group and one.host_id)
        found |= shared_out(mine, own or others or (hosts if len(full.classes) == 1 else []))
    return found


def _asked(talks: Sequence[Talk], full: RoundFull, now: datetime) -> list[Outgoing]:
    """One question to each home when it can come, also when several children are in the round."""
    if full.round.answer_by <= now:
        return []
    first: dict[object, Talk] = {}
    for talk in sorted(talks, key=lambda one: str(one.talk_id)):
        first.setdefault(frozenset(talk.guardian_ids) or talk.talk_id, talk)
    kind = NotificationKind.TALK_WISHES
    return [
        about_talk(kind, talk, now, mark=full.round.round_id, zone=full.zone, path=WISHES_PAGE)
        for talk in first.values()
    ]


async def _owe(
    session: AsyncSession, full: RoundFull, families: Mapping[UUID, Family], now: datetime
) -> list[Outgoing]:
    """What opening the round promises these pupils. A development talk is owed in any case, by its term's last day."""
    its, kind = full.round, duty_kind(TalkKind(full.round.kind))
    if full.school is None or its.term_id is None or not full.days:
        return []
    pupils = [
        Enrolled(pupil, its.tenant_id, its.school_id, family.pupil.born)
        for pupil, family in families.items()
        if its.school_id in family.pupil.school_ids
    ]
    if kind is DutyKind.DEVELOPMENT_TALK:
        year = (await years_of(session, [full.school]))[its.school_id]
        duties = [one for one in (owed(pupil, year, full.days[0].day) for pupil in pupils) if one]
    else:
        duties = [owing(pupil, kind, its.term_id, full.days[-1].day) for pupil in pupils]
    said, _ = await owe(session, duties, now)
    return said
