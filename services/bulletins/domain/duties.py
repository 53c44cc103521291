"""What each pupil's home is owed, and how a mailing's end moves it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.events.duties import DutyKind, DutyStatus
from shared.events.notify import DeliveryStatus, MailingSettled
from shared.ids import derived_id

OPEN = (DutyStatus.OWED, DutyStatus.SENT, DutyStatus.UNREACHABLE)
# What a mailing's end may move forward, from which statuses:
MAY_BE_DELIVERED = (DutyStatus.SENT, DutyStatus.UNREACHABLE)
MAY_BE_UNDERSTOOD = (DutyStatus.SENT, DutyStatus.UNREACHABLE, DutyStatus.DELIVERED)
STILL_OPEN = frozenset(
    {
        DeliveryStatus.PENDING,
        DeliveryStatus.SENDING,
        DeliveryStatus.UNCERTAIN,
        DeliveryStatus.DEFERRED,
        DeliveryStatus.DIGESTED,
    }
)


@dataclass(frozen=True)
class Reached:
    """What some parts of a mailing say: the latest outcome of each person, which homes have it, whether it is over."""

    outcomes: dict[tuple[UUID, UUID], tuple[MailingSettled, int]]  # (bulletin, person) → the part, and the place in it
    delivered: frozenset[tuple[UUID, UUID]]  # (bulletin, pupil)
    over: frozenset[UUID]  # bulletins whose mailing has nothing open


def bulletin_duty_id(place_id: UUID, pupil_id: UUID, again: datetime | None = None) -> UUID:
    """The duty to give one pupil's home one bulletin; `again` is since when, for one that had been taken back."""
    return derived_id("bulletin duty", place_id, pupil_id, *([again.isoformat()] if again else []))


def information_duty_id(school_id: UUID, school_year: str, pupil_id: UUID) -> UUID:
    """The duty to give one pupil's home the school's information of a school year (“2026/2027”)."""
    return derived_id("bulletin duty", DutyKind.SCHOOL_INFORMATION, school_id, school_year, pupil_id)


def read_parts(settled: Iterable[MailingSettled]) -> Reached:
    """Put the parts together, whatever their order.

    The latest outcome of a person stands. A reminder that did not arrive takes nothing away from what did: of a mailing
    that is not the bulletin's first, only what was delivered counts.
    """
    outcomes: dict[tuple[UUID, UUID], tuple[MailingSettled, int]] = {}
    delivered, over = set[tuple[UUID, UUID]](), set[UUID]()
    for part in settled:
        first = is_first(part)
        if first and part.open == 0:
            over.add(part.about_id)
        for place, person in enumerate(part.people):
            arrived = person.status is DeliveryStatus.DELIVERED
            if not (first or arrived):
                continue
            key = (part.about_id, person.person_id)
            if key not in outcomes or _weight(part, place) > _weight(*outcomes[key]):
                outcomes[key] = (part, place)
            if arrived:
                delivered.update((part.about_id, pupil) for pupil in person.pupil_ids)
    return Reached(outcomes, frozenset(delivered), frozenset(over))


def is_first(part: MailingSettled) -> bool:
    """True for the mailing that carries the bulletin itself, False for a reminder of it."""
    return part.mailing_id == part.about_id


def _weight(part: MailingSettled, place: int) -> tuple[datetime, bool, str]:
    """The later outcome stands; of two at the same instant the better one, so that their order does not matter."""
    status = part.people[place].status
    return part.at, status is DeliveryStatus.DELIVERED, status
