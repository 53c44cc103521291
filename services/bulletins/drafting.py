"""Drafting a class bulletin from real events, in the language of whoever is to read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain import drafts
from services.bulletins.domain.drafts import Draft, Known, Line, Meeting, Talks
from services.bulletins.domain.plans import country_of, holiday
from services.bulletins.domain.trends import Trend, trend
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.facts import Facts, to_draft_from
from services.bulletins.tables import KnownMeeting
from shared.clock import DEFAULT_ZONE, local_date
from shared.languages import LANGUAGES, choose, translations, written
from shared.web.pages import DOMAIN

LOCALES = Path(__file__).parent / "locales"

__all__ = ["Draft", "draft", "known_of"]


async def draft(
    session: AsyncSession,
    group_ids: Iterable[UUID],
    author_id: UUID,  # noqa: ARG001 - whoever writes: the draft is the class's, and the same for each of its mentors
    settings: BulletinsSettings,
    now: datetime,
    language: str,
) -> Draft:
    """The two parts of a bulletin for these classes, in this language (BCP 47), in Markdown. One statement.

    Made of what is known now: subjects, the diary, meetings and talks to come, days off; the trend of a class's absence
    only where `domain.trends` allows it. What is not known is asked of the author in square brackets.
    """
    day = now.date()  # a day more or less does not matter for what is fetched; each school's own day decides below
    facts = await to_draft_from(session, group_ids, day - timedelta(days=1), now)
    zone = facts.school.zone if facts.school else DEFAULT_ZONE
    today, tongue = local_date(now, zone), choose(language)
    words = translations(LOCALES, tongue.tag, DOMAIN)
    known = known_of(facts, today, zone, settings.smallest_group)
    return drafts.written(
        known, today, words.gettext, LANGUAGES[tongue.tag], lambda month: written(month, "LLLL", tongue.locale)
    )


def known_of(facts: Facts, today: date, zone: str, smallest: int) -> Known:
    """What may be told of these facts, in the school's own time."""
    mine = {str(group.group_id) for group in facts.groups}
    country, ahead = country_of(zone), [today + timedelta(days=place) for place in range(drafts.AHEAD.days + 1)]
    return Known(
        classes=tuple(group.name for group in facts.groups),
        subjects=tuple(dict.fromkeys(sorted(one.name for one in facts.subjects if one.attendance_taken))),
        trends=tuple(_trends(facts, today, smallest)),
        month=(today.replace(day=1) - timedelta(days=1)).replace(day=1),
        diary=tuple(Line(one.on, one.words) for one in sorted(facts.diary, key=lambda one: (one.on, one.written_at))),
        meetings=tuple(_meeting(one, zone) for one in facts.meetings if mine.intersection(one.group_ids)),
        talks=tuple(_talks(facts, zone)),
        days_off=tuple((day, name) for day in ahead if day.weekday() < 5 and (name := holiday(country, day))),
        half_years=tuple(_half_years(facts)),
        since=local_date(facts.last_sent, zone) if facts.last_sent else None,
    )


def _trends(facts: Facts, today: date, smallest: int) -> Iterator[tuple[str, Trend]]:
    for group in facts.groups:
        if said := trend(facts.months, facts.inside(group, today), today, smallest):
            yield group.name, said


def _talks(facts: Facts, zone: str) -> Iterator[Talks]:
    rounds: defaultdict[UUID, list[date]] = defaultdict(list)
    for one in facts.talks:
        if one.starts_at is not None:
            rounds[one.round_id].append(local_date(one.starts_at, zone))
    for days in rounds.values():
        yield Talks(min(days), max(days), len(days))


def _half_years(facts: Facts) -> Sequence[tuple[date, bool]]:
    return [day for half in facts.half_years for day in ((half.starts, True), (half.ends, False))]


def _meeting(one: KnownMeeting, zone: str) -> Meeting:
    starts, ends = one.starts_at.astimezone(ZoneInfo(zone)), one.ends_at.astimezone(ZoneInfo(zone))
    return Meeting(starts.date(), starts.time(), ends.time(), one.title, one.place)
