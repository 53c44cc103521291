"""Times, dates and numbers as people write them, as filters of the templates of one language.

An instant is written where the school is: with the zone given, else the page's own (`zone` in its context).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from babel.numbers import format_decimal, format_percent
from babel.support import Translations

from shared.languages import Language, written, written_day

Filter = Callable[..., str]


class Page(Protocol):
    """What the filters may know of the page being written."""

    def __call__(self) -> Mapping[str, Any]:
        """The page's context: `zone` and `now`."""
        ...


def filters(language: Language, words: Translations, page: Page) -> dict[str, Filter]:
    """The filters of one language's templates."""

    def local(instant: datetime, zone: str | None) -> datetime:
        return instant.astimezone(ZoneInfo(zone or page()["zone"]))

    def clock(instant: datetime, zone: str | None = None) -> str:
        return local(instant, zone).strftime("%H:%M")

    def day(day: date) -> str:
        return written_day(day, language)

    def long_day(day: date) -> str:
        return f"{written_day(day, language)} {day.year}"

    def short_day(day: date) -> str:
        return written(day, language.short_day, language.locale)

    def instant(instant: datetime, zone: str | None = None) -> str:
        here, today = local(instant, zone), local(page()["now"], zone).date()
        when = _near(words, here.date(), today) or (day if here.year == today.year else long_day)(here.date())
        return f"{when} {here:%H:%M}"

    def minutes(count: int) -> str:
        return words.ungettext("%(num)s minute", "%(num)s minutes", count) % {"num": count}

    given: tuple[Filter, ...] = (clock, day, long_day, short_day, instant, minutes)
    return {one.__name__: one for one in given} | {"number": _numbers(language), "percent": _percents(language)}


def _near(words: Translations, day: date, today: date) -> str:
    """Today, yesterday or tomorrow in words; nothing for other days."""
    if day == today:
        return words.ugettext("today")
    if day == today - timedelta(days=1):
        return words.ugettext("yesterday")
    return words.ugettext("tomorrow") if day == today + timedelta(days=1) else ""


def _numbers(language: Language) -> Filter:
    @lru_cache(4096)
    def number(value: float) -> str:
        return format_decimal(value, locale=language.locale)

    return number


def _percents(language: Language) -> Filter:
    def percent(part: float, whole: float = 1) -> str:
        """Rounded down, so that 100 means all."""
        share = int(part * 100 // whole) if whole else 0
        return format_percent(share / 100, locale=language.locale)

    return percent
