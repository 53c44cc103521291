"""What the ledger may see of the notifications service: played addresses that were served, and whom to call."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import psycopg

SERVED = (
    "select person_id, notification_id from delivery "
    "where status = 'delivered' and person_id = any(%s) and moved_at >= %s"
)
BROUGHT = "select person_id, mailing_id from addressee where status = 'delivered' and person_id = any(%s)"
TO_CALL = "select notification_id from call_list where added_at >= %s and withdrawn_at is null"


def served(url: str, persons: Collection[UUID], since: datetime) -> frozenset[tuple[UUID, UUID]]:
    """Which messages the service says it has brought to these persons since then."""
    with psycopg.connect(url) as connection:
        return frozenset((person, message) for person, message in connection.execute(SERVED, (list(persons), since)))


def brought(url: str, persons: Collection[UUID]) -> frozenset[tuple[UUID, UUID]]:
    """Which mailings (a bulletin's has the bulletin's id) the service says it has brought to these persons."""
    with psycopg.connect(url) as connection:
        return frozenset((person, mailing) for person, mailing in connection.execute(BROUGHT, (list(persons),)))


def to_call(url: str, since: datetime) -> frozenset[UUID]:
    """The notices on the schools' call lists since then."""
    with psycopg.connect(url) as connection:
        return frozenset(message for (message,) in connection.execute(TO_CALL, (since,)))
