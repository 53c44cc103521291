"""A bulletin drafted from what is known: Markdown lists, a line for each thing, each of which can be struck. Pure.

Nothing is made up. Where nothing is known there is a prompt in square brackets, which the author answers or strikes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from services.bulletins.domain.trends import Trend
from shared.languages import N_, Language, written_day

AHEAD = timedelta(weeks=6)  # what is to come is told so far ahead
FEWEST = 3  # talks of a round; of fewer than that a date would tell whose it is
MOST = 12  # lines of one kind
PROMPT = re.compile(r"(?<![\\!\]])\[[^\]\n]+\](?![(\[:])")
MARKUP = re.compile(r"([\\`*_\[\]<>#~|])")
TRENDS = {
    Trend.LESS: N_("The class as a whole was away less in %(month)s than in the month before."),
    Trend.SAME: N_("The class as a whole was away about as much in %(month)s as in the month before."),
    Trend.MORE: N_("The class as a whole was away more in %(month)s than in the month before."),
}
Say = Callable[[str], str]


@dataclass(frozen=True)
class Line:
    """A line of the diary."""

    on: date
    words: str


@dataclass(frozen=True)
class Meeting:
    """A meeting or a day to visit, in the school's own time."""

    on: date
    starts: time
    ends: time
    title: str
    place: str | None = None


@dataclass(frozen=True)
class Talks:
    """A round of talks to come: its days and how many talks are in it."""

    first: date
    last: date
    count: int

    @property
    def weeks(self) -> int:
        """How many calendar weeks (from Monday) it is spread over."""
        monday = self.first - timedelta(days=self.first.weekday())
        return (self.last - monday).days // 7 + 1


@dataclass(frozen=True)
class Known:
    """What is known of some classes. `month` is the first day of the month that a trend is about."""

    classes: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    trends: tuple[tuple[str, Trend], ...] = ()
    month: date | None = None
    diary: tuple[Line, ...] = ()
    meetings: tuple[Meeting, ...] = ()
    talks: tuple[Talks, ...] = ()
    days_off: tuple[tuple[date, str], ...] = ()
    half_years: tuple[tuple[date, bool], ...] = field(default=())  # (day, True: the first; False: the last one)
    since: date | None = None  # the day of the last bulletin


@dataclass(frozen=True)
class Draft:
    """The two parts of a class bulletin, in Markdown."""

    learning: str
    activities: str


def written(known: Known, today: date, say: Say, language: Language, month: Callable[[date], str]) -> Draft:
    """The draft in this language. `say` translates, `month` names a month."""
    return Draft(
        _text(_learning(known, say, month)),
        _text([*_been(known, today, say, language), *_to_come(known, today, say, language)]),
    )


def prompts(markdown: str) -> list[str]:
    """The prompts that nobody has answered yet."""
    return PROMPT.findall(markdown)


def plain(words: str) -> str:
    """Somebody's words on one line, as words: nothing in them is markup."""
    return MARKUP.sub(r"\\\1", " ".join(words.split()))


def _learning(known: Known, say: Say, month: Callable[[date], str]) -> Iterable[str]:
    yield say(N_("### What we learn"))
    yield ""
    for subject in known.subjects[:MOST]:
        prompt = say(N_("what do we work with, and what comes next?"))
        yield f"- {plain(subject)}: [{prompt}]"
    if not known.subjects:
        yield _prompt(say(N_("What do we work with, and what comes next?")))
    yield ""
    yield say(N_("### How we are doing"))
    yield ""
    for name, trend in known.trends:
        said = say(TRENDS[trend]) % {"month": month(known.month) if known.month else ""}
        yield f"- {plain(name)}: {said}" if len(known.classes) > 1 else f"- {said}"
    yield _prompt(say(N_("How is it to be in the class: calm at work, breaks, how we treat each other?")))
    yield _prompt(say(N_("What can you do at home?")))


def _been(known: Known, today: date, say: Say, language: Language) -> Iterable[str]:
    yield say(N_("### Since last time"))
    yield ""
    been = [one for one in known.diary if one.on < today and (known.since is None or one.on >= known.since)]
    for one in been[-MOST:]:
        yield f"- {_day(one.on, language)}: {plain(one.words)}"
    if not been:
        yield _prompt(say(N_("What have we done?")))
    yield ""


def _to_come(known: Known, today: date, say: Say, language: Language) -> Iterable[str]:
    until = today + AHEAD
    found: list[tuple[date, str]] = [
        (one.on, f"{_day(one.on, language)}: {plain(one.words)}") for one in known.diary if today <= one.on <= until
    ]
    found += [(one.on, _meeting(one, say, language)) for one in known.meetings if today <= one.on]
    found += [(one.first, _talks(one, say, language)) for one in known.talks if one.count >= FEWEST]
    for day, name in known.days_off:
        line = say(N_("%(day)s: no school (%(name)s).")) % {"day": _day(day, language), "name": plain(name)}
        found += [(day, line)] if today <= day <= until else []
    for day, first in known.half_years:
        said = say(N_("%(day)s: the half-year begins.") if first else N_("%(day)s: the last day of the half-year."))
        found += [(day, said % {"day": _day(day, language)})] if today <= day <= until else []
    yield say(N_("### What comes"))
    yield ""
    for _, line in sorted(found)[: 2 * MOST]:
        yield f"- {line}"
    if not found:
        yield _prompt(say(N_("What is going to happen, and when?")))


def _meeting(one: Meeting, say: Say, language: Language) -> str:
    when = {"day": _day(one.on, language), "starts": f"{one.starts:%H:%M}", "ends": f"{one.ends:%H:%M}"}
    if one.place:
        said = say(N_("%(day)s, %(starts)s–%(ends)s: %(title)s, %(place)s."))
        return said % {**when, "title": plain(one.title), "place": plain(one.place)}
    return say(N_("%(day)s, %(starts)s–%(ends)s: %(title)s.")) % {**when, "title": plain(one.title)}


def _talks(one: Talks, say: Say, language: Language) -> str:
    days = {"first": _day(one.first, language), "last": _day(one.last, language), "weeks": one.weeks}
    if one.first == one.last:
        return say(N_("%(first)s: talks between home and school.")) % days
    if one.weeks == 1:
        return say(N_("%(first)s to %(last)s: talks between home and school.")) % days
    return say(N_("%(first)s to %(last)s: talks between home and school, spread over %(weeks)s weeks.")) % days


def _prompt(words: str) -> str:
    return f"- [{words}]"


def _day(day: date, language: Language) -> str:
    written_out = written_day(day, language)
    return written_out[:1].upper() + written_out[1:]


def _text(lines: Iterable[str]) -> str:
    """The lines, in Markdown as it is kept: a line break after the last one, none before the first."""
    return "\n".join(_tidy(list(lines))).strip() + "\n"


def _tidy(lines: Sequence[str]) -> list[str]:
    return [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
