"""What a data folder remembers of the demo: which municipality lives in it, which days were played and how far."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel

from services.demo.schooldays import school_day_from
from services.demo.script import OPENS
from services.demo.subscriptions import Subscription
from services.demo.timetable import local

FILE = "demo.json"


class Played(BaseModel):
    """A day that was played, at least until then on the demo's clock."""

    day: date
    until: AwareDatetime


class Diary(BaseModel):
    """`subscriptions` are the registry's: who wants to hear of changes."""

    seed: int
    schools: int
    pupils: int
    first_day: date
    played: list[Played] = []
    subscriptions: list[Subscription] = []

    def next_day(self, today: date) -> date:
        """The school day to play: today or later, never one that the clock has passed already."""
        day = school_day_from(max([today, self.first_day, *[one.day + timedelta(days=1) for one in self.played]]))
        while any(local(day, OPENS) <= one.until for one in self.played):
            day = school_day_from(day + timedelta(days=1))
        return day

    def begin(self, day: date) -> None:
        """A day begins."""
        self.played.append(Played(day=day, until=local(day, OPENS)))

    def reach(self, instant: datetime) -> None:
        """The day has come so far."""
        self.played[-1].until = max(instant, self.played[-1].until)

    def write(self, data: Path) -> None:
        """Remember in the folder."""
        data.mkdir(parents=True, exist_ok=True)
        (data / FILE).write_text(self.model_dump_json(indent=1), encoding="utf-8")


def open_diary(data: Path, seed: int, schools: int, pupils: int, today: date) -> Diary:
    """What the folder remembers, or a new diary for these wishes."""
    file = data / FILE
    if file.exists():
        return Diary.model_validate_json(file.read_text(encoding="utf-8"))
    first_day = school_day_from(today)
    return Diary(seed=seed, schools=schools, pupils=pupils, first_day=first_day)
