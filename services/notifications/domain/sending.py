"""How soon messages leave: the figures of the status page. The measure is GOV.UK Notify's, 10 seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from shared.events.notify import Lane


@dataclass(frozen=True, slots=True)
class Count:
    """What left in some time: handed over to a server or provider, of these within 10 seconds; and what did not."""

    handed_over: int = 0
    in_time: int = 0
    failed: int = 0
    uncertain: int = 0

    def __add__(self, other: Count) -> Count:
        """Both together."""
        return Count(
            self.handed_over + other.handed_over,
            self.in_time + other.in_time,
            self.failed + other.failed,
            self.uncertain + other.uncertain,
        )

    @property
    def late(self) -> int:
        """Handed over, but later than 10 seconds after it was to leave."""
        return self.handed_over - self.in_time

    @property
    def all(self) -> int:
        """Everything that was tried and answered."""
        return self.handed_over + self.failed + self.uncertain

    @property
    def share(self) -> float | None:
        """The part of what was handed over that left within 10 seconds; None when nothing was."""
        return self.in_time / self.handed_over if self.handed_over else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has not left: due now (since when the oldest), and what waits for its hour."""

    due: int = 0
    later: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of text messages, and its present part of 100."""

    name: str
    weight: int


@dataclass(frozen=True)
class Figures:
    """All that the status page shows for one municipality. `suppressed` counts addresses of the whole installation.

    `hour` is this hour and the one before, `day` 24 hours, `month` 30 days; `days` are local days.
    """

    hour: Mapping[Lane, Count]
    day: Mapping[Lane, Count]
    month: Mapping[Lane, Count]
    days: Mapping[date, Count]
    waiting: Mapping[Lane, Waiting]
    suppressed: int
    providers: tuple[Provider, ...]
    trial_since: datetime | None
