"""What homes say about bulletins and rounds of talks, and how much of it the school is shown: never who said what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from shared.languages import N_

FEWEST = 5  # answers: fewer would say what single homes think
CHANGEABLE = timedelta(days=30)  # from the first answer on
LONGEST = 2000  # characters
SCORES = {
    1: N_("No help at all"),
    2: N_("Little help"),
    3: N_("Some help"),
    4: N_("Good help"),
    5: N_("Much help"),
}
NEEDED = N_("Choose one of the five, or write a few words.")
TOO_LONG = N_("This is too long. Please shorten it to 2,000 characters.")
TOO_LATE = N_("An answer can be changed for 30 days. You can still take it back.")


class About(StrEnum):
    """What an answer is about."""

    BULLETIN = "bulletin"
    ROUND = "round"  # a round of talks


@dataclass(frozen=True)
class Answer:
    """What one home said. Whose it is, only the statement that counts knows."""

    about: About
    about_id: UUID
    group_id: UUID | None
    score: int | None
    words: str


@dataclass(frozen=True)
class Sums:
    """What several homes said together. `words` are in an order that says nothing about who or when."""

    number: int
    scores: tuple[int, ...]  # how many chose 1, 2, 3, 4, 5
    words: tuple[str, ...]

    @property
    def scored(self) -> int:
        """How many chose a number."""
        return sum(self.scores)

    @property
    def mean(self) -> float | None:
        """The mean of what they chose; None when nobody chose."""
        return sum((place + 1) * one for place, one in enumerate(self.scores)) / self.scored if self.scored else None


@dataclass(frozen=True)
class Line:
    """The sums of one class, or (`group_id` None) of several classes too few of whose homes have answered."""

    group_id: UUID | None
    sums: Sums


@dataclass(frozen=True)
class Gathered:
    """What the school is shown of the answers about one thing. `hidden`: some are too few to be shown."""

    lines: tuple[Line, ...]
    hidden: bool


def sums(answers: Iterable[Answer]) -> Sums | None:
    """What is shown of these answers; None when there are fewer than FEWEST."""
    given = tuple(answers)
    if len(given) < FEWEST:
        return None
    counts = tuple(sum(one.score == score for one in given) for score in SCORES)
    said = sorted((one.words for one in given if one.words), key=lambda words: sha256(words.encode()).digest())
    return Sums(len(given), counts, tuple(said))


def gathered(answers: Sequence[Answer]) -> Gathered:
    """The answers about one thing, class by class. Small classes are counted together when they are enough together.

    There is no sum over lines of which one is hidden: whoever can subtract would read what was hidden.
    """
    by_class: dict[UUID | None, list[Answer]] = {}
    for one in answers:
        by_class.setdefault(one.group_id, []).append(one)
    lines = [Line(group, found) for group, some in by_class.items() if group and (found := sums(some))]
    shown = {line.group_id for line in lines}
    rest = [one for one in answers if one.group_id not in shown]
    together = sums(rest)
    if together:
        return Gathered((*lines, Line(None, together)), hidden=False)
    return Gathered(tuple(lines), hidden=bool(rest))


def wrong(score: int | None, words: str) -> str | None:
    """Why this is no answer that can be kept, in words to translate; None when it is one."""
    if len(words) > LONGEST:
        return TOO_LONG
    return None if score in SCORES or words else NEEDED


def may_change(first_at: datetime, now: datetime) -> bool:
    """True for as long as an answer that was first given then can be changed."""
    return now < first_at + CHANGEABLE
