"""The life of a bulletin, and the parts it is written in."""

from __future__ import annotations

from enum import StrEnum

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
