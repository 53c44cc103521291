"""When a family may book by itself, by the server's clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.scheduling.domain.rounds import RoundState
from shared.events.scheduling import TalkState

OPEN_TALKS = frozenset({TalkState.WANTED, TalkState.PROPOSED, TalkState.BOOKED, TalkState.MISSED})


class Gate(StrEnum):
    """Whether a talk can be booked now, and if not, why."""

    OPEN = "open"
    NOT_YET = "not_yet"
    BY_THE_SCHOOL = "by_the_school"  # families do not book by themselves, or not yet: the school proposes
    OVER = "over"


@dataclass(frozen=True)
class Booking:
    """What decides it. `early`: the family needs an interpreter, or has children at several schools."""

    state: TalkState
    round_state: str
    books_from: datetime | None
    books_until: datetime
    early_minutes: int = 0
    early: bool = False

    @property
    def opens_at(self) -> datetime | None:
        """When this family may book from; None: when the school says."""
        if self.books_from is None:
            return None
        return self.books_from - timedelta(minutes=self.early_minutes if self.early else 0)


def gate(booking: Booking, now: datetime) -> Gate:
    """May the family book, or take another time, at this instant?

    In a round that was proposed families may take another time unless booking opens later; one that is open for
    booking without an instant has been opened by hand.
    """
    if booking.state not in OPEN_TALKS or booking.round_state == RoundState.CLOSED or now >= booking.books_until:
        return Gate.OVER
    if booking.opens_at is not None and now < booking.opens_at:
        return Gate.NOT_YET
    if booking.round_state in (RoundState.PROPOSED, RoundState.BOOKING):
        return Gate.OPEN
    return Gate.BY_THE_SCHOOL if booking.opens_at is None else Gate.NOT_YET
