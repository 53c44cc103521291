"""What goes on beside the round: a parent meeting with registration, and an offer that a teacher asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from services.demo.talks import words
from services.demo.talks.crowd import Crowd
from services.demo.talks.facts import Facts
from services.demo.talks.plan import RoundOfTalks
from services.demo.visitor import NotThere, Visitor

MEETINGS, OFFERS = "/meetings/new", "/offers"
GUESTS = 3
ONE = re.compile(r'<a href="/offers/([0-9a-f-]{36})">' + re.escape(words.OFFER))


@dataclass
class Around:
    """The meeting and the offer."""

    plan: RoundOfTalks
    crowd: Crowd
    facts: Facts

    async def meeting(self) -> None:
        """The first mentor invites the homes of both classes to an evening; some register."""
        self.facts.meeting_id = await self.crowd.does(self.plan.mentors[0].id, "inviting to a meeting", self._invites)
        if self.facts.meeting_id is None:
            return
        for home in self.plan.homes[:GUESTS]:
            await self.crowd.does(home.adult.id, "registering for a meeting", self._registers)

    async def _invites(self, visitor: Visitor) -> UUID:
        plan = self.plan
        title = f"{words.MEETING} {plan.days[0]:%d.%m}"
        found = re.search(
            rf'href="(/meetings/[0-9a-f-]{{36}})">{re.escape(title)}<', (await visitor.open("/meetings")).text
        )
        here = (
            found[1]
            if found
            else await visitor.send((await visitor.open(MEETINGS)).form(MEETINGS), self._filled(title))
        )
        page = await visitor.open(here.partition("?")[0])
        if form := page.find(f"{page.path}/invite"):
            await visitor.send(form)
        return UUID(page.path.rpartition("/")[2])

    def _filled(self, title: str) -> dict[str, str | list[str]]:
        plan = self.plan
        mine = [one for one in plan.classes if one.mentor_id == plan.mentors[0].id]
        form: dict[str, str | list[str]] = {"kind": "parent_meeting", "title": title, "place": words.PLACE}
        form |= {"programme": words.PROGRAMME, "day": plan.evening.isoformat(), "starts": "18:00", "ends": "19:30"}
        return form | {"group": [str(one.id) for one in mine]}

    async def _registers(self, visitor: Visitor) -> bool:
        here = f"/meetings/{self.facts.meeting_id}"
        page = await visitor.open(here)
        if form := page.find(f"{here}/register"):
            await visitor.send(form, {"seats": "2"})
        return True

    async def offer(self) -> None:
        """A guardian offers something; a mentor asks for it, and the guardian says yes."""
        adult = self.plan.homes[0].adult
        self.facts.offered_by = adult.id
        if offer_id := await self.crowd.does(adult.id, "offering something", self._offers):
            asked = await self.crowd.does(
                self.plan.mentors[0].id, "asking for an offer", lambda v: self._asks(v, offer_id)
            )
            if asked:
                await self.crowd.does(adult.id, "answering a teacher", lambda v: self._answers(v, offer_id))

    async def _offers(self, visitor: Visitor) -> str:
        page = await visitor.open(OFFERS)
        if not ONE.search(page.text):
            form = page.form(OFFERS)
            schools = [str(self.plan.school.id)] if "school" in form.choices else []
            await visitor.send(form, {"title": words.OFFER, "words": words.OFFERED, "school": schools})
            page = await visitor.open(OFFERS)
        if (found := ONE.search(page.text)) is None:
            raise NotThere("the offer is not on the page")
        return found[1]

    async def _asks(self, visitor: Visitor, offer_id: str) -> bool:
        page = await visitor.open(f"{OFFERS}/{offer_id}")
        if form := page.find(f"{page.path}/ask"):
            await visitor.send(form, {"words": words.ASKED})
        return True

    async def _answers(self, visitor: Visitor, offer_id: str) -> bool:
        page = await visitor.open(f"{OFFERS}/{offer_id}")
        form = page.form(f"{page.path}/answer")
        await visitor.send(form, {"given": form.choices["given"][0]})
        return True
