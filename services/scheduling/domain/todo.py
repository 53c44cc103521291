"""What waits for a family: the next step of each of its talks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.scheduling.domain.may_book import Booking, Gate, gate
from services.scheduling.domain.rounds import RoundState
from shared.events.scheduling import TalkState


class Todo(StrEnum):
    """The next step, the most pressing first."""

    OFFER = "offer"  # a time is kept for the family: take it or let it go
    ACCEPT = "accept"  # the school proposes a time
    BOOK = "book"
    SIGN = "sign"
    WISHES = "wishes"  # say when you can
    WAIT_TO_BOOK = "wait_to_book"  # booking opens later
    NOTHING = "nothing"


@dataclass(frozen=True)
class Facts:
    """What decides the next step of one talk for one reader. `decides`: they may act for the pupil."""

    booking: Booking
    decides: bool
    hold_id: UUID | None = None
    hold_until: datetime | None = None
    answer_by: datetime | None = None
    signed: bool = False


def todo(facts: Facts, now: datetime) -> Todo:
    """The next step of a talk, for somebody who may take it."""
    state = facts.booking.state
    if not facts.decides:
        return Todo.NOTHING
    if facts.hold_id and facts.hold_until and now < facts.hold_until:
        return Todo.OFFER
    if state is TalkState.HELD:
        return Todo.NOTHING if facts.signed else Todo.SIGN
    if state is TalkState.PROPOSED:
        return Todo.ACCEPT
    if state not in (TalkState.WANTED, TalkState.MISSED):
        return Todo.NOTHING
    return _without_time(facts, now)


def _without_time(facts: Facts, now: datetime) -> Todo:
    asked = facts.booking.round_state == RoundState.WISHES and facts.answer_by is not None and now < facts.answer_by
    if asked:
        return Todo.WISHES
    found = gate(facts.booking, now)
    if found is Gate.OPEN:
        return Todo.BOOK
    return Todo.WAIT_TO_BOOK if found is Gate.NOT_YET else Todo.NOTHING
