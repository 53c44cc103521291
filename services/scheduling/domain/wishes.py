"""When a family can come: stretches of time, how a page asks for them, and what a guardian needs at talks.

Pure. Instants are UTC; a day's times of day are local to the school.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.languages import N_

STEP = timedelta(minutes=30)  # the page asks in half-hours, put together into at most PARTS parts of a day
PARTS = 3
EXACT = 8  # exact stretches that are read for one day
LANGUAGES = ("ar", "so", "ti", "fa", "prs", "ps", "uk", "ru", "pl", "ckb", "kmr", "bs", "sq", "th", "en", "tr")
UNTIL_BEFORE_FROM = N_("The time it ends must be later than the time it begins.")
NOT_A_TIME = N_("Write both times, for example 16:30 and 18:00.")
OUTSIDE = N_("There are no talks at that time. Look at the times of the day above.")
NO_TIME = N_("You have said no to every time. Leave at least one that could work, or talk to the mentor.")


class Wanted(StrEnum):
    """What a guardian says of a stretch of time."""

    GLADLY = "gladly"
    CAN = "can"
    CANNOT = "cannot"


@dataclass(frozen=True, order=True)
class Stretch:
    """A time in which somebody can come; `gladly`: one they would like best.

    One without length says that the day has been answered, and that there is no time on it.
    """

    starts_at: datetime
    ends_at: datetime
    gladly: bool = False


@dataclass(frozen=True, order=True)
class Window:
    """A time in which talks are held."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Day:
    """A day as the page asks for it: when talks are held, and the parts it is asked in."""

    day: date
    zone: str
    windows: tuple[Window, ...]
    parts: tuple[Window, ...]

    def name(self, part: Window) -> str:
        """What the form calls a part of the day."""
        return f"t{int(part.starts_at.timestamp())}"


@dataclass(frozen=True)
class Needs:
    """What a guardian needs at every talk. `interpreter` is a BCP 47 tag."""

    interpreter: str | None = None
    video: bool = False
    more_time: bool = False
    apart: bool = False


@dataclass(frozen=True)
class Read:
    """What a form says: the stretches, and an error for each day that cannot be read (`None`: for the whole)."""

    stretches: tuple[Stretch, ...]
    errors: Mapping[date | None, str] = field(default_factory=dict)


Form = Mapping[str, Sequence[str]]  # as it was typed: several values for a name that comes again


def window(day: date, starts: time, ends: time, zone: str) -> Window:
    """A stretch of local time as instants. On a day on which clocks change the hours are those of the wall."""
    here = ZoneInfo(zone)
    return Window(
        datetime.combine(day, starts, here).astimezone(UTC), datetime.combine(day, ends, here).astimezone(UTC)
    )


def joined(windows: Iterable[Window]) -> tuple[Window, ...]:
    """The windows without overlaps, those that touch put together."""
    found: list[Window] = []
    for one in sorted(one for one in windows if one.starts_at < one.ends_at):
        if found and one.starts_at <= found[-1].ends_at:
            found[-1] = Window(found[-1].starts_at, max(found[-1].ends_at, one.ends_at))
        else:
            found.append(one)
    return tuple(found)


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The same times, each said once: overlaps are put together, and where one of them is glad, all are."""
    given = [one for one in stretches if one.starts_at < one.ends_at]
    edges = sorted({one.starts_at for one in given} | {one.ends_at for one in given})
    found: list[Stretch] = []
    for starts_at, ends_at in pairwise(edges):
        over = [one for one in given if one.starts_at <= starts_at and ends_at <= one.ends_at]
        if not over:
            continue
        gladly = any(one.gladly for one in over)
        if found and found[-1].ends_at == starts_at and found[-1].gladly == gladly:
            found[-1] = Stretch(found[-1].starts_at, ends_at, gladly)
        else:
            found.append(Stretch(starts_at, ends_at, gladly))
    return tuple(found)


def within(stretches: Iterable[Stretch], windows: Iterable[Window]) -> tuple[Stretch, ...]:
    """Of these stretches, only what lies in one of the windows."""
    spans = list(windows)
    cut = [
        Stretch(max(one.starts_at, span.starts_at), min(one.ends_at, span.ends_at), one.gladly)
        for one in stretches
        for span in spans
    ]
    return merged(cut)


def answered(stretches: Iterable[Stretch], windows: Iterable[Window]) -> tuple[Stretch, ...]:
    """What is kept of an answer about these windows: the stretches in them, and of a window without any just that."""
    spans = joined(windows)
    kept = within(stretches, spans)
    none = [Stretch(one.starts_at, one.starts_at) for one in spans if not within(kept, [one])]
    return tuple(sorted([*kept, *none]))


def said_of(stretches: Iterable[Stretch], span: Window) -> bool:
    """True when anything has been said of a window; of whom nothing is known can come at any time in it."""
    return any(
        one.starts_at < span.ends_at
        and (span.starts_at < one.ends_at or one.starts_at == one.ends_at >= span.starts_at)
        for one in stretches
    )


def days(windows: Iterable[tuple[Window, str]]) -> tuple[Day, ...]:
    """The days to ask for, in order, each cut into a few parts. With each window comes its school's zone."""
    by_day: dict[date, list[tuple[Window, str]]] = {}
    for one, zone in windows:
        by_day.setdefault(one.starts_at.astimezone(ZoneInfo(zone)).date(), []).append((one, zone))
    found = []
    for day, given in sorted(by_day.items()):
        whole = joined(one for one, _ in given)
        found.append(Day(day, given[0][1], whole, tuple(part for one in whole for part in parts(one))))
    return tuple(found)


def parts(whole: Window) -> tuple[Window, ...]:
    """Early, middle and late in a window, cut at half-hours from its beginning; fewer when it is short."""
    steps = -(-(whole.ends_at - whole.starts_at) // STEP)
    count = max(1, min(PARTS, steps // 2))
    cuts = [whole.starts_at + STEP * (steps * place // count) for place in range(count)]
    return tuple(Window(starts, ends) for starts, ends in pairwise([*cuts, whole.ends_at]))


def read(form: Form, asked: Sequence[Day], rounds: Iterable[Sequence[Window]] = ()) -> Read:
    """What was typed. A day with exact times is read from them, else from its parts; what is not said can be.

    Each round (its windows) must be left at least one time; else the error is that of no day in particular.
    """
    found: list[Stretch] = []
    errors: dict[date | None, str] = {}
    for day in asked:
        try:
            found += _exact(form, day) or _by_parts(form, day)
        except ValueError as wrong:
            errors[day.day] = str(wrong)
    if not errors and not all(within(found, windows) for windows in rounds):
        errors[None] = NO_TIME
    return Read(merged(found), errors)


def _by_parts(form: Form, day: Day) -> list[Stretch]:
    said = [(part, _last(form, day.name(part)) or Wanted.CAN) for part in day.parts]
    return [
        Stretch(part.starts_at, part.ends_at, wanted == Wanted.GLADLY)
        for part, wanted in said
        if wanted != Wanted.CANNOT
    ]


def _exact(form: Form, day: Day) -> tuple[Stretch, ...]:
    """The exact times of a day. Raises ValueError with a sentence when they make no sense."""
    typed = [[*form.get(f"{name}-{day.day}", ())][:EXACT] for name in ("from", "until", "how")]
    found = []
    for place, begins in enumerate(typed[0]):
        ends = typed[1][place] if place < len(typed[1]) else ""
        if begins.strip() or ends.strip():
            how = typed[2][place] if place < len(typed[2]) else Wanted.CAN
            found.append(_stretch(day, begins, ends, how == Wanted.GLADLY))
    kept = within(found, day.windows)
    if found and not kept:
        raise ValueError(OUTSIDE)
    return kept


def _stretch(day: Day, begins: str, ends: str, gladly: bool) -> Stretch:
    try:
        span = window(day.day, time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip()), day.zone)
    except (ValueError, TypeError):
        raise ValueError(NOT_A_TIME) from None
    if span.ends_at <= span.starts_at:
        raise ValueError(UNTIL_BEFORE_FROM)
    return Stretch(span.starts_at, span.ends_at, gladly)


def _last(form: Form, name: str) -> str:
    said = [*form.get(name, ())]
    return said[-1] if said else ""


def as_form(stretches: Sequence[Stretch], asked: Sequence[Day]) -> dict[str, list[str]]:
    """The form in which these stretches are said: by parts where that says all, else by exact times.

    A day of which nothing is known is not in it: on that day they can come at every time.
    """
    form: dict[str, list[str]] = {}
    for day in asked:
        if any(said_of(stretches, span) for span in day.windows):
            form |= _day_as_form(within(stretches, day.windows), day)
    return form


def _day_as_form(mine: Sequence[Stretch], day: Day) -> dict[str, list[str]]:
    by_parts: dict[str, list[str]] = {}
    for part in day.parts:
        inside = within(mine, [part])
        if not inside:
            by_parts[day.name(part)] = [Wanted.CANNOT]
        elif (inside[0].starts_at, inside[-1].ends_at, len(inside)) == (part.starts_at, part.ends_at, 1):
            by_parts[day.name(part)] = [Wanted.GLADLY if inside[0].gladly else Wanted.CAN]
        else:
            return _exact_as_form(mine, day)
    return by_parts


def _exact_as_form(mine: Sequence[Stretch], day: Day) -> dict[str, list[str]]:
    here = ZoneInfo(day.zone)
    return {
        f"from-{day.day}": [f"{one.starts_at.astimezone(here):%H:%M}" for one in mine],
        f"until-{day.day}": [f"{one.ends_at.astimezone(here):%H:%M}" for one in mine],
        f"how-{day.day}": [Wanted.GLADLY if one.gladly else Wanted.CAN for one in mine],
    }


def households(guardians: Iterable[UUID], apart: Iterable[UUID]) -> dict[int, tuple[UUID, ...]]:
    """Whose talk is whose: household 0 of all, or from 1 on one for each who asked for a talk apart, and the rest's.

    The numbers are the same for the same people whoever asked first, as long as there are two.
    """
    everybody = sorted(set(guardians))
    alone = sorted(set(apart).intersection(everybody))
    if not alone or len(everybody) < 2:
        return {0: tuple(everybody)}
    rest = tuple(one for one in everybody if one not in alone)
    own = sorted([*((one,) for one in alone), *([rest] if rest else [])])
    return dict(enumerate(own, 1))
