"""What sending, arriving and reading make of what was owed. In the machine's transaction; every order ends the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.duties import read_parts
from services.bulletins.domain.information import Topic
from services.bulletins.outgoing import duty_moved
from services.bulletins.planning import begin, owe, statuses
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import duties, reach
from services.bulletins.store import plans as store
from services.bulletins.store.people import groups_known, schools_of
from services.bulletins.tables import Bulletin, Place
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.duties import DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import MailingSettled

OWED_TOPICS = (Topic.GOALS, Topic.WORK_PLAN, Topic.EXPECTATIONS)  # what must be given each school year


async def filled(
    session: AsyncSession,
    bulletin_id: UUID,
    group_ids: Iterable[UUID],
    now: datetime,
    settings: BulletinsSettings | None = None,
) -> list[Outgoing]:
    """A class bulletin has been sent: it fills the earliest place of each class that has none in this half-year.

    The bulletin gets its place, number and of how many (of the first class that had a place). A bulletin beyond the
    plan fills nothing. Once; what is filled already by this bulletin stays.
    """
    wanted = list(dict.fromkeys(group_ids))
    groups = await groups_known(session, wanted)
    schools = await schools_of(session, {group.school_id for group in groups.values()})
    zone = next((school.zone for school in schools.values()), DEFAULT_ZONE)
    today = local_date(now, zone)
    halves = await begin(
        session, list(schools.values()), list(groups.values()), settings or BulletinsSettings(), today, now
    )
    said = await owe(session, schools, today, now)
    there = await store.places(session, [half.half_year_id for half in halves], groups)
    taken = earliest(there, bulletin_id, wanted)
    if not taken:
        return said
    await store.mark_places(session, [one.place_id for one in taken], bulletin_id=bulletin_id, filled_at=now)
    await _number(session, bulletin_id, taken[0], there)
    return said + statuses(await duties.fill(session, [one.place_id for one in taken], bulletin_id, today), now)


async def emptied(session: AsyncSession, bulletin_id: UUID, now: datetime) -> list[Outgoing]:
    """A bulletin was withdrawn before it reached anybody: its places are open again, and so is what was owed."""
    places = await store.places_of(session, bulletin_id)
    if not places:
        return []
    await store.mark_places(session, [one.place_id for one in places], bulletin_id=None, filled_at=None)
    bulletin = await session.get_one(Bulletin, bulletin_id)
    bulletin.place_id, bulletin.number, bulletin.of = None, 0, 0
    await session.flush()
    back = await duties.empty(session, bulletin_id)
    schools = await schools_of(session, {one.school_id for one in places})
    zone = next((school.zone for school in schools.values()), DEFAULT_ZONE)
    said = [duty_moved(one, DutyStatus.RETRACTED, now, bulletin_id) for one in back]
    return said + await owe(session, schools, local_date(now, zone), now)


async def informed(session: AsyncSession, bulletin_id: UUID, now: datetime) -> list[Outgoing]:
    """A piece of school information has been sent: whoever now has all that a year owes is no longer owed it."""
    return statuses(await duties.inform(session, bulletin_id, OWED_TOPICS), now)


async def reached(session: AsyncSession, settled: Sequence[MailingSettled], now: datetime) -> list[Outgoing]:
    """Parts of mailings are over. A pupil's home has a bulletin when at least one of those told of it has.

    When a mailing is over altogether, the homes that nobody was reached in are unreachable. Who had read it before we
    heard that it arrived has understood it now.
    """
    here = await reach.known(session, {one.about_id for one in settled})
    found = read_parts([one for one in settled if one.about_id in here])
    rows = [
        (bulletin, person, part.people[place].pupil_ids, part.people[place].status, part.people[place].channel, part.at)
        for (bulletin, person), (part, place) in found.outcomes.items()
    ]
    await reach.write(session, rows)
    moved = await reach.deliver(session, found.delivered)
    moved += await reach.unreachable(session, found.over)
    if rows:
        moved += await reach.understand(session, {one[0] for one in rows}, {one[1] for one in rows})
    return statuses(moved, now)


async def understood(session: AsyncSession, bulletin_id: UUID, person_id: UUID, now: datetime) -> list[Outgoing]:
    """Somebody has read it, and the reading is written: what is owed to the pupils they were told about is met."""
    return statuses(await reach.understand(session, [bulletin_id], [person_id]), now)


def earliest(places: Iterable[Place], bulletin_id: UUID, group_ids: Sequence[UUID]) -> list[Place]:
    """The place this bulletin takes of each class: the first that is empty; none where it has one already."""
    found: dict[UUID, Place] = {}
    ordered = sorted(places, key=lambda one: (one.due_on, one.number))
    has = {one.group_id for one in ordered if one.bulletin_id == bulletin_id}
    for one in ordered:
        if one.bulletin_id is None and one.group_id not in has:
            found.setdefault(one.group_id, one)
    return sorted(found.values(), key=lambda one: group_ids.index(one.group_id))


async def _number(session: AsyncSession, bulletin_id: UUID, place: Place, there: Iterable[Place]) -> None:
    bulletin = await session.get(Bulletin, bulletin_id)
    if bulletin is None:
        return
    bulletin.place_id, bulletin.number = place.place_id, place.number
    bulletin.of = sum(one.group_id == place.group_id for one in there)
    await session.flush()
