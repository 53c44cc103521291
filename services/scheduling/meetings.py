"""What becomes of a meeting: made, invited to, registered for, moved, cancelled, held. In the machine's transaction.

Whoever calls has asked whether this person may (`domain.guests`). Who is told is worked out here, by the rights of
this moment: who answers for a pupil of the classes, or the pupil who is of age.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.gatherings import Hours, MeetingKind, MeetingState, Refusal, Sittings, gather, refusal
from services.scheduling.domain.guests import Gathered, Meet
from services.scheduling.outgoing import meeting_stated, to_person
from services.scheduling.store import meetings as store
from services.scheduling.tables import roster
from shared.clock import local_date
from shared.events.envelope import Outgoing
from shared.events.notify import Appointment, NotificationKind
from shared.events.roster import GroupStated, SchoolStated
from shared.ids import new_id
from shared.roster.access import Family, Why, families, in_force, is_protected, oneself
from shared.roster.projection import known
from shared.roster.standing import MENTORS, members_on


@dataclass(frozen=True)
class Wanted:
    """A meeting as somebody wants it. `more_days` move it by whole local days: a visit that is possible on several."""

    kind: MeetingKind
    title: str
    programme: str
    place: str
    starts_at: datetime
    ends_at: datetime
    groups: tuple[UUID, ...]
    seats: int | None = None
    register_by: datetime | None = None
    hours: Hours | None = None
    rooms: tuple[str, ...] = ()
    more_days: tuple[tuple[datetime, datetime], ...] = ()


@dataclass
class Homes:
    """The homes of some classes. `guests`: who may come now, and whether a message to them must name no place."""

    guests: dict[UUID, bool] = field(default_factory=dict)
    classes: dict[UUID, set[UUID]] = field(default_factory=dict)  # of each guest


async def homes_of(db: AsyncSession, groups: Iterable[UUID], *days: date) -> Homes:
    """Who answers for the pupils of these classes on one of these days, by the rights of the first of them."""
    stated = await known(db, roster, GroupStated, groups)
    inside = {one: {pupil for day in days for pupil in members_on(group, day)} for one, group in stated.items()}
    pupils = set().union(*inside.values())
    found, homes = await families(db, roster, pupils, dict.fromkeys(pupils, days[0])), Homes()
    for pupil_id, family in found.items():
        for guest in _guests(family, days[0]):
            homes.guests[guest] = homes.guests.get(guest, False) or _is_hidden(family, guest)
            homes.classes.setdefault(guest, set()).update(one for one, those in inside.items() if pupil_id in those)
    return homes


async def sittings_of(db: AsyncSession, school: SchoolStated, wanted: Wanted, now: datetime) -> Sittings | None:
    """When each class would gather; None when the meeting has no gatherings."""
    if wanted.hours is None:
        return None
    homes = await homes_of(db, wanted.groups, local_date(now, school.zone))
    hosts = await hosts_of(db, school, wanted.groups, now)
    return gather(wanted.groups, homes.classes.values(), wanted.hours.count, wanted.rooms, hosts)


async def hosts_of(db: AsyncSession, school: SchoolStated, groups: Iterable[UUID], now: datetime) -> dict[UUID, UUID]:
    """A mentor of each class, who receives it."""
    wanted, today = set(groups), local_date(now, school.zone)
    found: dict[UUID, UUID] = {}
    for post in await store.posts_for(db, school.tenant_id or UUID(int=0), wanted):
        if post.person_id is None or not in_force(post.starts, post.ends, today):
            continue
        for part in post.assignments:
            if part.group_id in wanted and part.role.casefold() in MENTORS and in_force(part.starts, part.ends, today):
                found.setdefault(part.group_id, post.person_id)
    return found


async def create(
    db: AsyncSession, school: SchoolStated, author_id: UUID, wanted: Wanted, sittings: Sittings | None, now: datetime
) -> list[UUID]:
    """Write a draft for each day; nobody is told before somebody invites. Their ids, in the order of the days."""
    gathered = await _gathered(db, school, wanted, sittings, now)
    made = [
        _draft(school, author_id, wanted, starts_at, ends_at, gathered)
        for starts_at, ends_at in ((wanted.starts_at, wanted.ends_at), *wanted.more_days)
    ]
    await store.add(db, made)
    return [one.meeting_id for one in made]


async def invite(db: AsyncSession, school: SchoolStated, meeting_id: UUID, now: datetime) -> list[Outgoing]:
    """Open a draft, and tell its homes; days to visit that were made together are told of together, once."""
    await store.alone(db, together := await _made_together(db, await store.read(db, meeting_id), now))
    drafts = [one for one in [await store.read(db, one) for one in together] if one.state is MeetingState.DRAFT]
    if meeting_id not in [one.meeting_id for one in drafts]:
        return []
    for one in drafts:
        await store.change(db, one, state=MeetingState.INVITED)
    path = f"/meetings/{meeting_id}" if len(drafts) == 1 else "/meetings"
    homes = await homes_of(db, drafts[0].classes, *_days(drafts[0], school, now))
    said = _invitations(school, homes.guests, drafts[0].meeting_id, path, now)
    return [*said, *await _stated(db, [one.meeting_id for one in drafts])]


async def register(
    db: AsyncSession,
    school: SchoolStated,
    meeting_id: UUID,
    guest: tuple[UUID, UUID],
    party: int,
    now: datetime,
    *,
    hidden: bool = False,
) -> Refusal | list[Outgoing]:
    """Give somebody (person, pupil) all the seats they ask for, or none. Saying another number changes it.

    `hidden`: the welcome names no place, because somebody's identity is protected.
    """
    await store.alone(db, [meeting_id])
    meeting = await store.read(db, meeting_id, guest[0])
    others = meeting.taken - (meeting.mine or 0)
    why = refusal(meeting.state, meeting.closes_at, meeting.seats, others, party, now)
    if why is not None:
        return why
    await store.register(db, meeting_id, *guest, party, now)
    return [] if meeting.mine else [_booked(school, meeting, guest[0], hidden, now)]


async def withdraw(db: AsyncSession, meeting_id: UUID, person_id: UUID, now: datetime) -> bool:
    """Give the seats back, until the meeting begins; False when there were none to give."""
    await store.alone(db, [meeting_id])
    meeting = await store.read(db, meeting_id, person_id)
    if meeting.state is not MeetingState.INVITED or now >= meeting.starts_at:
        return False
    return await store.withdraw(db, meeting_id, person_id)


async def change(
    db: AsyncSession, school: SchoolStated, meeting_id: UUID, wanted: Wanted, sittings: Sittings | None, now: datetime
) -> Refusal | list[Outgoing]:
    """Change a meeting. Those who come are told when its time, its place or a gathering is another.

    Classes that were invited stay invited, and homes of new ones are told. Refused when more have registered than
    there would be seats, and when the meeting is over.
    """
    await store.alone(db, [meeting_id])
    before = await store.read(db, meeting_id)
    is_draft = before.state is MeetingState.DRAFT
    if not is_draft and (before.state is not MeetingState.INVITED or now >= before.ends_at):
        return Refusal.CLOSED
    if wanted.seats is not None and wanted.seats < before.taken:
        return Refusal.FULL
    gathered = await _gathered(db, school, wanted, sittings, now)
    groups = wanted.groups if is_draft else tuple(dict.fromkeys([*before.classes, *wanted.groups]))
    moved = not is_draft and _where(before) != (wanted.starts_at, wanted.ends_at, wanted.place, gathered)
    after = before.model_copy(
        update={
            "starts_at": wanted.starts_at,
            "ends_at": wanted.ends_at,
            "place": wanted.place,
            "sequence": before.sequence + moved,
        }
    )
    await _write(db, after, wanted, groups, gathered)
    if is_draft:
        return []
    return [*await _told_of_change(db, school, after, groups, moved, now), *await _stated(db, [meeting_id])]


async def cancel(db: AsyncSession, school: SchoolStated, meeting_id: UUID, now: datetime) -> list[Outgoing]:
    """It does not take place. Who comes gets the calendar entry taken away, the other invited homes are told.

    A draft, of which nobody knows, is gone.
    """
    await store.alone(db, [meeting_id])
    before = await store.read(db, meeting_id)
    if before.state not in (MeetingState.DRAFT, MeetingState.INVITED) or now >= before.ends_at:
        return []
    if before.state is MeetingState.DRAFT:
        await store.remove(db, meeting_id)
        return []
    after = before.model_copy(update={"sequence": before.sequence + 1, "state": MeetingState.CANCELLED})
    await store.change(db, after, state=after.state, sequence=after.sequence)
    homes = await homes_of(db, before.classes, *_days(before, school, now))
    coming = {person for person, _ in await store.registered(db, meeting_id)}
    kind = NotificationKind.MEETING_CANCELLED
    said = [
        _said(kind, school, after, one, now, appointment=_entry(school, after, hidden) if one in coming else None)
        for one, hidden in homes.guests.items()
    ]
    return [*said, *await _stated(db, [meeting_id])]


async def held(
    db: AsyncSession, meeting_id: UUID, now: datetime, *, came: Iterable[UUID] = (), among: Iterable[UUID] = ()
) -> bool:
    """Write who came of those who had registered; False while it has not begun, or when it was cancelled."""
    if not await _has_begun(db, meeting_id, now):
        return False
    await store.tick(db, meeting_id, came, among)
    return True


async def publish_minutes(db: AsyncSession, meeting_id: UUID, words: str, now: datetime) -> bool:
    """Let the invited read these minutes; False while it has not begun, or when it was cancelled."""
    if not await _has_begun(db, meeting_id, now):
        return False
    await store.change(db, await store.read(db, meeting_id), minutes=words or None, minutes_at=now if words else None)
    return True


async def _stated(db: AsyncSession, meeting_ids: Iterable[UUID]) -> list[Outgoing]:
    """Say how these meetings stand, for other services; of a draft nobody is told."""
    return [meeting_stated(meeting, groups) for meeting, groups in await store.as_stated(db, meeting_ids)]


async def _made_together(db: AsyncSession, meeting: Meet, now: datetime) -> list[UUID]:
    """The drafts to open with this one that has not begun: days to visit of the same name, for the same classes."""
    if now >= meeting.starts_at:
        return []
    if meeting.kind is not MeetingKind.VISIT_DAY:
        return [meeting.meeting_id]
    alike = [await store.read(db, one) for one in await store.drafts_like(db, meeting, now)]
    return [one.meeting_id for one in alike if set(one.classes) == set(meeting.classes)]


def _guests(family: Family, on: date) -> list[UUID]:
    alone = oneself(family.pupil, on)
    answering = [one.guardian_id for one in family.verdicts if one.why is Why.ANSWERS_FOR]
    return [family.pupil.person_id] if alone.allowed else answering


def _is_hidden(family: Family, guest: UUID) -> bool:
    return is_protected(family.pupil, family.persons.get(guest))


async def _gathered(
    db: AsyncSession, school: SchoolStated, wanted: Wanted, sittings: Sittings | None, now: datetime
) -> tuple[Gathered, ...]:
    if sittings is None or wanted.hours is None:
        return ()
    hosts, hours = await hosts_of(db, school, wanted.groups, now), wanted.hours
    found = [
        Gathered(
            group_id=one.group_id,
            starts_at=hours.span(one.hour)[0],
            ends_at=hours.span(one.hour)[1],
            place=one.room,
            host_id=hosts.get(one.group_id),
        )
        for one in sittings.of
    ]
    return tuple(sorted(found, key=lambda one: (one.starts_at, one.place, one.group_id)))


def _draft(
    school: SchoolStated,
    author_id: UUID,
    wanted: Wanted,
    starts_at: datetime,
    ends_at: datetime,
    gathered: tuple[Gathered, ...],
) -> Meet:
    closes = wanted.register_by
    return Meet(
        meeting_id=new_id(),
        tenant_id=school.tenant_id or UUID(int=0),
        school_id=school.school_id,
        author_id=author_id,
        kind=wanted.kind,
        title=wanted.title,
        programme=wanted.programme,
        place=wanted.place,
        starts_at=starts_at,
        ends_at=ends_at,
        seats=wanted.seats,
        register_by=min(closes, starts_at) if closes else None,
        state=MeetingState.DRAFT,
        classes=wanted.groups,
        gatherings=gathered,
    )


async def _write(
    db: AsyncSession, after: Meet, wanted: Wanted, groups: Sequence[UUID], gathered: Sequence[Gathered]
) -> None:
    await store.change(
        db,
        after,
        title=wanted.title,
        programme=wanted.programme,
        place=wanted.place,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        seats=wanted.seats,
        register_by=wanted.register_by,
        sequence=after.sequence,
    )
    await store.write_classes(db, after.meeting_id, groups)
    await store.write_gatherings(db, after.meeting_id, gathered)


async def _told_of_change(
    db: AsyncSession, school: SchoolStated, after: Meet, groups: Sequence[UUID], moved: bool, now: datetime
) -> list[Outgoing]:
    """The welcome again to who comes, when it moved, and an invitation to the homes of classes that are new."""
    homes = await homes_of(db, groups, *_days(after, school, now))
    fresh = set(groups) - set(after.classes)
    new = {one: hidden for one, hidden in homes.guests.items() if homes.classes[one] <= fresh}
    said = _invitations(school, new, after.meeting_id, f"/meetings/{after.meeting_id}", now)
    coming = await store.registered(db, after.meeting_id) if moved else []
    return said + [_booked(school, after, one, homes.guests[one], now) for one, _ in coming if one in homes.guests]


async def _has_begun(db: AsyncSession, meeting_id: UUID, now: datetime) -> bool:
    """From the first word about how it was on, the meeting is HELD."""
    await store.alone(db, [meeting_id])
    meeting = await store.read(db, meeting_id)
    begun = meeting.state in (MeetingState.INVITED, MeetingState.HELD) and now >= meeting.starts_at
    if begun and meeting.state is MeetingState.INVITED:
        await store.change(db, meeting, state=MeetingState.HELD)
    return begun


def _where(meeting: Meet) -> tuple[datetime, datetime, str, tuple[Gathered, ...]]:
    gathered = sorted(meeting.gatherings, key=lambda one: (one.starts_at, one.place, one.group_id))
    return meeting.starts_at, meeting.ends_at, meeting.place, tuple(gathered)


def _days(meeting: Meet, school: SchoolStated, now: datetime) -> tuple[date, date]:
    """Today, by whose rights people are told, and the meeting's own day, on which a pupil may be in the class."""
    return local_date(now, school.zone), local_date(meeting.starts_at, school.zone)


def _invitations(school: SchoolStated, guests: Iterable[UUID], mark: UUID, path: str, now: datetime) -> list[Outgoing]:
    """One for each guest, however many children they have in the classes."""
    kind = NotificationKind.MEETING_INVITED
    return [to_person(kind, one, school.school_id, now, mark=mark, zone=school.zone, path=path) for one in guests]


def _booked(school: SchoolStated, meeting: Meet, person_id: UUID, hidden: bool, now: datetime) -> Outgoing:
    entry = _entry(school, meeting, hidden)
    return _said(NotificationKind.MEETING_BOOKED, school, meeting, person_id, now, appointment=entry)


def _said(
    kind: NotificationKind, school: SchoolStated, meeting: Meet, person_id: UUID, now: datetime, **more: Any
) -> Outgoing:
    """A request to tell one person about a meeting as it now is; whoever registers again is welcomed again."""
    mark = f"{meeting.meeting_id} {meeting.sequence} {now.isoformat()}"
    path = f"/meetings/{meeting.meeting_id}"
    return to_person(kind, person_id, school.school_id, now, mark=mark, zone=school.zone, path=path, **more)


def _entry(school: SchoolStated, meeting: Meet, hidden: bool) -> Appointment:
    return Appointment(
        uid_of=meeting.meeting_id,
        sequence=meeting.sequence,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        zone=school.zone,
        place=None if hidden else meeting.place,
        cancelled=meeting.state is MeetingState.CANCELLED,
    )
