"""The life of a bulletin, the parts it is written in, and who may do what with it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime, time
from enum import StrEnum
from uuid import UUID

from shared.events.notify import MailingKind
from shared.quiet import next_allowed

LEARNING, ACTIVITIES, BODY = "learning", "activities", "body"
PARTS = (LEARNING, ACTIVITIES)  # of a class bulletin; information has BODY alone


class BulletinState(StrEnum):
    """How far a bulletin has come."""

    DRAFT = "draft"
    TO_APPROVE = "to_approve"  # the principal is to read it first
    RETURNED = "returned"  # the principal wants something changed
    SCHEDULED = "scheduled"  # it leaves at `send_at`; it can still be taken back
    SENT = "sent"
    WITHDRAWN = "withdrawn"


OPEN = (BulletinState.DRAFT, BulletinState.RETURNED)  # its author may write
WAITING = (BulletinState.TO_APPROVE, BulletinState.SCHEDULED)  # it can be taken back and changed
OUT = (BulletinState.SENT, BulletinState.WITHDRAWN)  # it has left


def parts_of(kind: str) -> tuple[str, ...]:
    """The parts in which a bulletin of this kind is written, in their order."""
    return PARTS if kind == MailingKind.BULLETIN else (BODY,)


def may_write(
    kind: str, school_id: UUID, group_ids: Iterable[UUID], mentored: Container[UUID], principal_of: Container[UUID]
) -> bool:
    """May somebody write this? It belongs to its classes: whoever is mentor of one of them today may.

    What the school informs about is the principal's as well; without classes it is the whole school's, and only theirs.
    """
    if any(group in mentored for group in group_ids):
        return True
    return kind == MailingKind.INFORMATION and school_id in principal_of


def may_begin(
    kind: str, school_id: UUID, group_ids: Iterable[UUID], mentored: Container[UUID], principal_of: Container[UUID]
) -> bool:
    """May somebody begin one for these classes? A mentor for their own alone; the principal, information for any."""
    groups = list(group_ids)
    if groups and all(group in mentored for group in groups):
        return True
    return kind == MailingKind.INFORMATION and school_id in principal_of


def leaves_at(now: datetime, wanted: datetime | None, zone: str, send_from: time, send_until: time) -> datetime:
    """When it leaves (UTC): at the instant wanted, never before now, never while the school itself is quiet."""
    return next_allowed(max(now, wanted or now), zone, send_until, send_from)
