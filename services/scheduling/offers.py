"""What becomes of an offer of experience: made for the schools of one's children, asked for, answered.

Whoever calls has asked whether this person may. What is written here is written in the machine's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.gatherings import Answer
from services.scheduling.outgoing import to_person
from services.scheduling.store import offers as store
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.roster import SchoolStated
from shared.ids import new_id


@dataclass(frozen=True)
class Shown:
    """What a teacher sees of a guardian after a yes. All None: the identity is protected."""

    name: str | None = None
    mail: str | None = None
    phone: str | None = None


async def make(
    db: AsyncSession,
    tenant_id: UUID,
    person_id: UUID,
    schools: Sequence[SchoolStated],
    title: str,
    words: str,
    now: datetime,
) -> list[UUID]:
    """An offer for each of these schools, on its own so that it can be withdrawn at one of them."""
    made = [(new_id(), school.school_id, title, words) for school in schools]
    await store.add(db, tenant_id, person_id, made, now)
    return [one[0] for one in made]


async def ask(
    db: AsyncSession, school: SchoolStated, offer_id: UUID, author_id: UUID, words: str, now: datetime
) -> list[Outgoing]:
    """Let the guardian know that a teacher asks; nothing new while the last question has no answer."""
    await store.alone(db, offer_id)
    found = await store.page(db, offer_id)
    if found is None or not found.offer.is_open:
        return []
    if any(one.author_id == author_id and one.answer is None for one in found.offer.asks):
        return []
    asked_id, guardian = new_id(), found.offer.person_id
    await store.write_asked(db, asked_id, offer_id, author_id, words, now)
    kind, path = NotificationKind.OFFER_ASKED, f"/offers/{offer_id}"
    return [to_person(kind, guardian, school.school_id, now, mark=asked_id, zone=school.zone, path=path)]


def shown(found: store.Found, given: Answer | None) -> Shown | None:
    """What the teacher who asked sees of who offers; None without a yes."""
    if given is None or given is Answer.NO:
        return None
    contact = found.contact
    if found.offer.hidden or contact is None:
        return Shown()
    mail = next(iter(contact.emails), None) if given is Answer.YES_MAIL else None
    phone = next(iter(contact.phones), None) if given is Answer.YES_PHONE else None
    return Shown(contact.full_name, mail, phone)
