"""What the school does in the half-year: principals plan and approve, mentors write, edit and send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.demo.bulletins import words
from services.demo.bulletins.facts import Facts, Sent
from services.demo.bulletins.picture import bridge
from services.demo.bulletins.plan import QUOTA, Bulletins
from services.demo.forms import Form
from services.demo.people import School, SchoolClass
from services.demo.records import STOCKHOLM
from services.demo.talks.crowd import Crowd
from services.demo.visitor import NotThere, Page, Visitor
from shared.clock import Clock

PLAN, NEW = "/bulletins/plan", "/bulletins/new"
WRITTEN = re.compile(r"/bulletins/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/(?:edit|preview)")
SEATS = re.compile(r"(\d+) pupils?</p>")
PREVIEW, ADDING, FILING = ("act", "preview"), ("act", "add"), ("act", "file")
PATIENCE = 60.0  # real seconds until everybody has come from the registry, or it is night at the schools
SECOND_LANGUAGE, REASON = "en", "reason-"


@dataclass
class Staff:
    """The staff at their browsers."""

    plan: Bulletins
    crowd: Crowd
    facts: Facts

    # The plan

    async def is_known(self, one: SchoolClass) -> None:
        """The mentor of a class finds it complete; some write in its diary what is to come."""

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(self._page(one))
            there = sum(pupil.present for pupil in self.plan.whole.of_class(one.id))
            said = SEATS.search(page.text)
            if said is None or int(said[1]) != there:
                raise NotThere(f"{one.name} is not complete yet")
            if one in self.plan.rich:
                await self._notes(visitor, page)
            return True

        await self.crowd.does(one.mentor_id, f"finding {one.name}", step, PATIENCE)

    async def _notes(self, visitor: Visitor, page: Page) -> None:
        today = self.crowd.clock.now().astimezone(STOCKHOLM).date()
        form = page.form(f"{page.path}/diary")
        for days, said in words.DIARY:
            if said not in page.text:
                await visitor.send(form, {"on": (today + timedelta(days=days)).isoformat(), "words": said})

    async def plans(self, school: School) -> None:
        """The principal sets the half-year's days; one wants to read each bulletin before it leaves."""
        dates = self.plan.dates
        wanted = {"starts": dates.starts.isoformat(), "ends": dates.ends.isoformat(), "quota": str(QUOTA)}

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(PLAN)
            classes = [one for one in self.plan.classes if one.school == school]
            if sum(f">{self.plan.called(one)}<" in page.text for one in classes) < len(classes):
                raise NotThere(f"{school.name} has no plan yet")
            approval = {"approval": "on"} if school == self.plan.approving else {}
            await visitor.send(page.form(PLAN), wanted | approval)
            return True

        await self.crowd.does(self.plan.principal_of(school).id, "planning the half-year", step, PATIENCE)

    async def trusts(self) -> None:
        """The principal who has read the first ones lets the others leave without."""

        async def step(visitor: Visitor) -> bool:
            form = (await visitor.open(PLAN)).form(PLAN)
            form.fields = [(name, said) for name, said in form.fields if name != "approval"]
            await visitor.send(form)
            return True

        await self.crowd.does(self.plan.principal_of(self.plan.approving).id, "approving no more", step)

    def _page(self, one: SchoolClass) -> str:
        return f"/bulletins/classes/{self.plan.group(one)}"

    # Writing

    async def writes(self, one: SchoolClass) -> None:
        """The mentor writes the next bulletin of a class and sends it, or gives it to the principal who sends it."""
        number = self.facts.number(one)
        writing = _Writing(self.plan, self.facts, one, number, self.crowd.clock)
        what = f"writing bulletin {number} of {one.name}"
        out = await self.crowd.does(one.mentor_id, what, writing.step, PATIENCE)
        if out is not None and (not self._approves(one, number) or await self._approved(one, out)):
            self.facts.left.add(out)

    def _approves(self, one: SchoolClass, number: int) -> bool:
        return one.school == self.plan.approving and number == 1

    async def _approved(self, one: SchoolClass, bulletin_id: UUID) -> bool:
        """True when the principal has let it leave."""
        here = f"/bulletins/{bulletin_id}"

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(f"{here}/preview")
            if form := page.find(f"{here}/approve"):
                await visitor.send(form)
            return True

        return bool(await self.crowd.does(self.plan.principal_of(one.school).id, "approving a bulletin", step))


@dataclass
class _Writing:
    """One bulletin in the making. Where a step was cut off, the next one goes on from what is there."""

    plan: Bulletins
    facts: Facts
    of: SchoolClass
    number: int
    clock: Clock

    @property
    def group(self) -> UUID:
        """Whom it is for."""
        return self.plan.group(self.of)

    async def step(self, visitor: Visitor) -> UUID:
        """Begin from the draft, edit, look at it, answer what the leak check asks, send it; its id."""
        key = (self.of.id, self.number)
        again = key in self.facts.begun
        if not again:
            self.facts.begun[key] = await self._begins(visitor)
        here = f"/bulletins/{self.facts.begun[key]}"
        if again and not await _is_open(visitor, here):
            return self.facts.begun[key]  # only the answer was lost
        await self._edits(visitor, here)
        await self._sends(visitor, here, self.facts.begun[key])
        return self.facts.begun[key]

    async def _begins(self, visitor: Visitor) -> UUID:
        if self.of.school.id not in self.facts.due:
            self.facts.due[self.of.school.id] = _days(await visitor.open(f"/bulletins/classes/{self.group}"))
        page = await visitor.open(f"{NEW}?class={self.group}")
        there = [WRITTEN.match(link) for link in page.leads_to("/bulletins/")]
        others = {str(one) for one in self.facts.begun.values()}
        mine = next((found[0] for found in there if found and found[1] not in others), None)
        where = mine or await visitor.send(page.form(NEW), {"class": [str(self.group)]})
        if (found := WRITTEN.match(where)) is None:
            raise NotThere(f"beginning led to {where}")
        return UUID(found[1])

    async def _edits(self, visitor: Visitor, here: str) -> None:
        page = await visitor.open(f"{here}/edit")
        form = page.form(f"{here}/edit")
        if self.of in self.plan.rich and f"subject-{SECOND_LANGUAGE}" not in form.names:
            await visitor.send(form, {**self._swedish(form), "add": SECOND_LANGUAGE}, ADDING)
            form = (await visitor.open(f"{here}/edit")).form(f"{here}/edit")
        if self.of == self.plan.pictured and not any(name.startswith("alt-") for name in form.names):
            form = await self._adds_picture(visitor, form, here)
        await visitor.send(form, {**self._swedish(form), **self._english(form)}, PREVIEW)

    async def _adds_picture(self, visitor: Visitor, form: Form, here: str) -> Form:
        button = Form(f"{here}/files", form.fields, form.choices, form.buttons)
        file = {"file": (words.PICTURE_NAME, bridge(), "image/png")}
        said = {**self._swedish(form), "file_alt": words.PICTURE_SHOWS}
        button.fields = [(name, value) for name, value in button.fields if name != "file"]
        await visitor.send(button, said, FILING, file)
        return (await visitor.open(f"{here}/edit")).form(f"{here}/edit")

    async def _sends(self, visitor: Visitor, here: str, bulletin_id: UUID) -> None:
        """Look at it as a home will; what the leak check found may stand, since it is about nobody in particular."""
        page = await visitor.open(f"{here}/preview")
        if (check := page.find(f"{here}/check")) and (asked := [one for one in check.choices if REASON in one]):
            await visitor.send(check, dict.fromkeys(asked, "general"))
            page = await visitor.open(f"{here}/preview")
        self._presses(bulletin_id)
        if "done=" not in await visitor.send(page.form(f"{here}/send")):
            raise NotThere(f"{here} did not leave")

    def _presses(self, bulletin_id: UUID) -> None:
        """In this moment it leaves, and whoever is to be told now is to have it."""
        at = self.clock.now()
        titles = frozenset(words.subject(language, self.of.name, self.number) for language in words.SUBJECT)
        due, homes = self.facts.due[self.of.school.id], self.plan.homes(self.of, at.astimezone(STOCKHOLM).date())
        self.facts.sent[bulletin_id] = Sent(bulletin_id, self.of, self.number, at, due[self.number - 1], titles, homes)

    def _swedish(self, form: Form) -> dict[str, str]:
        drafted = dict(form.fields)
        learning = words.edited(drafted.get("learning-sv", ""), words.LEARNING, self.number)
        activities = words.edited(drafted.get("activities-sv", ""), words.ACTIVITIES, self.number)
        subject = words.subject("sv", self.of.name, self.number)
        return {"subject-sv": subject, "learning-sv": learning, "activities-sv": activities}

    def _english(self, form: Form) -> dict[str, str]:
        if f"subject-{SECOND_LANGUAGE}" not in form.names:
            return {}
        parts = {f"{part}-{SECOND_LANGUAGE}": said for part, said in words.ENGLISH.items()}
        return {f"subject-{SECOND_LANGUAGE}": words.subject(SECOND_LANGUAGE, self.of.name, self.number), **parts}


async def _is_open(visitor: Visitor, here: str) -> bool:
    """True while it is not sent, nor given to the principal."""
    return f"{here}/edit" in (await visitor.open(f"{here}/preview")).leads_to(here)


def _days(page: Page) -> list[date]:
    """The days on which a class's bulletins are due, as its page has them. Raises NotThere before all are planned."""
    forms = [dict(form.fields) for form in page.forms if form.action.endswith("/move")]
    days = [date.fromisoformat(one["due_on"]) for one in forms if one.get("due_on")]
    if len(days) != QUOTA:
        raise NotThere(f"{page.path}: {len(days)} bulletins are planned")
    return days
