"""A secret address from which a person's own calendar can fetch the school days."""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Path, Request
from starlette.responses import RedirectResponse, Response

from services.portal.domain.calendar import AHEAD_DAYS, BACK_DAYS, Words, appointments, calendar, spans
from services.portal.domain.family import pupils_of
from services.portal.store.audit import Look, note
from services.portal.store.families import calendar_facts
from services.portal.store.wishes import end_feed, feed_made_at, feed_of, make_feed, wishes_of
from services.portal.tables import roster
from services.portal.web.shown import trace
from shared.languages import N_, choose
from shared.web.face import Face, Me
from shared.web.viewing import reach_of, viewing

SECRET_BYTES = 32
WORDS = (N_("School days"), N_("School day"), N_("School talk"), N_("Video"))
HEADERS = {"Cache-Control": "private, max-age=900", "X-Robots-Tag": "noindex"}
Secret = Annotated[str, Path(min_length=40, max_length=60)]


class Act(StrEnum):
    """What a button does."""

    MAKE = "make"
    REMOVE = "remove"


def add_calendar(router: APIRouter, face: Face) -> None:
    """`/calendar` and the feed itself."""

    @router.get("/calendar")
    async def calendar_page(request: Request, session: Me, removed: bool = False) -> Response:
        async with viewing(face.kit, roster, session) as view:
            made_at = await feed_made_at(view.db, session.person_id)
        return face.show(request, view, "calendar.html", made_at=made_at, address=None, removed=removed)

    @router.post("/calendar")
    async def decide(request: Request, session: Me, act: Annotated[Act, Form()]) -> Response:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        async with viewing(face.kit, roster, session) as view:
            if act is Act.MAKE:
                await make_feed(view.db, session.person_id, session.tenant_id, secret, view.now)
            else:
                await end_feed(view.db, session.person_id)
            theirs = [one.pupil_id for one in pupils_of(view.standing, view.now)]
            await trace(view, "calendar made" if act is Act.MAKE else "calendar removed", theirs)
        if act is Act.REMOVE:
            return RedirectResponse("/calendar?removed=true", 303)
        address = f"{face.kit.settings.portal_url.rstrip('/')}/calendar/{secret}.ics"
        return face.show(request, view, "calendar.html", made_at=view.now, address=address, removed=False)

    @router.get("/calendar/{secret}.ics")
    async def feed(request: Request, secret: Secret) -> Response:
        body = await _feed(face, secret)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {**HEADERS, "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="text/calendar; charset=utf-8")


async def _feed(face: Face, secret: str) -> bytes:
    """The calendar of whoever has this address, by what they may see at this moment. Raises 404 for nobody.

    Whose address it is, the machine looks up; everything else is reached as that person and no further.
    """
    kit, now = face.kit, face.kit.clock.now()
    async with kit.sessions() as session:
        found = await feed_of(session, secret)
    if found is None:
        raise HTTPException(404)
    person_id, tenant_id, made_at = found
    async with kit.people.begin() as db:
        standing = await reach_of(db, roster, person_id, tenant_id, now)
        pupils = [one for one in pupils_of(standing, now) if not one.protected] if standing else []
        if standing is None or not pupils:
            raise HTTPException(404)
        facts = await calendar_facts(db, pupils, person_id, BACK_DAYS, AHEAD_DAYS)
        wishes = await wishes_of(db, person_id)
        looks = [Look(tenant_id, person_id, one.pupil_id, "calendar") for one in pupils]
        await note(db, looks, now)
    say = face.pages.words[choose(wishes.language if wishes else None).tag].ugettext
    words = Words(*map(say, WORDS))
    zones = [one.zone for one in pupils]
    return calendar(spans(pupils, facts), appointments(pupils, facts), words, zones, made_at)
