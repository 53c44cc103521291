"""What homes do with bulletins: read them, say so, say what they think, write to the mentor, have them gathered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.demo.bulletins import words
from services.demo.bulletins.facts import Facts
from services.demo.bulletins.mails import letter_of, reading_link
from services.demo.catcher import Mailboxes
from services.demo.people import Adult, Pupil
from services.demo.talks.crowd import Crowd
from services.demo.visitor import NotThere, Page, Visitor
from shared.ids import derived_id

PREFERENCES, GATHERED, AT = "/preferences", {"how_bulletins": "digest"}, "12:30"
THREAD = re.compile(r"/dialogue/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Homes:
    """The guardians at their browsers. `portal` are the pages of the portal, `crowd` those of the bulletins."""

    crowd: Crowd
    portal: Crowd
    mailboxes: Mailboxes
    facts: Facts

    async def gathers(self, adult: Adult) -> None:
        """Somebody wants one message a day."""

        async def step(visitor: Visitor) -> bool:
            form = (await visitor.open(PREFERENCES)).form(PREFERENCES)
            await visitor.send(form, {**GATHERED, "digest_at": AT})
            return True

        if await self.portal.does(adult.id, "having bulletins gathered", step):
            self.facts.gathers = adult.id

    async def reads(self, adult: Adult, bulletin_id: UUID) -> None:
        """Somebody opens a bulletin in the portal."""
        here = f"/bulletins/{bulletin_id}"

        async def step(visitor: Visitor) -> bool:
            return bool((await visitor.open(here)).text)

        if await self.crowd.does(adult.id, "reading a bulletin", step):
            self.facts.read += 1

    async def confirms(self, adult: Adult, bulletin_id: UUID) -> None:
        """Somebody presses “I have read this” behind the link in the mail, without logging in."""
        me = derived_id("somebody with a link", adult.id)
        self.crowd.visitors[me] = Visitor(self.crowd.portal, "", me, self.crowd.connections)

        async def step(visitor: Visitor) -> bool:
            link = self._link(adult, bulletin_id)
            path = "/bulletins/" + link.partition("/bulletins/")[2]
            page = Page(path, (await visitor.follow(link)))
            visitor.pages = self.crowd.pages
            await visitor.send(page.form(path))
            return True

        if await self.crowd.does(me, "saying that one has read", step):
            self.facts.read += 1

    def _link(self, adult: Adult, bulletin_id: UUID) -> str:
        """The link in this person's mail. Raises NotThere while it has not come."""
        mine = (mail for mail in self.mailboxes.newest() if mail.recipient in adult.emails)
        found = (mail for mail in mine if (letter := letter_of(mail)) and letter.bulletin_id == bulletin_id)
        link = next((link for mail in found if (link := reading_link(mail))), None)
        if link is None:
            raise NotThere("the mail has not come yet")
        return link

    async def answers(self, adult: Adult, bulletin_id: UUID) -> None:
        """Somebody says what a bulletin was worth."""
        here = f"/feedback/bulletins/{bulletin_id}"

        async def step(visitor: Visitor) -> bool:
            page = await visitor.open(f"/bulletins/{bulletin_id}")
            await visitor.send(page.form(here), {"score": words.SCORE, "words": words.FEEDBACK})
            return True

        await self.crowd.does(adult.id, "saying what a bulletin was worth", step)

    async def talk(self, adult: Adult, pupil: Pupil) -> None:
        """A guardian asks the mentor something, and the mentor answers."""
        mentor = pupil.school_class.mentor_id
        self.facts.talkers |= {adult.id, mentor}

        async def asks(visitor: Visitor) -> bool:
            if not _threads((await visitor.open("/dialogue")).leads_to("/dialogue/")):
                form = (await visitor.open(f"/dialogue/new?pupil={pupil.id}")).form("/dialogue")
                await visitor.send(form, {"subject": words.ABOUT, "party": [str(mentor)], "words": words.QUESTION})
            return True

        async def replies(visitor: Visitor) -> bool:
            threads = _threads((await visitor.open("/dialogue")).leads_to("/dialogue/"))
            if not threads:
                raise NotThere("nobody has asked")
            page = await visitor.open(threads[0])
            if words.ANSWER not in page.text:
                await visitor.send(page.form(threads[0]), {"words": words.ANSWER})
            return True

        if await self.crowd.does(adult.id, "asking the mentor", asks):
            await self.crowd.does(mentor, "answering a home", replies)


def _threads(links: Iterable[str]) -> list[str]:
    return [link for link in links if THREAD.fullmatch(link)]
