"""The page behind a mail's link, and the list of all messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.portal import outgoing
from services.portal.domain.duties import marks
from services.portal.domain.family import Facts, Message, Pupil, Told, pupils_of
from services.portal.domain.home import Noticed, Stand, noticed
from services.portal.store.families import message_facts, notice_facts
from services.portal.store.wishes import acknowledge
from services.portal.tables import roster
from services.portal.web import sentences
from services.portal.web.shown import trace
from shared.events.duties import DutyStatus
from shared.events.notify import NotificationKind
from shared.events.roster import SchoolStated
from shared.roster.access import is_protected
from shared.roster.standing import Fact
from shared.web.face import Face, Me, tell
from shared.web.viewing import View, viewing

LAST_PAGE = 500
PageNumber = Annotated[int, Query(ge=0, le=LAST_PAGE)]
SETTLED = frozenset({Stand.READ, Stand.RETRACTED, Stand.CHECKING, Stand.WRITING})


@dataclass(frozen=True)
class Notice:
    """What the page shows. `school` is None when somebody's identity is protected; `told` when nothing is owed.

    `name` is empty when the message is about nobody in particular, or the reader may not be told about whom.
    """

    notification_id: UUID
    told: Told | None
    stands: Noticed | None
    message: Message | None
    name: str
    zone: str
    oneself: bool = False
    answers: bool = False
    at_home: bool = True  # False: staff have followed the link
    protected: bool = False
    verdict: str | None = None
    school: SchoolStated | None = None

    @property
    def pupil_id(self) -> UUID | None:
        """Whom the page is about, as far as the reader may know."""
        if self.told:
            return self.told.pupil_id
        return self.message.pupil_id if self.message else None

    @property
    def may_read(self) -> bool:
        """True when the reader answers for the pupil and has something to say that they have read."""
        return self.answers and self.stands is not None and self.stands.stand not in SETTLED


def add_notices(router: APIRouter, face: Face) -> None:
    """`/n/{notification_id}`, its button, and `/messages`."""

    @router.get("/n/{notification_id}")
    async def notice_page(request: Request, notification_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            notice = await find(view, notification_id)
            if pupil_id := notice.pupil_id:
                what = "notice" if notice.at_home else "notice at school"
                await trace(view, what, [pupil_id], str(notification_id))
        return face.show(request, view, "notice.html", notice=notice)

    @router.post("/n/{notification_id}/read")
    async def say_read(notification_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            notice = await find(view, notification_id)
            await _read(face, view, notice)
        face.kit.outbox_written.set()
        return RedirectResponse(f"/n/{notification_id}", 303)

    @router.get("/messages")
    async def messages_page(request: Request, session: Me, page: PageNumber = 0) -> Response:
        async with viewing(face.kit, roster, session) as view:
            pupils = pupils_of(view.standing, view.now)
            facts, older = await message_facts(view.db, pupils, session.person_id, page)
            about = {one.pupil_id for one in facts.messages if one.pupil_id}
            await trace(view, "messages", sorted(about))
        context: dict[str, Any] = {
            "messages": facts.messages,
            "names": {one: name for one, name in facts.names.items() if one != session.person_id},
            "page_number": page,
            "older": older,
        }
        return face.show(request, view, "messages.html", **context)


async def find(view: View, notification_id: UUID) -> Notice:
    """What the notification was about, when the reader may see that pupil now. Raises 404, also when there is none."""
    reader = view.standing.person.person_id
    facts = await notice_facts(view.db, notification_id, reader)
    message = facts.messages[0] if facts.messages else None
    if facts.told and facts.pupil and view.standing.may_see(facts.pupil, Fact.NAME):
        told = facts.told[0]
        mine = {one.pupil_id: one for one in pupils_of(view.standing, view.now)}.get(told.pupil_id)
        protected = mine.protected if mine else is_protected(facts.pupil)
        return Notice(
            notification_id=notification_id,
            told=told,
            stands=noticed(told, reader, view.now),
            message=message,
            name=facts.names.get(told.pupil_id, ""),
            zone=mine.zone if mine else view.standing.zone,
            oneself=mine is not None and mine.oneself,
            answers=mine is not None and mine.answers,
            at_home=mine is not None,
            protected=protected,
            verdict=_verdict(view, message, mine),
            school=None if protected else view.standing.schools.get(told.school_id),
        )
    if message and (message.kind == NotificationKind.RIGHTS_ASKED or sentences.about(message.kind)):
        return _announced(view, message, facts)
    raise HTTPException(404)


def _announced(view: View, message: Message, facts: Facts) -> Notice:
    """A message to this reader that no duty is behind. About whom it is, and what it opens, is for who may see them."""
    pupil, pupils = facts.pupil, {one.pupil_id: one for one in pupils_of(view.standing, view.now)}
    sees = pupil is not None and view.standing.may_see(pupil, Fact.NAME)
    if not sees and message.pupil_id is not None:
        message = replace(message, pupil_id=None, path=None)
    mine = pupils.get(message.pupil_id) if message.pupil_id else None
    named = message.pupil_id is not None and (mine is not None or not is_protected(pupil))
    return Notice(
        notification_id=message.notification_id,
        told=None,
        stands=None,
        message=message,
        name=facts.names.get(message.pupil_id, "") if named and message.pupil_id else "",
        zone=mine.zone if mine else view.standing.zone,
        oneself=mine is not None and mine.oneself,
        at_home=bool(pupils),
        verdict=message.why,
    )


def _verdict(view: View, message: Message | None, pupil: Pupil | None) -> str | None:
    """Why the message came; without one, why the reader may see this."""
    if message and message.why:
        return message.why
    child = view.standing.children.get(pupil.pupil_id) if pupil else None
    return child.why if child else None


async def _read(face: Face, view: View, notice: Notice) -> None:
    """Remember that the reader has read it. Whoever does not answer for the pupil gets no further (404)."""
    if notice.told is None or not notice.answers:
        raise HTTPException(404)
    told = notice.told
    school, reader = view.standing.schools.get(told.school_id), view.standing.person.person_id
    seen = marks(DutyStatus.UNDERSTOOD, view.now, told.day, school.zone if school else view.standing.zone)
    if not notice.may_read or not await acknowledge(view.db, told.duty_id, reader, view.now, seen):
        return
    await trace(view, "notice read", [told.pupil_id], str(notice.notification_id))
    said = [outgoing.message_read(notice.notification_id, reader, view.now)]
    if not told.read_by:
        said.insert(0, outgoing.understood(told, told.school_id, notice.notification_id, view.now))
    await tell(face.kit, view, said)
