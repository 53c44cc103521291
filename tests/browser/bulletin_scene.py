"""What the pages of bulletins and of sending need to have something to show: made by people on the real pages."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime, timedelta
from datetime import time as clock
from functools import partial
from html import unescape
from io import BytesIO
from uuid import UUID

import httpx
import psycopg
from PIL import Image, ImageDraw

from services.demo.forms import Changes
from services.demo.people import UNMARKED, Adult, Pupil
from services.demo.visitor import NotThere, Visitor
from tests.browser.scene import PERSON, Scene
from tests.browser.town import PATIENCE, Town, name_of

KNOWN = """
    select from roster having count(*) filter (where event_type = 'roster.group_stated.v1') >= %s
        and count(*) filter (where event_type = 'roster.guardianships_stated.v1') >= %s
        and count(*) filter (where event_type = 'roster.staff_stated.v1') > 0
"""
PLANNED = "select from place having count(distinct group_id) >= %s"
NIGHT = "update due set due_at = '2000-01-01' where kind = 'bulletins_night'"
REACHED = "select 1 from reach where bulletin_id = %s having count(*) > 0"
SUBJECT = "Höstens arbete i klassen"
LEARNING = "Vi arbetar i grupper och byter grupp varje månad. Alla ska få vara med i alla."
ACTIVITIES = "Vi har läst om vikingar.\n\n## Det som kommer\n\n- Utflykt till sjön\n- Lucia\n\nTa med **varma kläder**."
IN_ENGLISH = {
    "subject-en": "This autumn in our class",
    "learning-en": "We work in groups, and change groups every month. Nobody is to be left out.",
    "activities-en": "We read about Vikings.\n\n## To come\n\n- A trip to the lake\n- Lucia\n\nBring **warm clothes**.",
}
GATHERED = timedelta(minutes=120)  # of the demo: by then all has been sent
GOALS = "Alla elever ska känna sig trygga.\n\nVi läser tillsammans varje dag."
ANSWERS = ((5, "Bra att få veta i god tid."), (4, ""), (5, ""), (3, "Gärna kortare."), (4, ""))  # from five on it shows


class Made(Scene):
    """A scene of bulletins; `ids` has links of mails as well."""


async def bulletin_scene(town: Town) -> Made:
    """The scene, in the class of the demo's first guardian; made once."""
    found = next((one for one in town.made if isinstance(one, Made)), None)
    if found is None:
        found = await _Making(town).all()
        town.made.append(found)
    return found


def picture() -> bytes:
    """A landscape, as a PNG."""
    image = Image.new("RGB", (960, 540), "#bcd7ea")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 330, 960, 540), fill="#3f7d53")
    draw.polygon([(120, 330), (330, 120), (540, 330)], fill="#5c6f7d")
    draw.ellipse((720, 60, 820, 160), fill="#f4d35e")
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


async def planned(town: Town) -> None:
    """As soon as everybody is there and the half-year has its plan; it is made at night, and a first day has none."""
    people, classes = len(town.cast.whole.pupils), len(town.cast.whole.classes)
    for service in ("bulletins", "notifications"):
        await town.until(partial(town.ask, service, KNOWN, classes, int(0.98 * people)))
    if not town.ask("bulletins", "select 1 from half_year"):
        with psycopg.connect(town.owner_url("bulletins")) as db:
            db.execute(NIGHT)
    await town.until(lambda: town.ask("bulletins", PLANNED, classes))


async def mail_with(town: Town, owner: Adult, words: str) -> str:
    """The page of the newest mail in somebody's mailbox with these words in it, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE
    async with httpx.AsyncClient(base_url=town.mails, trust_env=False, timeout=30) as browser:
        while time.monotonic() < deadline:
            box = (await browser.get("/list", params={"q": name_of(owner)})).text
            for mail in dict.fromkeys(re.findall(r"/mail/\d+", box)):
                if words in (page := unescape((await browser.get(mail)).text)):
                    return page
            await asyncio.sleep(0.25)
    raise AssertionError(f"No mail with {words!r} has come. {town.last_words()}")


async def _now(town: Town) -> datetime:
    """The demo's wall clock."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        said = re.search(r"<time>(\d+):(\d+)</time>", (await browser.get(f"{town.portal}/live")).text)
    assert said
    return datetime.combine(town.cast.day, clock(int(said[1]), int(said[2])))


def link_in(mail: str, start: str) -> str:
    """The first address in a mail whose path begins so."""
    found = re.search(rf"https?://[^\s<>\"/]+{re.escape(start)}[\w.-]+", mail)
    assert found, f"{start} is not in {mail[:2000]}"
    return found.group()


class _Making:
    """The making of it: who writes what, and the ids that come of it."""

    def __init__(self, town: Town) -> None:
        self.town, self.cast = town, town.cast
        self.group = town.cast.told.school_class.id
        self.ids: dict[str, UUID | str] = {"group": self.group, "child": town.cast.told.id}

    async def all(self) -> Made:
        """Everything, in the order in which people would do it."""
        await planned(self.town)
        cast = self.cast
        await self._gathers()
        async with await self._in(cast.mentor) as mentor, await self._in(cast.principal) as principal:
            await self._letters(mentor, principal)
            await self._informs(principal)
            await self._diary(mentor)
        await self._answers()
        await self._talks()
        async with await self._in(cast.officer, self.town.sending) as officer:
            await self._own_words(officer)
        mail = await mail_with(self.town, cast.guardian, SUBJECT)
        for name, start in (("reading", "/bulletins/read/"), ("leaving", "/unsubscribe/")):
            self.ids[name] = link_in(mail, start).rpartition("/")[2]
        return Made({"gathers": self._gatherer()}, self.ids)

    async def _in(self, person: PERSON, pages: str = "") -> Visitor:
        """Somebody at a browser, as soon as the portal knows them."""
        deadline = time.monotonic() + PATIENCE
        while True:
            visitor = Visitor(self.town.portal, pages or self.town.bulletins, person.id)
            try:
                await visitor.step_in()
            except NotThere:
                await visitor.client.aclose()
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.5)
            else:
                return visitor

    async def _letters(self, mentor: Visitor, principal: Visitor) -> None:
        """One in each state in which a bulletin can be."""
        sent, withdrawn = [await self._begun(mentor, name) for name in ("sent", "withdrawn")]
        await self._pictured(mentor, sent)
        for here, subject in ((sent, SUBJECT), (withdrawn, "Utflykten på fredag")):
            await self._written(mentor, here, {"subject-sv": subject})
            await self._leaves(mentor, here)
        found = {"learning-sv": f"{self._namesake().given} {self._namesake().family} har varit sjuk."}
        await self._written(mentor, await self._begun(mentor, "found"), found)
        await self._written(mentor, await self._begun(mentor, "draft"), {"subject-sv": ""})
        tomorrow = f"{self.cast.day + timedelta(days=1)}T09:00"
        await self._leaves(mentor, await self._begun(mentor, "scheduled"), when=tomorrow)
        await self._approved(mentor, principal)
        for here in (sent, withdrawn):
            await self._reached(here)
        await mentor.send((await mentor.open(f"{withdrawn}/preview")).form(f"{withdrawn}/withdraw"))

    async def _begun(self, mentor: Visitor, name: str) -> str:
        """A new bulletin with its words in two languages: where it is."""
        page = await mentor.open("/bulletins/new")
        where = await mentor.send(page.form("/bulletins/new"), {"class": str(self.group)})
        here = where.partition("/edit")[0]
        self.ids[name] = UUID(here.rpartition("/")[2])
        swedish = {"subject-sv": "Veckan som kommer", "learning-sv": LEARNING, "activities-sv": ACTIVITIES}
        await self._written(mentor, here, {**swedish, "add": "en"}, "add")
        await self._written(mentor, here, IN_ENGLISH)
        return here

    async def _written(self, writer: Visitor, here: str, words: Changes, act: str = "save") -> None:
        page = await writer.open(f"{here}/edit")
        await writer.send(page.form(f"{here}/edit"), words, ("act", act))

    async def _pictured(self, mentor: Visitor, here: str) -> None:
        """With a picture and a document."""
        for name, kind, content in (("sjon.png", "image/png", picture()), ("plan.pdf", "application/pdf", document())):
            form = (await mentor.open(f"{here}/edit")).form(f"{here}/edit").filled({}, ("act", "file"))
            said = {**form, "file_alt": ["Sjön och berget som vi går till"]}
            said.pop("file", None)
            files = {"file": (name, content, kind)}
            answer = await mentor.client.post(f"{self.town.bulletins}{here}/files", data=said, files=files)
            assert answer.status_code == 303, answer.text

    async def _leaves(self, writer: Visitor, here: str, when: str = "") -> None:
        form = (await writer.open(f"{here}/preview")).form(f"{here}/send")
        await writer.send(form, {"when": when})

    async def _approved(self, mentor: Visitor, principal: Visitor) -> None:
        """For a moment the principal reads first: one waits for that, one is given back."""
        await self._reads_first(principal, "on")
        for name in ("to_approve", "returned"):
            await self._leaves(mentor, await self._begun(mentor, name))
        await self._reads_first(principal, "")
        back = f"/bulletins/{self.ids['returned']}"
        form = (await principal.open(f"{back}/preview")).form(f"{back}/return")
        await principal.send(form, {"words": "Skriv gärna när ni kommer tillbaka från sjön."})

    async def _reads_first(self, principal: Visitor, approval: str) -> None:
        form = (await principal.open("/bulletins/plan")).form("/bulletins/plan")
        await principal.send(form, {"approval": approval})

    async def _reached(self, here: str) -> None:
        bulletin = UUID(here.rpartition("/")[2])
        await self.town.until(lambda: self.town.ask("bulletins", REACHED, bulletin))

    async def _informs(self, principal: Visitor) -> None:
        """Two editions of one thing that every home must see: the second begins with the words of the first."""
        school = str(self.cast.told.school_class.school.id)
        for name, words in (("edition_before", GOALS), ("edition", f"{GOALS}\n\nVi går ut varje dag.")):
            form = (await principal.open("/bulletins/new?kind=information&topic=goals")).form("/bulletins/new")
            where = await principal.send(form, {"school": school, "topic": "goals"})
            here = where.partition("/edit")[0]
            self.ids[name] = UUID(here.rpartition("/")[2])
            said = {"subject-sv": "Mål för läsåret", "body-sv": words, "must_read": "on"}
            await self._written(principal, here, said)
            await self._leaves(principal, here)
            await self._reached(here)
        form = (await principal.open("/bulletins/new?kind=information&topic=support")).form("/bulletins/new")
        where = await principal.send(form, {"school": school, "topic": "support"})
        self.ids["information"] = UUID(where.partition("/edit")[0].rpartition("/")[2])

    async def _diary(self, mentor: Visitor) -> None:
        here = f"/bulletins/classes/{self.group}"
        for ahead, words in ((2, "Utflykt till sjön"), (-3, "Vi läste om vikingar"), (15, "Lucia i aulan")):
            on = self.cast.day + timedelta(days=ahead)
            await mentor.send((await mentor.open(here)).form(f"{here}/diary"), {"on": f"{on}", "words": words})

    async def _answers(self) -> None:
        """Some homes read it and say what they think; from five on the school sees it."""
        here, guardian = f"/bulletins/{self.ids['sent']}", self.cast.guardian
        others = [one for one in self._homes() if one.id != guardian.id]
        for one, (score, words) in zip([guardian, *others], ANSWERS, strict=False):
            async with await self._in(one) as home:
                form = (await home.open(here)).form(f"/feedback{here}")
                await home.send(form, {"score": str(score), "words": words})

    def _homes(self) -> list[Adult]:
        """A guardian of each pupil of the class."""
        inside = [one for one in self.cast.whole.of_class(self.group) if one.marking == UNMARKED]
        return list({adult.id: adult for one in inside for adult in self.cast.home(one)[:1]}.values())

    def _gatherer(self) -> Adult:
        """A guardian of the class who gives no answers, with a mailbox that can be opened."""
        asked = {self.cast.guardian.id, *(one.id for one in self._homes()[: len(ANSWERS) + 1])}
        mine = (one for one in self._homes() if one.reachable and not one.simulated and one.id not in asked)
        return next(mine)

    async def _gathers(self) -> None:
        """One has chosen to get it all together, at an hour that is near."""
        at = await _now(self.town) + GATHERED
        async with await self._in(self._gatherer(), self.town.portal) as home:
            form = (await home.open("/preferences")).form("/preferences")
            hows = {name: "digest" for name in form.choices if name in ("how_bulletins", "how_information")}
            await home.send(form, {**hows, "digest_at": f"{at:%H:%M}"})

    def _namesake(self) -> Pupil:
        return next(one for one in self.cast.whole.of_class(self.group) if one.marking == UNMARKED)

    async def _talks(self) -> None:
        """A guardian asks, the mentor answers."""
        cast, begin = self.cast, f"/dialogue/new?pupil={self.cast.told.id}"
        async with await self._in(cast.guardian) as home, await self._in(cast.mentor) as mentor:
            form = (await home.open(begin)).form("/dialogue")
            said = {"party": str(cast.mentor.id), "words": "Hej! Behöver barnen matsäck till utflykten?"}
            await home.send(form, {**said, "subject": form.choices["subject"][0], "files": []})
            [here] = [one for one in (await home.open("/dialogue")).leads_to("/dialogue/") if "new" not in one]
            form = (await mentor.open(here)).form(here)
            await mentor.send(form, {"words": "Ja, gärna en smörgås och något varmt att dricka.", "files": []})
        self.ids["thread"] = UUID(here.rpartition("/")[2])

    async def _own_words(self, officer: Visitor) -> None:
        """The municipality has words of its own for one message, and two guests for a trial that has not begun."""
        await self._stronger(officer)
        kind = "/sending/words/bulletin_due"
        form = (await officer.open(kind)).form(kind)
        await officer.send(form, {"subject": "Dags för veckobrevet", "body": "Snart är det dags."}, ("todo", "save"))
        guests = "/sending/trial/guests"
        for address in ("rektor@skolan.example", "it@brohamn.example"):
            await officer.send((await officer.open("/sending/trial")).form(guests), {"address": address})

    async def _stronger(self, officer: Visitor) -> None:
        """As the demo's button does: a stronger login."""
        officer.pages, pages = self.town.portal, officer.pages
        await officer.send((await officer.open("/step-up")).form("/demo/step-up"))
        officer.pages = pages


def document() -> bytes:
    """The smallest PDF there is, with one empty page."""
    page = b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj " + page
    )
