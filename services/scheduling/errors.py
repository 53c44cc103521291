"""What can stand in the way of giving a talk a time."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from shared.errors import Permanent, Transient


class Clash(Permanent):
    """Somebody or something is taken at that time, or the slot is not there any more. Nothing was written.

    `resources` are who or what is taken; `talk_ids` the talks that could not have their time. When the database
    itself found it (`broken`), the transaction is unusable and must be rolled back.
    """

    def __init__(self, talk_ids: Iterable[UUID] = (), resources: Iterable[UUID] = (), *, broken: bool = False) -> None:
        super().__init__("The time was taken in the meantime. Nothing was changed; choose another time.")
        self.talk_ids = frozenset(talk_ids)
        self.resources = frozenset(resources)
        self.broken = broken


class Crowded(Transient):
    """Too many book at once for an answer in time. Nothing was written; the same request may come again."""
