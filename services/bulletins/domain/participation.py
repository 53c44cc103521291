"""How far homes take part, class by class: shares only, and none that would say what single homes do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int = 0
    whole: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.part + other.part, self.whole + other.whole)

    @property
    def percent(self) -> int | None:
        """Rounded down, so that 100 means all; None of nothing."""
        return self.part * 100 // self.whole if self.whole else None


@dataclass(frozen=True)
class Part:
    """How a class takes part in a half-year.

    `read`: of the bulletins its homes were sent, those that were read; `answered`: of its homes, those that have said
    what a bulletin or a talk was worth; `booked` and `held`: of its pupils, those with a talk that has a time, and with
    one that took place.
    """

    group_id: UUID | None  # None: several small classes together
    name: str
    pupils: int
    sent: int  # bulletins
    read: Share = field(default_factory=Share)
    answered: Share = field(default_factory=Share)
    booked: Share = field(default_factory=Share)
    held: Share = field(default_factory=Share)
    classes: tuple[str, ...] = ()  # which, when there are several


@dataclass(frozen=True)
class Shown:
    """What a page shows: the classes, the school as a whole, and those of which nothing may be shown."""

    parts: tuple[Part, ...]
    whole: Part | None
    hidden: tuple[str, ...]


def shown(parts: Iterable[Part], smallest: int) -> Shown:
    """The classes with at least `smallest` pupils; smaller ones together, when they are enough together.

    When even together they are too few, nothing is shown of them, and nothing of the school as a whole either: whoever
    can subtract would read it.
    """
    ordered = sorted(parts, key=lambda one: (one.name, str(one.group_id)))
    large = [one for one in ordered if one.pupils >= smallest]
    small = [one for one in ordered if 0 < one.pupils < smallest]
    together = _together(small) if small else None
    if together and together.pupils < smallest:
        return Shown(tuple(large), None, together.classes)
    lines = [*large, together] if together else large
    return Shown(tuple(lines), _together(lines) if len(lines) > 1 else None, ())


def _together(parts: Sequence[Part]) -> Part:
    whole = Part(None, "", 0, 0)
    for one in parts:
        whole = replace(
            whole,
            pupils=whole.pupils + one.pupils,
            sent=whole.sent + one.sent,
            read=whole.read + one.read,
            answered=whole.answered + one.answered,
            booked=whole.booked + one.booked,
            held=whole.held + one.held,
            classes=(*whole.classes, *(one.classes or (one.name,))),
        )
    return whole
