"""What the homes do in the round: say when they can, accept, take another time, prepare, sign; and the pupils."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from uuid import UUID

from services.demo.forms import Form
from services.demo.people import Adult, Pupil
from services.demo.records import STOCKHOLM
from services.demo.talks import words
from services.demo.talks.crowd import Crowd
from services.demo.talks.facts import Facts, is_booked, is_signed, other_time
from services.demo.talks.plan import Home, Mood, RoundOfTalks, Ways
from services.demo.visitor import NotThere, Page, Visitor

PART = re.compile(r"t\d+")
WISHES, FAMILY, HOLD = "/talks/wishes", "/talks", "/talks/hold"
ANSWER_BY = time(9, 40)  # late, so that homes can still answer where all is slow
SHOW, CONFIRM = ("act", "show"), ("act", "confirm")


@dataclass
class Homes:
    """The guardians and pupils at their browsers."""

    plan: RoundOfTalks
    crowd: Crowd
    facts: Facts
    talks: dict[UUID, tuple[Pupil, int]] = field(default_factory=dict)  # every talk there can be

    async def answers(self, home: Home) -> None:
        """They say when they can come; both guardians, when they want a talk each."""
        for adult in home.actors if home.mood is not Mood.SILENT else ():
            await self.crowd.does(adult.id, "saying when one can come", lambda v: self._wishes(v, home))

    async def _wishes(self, visitor: Visitor, home: Home) -> bool:
        page = await visitor.open(WISHES)
        if self.crowd.clock.now() > self.plan.at(ANSWER_BY):
            return False  # too late: then every time is as good
        form = page.form(WISHES)
        if home.mood is Mood.ALL:
            await visitor.send(form, press=("all", "yes"))
        else:
            await visitor.send(form, self._said(form, home))
        return True

    def _said(self, form: Form, home: Home) -> dict[str, str]:
        """The form as this home fills it in."""
        parts = [name for name in form.choices if PART.fullmatch(name)]
        said = {name: self._can(name, home) for name in parts}
        said |= {"interpreter": words.LANGUAGE} if home.interpreter else {}
        return said | ({"apart": "on"} if home.apart else {})

    def _can(self, name: str, home: Home) -> str:
        day = datetime.fromtimestamp(int(name[1:]), UTC).astimezone(STOCKHOLM).date()
        today = day == self.plan.days[0]
        if home.mood is Mood.TODAY:
            return "gladly" if today else "can"
        return "cannot" if today else "gladly" if day == self.plan.days[home.glad_day] else "can"

    def talks_of(self, home: Home) -> list[UUID]:
        """Every talk this home could have in the round."""
        mine = {pupil.id for pupil in home.pupils}
        return [talk_id for talk_id, (pupil, _) in self.talks.items() if pupil.id in mine]

    async def decides(self, home: Home, in_a_hurry: bool) -> None:
        """They accept what is proposed, or take another time; a home `in_a_hurry` (its talk is today) accepts."""
        if home.way is Ways.SILENT and not in_a_hurry:
            return
        for adult in home.actors:
            choosing = _Choosing(self, home, adult, moves=home.way is not Ways.ACCEPTS and not in_a_hurry)
            await self.crowd.does(adult.id, f"a home that {home.way}", choosing.step)

    async def prepares(self, person_id: UUID, talk_id: UUID, side: str) -> None:
        """Somebody writes down what they think before the talk, and shows it to the others."""
        here = f"/talks/{talk_id}"

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(here)
            if f"{here}/share" not in page.leads_to(here):
                form = (await visitor.open(f"{here}/prepare")).form(f"{here}/prepare")
                if SHOW not in form.buttons:
                    return True  # it is shown already
                asked = [name for name in form.names if f".{side}." in name]
                said = dict(zip(asked, words.PREPARED[side], strict=False))
                await visitor.send(form, said, SHOW)
            await visitor.send((await visitor.open(f"{here}/share")).form(f"{here}/share"))
            return True

        await self.crowd.does(person_id, f"preparing a talk ({side})", step)

    async def sign(self, talk_id: UUID) -> None:
        """Everybody at home signs the plan, the pupil last, who sees whether it is signed by all."""
        pupil, _ = self.talks[talk_id]
        here = f"/talks/{talk_id}"

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(here)
            if form := page.find(f"{here}/sign"):
                await visitor.send(form)
            elif 'id="signatures"' not in page.text:
                raise NotThere("there is nothing to sign yet")
            return True

        async def last(visitor: Visitor) -> bool:
            await step(visitor)
            if not is_signed((await visitor.open(here)).text):
                raise NotThere("somebody has not signed")
            return True

        for adult in self.plan.home_of(pupil).guardians:
            await self.crowd.does(adult.id, "signing at home", step)
        if await self.crowd.does(pupil.id, "signing as the pupil", last):
            self.facts.signed.add(talk_id)


@dataclass
class _Choosing:
    """One guardian and the times that are proposed to them. A step may begin anew: what was done is remembered."""

    homes: Homes
    home: Home
    adult: Adult
    moves: bool
    gone: bool = False  # the proposed time was given up

    async def step(self, visitor: Visitor) -> bool:
        page = await visitor.open(FAMILY)
        mine = self.homes.talks_of(self.home)
        proposed = [one for one in mine if page.find(f"/talks/{one}/accept")]
        if self.moves and (proposed or self.gone) and await self._moved(visitor, page, proposed):
            page = await visitor.open(FAMILY)
        else:
            for talk_id in proposed:
                where = await visitor.send(page.form(f"/talks/{talk_id}/accept"))
                self._know([talk_id] if "accepted" in where else [])
        booked = [one for one in mine if is_booked(page.text, one)]
        self._know(booked)
        if not proposed and not booked:
            raise NotThere("nothing is proposed yet")
        return True

    async def _moved(self, visitor: Visitor, page: Page, proposed: list[UUID]) -> bool:
        """Take another time than the one that is proposed, if there is one that is not today; False without one."""
        anew = self.home.way is Ways.BOOKS_ANEW
        if anew and not self.gone:
            await visitor.send(page.form(f"/talks/{proposed[0]}/cancel"))
            self.gone = True
        times = await visitor.open("/talks/book" if anew else f"/talks/{proposed[0]}/swap")
        chosen = other_time(times.text, self.homes.plan.days[0])
        if chosen is None and anew:
            raise NotThere("there is no time to book instead")
        if chosen is None:
            return False
        held = await visitor.open(await visitor.send(times.form(HOLD), {"choice": chosen}))
        await visitor.send(held.form(held.path, CONFIRM), press=CONFIRM)
        return True

    def _know(self, talk_ids: list[UUID]) -> None:
        adults = [self.adult] if self.home.apart else self.home.guardians
        self.homes.facts.books(talk_ids, [one.id for one in adults])
