"""What the school does in the round: opens it, proposes times, prepares, holds talks, and finds new times in need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.demo.people import Employee, Pupil
from services.demo.records import STOCKHOLM
from services.demo.talks import words
from services.demo.talks.crowd import Crowd
from services.demo.talks.facts import Facts, When, day_words, programme
from services.demo.talks.plan import (
    LATER,
    LONGEST_RUN,
    PAUSE_MINUTES,
    TALK_MINUTES,
    TODAY,
    RoundOfTalks,
)
from services.demo.visitor import NotThere, Page, Visitor

NEW, INTERPRETERS = "/talks/rounds/new", "/talks/interpreters"
ROUND = re.compile(r"/talks/rounds/([0-9a-f-]{36})")
PUPILS = r'<label for="class-{group}">[^<]*?(\d+)[^<\d]*</label>'
FIRST_PATIENCE = 60.0  # real seconds until everybody has come from the registry
GOOD_ENOUGH = timedelta(minutes=5)  # after so long the best that is there is adopted
HOURS = {"starts": f"{LATER[0]:%H:%M}", "ends": f"{LATER[1]:%H:%M}"}
OPENING, CHECKING = ("act", "open"), ("act", "check")


@dataclass
class School:
    """The staff at their browsers."""

    plan: RoundOfTalks
    crowd: Crowd
    facts: Facts
    booked_before: int | None = None  # stretches of interpreters, before this round's

    async def opens(self, answer_by: datetime, books_until: datetime) -> bool:
        """The principal books an interpreter and opens the round; True when it is open."""
        me = self.plan.principal.id
        for home in self.plan.homes[:2] + self.plan.homes[-4:]:
            await self.crowd.does(home.adult.id, "being known as a guardian", _is_known, FIRST_PATIENCE)
        await self.crowd.does(me, "booking an interpreter", self._interpreter, FIRST_PATIENCE)

        async def step(visitor: Visitor) -> UUID:
            page = await self._complete(visitor)
            form = self._planned(answer_by, books_until)
            checked = await visitor.look(page.form(NEW, CHECKING), form, CHECKING)
            return _opened(await visitor.send(checked.form(NEW, OPENING), press=OPENING))

        async def once(visitor: Visitor) -> UUID:
            """The same, unless the round is there already because only the answer was lost."""
            there = (await visitor.open("/talks/rounds")).text
            mine = re.search(rf'href="/talks/rounds/([0-9a-f-]{{36}})">{re.escape(self._title)}<', there)
            return UUID(mine[1]) if mine else await step(visitor)

        self.facts.round_id = await self.crowd.does(me, "opening the round", once, FIRST_PATIENCE)
        return self.facts.round_id is not None

    @property
    def _title(self) -> str:
        plan = self.plan
        return f"{words.title([one.name for one in plan.classes])} {plan.days[0]:%d.%m}"

    async def _complete(self, visitor: Visitor) -> Page:
        """The page with the classes, as soon as all pupils have come from the registry. Raises NotThere before."""
        page = await visitor.open(NEW)
        for one in self.plan.classes:
            there = sum(pupil.school_class.id == one.id for pupil in self.plan.pupils)
            said = re.search(PUPILS.format(group=one.id), page.text)
            if said is None or int(said[1]) != there:
                raise NotThere(f"{one.name} is not complete yet")
        return page

    def _planned(self, answer_by: datetime, books_until: datetime) -> dict[str, str | list[str]]:
        """The form as the principal fills it in."""
        plan, form = self.plan, dict[str, str | list[str]]()
        form |= {"title": self._title, "classes": [str(one.id) for one in plan.classes]}
        form |= {f"room_{one.id}": room for one, room in zip(plan.classes, words.ROOMS, strict=False)}
        hours = (TODAY, *[LATER] * (len(plan.days) - 1))
        for number in range(6):
            there = number < len(plan.days)
            form[f"day_{number}"] = plan.days[number].isoformat() if there else ""
            form[f"from_{number}"] = f"{hours[number][0]:%H:%M}" if there else ""
            form[f"to_{number}"] = f"{hours[number][1]:%H:%M}" if there else ""
        form |= {"talk_minutes": str(TALK_MINUTES), "pause_minutes": str(PAUSE_MINUTES)}
        form |= {"longest_run": str(LONGEST_RUN), "even_so": "on", "separate_talks": "on", "video": "on"}
        return form | {"answer_by": _typed(answer_by), "books_until": _typed(books_until)}

    async def _interpreter(self, visitor: Visitor) -> None:
        page = await visitor.open(INTERPRETERS)
        if words.INTERPRETER not in page.text:
            await visitor.send(page.form(INTERPRETERS), {"name": words.INTERPRETER, "languages": words.LANGUAGE})
            page = await visitor.open(INTERPRETERS)
        booked = len(page.leads_to(f"{INTERPRETERS}/blocks/"))
        self.booked_before = booked if self.booked_before is None else self.booked_before
        for day in self.plan.days[1 + booked - self.booked_before :]:
            form = next(one for one in page.forms if one.action.endswith("/blocks"))
            await visitor.send(form, {"day": day.isoformat(), **HOURS})

    async def proposes(self) -> bool:
        """The principal lets times be proposed, watches, and adopts; True when homes have been told."""
        me = self.plan.principal.id
        adopting = _Adopting(self.crowd, f"/talks/rounds/{self.facts.round_id}/proposals")
        self.facts.adopted = bool(await self.crowd.does(me, "proposing times", adopting.step, FIRST_PATIENCE))
        return self.facts.adopted

    async def is_ill(self) -> bool:
        """A mentor is ill on the last day: a spare day, new times, adopted; True when the homes have been told."""
        me, here = self.plan.principal.id, f"/talks/rounds/{self.facts.round_id}"
        adopting = _Adopting(self.crowd, f"{here}/away", self._away())

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(here)
            if day_words(self.plan.evening) not in page.text:
                await visitor.send(page.form(f"{here}/days"), {"day": self.plan.evening.isoformat(), **HOURS})
            return await adopting.step(visitor)

        return bool(await self.crowd.does(me, "finding times for a mentor who is ill", step, FIRST_PATIENCE))

    def _away(self) -> dict[str, str | list[str]]:
        return {"host_id": str(self.plan.ill.id), "day": self.plan.days[-1].isoformat(), "starts": "", "ends": ""}

    async def looks(self) -> bool:
        """Every mentor looks at what they hold; True when all could. What is known before is forgotten."""
        days, found = [*self.plan.days, self.plan.evening], dict[UUID, When]()

        async def step(visitor: Visitor) -> bool:
            found.update(programme((await visitor.open("/talks")).text, days))
            return True

        seen = [await self.crowd.does(one.id, "looking at the talks one holds", step) for one in self.plan.mentors]
        if all(seen):
            self.facts.standing = found
        return all(seen)

    def host_of(self, pupil: Pupil) -> Employee:
        """The mentor of the pupil's class."""
        return next(one for one in self.plan.mentors if one.id == pupil.school_class.mentor_id)

    async def agrees(self, talk_id: UUID, host: Employee) -> None:
        """The host writes down what is agreed, and that the talk was held; and signs."""
        here = f"/talks/{talk_id}"

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(here)
            for owner, what in (("school:", words.AT_SCHOOL), ("guardian:", words.AT_HOME)):
                if what not in page.text:
                    form = page.form(f"{here}/commitments")
                    who = next((one for one in form.choices.get("who", []) if one.startswith(owner)), "pupil")
                    await visitor.send(form, {"who": who, "what": what, "how": words.HOW})
            record = await visitor.open(f"{here}/record")
            if form_held := record.find(f"{here}/held"):
                await visitor.send(form_held, {"summary": words.SUMMARY})
            page = await visitor.open(here)
            if form_sign := page.find(f"{here}/sign"):
                await visitor.send(form_sign)
            return True

        if await self.crowd.does(host.id, "holding a talk", step):
            self.facts.held.add(talk_id)


@dataclass
class _Adopting:
    """A proposal is asked for, watched and adopted. `start` is the page with the form that asks for it."""

    crowd: Crowd
    start: str
    fields: dict[str, str | list[str]] | None = None
    proposal: str = ""
    since: datetime | None = None

    async def step(self, visitor: Visitor) -> bool:
        if not self.proposal:
            page = await visitor.open(self.start)
            press = ("do", "away") if self.fields else None
            where = await visitor.send(page.form(self.start, press), self.fields or {}, press)
            if not where.startswith("/talks/proposals/"):
                return True  # nobody needs a new time
            self.proposal, self.since = where, self.crowd.clock.now()
        page = await visitor.open(self.proposal)
        adopt = page.find(f"{self.proposal}/adopt")
        if adopt and (_is_ready(page) or self._waited()):
            await visitor.send(adopt)
            page = await visitor.open(self.proposal)
        if _is(page, "Adopted"):
            return True
        if _is(page, "Discarded") or _is(page, "Could not be worked out"):
            self.proposal = ""
        raise NotThere("the proposal is not ready yet")

    def _waited(self) -> bool:
        return self.since is not None and self.crowd.clock.now() - self.since > GOOD_ENOUGH


async def _is_known(visitor: Visitor) -> bool:
    """A guardian's ties have come from the registry when they may offer something to a child's school."""
    return bool((await visitor.open("/offers")).form("/offers"))


def _opened(where: str) -> UUID:
    found = ROUND.match(where)
    if found is None:
        raise NotThere(f"opening a round led to {where}")
    return UUID(found[1])


def _is_ready(page: Page) -> bool:
    return _is(page, "Ready")


def _is(page: Page, state: str) -> bool:
    return f"</i>{state}</span>" in page.text


def _typed(at: datetime) -> str:
    """As a field for a day and a time has it."""
    return f"{at.astimezone(STOCKHOLM):%Y-%m-%dT%H:%M}"
