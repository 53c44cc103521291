"""Runs the demo: the stack, the world around it, the day, the account at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import monotonic

from deploy.embedded.process import StartFailed, require_free
from deploy.embedded.stack import Stack, free_ports, ports_from
from services.demo.actions import Action, Report
from services.demo.bulletins.account import BulletinAccount
from services.demo.bulletins.hops import Hops
from services.demo.bulletins.plan import plan_bulletins
from services.demo.bulletins.play import HalfYearPlay
from services.demo.catcher import Mail
from services.demo.clock import DemoClock
from services.demo.day import play, prepare
from services.demo.diary import Diary, open_diary
from services.demo.evidence import brought, served, to_call
from services.demo.ledger import Evidence, Figures, Ledger
from services.demo.records import STOCKHOLM
from services.demo.talks.account import TalkAccount
from services.demo.talks.crowd import Crowd
from services.demo.talks.plan import plan_round
from services.demo.talks.play import Play
from services.demo.timetable import local
from services.demo.world import World, WorldPorts, world_before
from shared.clock import PacedClock

WARM_UP = timedelta(seconds=6)  # from the start of the services to the opening of the day, in real time
EACH = "each"
# Each in the middle of its work: reports and corrections come in, grace periods end, mails go out.
KILLS = {
    "registry": time(8, 32),
    "absence": time(8, 58),
    "notifications": time(9, 58),
    "notifications-bulk": time(9, 30),
    "portal": time(10, 20),
    "scheduling": time(10, 40),
    "bulletins": time(11, 0),
}
SETTLE_SECONDS = 40.0
QUIET_SECONDS = 3.0
DIARY_SECONDS = 2.0
SAY_EVERY = timedelta(hours=1)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What the command was asked for."""

    data: Path
    once: bool
    speed: float
    schools: int
    pupils: int
    seed: int
    first_port: int | None
    grace_minutes: int
    half_year: bool = True
    kill: Sequence[str] = ()


@dataclass
class Demo:
    """One run of the demo. `say` tells the person in front of it how it goes."""

    wishes: Wishes
    say: Say
    ready: Callable[[Demo], None]
    done: Callable[[Figures, float], None]
    began: float = field(default_factory=monotonic)
    reported: int = 0
    talks: Play | None = None
    half_year: HalfYearPlay | None = None
    diary: Diary = field(init=False)
    world: World = field(init=False)
    stack: Stack = field(init=False)

    async def run(self) -> Figures:
        """Start everything, play the day, balance the account; then go on until cancelled unless `once`.

        Whatever was started is stopped when this returns or raises. Raises StartFailed.
        """
        wishes = self.wishes
        if unknown := set(wishes.kill) - {*KILLS, EACH}:
            raise StartFailed(f"There is no service {', '.join(sorted(unknown))} to kill.")
        ports = ports_from(wishes.first_port) if wishes.first_port else free_ports()
        world_ports = WorldPorts.from_first(wishes.first_port) if wishes.first_port else WorldPorts.free()
        require_free([*ports.values(), *world_ports.all])
        self.stack = Stack(wishes.data, ports)
        try:
            self.stack.start_servers()
            self._open(world_ports)
            return await self._live()
        finally:
            self.stack.stop()

    def _open(self, ports: WorldPorts) -> None:
        """Open the diary at the next school day; the clock stands just before it."""
        wishes, today = self.wishes, datetime.now(STOCKHOLM).date()
        self.diary = open_diary(wishes.data, wishes.seed, wishes.schools, wishes.pupils, today)
        day = self.diary.next_day(today)
        stage, plan = world_before(self.diary, day)
        clock = DemoClock(PacedClock(plan.opens, datetime.now(UTC) + WARM_UP, wishes.speed))
        self.world = World(stage, plan, clock, ports, self.diary, wishes.data)
        self.talks = self._round()
        self.half_year = self._half_year() if wishes.half_year and not self.diary.played else None
        self.diary.begin(day)
        self.diary.write(wishes.data)

    def _round(self) -> Play | None:
        """The day's round of talks; each day that is played has other classes. None when there are none left."""
        plan = plan_round(self.world.stage.whole, self.world.plan, len(self.diary.played))
        if plan is None:
            return None
        portal, pages = (f"http://127.0.0.1:{self.stack.ports[name]}" for name in ("portal", "scheduling"))
        return Play(plan, Crowd(self.world.clock, portal, pages), self._news)

    def _half_year(self) -> HalfYearPlay:
        """The half-year before the first day, and its bulletins."""
        portal, pages = (f"http://127.0.0.1:{self.stack.ports[name]}" for name in ("portal", "bulletins"))
        plan = plan_bulletins(self.world.stage.whole, self.world.plan)
        hops = Hops(self.stack, self.world, self.wishes.grace_minutes)
        return HalfYearPlay(plan, hops, portal, pages, self._missing, self._news)

    def _missing(self) -> int:
        """How many bulletins have not come to somebody they are for."""
        account = self._bulletins(list(self.world.mailboxes.newest()))
        return len(account.lost()) if account else 0

    def _news(self, line: str) -> None:
        """Something has happened that whoever watches may want to look at."""
        self.say(f"{self._clock()}  {line}")

    async def _live(self) -> Figures:
        portal = f"http://127.0.0.1:{self.stack.ports['portal']}"
        async with self.world.inhabited(portal):
            if self.half_year:
                await self.half_year.before()
            await self._morning()
            self.ready(self)
            tasks = [asyncio.create_task(work) for work in self._beside()]
            try:
                return await self._day()
            finally:
                for task in tasks:
                    task.cancel()
                self._remember()

    async def _morning(self) -> None:
        """The day that is played is about to open: its timetable is in the registry, and the clock begins to run."""
        world = self.world
        before = timedelta(seconds=1.3 * self.half_year.start_seconds) if self.half_year else WARM_UP
        world.clock.set(world.plan.opens, datetime.now(UTC) + max(WARM_UP, before), self.wishes.speed)
        prepare(world.plan, world.stage)
        await self.stack.start_services(world.env(self.stack.ports, self.wishes.grace_minutes))

    def _beside(self) -> list[Coroutine[None, None, None]]:
        """What goes on beside the day."""
        played = [one.run() for one in (self.talks, self.half_year) if one]
        return [self.stack.keep(), self._kill(), self._tell_hours(), self._keep_diary(), *played]

    async def _day(self) -> Figures:
        world = self.world
        await play(world.plan, world.stage, world.clock, self._watch)
        ledger = await self._settled()
        figures = ledger.figures()
        for fault in ledger.faults():
            self.say(fault)
        self.done(figures, monotonic() - self.began)
        if not self.wishes.once:
            await asyncio.Event().wait()
        return figures

    def _watch(self, action: Action) -> None:
        if isinstance(action, Report):
            self.reported += sum(mark.reported for mark in action.marks)

    async def _settled(self) -> Ledger:
        """The account when it balances and no more mail comes, or when the patience is over."""
        deadline, quiet_since, seen = monotonic() + SETTLE_SECONDS, monotonic(), -1
        while True:
            ledger = self.ledger()
            figures, now = ledger.figures(), monotonic()
            if figures.mails != seen:
                quiet_since, seen = now, figures.mails
            if now > deadline or (figures.ok and now - quiet_since > QUIET_SECONDS):
                return ledger
            await asyncio.sleep(1)

    def ledger(self) -> Ledger:
        """The account as it stands."""
        world = self.world
        url = self.stack.owner_url("notifications", "postgresql")
        played = [adult.id for adult in world.stage.whole.adults.values() if adult.simulated]
        since = world.clock.starts_at - timedelta(hours=6)
        mails = list(world.mailboxes.newest())
        evidence = Evidence(mails, served(url, played, since), to_call(url, since), world.mailboxes.repeats)
        return Ledger(world.stage.whole, world.plan, evidence, self._talks, self._bulletins)

    def _talks(self, mails: Sequence[Mail]) -> TalkAccount | None:
        """The account of the round with these mails."""
        if self.talks is None:
            return None
        play, whole = self.talks, self.world.stage.whole
        return TalkAccount(whole, play.plan, play.facts, play.crowd.failed, mails, alone=self.wishes.once)

    def _bulletins(self, mails: Sequence[Mail]) -> BulletinAccount | None:
        """The account of the half-year with these mails."""
        if self.half_year is None:
            return None
        play, whole = self.half_year, self.world.stage.whole
        played = [adult.id for adult in whole.adults.values() if adult.simulated]
        came = brought(self.stack.owner_url("notifications", "postgresql"), played)
        return BulletinAccount(play.plan, play.facts, play.failed, mails, came, alone=self.wishes.once)

    async def _kill(self) -> None:
        """Kill services in the middle of the morning, one after another, as a power cut would."""
        for name, at in KILLS.items():
            if name not in self.wishes.kill and EACH not in self.wishes.kill:
                continue
            await self._until(local(self.world.plan.day, at))
            self.say(f"{self._clock()}  {name} is killed")
            self.stack.keepers[name].child.kill()

    async def _keep_diary(self) -> None:
        while True:
            self._remember()
            await asyncio.sleep(DIARY_SECONDS)

    def _remember(self) -> None:
        self.diary.reach(self.world.clock.now())
        self.diary.write(self.wishes.data)

    async def _tell_hours(self) -> None:
        hour = self.world.plan.opens.replace(minute=0) + SAY_EVERY
        while True:
            await self._until(hour)
            mails = len(self.world.mailboxes.kept)
            self.say(f"{self._clock()}  {self.reported:,} marks reported, {mails:,} mails received")
            hour += SAY_EVERY
            if hour > self.world.plan.closes:
                return

    async def _until(self, instant: datetime) -> None:
        left = (instant - self.world.clock.now()).total_seconds()
        await self.world.clock.sleep(max(0.0, left))

    def _clock(self) -> str:
        now = self.world.clock.now().astimezone(STOCKHOLM)
        return f"{now:%H:%M}" if now.date() == self.world.plan.day else f"{now:%d.%m %H:%M}"
