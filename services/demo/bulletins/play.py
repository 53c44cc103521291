"""The half-year as it goes: what was before the day that is played, in hops; and what goes on in the day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from time import monotonic
from typing import Any

from services.demo.bulletins.facts import Facts
from services.demo.bulletins.homes import Homes
from services.demo.bulletins.hops import Hops
from services.demo.bulletins.mails import letter_of
from services.demo.bulletins.plan import (
    LATE_NUMBER,
    READING_BY_LINK,
    READING_IN_PORTAL,
    Bulletins,
    morning,
    nights_after,
)
from services.demo.bulletins.school import Staff
from services.demo.people import SchoolClass
from services.demo.schooldays import school_day_before, school_day_from
from services.demo.talks.crowd import Crowd
from services.demo.timetable import local

IMPORTED = time(15)
READ, TALKED = (time(11, 15), time(12, 15)), time(12, 20)
ARRIVES_SECONDS = 25.0  # real ones, for all the mails of a day long ago
LOOK_SECONDS = 0.25
Say = Callable[[str], None]
Missing = Callable[[], int]


@dataclass
class HalfYearPlay:
    """One half-year. `missing` says how many bulletins have not come to somebody yet; `say` tells those who watch."""

    plan: Bulletins
    hops: Hops
    portal: str
    pages: str
    missing: Missing
    say: Say
    facts: Facts = field(default_factory=Facts)
    failed: list[str] = field(default_factory=list)
    start_seconds: float = 0.0

    # Before the day

    async def before(self) -> None:
        """Everything until the day that is played. What does not work is in `failed`. Raises StartFailed."""
        dates = self.plan.dates
        self.say(f"the half-year so far: it began on {dates.starts:%d %B}; this takes a moment")
        await self._on(morning(dates.imported, IMPORTED), self._import)
        await self._on(morning(dates.first_writing), self._first)
        second = self._due(LATE_NUMBER)
        await self._on(morning(school_day_before(second)), self._second)
        await self._on(morning(school_day_from(nights_after(second))), self._late)
        await self.hops.leave()

    async def _on(self, at: datetime, does: Callable[[Staff], Coroutine[Any, Any, None]]) -> None:
        began = monotonic()
        await self.hops.to(at)
        self.start_seconds = monotonic() - began
        crowd = self._crowd(self.pages)
        try:
            await does(Staff(self.plan, crowd, self.facts))
        finally:
            await crowd.end()
        await self._arrived()

    async def _import(self, staff: Staff) -> None:
        await self._together(staff.is_known(one) for one in self.plan.classes)

    async def _first(self, staff: Staff) -> None:
        await self._together(staff.plans(school) for school in self.plan.schools())
        await self._together(staff.writes(one) for one in self.plan.classes)
        await staff.trusts()
        self.say(f"the half-year so far: {len(self.facts.left)} classes have sent their first bulletin")

    async def _second(self, staff: Staff) -> None:
        await self._until(lambda: all(map(self._has_mail, self.plan.classes)))
        self._told("reminded of the second bulletin", [one for one in self.plan.classes if not self._has_mail(one)])
        portal = self._crowd(self.portal)
        homes = Homes(staff.crowd, portal, self.hops.world.mailboxes, self.facts)
        adult, _ = next(self.plan.families())
        await homes.gathers(adult)
        await portal.end()
        await self._together(staff.writes(one) for one in self.plan.classes if one != self.plan.late)
        self.say(f"the half-year so far: all but {self.plan.late.name} have sent their second bulletin")

    async def _late(self, staff: Staff) -> None:
        one = self.plan.late
        principal = self.plan.principal_of(one.school).email
        await self._until(lambda: self._has_mail(one) and self._mails(principal, "/bulletins/plan"))
        if not (self._has_mail(one) and self._mails(principal, "/bulletins/plan")):
            self._told("chased for the late bulletin", [one])
        await staff.writes(one)
        self.say(f"the half-year so far: {one.name} was chased, and has sent its second bulletin late")

    def _told(self, what: str, never: Iterable[SchoolClass]) -> None:
        self.failed += [f"the mentor of {one.name} was never {what}" for one in never]

    def _has_mail(self, one: SchoolClass) -> bool:
        """True when the class's mentor has had a mail about its plan since this day began."""
        mentor = next(who for who in self.plan.whole.employees if who.id == one.mentor_id)
        return self._mails(mentor.email, f"/bulletins/classes/{self.plan.group(one)}")

    def _mails(self, address: str, path: str) -> bool:
        since = self.hops.world.clock.starts_at
        mine = (mail for mail in self.hops.world.mailboxes.newest() if mail.recipient == address and mail.at >= since)
        return any((letter := letter_of(mail)) is not None and letter.path == path for mail in mine)

    def _due(self, number: int) -> date:
        """The day on which that bulletin is due; of most classes, since one may have moved it."""
        days = sorted(due[number - 1] for due in self.facts.due.values() if len(due) >= number)
        return (
            days[len(days) // 2] if days else self.plan.dates.starts + (self.plan.day - self.plan.dates.starts) * 2 / 3
        )

    async def _arrived(self) -> None:
        """Wait until everything that was sent has come to everybody."""
        await self._until(lambda: self.missing() == 0)

    async def _until(self, done: Callable[[], bool]) -> None:
        deadline = monotonic() + ARRIVES_SECONDS
        while not done() and monotonic() < deadline:  # noqa: ASYNC110 - what comes, comes from other processes
            await asyncio.sleep(LOOK_SECONDS)

    # The day

    async def run(self) -> None:
        """The day that is played: the third bulletin, and what homes do with it. Only being cancelled is raised."""
        crowd, portal = self._crowd(self.pages), self._crowd(self.portal)
        try:
            await self._day(
                Staff(self.plan, crowd, self.facts), Homes(crowd, portal, self.hops.world.mailboxes, self.facts)
            )
        except Exception as fault:  # the day goes on
            self.failed.append(f"the half-year ended early: {fault!r}")
        finally:
            self.facts.over = True
            await crowd.end()
            await portal.end()

    async def _day(self, staff: Staff, homes: Homes) -> None:
        await self._together(self._third(staff, place, one) for place, one in enumerate(self.plan.classes))
        self.say(f"bulletins: {len(self.facts.left)} of {self.plan.owed} are sent; the homes read")
        by_class = {
            one.school_class.id: one.bulletin_id
            for one in self.facts.sent.values()
            if one.number == self.plan.owed // len(self.plan.classes)
        }
        readers = [(adult, pupil, by_class.get(pupil.school_class.id)) for adult, pupil in self.plan.families()][1:]
        mine = [(adult, pupil, bulletin_id) for adult, pupil, bulletin_id in readers if bulletin_id]
        doings = [homes.reads(adult, bulletin_id) for adult, _, bulletin_id in mine[:READING_IN_PORTAL]]
        last = READING_IN_PORTAL + READING_BY_LINK
        doings += [homes.confirms(adult, bulletin_id) for adult, _, bulletin_id in mine[READING_IN_PORTAL:last]]
        await self._spread(doings, *READ)
        await staff.crowd.until(local(self.plan.day, TALKED))
        adult, pupil, bulletin_id = mine[0]
        await homes.answers(adult, bulletin_id)
        await homes.talk(adult, pupil)
        self.say(f"bulletins: {self.facts.read} homes have said that they have read; one asks the mentor, who answers")

    async def _third(self, staff: Staff, place: int, one: SchoolClass) -> None:
        await staff.crowd.until(self.plan.third_at(place))
        await staff.writes(one)

    async def _spread(self, doings: list[Coroutine[Any, Any, None]], first: time, last: time) -> None:
        begins, ends = local(self.plan.day, first), local(self.plan.day, last)
        apart = (ends - begins) / max(len(doings), 1)

        async def one(place: int, doing: Coroutine[Any, Any, None]) -> None:
            left = (begins + place * apart - self.hops.world.clock.now()).total_seconds()
            await self.hops.world.clock.sleep(max(0.0, left))
            await doing

        await self._together(one(place, doing) for place, doing in enumerate(doings))

    def _crowd(self, pages: str) -> Crowd:
        return Crowd(self.hops.world.clock, self.portal, pages, self.failed)

    async def _together(self, doings: Iterable[Coroutine[Any, Any, None]]) -> None:
        """All of them; what breaks is noted and breaks nothing else."""
        done: Iterable[object] = await asyncio.gather(*doings, return_exceptions=True)
        self.failed += [f"unexpected: {fault!r}" for fault in done if isinstance(fault, Exception)]
