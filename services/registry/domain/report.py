"""What an import did, counted so that every row read is in exactly one count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.registry.domain.kinds import Resource
from services.registry.domain.ledger import Outcome
from services.registry.domain.ss12000 import Row
from shared.ids import new_id


class RunKind(StrEnum):
    """What kind of reading a run is."""

    CHANGES = "changes"
    FULL = "full"
    FOLDER = "folder"
    ATTENDANCE_FILE = "attendance file"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one row; `reason` says why it (or a part of it) is held, `modified` is the source's time (UTC)."""

    row: Row
    outcome: Outcome
    reason: str = ""
    modified: datetime | None = None


@dataclass
class Tally:
    """Rows of one list: `read` is the sum of new, changed, unchanged and held. Erased ones were not read."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    held: int = 0
    erased: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one row that was read."""
        self.read += 1
        setattr(self, outcome.value, getattr(self, outcome.value) + 1)


@dataclass
class Run:
    """One reading of one source. `errors` are sentences: what happened, what was kept, what to do."""

    source: str
    kind: RunKind
    started_at: datetime
    id: UUID = field(default_factory=new_id)
    tallies: dict[Resource, Tally] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def tally(self, resource: Resource) -> Tally:
        """The counts of one list."""
        return self.tallies.setdefault(resource, Tally())

    def count(self, fates: Iterable[Fate]) -> None:
        """Count rows that were read."""
        for fate in fates:
            self.tally(fate.row.resource).add(fate.outcome)

    def counts(self) -> dict[str, dict[str, int]]:
        """The counts as they are stored."""
        return {resource.value: asdict(tally) for resource, tally in self.tallies.items()}

    def error(self) -> str | None:
        """The errors as they are stored; None when there are none."""
        return "\n".join(self.errors) or None

    def has_news(self) -> bool:
        """True when something came in, changed, was held or went."""
        return any(t.new or t.changed or t.held or t.erased for t in self.tallies.values())

    def did_something(self) -> bool:
        """True when there is more to tell than that nothing has changed."""
        return self.has_news() or bool(self.errors) or self.kind is not RunKind.CHANGES
