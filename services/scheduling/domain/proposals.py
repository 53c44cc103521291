"""A proposal's life, what it may move, when people can come, and what its reasons are called. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.scheduling.domain.wishes import Stretch, Window, joined, merged, said_of, within
from shared.events.scheduling import TalkState
from shared.languages import N_

FINAL_TALKS = frozenset({TalkState.HELD, TalkState.SIGNED, TalkState.MISSED, TalkState.CANCELLED})
TIMED = frozenset({TalkState.PROPOSED, TalkState.BOOKED})
DAY_PARTS = 96  # stretches one person can have in the times of a proposal; more are not looked at


class ProposalState(StrEnum):
    """The life of a proposal."""

    WAITING = "waiting"  # nothing has been found yet
    READY_GREEDY = "ready_greedy"  # a good answer is there; a better one is being looked for
    READY = "ready"  # the best that was found in the time
    ADOPTED = "adopted"
    DISCARDED = "discarded"
    FAILED = "failed"  # no answer could be worked out; it can be started again


UNFINISHED = frozenset({ProposalState.WAITING, ProposalState.READY_GREEDY})
ADOPTABLE = frozenset({ProposalState.READY_GREEDY, ProposalState.READY})


class Occasion(StrEnum):
    """Why a proposal is made. What may move depends on it."""

    ROUND = "round"  # everything but what families have accepted or chosen themselves
    AWAY = "away"  # only talks whose host is not there after all


@dataclass(frozen=True)
class Reason:
    """Why a talk has no time, and what would give it one: codes, and English words for each."""

    why: str
    fix: str

    @property
    def words(self) -> str:
        """Why, as a sentence."""
        return WHY.get(self.why, WHY["host_full"])

    @property
    def help(self) -> str:
        """What would help, as a sentence."""
        return FIX.get(self.fix, FIX["more_slots"])

    def __str__(self) -> str:
        return f"{self.why}/{self.fix}"


WHY = {
    "no_slot": N_("Nobody holds talks for this pupil in the round yet."),
    "no_common_time": N_("None of the host's times is one at which the family can come."),
    "no_interpreter": N_("The family can come, but no interpreter is free then."),
    "host_full": N_("Every time at which the family can come is taken."),
    "taken": N_("The time was taken by somebody else in the meantime."),
}
FIX = {
    "more_slots": N_("Open more times: another evening, some talks by video, or a substitute."),
    "other_time": N_("Ask the family: these times are free."),
    "interpreter": N_("Book an interpreter for one of these times."),
}


def reason(kept: str | None) -> Reason | None:
    """What `str(Reason)` wrote; None for a talk that has its time."""
    if not kept:
        return None
    why, _, fix = kept.partition("/")
    return Reason(why, fix)


def stays(occasion: Occasion, state: TalkState, *, pinned: bool, open_slot: bool, begun: bool = False) -> bool:
    """True when a talk keeps the time it has: what a family has agreed to, and in an emergency all that can be held.

    `open_slot`: the host is there at the time the talk has now. One that has `begun` is not moved whatever happens.
    """
    if state not in TIMED:
        return False
    return begun or (open_slot and (occasion is Occasion.AWAY or state is TalkState.BOOKED or pinned))


def better(cost: float, before: float | None) -> bool:
    """True when an answer of this cost replaces the one that is there."""
    return before is None or cost < before


def free_of(said: Iterable[Stretch], windows: Iterable[Window]) -> tuple[Window, ...] | None:
    """When one person can come, of the times of a round; None: at all of them.

    A window they have said nothing of is one they can come in.
    """
    mine, spans = list(said)[:DAY_PARTS], joined(windows)
    known = [said_of(mine, span) for span in spans]
    if not any(known):
        return None
    can = [Window(one.starts_at, one.ends_at) for one in within(mine, spans)]
    return joined([*can, *(span for span, said in zip(spans, known, strict=True) if not said)])


def glad_of(said: Iterable[Stretch], windows: Iterable[Window]) -> tuple[Window, ...]:
    """When one person would like best to come, of the times of a round; nothing: every time is as good."""
    glad = [one for one in list(said)[:DAY_PARTS] if one.gladly]
    return tuple(Window(one.starts_at, one.ends_at) for one in merged(within(glad, windows)))


def without(windows: Sequence[Window], taken: Iterable[Window]) -> tuple[Window, ...]:
    """The windows, less what is taken."""
    left = list(joined(windows))
    for gone in taken:
        left = [
            piece
            for one in left
            for piece in (
                Window(one.starts_at, min(one.ends_at, gone.starts_at)),
                Window(max(one.starts_at, gone.ends_at), one.ends_at),
            )
            if piece.starts_at < piece.ends_at
        ]
    return tuple(left)


def overlaps(starts_at: datetime, ends_at: datetime, taken: Iterable[Window]) -> bool:
    """True when any of these lies over the stretch."""
    return any(one.starts_at < ends_at and starts_at < one.ends_at for one in taken)
