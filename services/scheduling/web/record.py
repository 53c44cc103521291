"""The talk is held, what was said is written down, and everybody it concerns signs this version of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling import talking
from services.scheduling.domain.talks import OVER, Part, may_hold, may_sign
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import roster
from services.scheduling.web.adaptations import may_read
from services.scheduling.web.desk import Desk, claimed, opened
from services.scheduling.web.talk import frame, show_talk
from shared.events.envelope import Outgoing
from shared.languages import N_
from shared.web.face import Face, Me, done
from shared.web.viewing import View, viewing

LONGEST = 20_000  # characters of a summary
ALREADY = N_("It is already noted that this talk was held. Your words are below; put together what is to be kept.")
EARLY = N_("The talk is on a later day, so it cannot have been held yet. Nothing was kept; your words are below.")
MEANWHILE = N_(
    "Somebody has changed the plan since you opened the page, so nothing of yours is kept yet. Both texts are below: "
    "put together what is to be kept, and save again."
)
TOO_LONG = N_("The summary is too long. Nothing is kept yet; shorten it and save again.")
OTHER_VERSION = N_("The plan has changed since you opened the page. Read it as it is now, and sign that.")


def add_record(router: APIRouter, face: Face, settings: SchedulingSettings) -> None:
    """`/talks/{talk_id}/record`, `/held` and `/sign`."""
    _add_holding(router, face, settings)
    _add_rewriting(router, face)
    _add_signing(router, face)


def _add_holding(router: APIRouter, face: Face, settings: SchedulingSettings) -> None:
    """The form, and that the talk was held."""

    @router.get("/talks/{talk_id}/record")
    async def record_page(request: Request, session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = _schools(await opened(view, talk_id))
            await done(face, view, what="talk record", pupils=[desk.facts.talk.pupil_id])
        return _form(request, face, view, desk)

    @router.post("/talks/{talk_id}/held")
    async def held(
        request: Request,
        session: Me,
        talk_id: UUID,
        summary: Annotated[str, Form()] = "",
        present: Annotated[tuple[UUID, ...], Form()] = (),
    ) -> Response:
        summary = _plain(summary)
        async with viewing(face.kit, roster, session) as view:
            desk = _schools(await claimed(view, talk_id))
            trouble = _not_now(desk, summary)
            said = [] if trouble else await _hold(desk, view, settings, summary, present)
            await done(face, view, said, "talk held", [desk.facts.talk.pupil_id])
        return _after(request, face, view, desk, trouble, summary, present)


def _add_rewriting(router: APIRouter, face: Face) -> None:
    """What was written down, written otherwise."""

    @router.post("/talks/{talk_id}/record")
    async def rewrite(
        request: Request,
        session: Me,
        talk_id: UUID,
        seen: Annotated[int, Form()],
        summary: Annotated[str, Form()] = "",
        present: Annotated[tuple[UUID, ...], Form()] = (),
    ) -> Response:
        summary = _plain(summary)
        async with viewing(face.kit, roster, session) as view:
            desk = _schools(await claimed(view, talk_id))
            if desk.facts.record is None or desk.state not in OVER:
                raise HTTPException(404)
            there = _there(desk, present)
            trouble = TOO_LONG if len(summary) > LONGEST else None
            said = (
                None
                if trouble
                else await talking.rewrite(view.db, desk.facts, seen, summary, there, view.now, desk.zone)
            )
            await done(face, view, said or (), "talk record", [desk.facts.talk.pupil_id])
        trouble = trouble or (MEANWHILE if said is None else None)
        return _after(request, face, view, desk, trouble, summary, present)


def _add_signing(router: APIRouter, face: Face) -> None:
    """Sign the plan as it stands."""

    @router.post("/talks/{talk_id}/sign")
    async def sign(request: Request, session: Me, talk_id: UUID, seen: Annotated[int, Form()]) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await claimed(view, talk_id)
            if not may_sign(desk.part, desk.parties, desk.me) or desk.state not in OVER:
                raise HTTPException(404)
            said = await talking.sign(view.db, desk.facts, desk.parties, desk.me, seen, view.now)
            await done(face, view, said or (), "talk signed", [desk.facts.talk.pupil_id])
        if said is None:
            return show_talk(request, face, view, desk, 409, trouble=OTHER_VERSION)
        return RedirectResponse(f"/talks/{talk_id}", 303)


def _schools(desk: Desk) -> Desk:
    if desk.part is not Part.SCHOOL:
        raise HTTPException(404)
    return desk


def _plain(text: str) -> str:
    return text.replace("\x00", "").replace("\r\n", "\n").strip()


def _there(desk: Desk, present: Iterable[UUID]) -> list[UUID]:
    """Those of the ticked people whom the talk concerns; an id from elsewhere is nobody."""
    return [one for one in could_be_there(desk) if one in set(present)]


def could_be_there(desk: Desk) -> list[UUID]:
    """Whom the talk is held with, and who holds it; who was noted as there earlier stays."""
    talk, record = desk.facts.talk, desk.facts.record
    people = [talk.host_id or desk.me, talk.pupil_id, *talk.guardian_ids, *(record.present if record else ())]
    return list(dict.fromkeys(people))


def _not_now(desk: Desk, summary: str) -> str | None:
    if desk.facts.record is not None or desk.state in OVER:
        return ALREADY
    if len(summary) > LONGEST:
        return TOO_LONG
    allowed = may_hold(desk.part, desk.state, desk.facts.talk.starts_at, desk.now, desk.zone)
    return None if allowed else EARLY


async def _hold(
    desk: Desk, view: View, settings: SchedulingSettings, summary: str, present: Iterable[UUID]
) -> list[Outgoing]:
    there = _there(desk, present)
    return await talking.hold(view.db, desk.facts, summary, there, desk.me, view.now, desk.zone, settings)


def _after(
    request: Request, face: Face, view: View, desk: Desk, trouble: str | None, summary: str, present: Iterable[UUID]
) -> Response:
    """On to the talk's page; or the form again with what was typed and the sentence that says why."""
    if not trouble:
        return RedirectResponse(f"/talks/{desk.facts.talk.talk_id}", 303)
    status = 400 if trouble is TOO_LONG else 409
    return _form(request, face, view, desk, status, trouble=trouble, typed=summary, ticked=set(present))


def _form(request: Request, face: Face, view: View, desk: Desk, status: int = 200, **more: Any) -> Response:
    record, talk = desk.facts.record, desk.facts.talk
    usual = {
        "typed": record.summary if record else "",
        "ticked": set(record.present) if record else {talk.host_id or desk.me, talk.pupil_id, *talk.guardian_ids},
        "trouble": None,
        "people": could_be_there(desk),
        "record": record,
        "adaptations": may_read(desk.standing, desk.folk.around.persons[talk.pupil_id], desk.today),
        "early": not record and not may_hold(desk.part, desk.state, talk.starts_at, desk.now, desk.zone),
    }
    return face.show(request, view, "record.html", status, **{**frame(desk), **usual, **more})
