"""Who else may know: everyone who answers for a pupil signs, and each may take it back at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.portal import outgoing
from services.portal.domain.family import Pupil, pupils_of
from services.portal.domain.rights import Circle, choices, may_sign, may_withdraw, sign, withdraw
from services.portal.store import rights
from services.portal.store.wishes import RIGHTS, answer, version_at
from services.portal.tables import roster
from services.portal.web.shown import trace
from shared.events.people import ConsentStated
from shared.roster.access import consent_id
from shared.web.face import Face, StronglyMe, tell
from shared.web.viewing import View, viewing


class Act(StrEnum):
    """What a button does."""

    SIGN = "sign"
    WITHDRAW = "withdraw"


class Done(StrEnum):
    """What the page says was done."""

    SIGNED = "signed"  # and others have not yet
    HOLDS = "holds"
    WITHDRAWN = "withdrawn"
    ANSWERED = "answered"


def add_consents(router: APIRouter, face: Face) -> None:
    """`/consents` and its buttons."""

    @router.get("/consents")
    async def consents_page(
        request: Request, session: StronglyMe, done: Annotated[Done | None, Query()] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            mine = deciding_on(view)
            found, asked = await rights.circles(view.db, mine, session.person_id)
            await trace(view, "consents", [one.pupil_id for one in mine])
        shown = [(circle, choices(circle)) for circle in found]
        return face.show(request, view, "consents.html", circles=shown, asked=asked, me=session.person_id, done=done)

    @router.post("/consents")
    async def decide(
        session: StronglyMe,
        pupil_id: Annotated[UUID, Form()],
        person_id: Annotated[UUID, Form()],
        act: Annotated[Act, Form()],
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await rights.alone(view.db, pupil_id, person_id)
            circle = await _circle(view, pupil_id)
            done = await (_sign if act is Act.SIGN else _withdraw)(face, view, circle, person_id)
        face.kit.outbox_written.set()
        return RedirectResponse(f"/consents?done={done}", 303)

    @router.post("/consents/answered")
    async def answered(session: StronglyMe) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await answer(view.db, session.person_id, RIGHTS, view.now)
            await trace(view, "rights answered", [session.person_id])
        return RedirectResponse(f"/consents?done={Done.ANSWERED}", 303)


def deciding_on(view: View) -> list[Pupil]:
    """The pupils about whom the reader decides: their children, or themselves from 18 on."""
    return [one for one in pupils_of(view.standing, view.now) if one.answers]


async def _circle(view: View, pupil_id: UUID) -> Circle:
    """Everyone around a pupil about whom the reader decides. Raises 404 for any other."""
    mine = [one for one in deciding_on(view) if one.pupil_id == pupil_id]
    found, _ = await rights.circles(view.db, mine, view.standing.person.person_id)
    if not found:
        raise HTTPException(404)
    return found[0]


async def _sign(face: Face, view: View, circle: Circle, person_id: UUID) -> Done:
    signer = view.standing.person.person_id
    if not may_sign(circle, person_id, signer):
        raise HTTPException(404)
    await rights.add_signature(view.db, circle, person_id, signer, view.now)
    stated = sign(circle, person_id, signer, version_at(view.now))
    await _keep(face, view, circle, person_id, "consent signed", stated)
    return Done.HOLDS if stated else Done.SIGNED


async def _withdraw(face: Face, view: View, circle: Circle, person_id: UUID) -> Done:
    if not may_withdraw(circle, person_id, view.standing.person.person_id):
        raise HTTPException(404)
    await rights.remove_signatures(view.db, circle, person_id)
    await _keep(face, view, circle, person_id, "consent withdrawn", withdraw(circle, person_id, version_at(view.now)))
    return Done.WITHDRAWN


async def _keep(
    face: Face, view: View, circle: Circle, person_id: UUID, what: str, stated: ConsentStated | None
) -> None:
    """Leave a trace, answer what was asked of a pupil of age, and say what now holds."""
    pupil_id = circle.pupil.person_id
    await trace(view, what, [pupil_id], str(consent_id(pupil_id, person_id)))
    if circle.of_age:
        await answer(view.db, pupil_id, RIGHTS, view.now)
    if stated:
        await rights.state(view.db, stated, view.now)
        await tell(face.kit, view, [outgoing.consent(stated)])
