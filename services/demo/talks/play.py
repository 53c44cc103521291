"""The round as it goes: who does what at which time of the demo's day. Nothing here ever stops the day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from services.demo.talks.around import Around
from services.demo.talks.crowd import Crowd
from services.demo.talks.facts import Facts
from services.demo.talks.home import ANSWER_BY, Homes
from services.demo.talks.plan import TALK_MINUTES, Home, Mood, RoundOfTalks
from services.demo.talks.school import School
from services.demo.timetable import local

OPENS, ANSWERED = time(7, 50), (time(7, 56), time(8, 28))
PROPOSED, LAST_CHANGE = time(8, 33), time(9, 0)
ACCEPTED, HURRIED = (time(8, 46), time(10, 0)), (time(8, 46), time(9, 10))
MEETING, OFFER, ILL = time(10, 15), time(10, 45), time(11, 0)
BEFORE, AFTERWARDS = timedelta(minutes=40), timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
Say = Callable[[str], None]


@dataclass
class Play:
    """One round, from its opening to its last signature. `say` tells those who watch how far it is."""

    plan: RoundOfTalks
    crowd: Crowd
    say: Say
    facts: Facts = field(default_factory=Facts)
    school: School = field(init=False)
    homes: Homes = field(init=False)
    around: Around = field(init=False)

    def __post_init__(self) -> None:
        self.school = School(self.plan, self.crowd, self.facts)
        self.homes = Homes(self.plan, self.crowd, self.facts)
        self.around = Around(self.plan, self.crowd, self.facts)

    async def run(self) -> None:
        """Let it happen. What does not work is in the crowd's `failed`; only being cancelled is raised."""
        try:
            await self._course()
        except Exception as fault:  # the day goes on
            self.crowd.failed.append(f"the round ended early: {fault!r}")
        finally:
            self.facts.over = True
            await self.crowd.end()

    async def _course(self) -> None:
        await self._until(OPENS)
        last = self.plan.at(LAST_CHANGE, len(self.plan.days) - 1)
        if not await self.school.opens(self.plan.at(ANSWER_BY), last) or self.facts.round_id is None:
            self.say("talks: no round could be opened")
            return
        self.homes.talks = self.plan.talks(self.facts.round_id)
        names = " and ".join(one.name for one in self.plan.classes)
        self.say(f"talks: {self.plan.school.name} asks the homes of {names} when they can come")
        await self._spread(
            [self.homes.answers(home) for home in self.plan.homes if home.mood is not Mood.SILENT], *ANSWERED
        )
        await self._until(PROPOSED)
        if not await self.school.proposes():
            return
        await self.school.looks()
        self.say(f"talks: times are proposed for {len(self.facts.standing)} talks, and the homes answer")
        await self._together(
            self._decisions(),
            self._todays(),
            self._at(MEETING, self.around.meeting),
            self._at(OFFER, self.around.offer),
            self._at(ILL, self._is_ill),
        )
        await self.school.looks()
        self.say(f"talks: {len(self.facts.signed)} plans are signed; {self.crowd.asked} pages were asked for")

    async def _decisions(self) -> None:
        """First those whose talk is soonest, then the others."""
        hurried = [home for home in self.plan.homes if self._is_today(home)]
        later = [home for home in self.plan.homes if home not in hurried]
        await self._spread([self.homes.decides(home, in_a_hurry=True) for home in hurried], *HURRIED)
        await self._spread([self.homes.decides(home, in_a_hurry=False) for home in later], *ACCEPTED)

    def _is_today(self, home: Home) -> bool:
        return any(one in self._today() for one in self.homes.talks_of(home))

    def _today(self) -> dict[UUID, datetime]:
        """Today's talks, and when each begins, as their hosts last saw it."""
        today = self.plan.days[0]
        there = self.facts.standing.items()
        return {talk: local(today, time.fromisoformat(clock)) for talk, (day, clock) in there if day == today}

    async def _todays(self) -> None:
        """Today's talks, each at its time."""
        times = sorted(self._today().items(), key=lambda one: one[1])
        await self._together(*[self._talk(talk_id, at, number) for number, (talk_id, at) in enumerate(times)])

    async def _talk(self, talk_id: UUID, starts_at: datetime, number: int) -> None:
        """One talk: prepared by all sides (the homes by every other), held, written down, signed."""
        if talk_id not in self.homes.talks:
            return
        pupil, _ = self.homes.talks[talk_id]
        host, home = self.school.host_of(pupil), self.plan.home_of(pupil)
        await self.crowd.until(starts_at - BEFORE)
        await self.homes.prepares(host.id, talk_id, "school")
        if number % 2 == 0:
            await self.homes.prepares(home.adult.id, talk_id, "home")
            await self.homes.prepares(pupil.id, talk_id, "pupil")
        await self.crowd.until(starts_at + TALK_MINUTES * MINUTE)
        await self.school.agrees(talk_id, host)
        await self.crowd.until(starts_at + TALK_MINUTES * MINUTE + AFTERWARDS)
        await self.homes.sign(talk_id)
        if len(self.facts.signed) == 1 and talk_id in self.facts.signed:
            self.say("talks: the first plan is signed by the school, the home and the pupil")

    async def _is_ill(self) -> None:
        self.say("talks: a mentor is ill on the last day; new times are looked for")
        if await self.school.is_ill():
            self.say("talks: the new times are adopted, and the homes are told")

    async def _until(self, clock: time) -> None:
        await self.crowd.until(self.plan.at(clock))

    async def _at(self, clock: time, does: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._until(clock)
        await does()

    async def _spread(self, doings: list[Coroutine[Any, Any, None]], first: time, last: time) -> None:
        """Begin them evenly between these times, and wait for all."""
        apart = (self.plan.at(last) - self.plan.at(first)) / max(len(doings), 1)

        async def one(place: int, doing: Coroutine[Any, Any, None]) -> None:
            await self.crowd.until(self.plan.at(first) + place * apart)
            await doing

        await self._together(*(one(place, doing) for place, doing in enumerate(doings)))

    async def _together(self, *doings: Coroutine[Any, Any, None]) -> None:
        """All of them; what breaks is noted and breaks nothing else."""
        done: Iterable[object] = await asyncio.gather(*doings, return_exceptions=True)
        self.crowd.failed += [f"unexpected: {fault!r}" for fault in done if isinstance(fault, Exception)]
