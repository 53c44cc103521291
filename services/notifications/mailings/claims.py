"""Claiming addressees: one transaction locks a batch of one mailing, decides, and writes what is about to leave."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.channels.protocol import Way
from services.notifications.digesting import put_aside
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.choices import next_digest
from services.notifications.domain.digest import DigestItem
from services.notifications.domain.mailings import Act, Decision, Home, Mailing, Row, decide, reason_of, text_for
from services.notifications.domain.models import Because
from services.notifications.mailings.bodies import Look
from services.notifications.mailings.homes import Found, Homes
from services.notifications.mailings.outgoing import parts
from services.notifications.owner import Owner
from services.notifications.settings import NotificationsSettings
from services.notifications.store import mailings as store
from services.notifications.store.limits import domain_of, next_minute, within_limits
from services.notifications.store.mailings import Move
from shared.db.engine import is_passing
from shared.events.notify import Addressee, DeliveryStatus
from shared.events.people import Channel
from shared.kit import Kit
from shared.languages import choose
from shared.messaging.outbox import say
from shared.observe.logging import get_logger

FAULT_SECONDS = 1.0
PUT_OFF = timedelta(minutes=1)
KEPT_MAILINGS = 32
WITHDRAWN = Decision(Act.END, Because.RETRACTED)
log = get_logger()


@dataclass(frozen=True, slots=True)
class Mail:
    """One addressee that is written down as being sent to. `more`: another way is left, or a letter."""

    mailing: Mailing
    row: Row
    look: Look
    classes: tuple[str, ...]
    way: Way
    fingerprint: str
    why: str
    more: bool


@dataclass
class Batch:
    """What a claim comes to: how rows move, what may leave, what goes into digests and on paper, who is over."""

    moves: list[Move] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    items: list[DigestItem] = field(default_factory=list)
    letters: list[tuple[UUID, UUID, UUID | None]] = field(default_factory=list)
    over: list[Addressee] = field(default_factory=list)


class Claims:
    """Takes addressees in the name of one owner, of each mailing in turn, so that none waits for a large one."""

    def __init__(self, kit: Kit, settings: NotificationsSettings, owner: Owner, homes: Homes) -> None:
        self.kit = kit
        self.settings = settings
        self.owner = owner
        self.homes = homes
        self.retry = timedelta(seconds=settings.bulk_retry_seconds)
        self._last = UUID(int=0)
        self._known: dict[UUID, Mailing] = {}

    async def take(self, limit: int) -> tuple[int, list[Mail]]:
        """Claim a batch: how many addressees that was, and what may leave now. Raises nothing.

        When a batch cannot be handled its addressees are tried one by one, and who is to blame is put off.
        """
        try:
            return await self._claim(limit)
        except Exception as fault:
            if is_passing(fault):
                log.warning("bulk sender waits", fault=type(fault).__name__)
                await asyncio.sleep(FAULT_SECONDS)
                return 0, []
            log.error("claim of a mailing failed", mailing=str(self._last), exc_info=fault)
        return await self._take_one()

    async def _take_one(self) -> tuple[int, list[Mail]]:
        """One addressee of the mailing in question; put off when it fails alone, too."""
        mailing_id, now = self._last, self.kit.clock.now()
        try:
            return await self._of(mailing_id, False, 1)
        except Exception as fault:
            if is_passing(fault):
                return 0, []
            log.error("addressee put off", mailing=str(mailing_id), exc_info=fault)
        async with self.kit.sessions.begin() as session:
            rows = await store.claim(session, mailing_id, now, 1)
            off = [Move(row.person_id, row.status, "", row.tries, now + PUT_OFF) for row in rows]
            await store.move(session, mailing_id, off, now)
        return len(rows), []

    async def _claim(self, limit: int) -> tuple[int, list[Mail]]:
        async with self.kit.sessions() as session:
            due = await store.due(session, self.kit.clock.now())
        for mailing_id, withdrawn in sorted(due, key=lambda one: (one[0] <= self._last, one[0])):
            self._last = mailing_id
            taken, mails = await self._of(mailing_id, withdrawn, limit)
            if taken:
                return taken, mails
        return 0, []

    async def _of(self, mailing_id: UUID, withdrawn: bool, limit: int) -> tuple[int, list[Mail]]:
        now = self.kit.clock.now()
        async with self.kit.sessions.begin() as session:
            rows = await store.claim(session, mailing_id, now, limit)
            if not rows:
                return 0, []
            mailing = await self._mailing(session, mailing_id)
            batch = _ended(rows) if withdrawn else await self._decided(session, mailing, rows, now)
            await self._write(session, mailing, batch, now)
        self.kit.outbox_written.set()
        return len(rows), batch.mails

    async def _mailing(self, session: AsyncSession, mailing_id: UUID) -> Mailing:
        """What it says never changes, so it is read once."""
        if mailing_id not in self._known:
            if len(self._known) >= KEPT_MAILINGS:
                self._known.clear()
            self._known[mailing_id] = await store.load(session, mailing_id)
        return self._known[mailing_id]

    async def _decided(self, session: AsyncSession, mailing: Mailing, rows: Sequence[Row], now: datetime) -> Batch:
        found = await self.homes.found(session, mailing, rows, now)
        batch, ready = Batch(), []
        for row in rows:
            home = self.homes.home(mailing, row, found)
            decision = decide(mailing, home, row, now)
            if decision.act is Act.SEND:
                ready.append(self._mail(mailing, row, home, found))
            else:
                self._aside(batch, mailing, row, home, decision, found)
        await self._leave(session, batch, ready, now)
        return batch

    def _mail(self, mailing: Mailing, row: Row, home: Home, found: Found) -> Mail:
        way, wanted = home.ways[0], found.languages(row.person_id)
        look = Look(
            mailing_id=mailing.mailing_id,
            text=0 if home.neutral else text_for(mailing.texts, wanted),
            language=choose(*wanted).tag,
            reason=reason_of(home.why),
            neutral=home.neutral,
            school="" if home.neutral or found.school is None else found.school.name,
            author="" if home.neutral else found.author,
        )
        classes = () if home.neutral else found.classes_for(home.pupils)
        mark = fingerprint(self.homes.secret, way.address)
        # Whoever refuses it everywhere gets a letter, so there is always one more way, except on trial.
        more = len(home.ways) > 1 or not home.trial
        return Mail(mailing, row, look, classes, way, mark, home.why, more)

    def _aside(self, batch: Batch, mailing: Mailing, row: Row, home: Home, decision: Decision, found: Found) -> None:
        """What is not sent now."""
        why = decision.why
        match decision.act:
            case Act.WAIT:
                batch.moves.append(Move(row.person_id, row.status, why, row.tries, decision.until))
            case Act.LATER:
                self._put_off(batch, row, why, found.now)
            case Act.DIGEST:
                batch.moves.append(Move(row.person_id, DeliveryStatus.DIGESTED, why, row.tries))
                batch.items.append(_item(mailing, row, home, found))
            case Act.LETTER if not home.trial:
                pupil = home.pupils[0] if len(home.pupils) == 1 else None
                batch.letters.append((row.delivery_id, row.person_id, pupil))
                _end(batch, row, DeliveryStatus.DELIVERED, why, Channel.LETTER)
            case Act.LETTER:
                _end(batch, row, DeliveryStatus.CANCELLED, Because.TRIAL)
            case _:
                _end(batch, row, DeliveryStatus.CANCELLED, why)

    def _put_off(self, batch: Batch, row: Row, why: str, now: datetime) -> None:
        """Looked at again while a part of the roster may be on its way; as often as a mail would be tried."""
        if row.tries + 1 >= self.settings.bulk_tries:
            _end(batch, row, DeliveryStatus.GIVEN_UP, why)
        else:
            again = now + self.retry
            batch.moves.append(Move(row.person_id, row.status, why, row.tries + 1, again))

    async def _leave(self, session: AsyncSession, batch: Batch, ready: Sequence[Mail], now: datetime) -> None:
        """Let leave what its domain takes in this minute; the rest waits for the next one and loses no try."""
        domains = Counter(domain_of(mail.way.address) for mail in ready if mail.way.channel is Channel.EMAIL)
        left = await within_limits(session, domains, self.settings.domain_per_minute, now)
        for mail in ready:
            row, domain = mail.row, domain_of(mail.way.address)
            if mail.way.channel is Channel.EMAIL and left[domain] <= 0:
                batch.moves.append(Move(row.person_id, row.status, mail.why, row.tries, next_minute(now)))
                continue
            if mail.way.channel is Channel.EMAIL:
                left[domain] -= 1
            batch.mails.append(mail)
            batch.moves.append(self._begun(mail))

    def _begun(self, mail: Mail) -> Move:
        return Move(
            mail.row.person_id,
            DeliveryStatus.SENDING,
            mail.why,
            mail.row.tries,
            owner=self.owner.number,
            channel=mail.way.channel,
            fingerprint=mail.fingerprint,
        )

    async def _write(self, session: AsyncSession, mailing: Mailing, batch: Batch, now: datetime) -> None:
        await store.move(session, mailing.mailing_id, batch.moves, now)
        if batch.letters:
            await store.keep_letters(session, mailing, batch.letters, now)
        if batch.items:
            await put_aside(session, batch.items, now)
        if batch.over:
            still = max(1, await store.still_open(session, mailing.mailing_id))
            await say(session, self.kit.tables, parts(mailing, batch.over, still, now), now)


def _ended(rows: Sequence[Row]) -> Batch:
    """Everybody who is left of a mailing that was withdrawn."""
    batch = Batch()
    for row in rows:
        _end(batch, row, DeliveryStatus.CANCELLED, WITHDRAWN.why)
    return batch


def _end(batch: Batch, row: Row, status: DeliveryStatus, why: str, channel: Channel | None = None) -> None:
    batch.moves.append(Move(row.person_id, status, why, row.tries, channel=channel))
    batch.over.append(Addressee(person_id=row.person_id, pupil_ids=row.pupil_ids, status=status, channel=channel))


def _item(mailing: Mailing, row: Row, home: Home, found: Found) -> DigestItem:
    preferences = found.preferences.get(row.person_id)
    return DigestItem(
        person_id=row.person_id,
        school_id=mailing.school_id,
        source_id=mailing.mailing_id,
        kind=mailing.kind,
        path=mailing.path,
        at=next_digest(found.now, found.zone, preferences.digest_at if preferences else None),
        zone=found.zone,
        pupil_id=home.pupils[0] if len(home.pupils) == 1 else None,
        titles={text.language: text.subject for text in mailing.texts},
    )
