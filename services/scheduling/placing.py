"""The one way in which a talk gets, changes or loses its time: in the machine's transaction, which others commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.placing import Busy, Choice, Placement, in_the_way, is_over
from services.scheduling.errors import Clash
from services.scheduling.outgoing import about_talk, appointment, duty_moved, talk_stated
from services.scheduling.store import occupancy
from services.scheduling.store.occupancy import Found
from services.scheduling.tables import Talk
from services.scheduling.tables import kit as tables
from shared.due.plan import plan
from shared.events.duties import DutyKind, DutyStatus
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.scheduling import TalkKind, TalkState
from shared.ids import derived_id

TIMED, REMIND, FREED = "talk_timed", "talk_reminder", "slot_freed"
LEAD = timedelta(days=14)  # before a talk: when it is worked out when its home is to be reminded
CHANGEABLE = frozenset({TalkState.WANTED, TalkState.PROPOSED, TalkState.BOOKED, TalkState.MISSED, TalkState.CANCELLED})


async def place(
    session: AsyncSession,
    choices: Sequence[Choice],
    state: TalkState,
    now: datetime,
    *,
    pinned: bool | None = None,
    hold: UUID | None = None,
    tell: bool = True,
) -> list[Outgoing]:
    """Give each talk the time chosen for it, all or none, and free the times they had. What is to be said.

    `pinned` None: as it was. `hold`: the choices are those of this hold, which ends. A home is told of a time that is
    proposed, booked or moved, unless `tell` is False; calendars follow through `appointment`. Any number of talks are
    a few statements. Raises Clash; the transaction may go on only when the clash is not `broken`.
    """
    found = await locked(session, choices)
    there = await occupancy.busy(session, [one.placement for one in found])
    if clash := in_the_way([one.placement for one in found], there, now, hold=hold):
        raise Clash(clash, {resource for each in clash.values() for resource in each})
    return await settle(session, found, there, state, now, pinned=pinned, holds=[hold] if hold else [], tell=tell)


async def locked(session: AsyncSession, choices: Sequence[Choice]) -> list[Found]:
    """The choices with everything they need locked. Raises Clash when a talk or slot is not there to be placed."""
    found = await occupancy.find(session, choices)
    there = {one.talk.talk_id for one in found if not one.closed and one.talk.state in CHANGEABLE}
    if missing := [one.talk_id for one in choices if one.talk_id not in there]:
        raise Clash(missing)
    return found


async def settle(
    session: AsyncSession,
    found: Sequence[Found],
    there: Iterable[Busy],
    state: TalkState,
    now: datetime,
    *,
    pinned: bool | None = None,
    holds: Sequence[UUID] = (),
    tell: bool = True,
) -> list[Outgoing]:
    """Write what has been found free under the locks, and answer what is to be said."""
    before = {one.talk.talk_id: _before(one.talk) for one in found}
    for one in found:
        _change(one, state, now, pinned)
    moved = [one for one in found if before[one.talk.talk_id].slot_id not in (None, one.placement.slot_id)]
    met = await occupancy.write(
        session,
        [(one.talk, one.placement) for one in found],
        [one.talk.talk_id for one in moved],
        [one.occupancy_id for one in there if is_over(one.hold_until, now)],
        [*_timed(found, now), *_freed([before[one.talk.talk_id].slot_id for one in moved], now)],
        _duties(found) if state is TalkState.BOOKED else [],
        holds,
    )
    said = [talk_stated(one.talk, one.round, one.place) for one in found]
    said += [_told(one, before[one.talk.talk_id], now) for one in found if tell and _differs(one, before)]
    return said + [duty_moved(duty, DutyStatus.SENT, now, duty.talk_id) for duty in met]


class Before(NamedTuple):
    """What a talk was before it was placed."""

    slot_id: UUID | None
    placed: tuple[object, ...]
    invited: bool


def _before(talk: Talk) -> Before:
    return Before(talk.slot_id, _placed(talk), talk.invited)


def _change(one: Found, state: TalkState, now: datetime, pinned: bool | None) -> None:
    talk, placement = one.talk, one.placement
    moved = _placed(talk) != _as_placed(placement)
    talk.sequence += 1 if moved and (talk.invited or talk.sequence) else 0
    talk.invited = talk.invited or state is TalkState.BOOKED
    talk.version += 1
    talk.state, talk.changed_at = state, now
    talk.pinned = talk.pinned if pinned is None else pinned
    talk.slot_id, talk.starts_at, talk.ends_at = placement.slot_id, placement.starts_at, placement.ends_at
    talk.host_id, talk.room_id, talk.video = placement.host_id, placement.room_id, placement.video
    talk.interpreter_id = placement.interpreter_id


def _placed(talk: Talk) -> tuple[object, ...]:
    """What a calendar shows of it."""
    return (talk.starts_at, talk.ends_at, talk.room_id, talk.video)


def _as_placed(placement: Placement) -> tuple[object, ...]:
    return (placement.starts_at, placement.ends_at, placement.room_id, placement.video)


def _differs(one: Found, before: Mapping[UUID, Before]) -> bool:
    """True when the home has something to hear: another time or place, or that what was proposed is now theirs."""
    was = before[one.talk.talk_id]
    return was.placed != _placed(one.talk) or (one.talk.state == TalkState.BOOKED and not was.invited)


def _told(one: Found, was: Before, now: datetime) -> Outgoing:
    talk = one.talk
    if was.invited or talk.invited:
        kind = NotificationKind.TALK_MOVED if was.invited else NotificationKind.TALK_BOOKED
        entry = appointment(talk, one.zone, one.place)
        return about_talk(kind, talk, now, mark=talk.version, zone=one.zone, appointment=entry)
    return about_talk(NotificationKind.TALK_PROPOSED, talk, now, mark=talk.version, zone=one.zone)


def _timed(found: Sequence[Found], now: datetime) -> list[tuple[str, UUID, datetime]]:
    return [(TIMED, one.talk.talk_id, max(now, one.placement.starts_at - LEAD)) for one in found]


def _freed(slots: Iterable[UUID | None], now: datetime) -> list[tuple[str, UUID, datetime]]:
    return [(FREED, slot, now) for slot in slots if slot is not None]


def _duties(found: Sequence[Found]) -> list[tuple[UUID, UUID]]:
    """(duty, talk) of those that meet one, as `opening` made them."""
    owed = [(one, duty_kind(TalkKind(one.talk.kind))) for one in found if one.round.term_id]
    return [
        (derived_id("talk duty", one.talk.pupil_id, one.round.term_id, kind), one.talk.talk_id) for one, kind in owed
    ]


def duty_kind(kind: TalkKind) -> DutyKind:
    """The duty that a talk of this kind meets."""
    return DutyKind.DEVELOPMENT_TALK if kind is TalkKind.DEVELOPMENT else DutyKind.START_TALK


async def confirm(session: AsyncSession, talk_ids: Iterable[UUID], now: datetime) -> list[Outgoing]:
    """The home accepts what is proposed: those of these talks are booked where they stand, and pinned there."""
    said: list[Outgoing] = []
    met: list[tuple[UUID, UUID]] = []
    for one in await occupancy.standing(session, talk_ids):
        if one.talk.state != TalkState.PROPOSED or one.talk.slot_id is None:
            continue
        invited, talk = one.talk.invited, one.talk
        talk.state, talk.pinned, talk.invited, talk.changed_at = TalkState.BOOKED, True, True, now
        talk.version += 1
        said.append(talk_stated(talk, one.round, one.place))
        if not invited:
            entry = appointment(talk, one.zone, one.place)
            kind = NotificationKind.TALK_BOOKED
            said.append(about_talk(kind, talk, now, mark=talk.version, zone=one.zone, appointment=entry))
        met += _duties([one])
    return said + [duty_moved(duty, DutyStatus.SENT, now, duty.talk_id) for duty in await occupancy.meet(session, met)]


async def unplace(
    session: AsyncSession, talk_ids: Iterable[UUID], state: TalkState, now: datetime, *, why: str, tell: bool = True
) -> list[Outgoing]:
    """Free the times of these talks, and offer them to who waits. `state` WANTED keeps the talks alive.

    `why` is a code word that is kept with the talk. A calendar entry that went out is taken back; `tell` False says
    nothing to the home.
    """
    found = await occupancy.standing(session, talk_ids)
    timed = [one for one in found if one.talk.slot_id and one.talk.state in (TalkState.PROPOSED, TalkState.BOOKED)]
    said = [_cancelled(one, now) for one in timed if tell]
    await plan(
        session, tables, FREED, [(slot, at, None) for _, slot, at in _freed([one.talk.slot_id for one in found], now)]
    )
    await occupancy.release(session, [one.talk.talk_id for one in found])
    for one in found:
        _lose(one.talk, state, now, why)
    return [talk_stated(one.talk, one.round) for one in found] + said


def _cancelled(one: Found, now: datetime) -> Outgoing:
    talk = one.talk
    talk.sequence += 1 if talk.invited else 0
    entry = appointment(talk, one.zone, one.place, cancelled=True) if talk.invited else None
    kind = NotificationKind.TALK_CANCELLED
    return about_talk(kind, talk, now, mark=talk.version + 1, zone=one.zone, appointment=entry)


def _lose(talk: Talk, state: TalkState, now: datetime, why: str) -> None:
    talk.version += 1
    talk.state, talk.declined, talk.changed_at = state, why, now
    talk.slot_id = talk.starts_at = talk.ends_at = talk.room_id = talk.interpreter_id = None
    talk.video = talk.pinned = talk.invited = False


async def freed(session: AsyncSession, slot_ids: Iterable[UUID], now: datetime) -> None:
    """These slots are free (a host can after all, a hold is over): whoever waits is offered them."""
    await plan(session, tables, FREED, [(slot, now, None) for slot in dict.fromkeys(slot_ids)])
