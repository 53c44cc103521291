"""The form in which a round is planned: what it proposes, and what was typed as a plan. Times are the school's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from services.scheduling.domain.round_checks import Problem
from services.scheduling.domain.rounds import (
    PAUSE,
    RUN,
    TALK,
    ClassOf,
    RoundPlan,
    Stretch,
    deadlines,
    instant,
    suggested,
)
from services.scheduling.domain.school_year import SchoolYear
from shared.events.scheduling import TalkKind
from shared.languages import N_

LINES = 6  # evenings the form has room for; more are added on the round's own page
LONGEST = 200
FLAGS = ("video", "separate_talks", "others_may_attend", "even_so")
NUMBERS = {"talk_minutes": TALK, "pause_minutes": PAUSE, "longest_run": RUN, "early_minutes": 0}
NOT_A_DAY = N_("Write the day as 2026-11-17, and the times as 15:00.")
NOT_A_NUMBER = N_("Minutes, and talks in a row, are whole numbers.")
NOT_A_TIME = N_("Write a day and a time, for example 2026-11-10 20:00.")
Typed = dict[str, Any]


def proposed(classes: Sequence[ClassOf], year: SchoolYear, now: datetime, zone: str) -> Typed:
    """What the form says at first: the reader's class (or none of many), two evenings, and dates that fit them."""
    mine = classes if len(classes) == 1 else []
    most = max((one.pupils for one in classes), default=20)
    days = suggested(year, now.astimezone(ZoneInfo(zone)).date(), most)
    answer_by, books_until = deadlines(days, now, zone)
    typed: Typed = {"kind": TalkKind.DEVELOPMENT, "title": "", "classes": [str(one.group_id) for one in mine]}
    typed |= {**NUMBERS, "answer_by": _local(answer_by, zone), "books_until": _local(books_until, zone)}
    typed |= {"books_from": "", "rooms": {}, "days": [(one.day, _clock(one.starts), _clock(one.ends)) for one in days]}
    return typed | {"video": True, "separate_talks": False, "others_may_attend": False, "even_so": False}


def as_typed(form: FormData) -> Typed:
    """The form as it was typed, to be shown again."""
    typed: Typed = {name: _text(form, name) for name in ("title", "answer_by", "books_from", "books_until", *NUMBERS)}
    typed |= {name: typed[name] or usual for name, usual in NUMBERS.items()}
    kind = _text(form, "kind")
    typed["kind"] = TalkKind(kind) if kind in list(TalkKind) else TalkKind.DEVELOPMENT
    typed["classes"] = [str(one) for one in form.getlist("classes")][:LONGEST]
    typed["rooms"] = {name[5:]: str(value)[:60] for name, value in form.items() if name.startswith("room_")}
    given = [tuple(_text(form, f"{what}_{place}") for what in ("day", "from", "to")) for place in range(LINES)]
    typed["days"] = [one for one in given if any(one)]
    return typed | {name: name in form for name in FLAGS}


def planned(
    typed: Typed, classes: Iterable[ClassOf], title: str, zone: str
) -> tuple[RoundPlan, list[ClassOf], list[Problem]]:
    """What was typed as a plan, the classes it is about (of those that may be chosen), and what could not be read."""
    wrong: list[Problem] = []
    chosen = [one for one in classes if str(one.group_id) in typed["classes"]]
    answer_by, books_until = (_instant(typed[name], zone, wrong) for name in ("answer_by", "books_until"))
    books_from = _instant(typed["books_from"], zone, wrong) if typed["books_from"] else None
    plan = RoundPlan(
        school_id=chosen[0].school_id if chosen else UUID(int=0),
        kind=typed["kind"],
        title=typed["title"] or title,
        group_ids=tuple(one.group_id for one in chosen),
        days=tuple(found for day, *hours in typed["days"] if (found := stretch_of(day, hours[0], hours[1], wrong))),
        answer_by=answer_by,
        books_until=books_until,
        books_from=books_from,
        rooms={host: room for one in chosen for host in one.mentors if (room := _room(typed, one))},
        **_rest(typed, wrong),
    )
    return plan, chosen, wrong


def stretch_of(day: Any, starts: Any, ends: Any, wrong: list[Problem]) -> Stretch | None:
    """A day and its hours as they were typed; None, and a problem, when they cannot be read."""
    try:
        its_day = date.fromisoformat(str(day).strip())
        hours = (time.fromisoformat(str(one).strip()).replace(tzinfo=None) for one in (starts, ends))
        return Stretch(its_day, *hours)
    except ValueError:
        wrong.append(Problem(NOT_A_DAY))
        return None


def _rest(typed: Typed, wrong: list[Problem]) -> dict[str, Any]:
    numbers = {name: _number(typed[name], usual, wrong) for name, usual in NUMBERS.items()}
    return numbers | {name: typed[name] for name in FLAGS}


def _room(typed: Typed, one: ClassOf) -> str:
    rooms: Mapping[str, str] = typed["rooms"]
    return rooms.get(str(one.group_id), "").strip()


def _number(said: Any, usual: int, wrong: list[Problem]) -> int:
    try:
        return min(max(int(str(said).strip() or usual), 0), 10_000)
    except ValueError:
        wrong.append(Problem(NOT_A_NUMBER))
        return usual


def _instant(said: Any, zone: str, wrong: list[Problem]) -> datetime:
    try:
        there = datetime.fromisoformat(str(said).strip()).replace(tzinfo=None)
        if not 2000 <= there.year < 2100:
            raise ValueError
        return instant(there.date(), there.time().replace(second=0, microsecond=0), zone)
    except ValueError:
        wrong.append(Problem(NOT_A_TIME))
        return instant(date(2000, 1, 1), time(), zone)


def _text(form: FormData, name: str) -> str:
    said = form.get(name, "")
    return said.replace("\x00", "").strip()[:LONGEST] if isinstance(said, str) else ""


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def _clock(at: time) -> str:
    return f"{at:%H:%M}"
