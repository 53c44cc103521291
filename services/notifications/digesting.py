"""Digests: putting aside what may wait, judging it again when the digest leaves, and settling it with the digest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.choices import digest_day, next_digest
from services.notifications.domain.deliveries import cancel, conclude
from services.notifications.domain.digest import DigestItem, DigestLine, digest_id
from services.notifications.domain.models import Because, Delivery, NotificationStatus, Request, Step
from services.notifications.domain.timing import pointless
from services.notifications.outgoing import said
from services.notifications.store import digests as store
from services.notifications.store import mailings, requests
from services.notifications.store.digests import Item
from services.notifications.tables import kit as tables
from services.notifications.tables import roster
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.envelope import Outgoing
from shared.events.notify import Addressee, DeliveryStatus, Lane, MailingKind, MailingSettled, NotificationKind
from shared.events.roster import PersonStated, SchoolStated
from shared.ids import new_id
from shared.messaging.outbox import say
from shared.observe.tracing import continued
from shared.roster.access import Family, families, is_protected, oneself
from shared.roster.projection import known

DAYS_AHEAD = 3  # a digest that is leaving is not added to; the one after it, at the latest, is open
FIRST_PAGE = "/"


@dataclass(frozen=True, slots=True)
class Digest:
    """What a digest says now. `neutral`: something in it is about a protected identity, so it only says how much."""

    lines: tuple[DigestLine, ...] = ()
    neutral: bool = False


@dataclass(frozen=True)
class Roster:
    """What the roster says at this moment about the persons, pupils and schools in some digests."""

    persons: Mapping[UUID, PersonStated]
    families: Mapping[UUID, Family]
    schools: Mapping[UUID, SchoolStated]
    days: Mapping[UUID, date]

    def may_read(self, item: Item, pupil_ids: Collection[UUID]) -> bool:
        """May this person (still) be told? About pupils: of one at least. About nobody by name: while active."""
        person = self.persons.get(item.person_id)
        if person is None or not person.active:
            return False
        return not pupil_ids or any(self._told_about(item.person_id, pupil_id) for pupil_id in pupil_ids)

    def is_hidden(self, item: Item, pupil_ids: Collection[UUID]) -> bool:
        """True when a message about this may name no school."""
        hidden = [family.protected(item.person_id) for one in pupil_ids if (family := self.families.get(one))]
        return any(hidden) or is_protected(self.persons.get(item.person_id)) or item.school_id not in self.schools

    def _told_about(self, person_id: UUID, pupil_id: UUID) -> bool:
        family = self.families.get(pupil_id)
        if family is None:
            return False
        own = oneself(family.pupil, self.days[pupil_id])
        return any(one.guardian_id == person_id and one.allowed for one in (own, *family.verdicts))


async def put_aside(session: AsyncSession, items: Sequence[DigestItem], now: datetime) -> list[UUID]:
    """Put these aside for their persons' digests, which are made where they are not there; returns the digests.

    One for each person and local day. Where that day's digest has left already (somebody has moved its time to later
    on the same day), it is the next day's.
    """
    found: set[UUID] = set()
    waiting = list(items)
    for _ in range(DAYS_AHEAD):
        if not waiting:
            break
        wanted = [(one, _request(one, now)) for one in waiting]
        ready = await store.open_digests(session, [request for _, request in wanted])
        kept = [(one, request.notification_id) for one, request in wanted if request.notification_id in ready]
        await store.keep_items(session, kept, now)
        found |= {digest for _, digest in kept}
        waiting = [_later(one) for one, request in wanted if request.notification_id not in ready]
    return sorted(found)


async def digests(session: AsyncSession, digest_ids: Collection[UUID], now: datetime) -> dict[UUID, Digest]:
    """What these digests say, judged at this moment: a line that may not be told any more is left out.

    One without lines is not to be sent. What is told is kept, so that `settle` knows it.
    """
    if not digest_ids:
        return {}
    items = await store.items_of(session, digest_ids)
    about = await _about(session, items)
    outdated = await _outdated(session, items, now)
    world = await _world(session, items, about, now)
    told = [one for one in items if one.source_id not in outdated and world.may_read(one, about[one.item_id])]
    await store.note_told(session, digest_ids, [one.item_id for one in told], now)
    return {digest: _digest([one for one in told if one.digest_id == digest], world, about) for digest in digest_ids}


async def settle(session: AsyncSession, digest_ids: Collection[UUID], status: DeliveryStatus, now: datetime) -> None:
    """These digests are over: what they told is over with them, and what was left out of them is cancelled.

    Says so in the same transaction, for messages and mailings alike: what a digest delivered counts as delivered.
    """
    items = await store.items_of(session, digest_ids) if digest_ids else []
    for over, ended in ((True, status), (False, DeliveryStatus.CANCELLED)):
        mine = [one for one in items if (one.told_at is not None) is over]
        await _settle_messages(session, [one for one in mine if not _is_mailing(one)], ended, now)
        await _settle_mailings(session, [one for one in mine if _is_mailing(one)], ended, now)


def _request(item: DigestItem, now: datetime) -> Request:
    day = digest_day(item.at, item.zone)
    return Request(
        notification_id=digest_id(item.person_id, day),
        kind=NotificationKind.DIGEST,
        school_id=item.school_id,
        pupil_id=None,
        day=day,
        duty_id=None,
        about_id=None,
        lesson_count=1,
        requested_at=item.at,
        received_at=now,
        traceparent=None,
        status=NotificationStatus.WAITING,
        retracted=False,
        to_id=item.person_id,
        path=FIRST_PAGE,
        lane=Lane.NORMAL,
        due_at=item.at,
    )


def _later(item: DigestItem) -> DigestItem:
    local = item.at.astimezone(ZoneInfo(item.zone)).time()
    return replace(item, at=next_digest(item.at, item.zone, local))


def _is_mailing(item: Item) -> bool:
    return item.kind in set(MailingKind)


async def _about(session: AsyncSession, items: Iterable[Item]) -> dict[UUID, list[UUID]]:
    """The pupils each item is about, as it was to that person."""
    mailed = await store.pupils_of(session, [(one.source_id, one.person_id) for one in items if _is_mailing(one)])
    return {
        one.item_id: mailed.get((one.source_id, one.person_id), [one.pupil_id] if one.pupil_id else []) for one in items
    }


async def _outdated(session: AsyncSession, items: Iterable[Item], now: datetime) -> set[UUID]:
    """The messages that have no point any more: taken back, their time has come, or a later one has replaced them."""
    asked = await requests.locked(session, {one.source_id for one in items if not _is_mailing(one)})
    told = await requests.siblings_of(session, asked)
    return {
        one.notification_id
        for one in asked
        if one.retracted or pointless(one, told.get(one.notification_id, ()), now) is not None
    }


async def _world(
    session: AsyncSession, items: Sequence[Item], about: Mapping[UUID, Sequence[UUID]], now: datetime
) -> Roster:
    schools = await known(session, roster, SchoolStated, {one.school_id for one in items})
    zones = {one.school_id: one.zone for one in schools.values()}
    days = {
        pupil: local_date(now, zones.get(one.school_id, DEFAULT_ZONE)) for one in items for pupil in about[one.item_id]
    }
    persons = await known(session, roster, PersonStated, {one.person_id for one in items})
    return Roster(persons, await families(session, roster, days, days), schools, days)


def _digest(items: Sequence[Item], world: Roster, about: Mapping[UUID, Sequence[UUID]]) -> Digest:
    lines = tuple(_line(one, world.schools.get(one.school_id)) for one in items)
    return Digest(lines, any(world.is_hidden(one, about[one.item_id]) for one in items))


def _line(item: Item, school: SchoolStated | None) -> DigestLine:
    return DigestLine(
        school=school.name if school else "",
        kind=item.kind,
        day=local_date(item.at, school.zone if school else DEFAULT_ZONE),
        path=item.path,
        titles=tuple(item.titles.items()),
    )


async def _settle_messages(session: AsyncSession, items: Sequence[Item], status: DeliveryStatus, now: datetime) -> None:
    if not items:
        return
    people: dict[UUID, set[UUID]] = {}
    for one in items:
        people.setdefault(one.source_id, set()).add(one.person_id)
    asked = await requests.locked(session, people)
    before = await requests.deliveries_of(session, people)
    steps = []
    for request in asked:
        known_before = before.get(request.notification_id, [])
        after = [_ended(one, people[request.notification_id], status) for one in known_before]
        steps.append(Step(request, known_before, after, conclude(request, after, now)))
    await requests.write_steps(session, steps, now)
    await say(session, tables, said(steps, now), now)


def _ended(delivery: Delivery, people: Collection[UUID], status: DeliveryStatus) -> Delivery:
    if delivery.status is not DeliveryStatus.DIGESTED or delivery.person_id not in people:
        return delivery
    if status is DeliveryStatus.CANCELLED:
        return cancel(delivery, Because.NO_TIE)
    arrived = delivery.may_have_arrived or status is DeliveryStatus.DELIVERED
    return replace(delivery, status=status, may_have_arrived=arrived)


async def _settle_mailings(session: AsyncSession, items: Sequence[Item], status: DeliveryStatus, now: datetime) -> None:
    if not items:
        return
    pairs = [(one.source_id, one.person_id) for one in items]
    ended = await mailings.undigest(session, pairs, status, now)
    events = [await _mailing_settled(session, mailing_id, people, now) for mailing_id, people in ended.items()]
    await say(session, tables, events, now)


async def _mailing_settled(
    session: AsyncSession, mailing_id: UUID, people: Sequence[Addressee], now: datetime
) -> Outgoing:
    mailing = await mailings.load(session, mailing_id)
    event = MailingSettled(
        mailing_id=mailing_id,
        part_id=new_id(),
        about_id=mailing.about_id,
        kind=mailing.kind,
        school_id=mailing.school_id,
        path=mailing.path,
        at=now,
        people=tuple(people),
        open=await mailings.still_open(session, mailing_id),
    )
    return Outgoing(event, continued(mailing.traceparent))
