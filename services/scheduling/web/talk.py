"""The talk's own page: what was agreed last time, what each side brings, absence, the plan, and who has signed it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.scheduling.domain.agendas import AGENDAS, agenda
from services.scheduling.domain.commitments import ANSWERS, STATUSES
from services.scheduling.domain.risks import RISKS, TRENDS
from services.scheduling.domain.rounds import Side
from services.scheduling.domain.talks import SIDES, Part, may_hold, may_prepare, may_sign
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import roster
from services.scheduling.web.desk import Desk, opened
from services.scheduling.web.promises import who_may_promise
from shared.events.scheduling import TalkKind, TalkState
from shared.languages import N_
from shared.web.face import Face, Me, done
from shared.web.viewing import View, viewing

STATES = {
    TalkState.WANTED: (N_("No time yet"), "quiet"),
    TalkState.PROPOSED: (N_("Time proposed"), "wait"),
    TalkState.BOOKED: (N_("Booked"), "good"),
    TalkState.HELD: (N_("Held, to be signed"), "wait"),
    TalkState.SIGNED: (N_("Signed"), "good"),
    TalkState.MISSED: (N_("Did not take place"), "alarm"),
    TalkState.CANCELLED: (N_("Cancelled"), "quiet"),
}
SIDE_WORDS = {Side.SCHOOL: N_("The school"), Side.PUPIL: N_("The pupil"), Side.HOME: N_("The home")}


def add_talk(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/{talk_id}`."""

    @router.get("/talks/{talk_id}")
    async def talk_page(request: Request, session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await opened(view, talk_id)
            await done(face, view, what="talk", pupils=[desk.facts.talk.pupil_id])
        return show_talk(request, face, view, desk)


def show_talk(request: Request, face: Face, view: View, desk: Desk, status: int = 200, **more: Any) -> Response:
    """The talk's page, also with something to mend: `trouble` is its sentence, `typed` what was typed."""
    talk, state = desk.facts.talk, desk.state
    return face.show(
        request,
        view,
        "talk.html",
        status,
        **{
            **frame(desk),
            "may_prepare": may_prepare(desk.part, state),
            "may_hold": may_hold(desk.part, state, talk.starts_at, desk.now, desk.zone),
            "may_sign": may_sign(desk.part, desk.parties, desk.me) and desk.facts.record is not None,
            "risks": RISKS,
            "trends": TRENDS,
            "until": date.fromisoformat(desk.facts.absence_until) if desk.facts.absence_until else None,
            "promisers": who_may_promise(desk) if desk.part is Part.SCHOOL else [],
            "trouble": None,
            "typed": None,
            **more,
        },
    )


def frame(desk: Desk) -> dict[str, Any]:
    """What every page of a talk has."""
    return {
        "desk": desk,
        "talk": desk.facts.talk,
        "folk": desk.folk,
        "agenda": agenda(TalkKind(desk.facts.talk.kind)),
        "agendas": AGENDAS,
        "state": STATES[desk.state],
        "side": SIDES.get(desk.part),
        "sides": SIDE_WORDS,
        "school_side": desk.part is Part.SCHOOL,
        "statuses": STATUSES,
        "answers": ANSWERS,
    }
