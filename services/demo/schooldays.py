"""Which days are school days in the invented municipality. Holidays are not known here."""

from __future__ import annotations

from datetime import date, timedelta

SCHOOL_DAYS = range(5)  # Monday to Friday


def school_day_from(day: date) -> date:
    """That day, or the next one on which there is school. Holidays are not known here."""
    while day.weekday() not in SCHOOL_DAYS:
        day += timedelta(days=1)
    return day


def school_day_before(day: date) -> date:
    """The last school day before that one."""
    day -= timedelta(days=1)
    while day.weekday() not in SCHOOL_DAYS:
        day -= timedelta(days=1)
    return day
