"""The red thread: what was agreed talk by talk, in all the pupil's schools here, and how it went.

It hangs on the pupil and not on a school, a class or a mentor: whoever has the pupil now begins where the last one
ended. Who has the pupil no more does not see it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.scheduling.domain.commitments import Question, is_late
from shared.events.scheduling import CommitmentStatus, Owner, TalkKind


@dataclass(frozen=True)
class Agreed:
    """A commitment with how it went. `at`: when its talk was held, or is to be."""

    commitment_id: UUID
    version: int
    talk_id: UUID
    school_id: UUID
    pupil_id: UUID
    kind: TalkKind
    household: int
    held_at: datetime | None
    at: datetime
    owner: Owner
    promised_by: UUID | None
    what: str
    how: str
    due: date | None
    status: CommitmentStatus
    changed_at: datetime
    questions: tuple[Question, ...] = ()

    @property
    def was_agreed(self) -> bool:
        """False for what is only proposed, and for what was dropped before its talk was held."""
        if self.held_at is None or self.status is CommitmentStatus.PROPOSED:
            return False
        return not (self.status is CommitmentStatus.STOPPED and self.changed_at < self.held_at)

    def late(self, today: date) -> bool:
        """True when its date has passed and it still goes on."""
        return is_late(self.status, self.due, today)

    @property
    def last(self) -> Question | None:
        """The question asked last; of two, the one that was answered says more."""
        return next((one for one in reversed(self.questions) if one.answer), None) or (
            self.questions[-1] if self.questions else None
        )

    @property
    def silent(self) -> bool:
        """True when the last question has gone unanswered for long."""
        return bool(self.questions) and self.questions[-1].silent


@dataclass(frozen=True)
class Knot:
    """One talk in the thread, with what was agreed in it. `mine`: the reader may open it."""

    talk_id: UUID
    school_id: UUID
    kind: TalkKind
    at: datetime
    agreed: tuple[Agreed, ...] = ()
    mine: bool = False


@dataclass(frozen=True)
class Thread:
    """Talks with what was agreed, the latest first, and how much of it was kept."""

    knots: tuple[Knot, ...] = ()
    counts: dict[CommitmentStatus, int] = field(default_factory=dict)

    @property
    def last(self) -> Knot | None:
        """What was agreed last time."""
        return self.knots[0] if self.knots else None

    @property
    def earlier(self) -> Sequence[Knot]:
        """What was agreed before that."""
        return self.knots[1:]

    @property
    def going_on(self) -> list[Agreed]:
        """What is still going on from before the last time."""
        return [one for knot in self.earlier for one in knot.agreed if one.status is CommitmentStatus.ONGOING]


def thread(agreed: Iterable[Agreed], mine: Iterable[UUID] = (), before: UUID | None = None) -> Thread:
    """The thread of what was really agreed, without the talk `before` (the one that opens with it).

    What was only proposed, and what was stopped before its talk was held, was never agreed.
    """
    open_to = set(mine)
    talks: dict[UUID, list[Agreed]] = {}
    for one in agreed:
        if one.talk_id != before and one.was_agreed:
            talks.setdefault(one.talk_id, []).append(one)
    knots = [_knot(found, found[0].talk_id in open_to) for found in talks.values()]
    inside = [one for found in talks.values() for one in found]
    counts = {status: sum(one.status is status for one in inside) for status in CommitmentStatus}
    return Thread(tuple(sorted(knots, key=lambda knot: knot.at, reverse=True)), counts)


def _knot(found: Sequence[Agreed], mine: bool) -> Knot:
    first = found[0]
    in_order = sorted(found, key=lambda one: (one.due or date.max, one.what, one.commitment_id))
    return Knot(first.talk_id, first.school_id, first.kind, first.at, tuple(in_order), mine)
