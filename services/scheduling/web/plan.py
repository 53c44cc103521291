"""The plan on paper, in the reader's language, for those who may read it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from services.scheduling.domain.agendas import agenda
from services.scheduling.domain.commitments import STATUSES
from services.scheduling.domain.thread import Agreed
from services.scheduling.plan_pdf import PlanPaper, PlanTable, plan_pdf
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import Record, roster
from services.scheduling.web.desk import Desk, opened
from shared.clock import local_date
from shared.events.scheduling import CommitmentStatus, Owner, TalkKind
from shared.languages import N_, Language, written_day
from shared.web.face import Face, Me, done
from shared.web.pages import language_of
from shared.web.viewing import viewing

Words = Callable[[str], str]
OWNERS = {Owner.SCHOOL: N_("The school"), Owner.PUPIL: N_("The pupil"), Owner.GUARDIAN: N_("A guardian")}
A_PERSON = N_("A person with a protected identity")
UNPRINTABLE = N_("Where […] stands, there are signs that cannot be printed here. The talk's page shows them in full.")


def add_plan(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/{talk_id}/plan.pdf`."""

    @router.get("/talks/{talk_id}/plan.pdf")
    async def plan(request: Request, session: Me, talk_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await opened(view, talk_id)
            await done(face, view, what="talk plan", pupils=[desk.facts.talk.pupil_id])
        if desk.facts.record is None:
            raise HTTPException(404)
        paper = paper_of(desk, desk.facts.record, lambda text: face.pages.gettext(request, text), language_of(request))
        name = f"plan-{local_date(desk.facts.record.held_at, desk.zone)}.pdf"  # nobody's name in a folder of downloads
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        return Response(plan_pdf(paper), media_type="application/pdf", headers=headers)


def paper_of(desk: Desk, record: Record, say: Words, language: Language) -> PlanPaper:
    """What stands on the plan's paper for this reader."""
    talk, held = desk.facts.talk, local_date(record.held_at, desk.zone)
    there = ", ".join(_name(desk, one, say) for one in record.present)
    day = f"{written_day(held, language)} {held.year}"
    facts = [(say(N_("School")), desk.folk.school(talk.school_id) or ""), (say(N_("Held")), day)]
    facts += [
        (say(N_("Who was there")), there or say(N_("Nobody was noted"))),
        (say(N_("Version")), str(record.version)),
    ]
    return PlanPaper(
        language=language.tag,
        title=say(N_("Plan")) + f" – {say(agenda(TalkKind(talk.kind)).name)}",
        lead=_name(desk, talk.pupil_id, say),
        facts=facts,
        summary_title=say(N_("What we talked about")),
        summary=record.summary or say(N_("Nothing is written down.")),
        tables=[_promises(desk, say, language), _signatures(desk, record, say, language)],
        page_of=say(N_("Page %(page)s of %(pages)s")),
        unprintable=say(UNPRINTABLE),
        at=max([record.changed_at, *[one.at for one in desk.facts.signatures if one.version == record.version]]),
    )


def _promises(desk: Desk, say: Words, language: Language) -> PlanTable:
    heads = [N_("Who"), N_("What"), N_("Until"), N_("How it is followed up"), N_("How it stands")]
    shown = [one for one in desk.agreed if one.was_agreed and one.status is not CommitmentStatus.STOPPED]
    rows = [_promise(desk, one, say, language) for one in shown]
    none = say(N_("Nothing was agreed."))
    return PlanTable(say(N_("What we agreed")), [say(one) for one in heads], (20, 32, 16, 24, 14), rows, none)


def _promise(desk: Desk, one: Agreed, say: Words, language: Language) -> list[str]:
    who = one.pupil_id if one.owner is Owner.PUPIL else one.promised_by
    name = desk.folk.name(who) if who else None
    until = f"{written_day(one.due, language)} {one.due.year}" if one.due else "–"
    return [name or say(OWNERS[one.owner]), one.what, until, one.how or "–", say(STATUSES[one.status][0])]


def _signatures(desk: Desk, record: Record, say: Words, language: Language) -> PlanTable:
    signed = [one for one in desk.facts.signatures if one.version == record.version]
    rows = []
    for one in signed:
        when = local_date(one.at, desk.zone)
        rows.append([_name(desk, one.person_id, say), f"{written_day(when, language)} {when.year}"])
    lacking = desk.lacking
    waiting = list(lacking.guardian_ids) if lacking else []
    waiting += [desk.facts.talk.pupil_id] if lacking and lacking.pupil else []
    rows += [[_name(desk, one, say), say(N_("not signed yet"))] for one in waiting]
    rows += [[say(OWNERS[Owner.SCHOOL]), say(N_("not signed yet"))]] if lacking and lacking.school else []
    return PlanTable(say(N_("Signatures")), [say(N_("Who")), say(N_("When"))], (60, 40), rows, "")


def _name(desk: Desk, person_id: UUID, say: Words) -> str:
    return desk.folk.name(person_id) or say(A_PERSON)
