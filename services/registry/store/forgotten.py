"""Persons who were erased and must not come back by the next import. Only keyed digests of their ids are kept."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.kinds import Resource
from services.registry.domain.reading import Parsed
from services.registry.domain.statements import Reading, Stated
from services.registry.tables import forgotten
from shared.db.bulk import insert_rows
from shared.errors import Permanent
from shared.events.envelope import Event
from shared.events.roster import GroupStated, GuardianshipsStated, StaffStated
from shared.settings import KitSettings

PERSONAL = ("person_id", "pupil_id")
NOBODY = UUID(int=0)  # its digest shows which key the others were made with
OTHER_KEY = (
    "Persons were erased here, and their digests were made with another SKOLBRO_LOGIN_KEY, so an import could bring "
    "them back. Nothing was imported. Set the key that the registry service had when they were erased; or, when the "
    "registry itself no longer has them, run `skolbro person release --all`."
)
HELD_BACK = (
    "This person was erased and the registry still sends them. Nothing of the row was kept. Let the registry delete "
    "them; or, if they are to be known again, run `skolbro person release {person}` and let the registry send all."
)


@dataclass(frozen=True)
class Forgotten:
    """Who was erased: asked by id, kept as digests."""

    digests: frozenset[str]
    key: bytes

    def __contains__(self, person_id: UUID) -> bool:
        return bool(self.digests) and digest(self.key, person_id) in self.digests

    def rows(self, parsed: Sequence[Parsed]) -> Sequence[Parsed]:
        """The rows, those of an erased person without any content and with the reason."""
        return [self._row(one) for one in parsed] if self.digests else parsed

    def readings(self, read: Sequence[tuple[Reading, str]]) -> Sequence[tuple[Reading, str]]:
        """What the rows state, without what they state of an erased person, who is also left out of every list."""
        return [(self._reading(reading), fault) for reading, fault in read] if self.digests else read

    def _row(self, parsed: Parsed) -> Parsed:
        row = parsed.row
        if row.resource is not Resource.PERSONS or row.entity is None or row.entity not in self:
            return parsed
        reason = HELD_BACK.format(person=row.entity)
        return Parsed(replace(row, raw=None, fault=reason), None, reason)

    def _reading(self, reading: Reading) -> Reading:
        kept = [replace(one, event=self._left(one.event)) for one in reading.stated if not self._is_theirs(one)]
        return replace(reading, stated=tuple(kept))

    def _is_theirs(self, stated: Stated) -> bool:
        about = [getattr(stated.event, name, None) for name in PERSONAL]
        theirs = any(isinstance(one, UUID) and one in self for one in about)
        return theirs and not isinstance(stated.event, StaffStated)

    def _left(self, event: Event) -> Event:
        match event:
            case GuardianshipsStated(ties=ties):
                return event.model_copy(update={"ties": tuple(tie for tie in ties if tie.guardian_id not in self)})
            case GroupStated(members=members):
                left = tuple(member for member in members if member.person_id not in self)
                return event.model_copy(update={"members": left})
            case StaffStated(person_id=UUID() as holder) if holder in self:
                return event.model_copy(update={"person_id": None})
        return event


async def check(session: AsyncSession, settings: KitSettings) -> None:
    """Raise Permanent when nobody could be recognised any more: rather no import than one that brings them back."""
    kept = set(await session.scalars(select(forgotten.c.digest)))
    if kept and digest(_key(settings), NOBODY) not in kept:
        raise Permanent(OTHER_KEY)


async def load(session: AsyncSession, settings: KitSettings) -> Forgotten:
    """Everybody who was erased and not released since."""
    return Forgotten(frozenset(await session.scalars(select(forgotten.c.digest))), _key(settings))


async def remember(session: AsyncSession, settings: KitSettings, ids: Iterable[UUID], now: datetime) -> None:
    """From now on these persons are held back."""
    rows = [(digest(_key(settings), person_id), now) for person_id in (NOBODY, *ids)]
    await insert_rows(session, forgotten, ("digest", "forgotten_at"), rows, "on conflict do nothing")


async def release_all(session: AsyncSession) -> int:
    """Hold nobody back any more, whatever key was used; how many had been erased."""
    gone = (await session.scalars(delete(forgotten).returning(forgotten.c.digest))).all()
    return max(0, len(gone) - 1)  # NOBODY is one of them


async def release(session: AsyncSession, settings: KitSettings, person_ids: Iterable[UUID]) -> int:
    """Let these persons come back with the next import; how many of them had been erased."""
    digests = [digest(_key(settings), person_id) for person_id in person_ids]
    gone = delete(forgotten).where(forgotten.c.digest.in_(digests)).returning(forgotten.c.digest)
    return len((await session.scalars(gone)).all())


def digest(key: bytes, person_id: UUID) -> str:
    """HMAC-SHA256 of the id."""
    return hmac.digest(key, b"forgotten\x1f" + person_id.bytes, "sha256").hex()


def _key(settings: KitSettings) -> bytes:
    """Without a key (a demo) the digest still says nothing: an id has 122 random bits."""
    return settings.login_key.get_secret_value().encode() if settings.login_key else b"no key"
