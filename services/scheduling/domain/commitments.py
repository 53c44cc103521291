"""What was agreed: proposal → ongoing when the talk is held → done → fulfilled, or stopped; and the questions between.

Whoever promised says that it is done; the school agrees that it is fulfilled, or that it goes on. Between talks a small
question goes to whoever promised; silence nudges the adult once per question and is shown to the mentor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.events.scheduling import CommitmentStatus, Owner
from shared.languages import N_

ASKED_AFTER_DUE = timedelta(days=28)  # so long past its date a promise is still asked for; then the next talk does
ASKED_WITHOUT_DATE = timedelta(days=183)  # half a year: by then there is another talk


class Answer(StrEnum):
    """How it is going, in one tap."""

    WELL = "well"
    SLOWLY = "slowly"
    STUCK = "stuck"


class Move(StrEnum):
    """What a button does with a commitment."""

    DONE = "done"
    FULFILLED = "fulfilled"
    STOPPED = "stopped"
    AGAIN = "again"


ANSWERS: Mapping[Answer, tuple[str, str]] = {
    Answer.WELL: (N_("Going well"), "good"),
    Answer.SLOWLY: (N_("Slowly"), "wait"),
    Answer.STUCK: (N_("Stuck"), "alarm"),
}
STATUSES: Mapping[CommitmentStatus, tuple[str, str]] = {
    CommitmentStatus.PROPOSED: (N_("Proposed"), "quiet"),
    CommitmentStatus.ONGOING: (N_("Ongoing"), "wait"),
    CommitmentStatus.DONE: (N_("Done"), "good"),
    CommitmentStatus.FULFILLED: (N_("Fulfilled"), "good"),
    CommitmentStatus.STOPPED: (N_("Stopped"), "quiet"),
}
_AFTER: Mapping[Move, tuple[frozenset[CommitmentStatus], CommitmentStatus]] = {
    Move.DONE: (frozenset({CommitmentStatus.ONGOING}), CommitmentStatus.DONE),
    Move.FULFILLED: (frozenset({CommitmentStatus.ONGOING, CommitmentStatus.DONE}), CommitmentStatus.FULFILLED),
    Move.STOPPED: (
        frozenset({CommitmentStatus.PROPOSED, CommitmentStatus.ONGOING, CommitmentStatus.DONE}),
        CommitmentStatus.STOPPED,
    ),
    Move.AGAIN: (frozenset({CommitmentStatus.DONE, CommitmentStatus.STOPPED}), CommitmentStatus.ONGOING),
}


def after(move: Move, status: CommitmentStatus) -> CommitmentStatus | None:
    """What a commitment is after this move; None when the move makes no sense from there."""
    before, then = _AFTER[move]
    return then if status in before else None


def may_move(move: Move, *, school: bool, promised: bool) -> bool:
    """`school`: somebody of the staff around the pupil. `promised`: the one who promised it (the pupil, a guardian)."""
    return school or (promised and move is Move.DONE)


def has_promised(owner: Owner, promised_by: UUID | None, pupil_id: UUID, person_id: UUID) -> bool:
    """True for the very person who promised."""
    return person_id == (pupil_id if owner is Owner.PUPIL else promised_by)


def is_late(status: CommitmentStatus, due: date | None, today: date) -> bool:
    """True when the date has passed and it is still going on."""
    return status is CommitmentStatus.ONGOING and due is not None and due < today


def next_question(
    status: CommitmentStatus, agreed_at: datetime, due: date | None, now: datetime, every: timedelta
) -> datetime | None:
    """When the promise is asked for next; None when there is nothing more to ask."""
    if status is not CommitmentStatus.ONGOING:
        return None
    end = agreed_at.date() + ASKED_WITHOUT_DATE if due is None else due + ASKED_AFTER_DUE
    asked = now + every
    return asked if asked.date() <= end else None


@dataclass(frozen=True)
class Question:
    """A question between talks, as it stands."""

    asked_at: datetime
    expires_at: datetime
    answered_at: datetime | None = None
    answer: Answer | None = None
    nudged_at: datetime | None = None

    def is_open(self, status: CommitmentStatus, now: datetime) -> bool:
        """May it be answered (or answered otherwise) now?"""
        return status is CommitmentStatus.ONGOING and now < self.expires_at

    @property
    def silent(self) -> bool:
        """True when somebody was nudged, or would have been, and still nothing was said."""
        return self.nudged_at is not None and self.answered_at is None
