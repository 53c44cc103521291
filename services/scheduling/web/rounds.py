"""`/talks/rounds`: the rounds somebody has to do with, who lacks a talk, and a new round."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from services.scheduling.domain.agendas import AGENDAS
from services.scheduling.domain.round_checks import loads, problems
from services.scheduling.domain.rounds import ClassOf, RoundPlan, RoundState
from services.scheduling.domain.school_year import half_year_id
from services.scheduling.opening import open_round
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.coverage import Lacking, lacking_at
from services.scheduling.store.people import classes_of
from services.scheduling.store.rounds import add_round, listed
from services.scheduling.store.school_year import years_of
from services.scheduling.tables import roster
from services.scheduling.web.round_form import LINES, Typed, as_typed, planned, proposed
from shared.events.roster import SchoolStated
from shared.languages import N_
from shared.roster.standing import Standing, members_on
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

STATES = {
    RoundState.DRAFT: ("quiet", N_("Draft")),
    RoundState.WISHES: ("wait", N_("Collecting wishes")),
    RoundState.PROPOSED: ("wait", N_("Times are proposed")),
    RoundState.BOOKING: ("wait", N_("Homes book")),
    RoundState.CLOSED: ("quiet", N_("Closed")),
}


def add_rounds(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """The list of rounds, and the page on which one is opened."""

    @router.get("/talks/rounds")
    async def page(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            standing = view.standing
            led = led_schools(standing)
            found = await listed(view.db, standing.person.person_id, led, standing.mentor_groups)
            if not found and not is_staff(standing):
                raise HTTPException(404)
            lacking = await _lacking(view)
            await done(face, view, what="talks lacking", pupils=[one.pupil_id for one in lacking])
        opens = bool(workplaces(standing))
        return face.show(request, view, "rounds.html", rounds=found, states=STATES, lacking=lacking, opens=opens)

    @router.get("/talks/rounds/new")
    async def plan_one(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            classes = await _classes(view)
            school = view.standing.schools[classes[0].school_id] if classes else _some_school(view.standing)
            year = (await years_of(view.db, [school]))[school.school_id]
        typed = proposed(classes, year, view.now, school.zone)
        return face.show(request, view, "round_new.html", **_page(view, classes, typed))

    @router.post("/talks/rounds/new")
    async def decide(request: Request, session: Me) -> Response:
        form = await request.form()
        typed = as_typed(form)
        name = AGENDAS[typed["kind"]].name
        title = face.pages.gettext(request, name)
        async with viewing(face.kit, roster, session) as view:
            classes = await _classes(view)
            plan, chosen, context = await _checked(view, classes, typed, title)
            stops = any(one.stops for one in context["wrong"])
            if stops or form.get("act") != "open":
                context |= {"checked": not stops, **_page(view, classes, typed)}
                return face.show(request, view, "round_new.html", 400 if stops else 200, **context)
            round_id = await _open(face, view, plan, chosen)
        face.kit.due_planned.set()
        return RedirectResponse(f"/talks/rounds/{round_id}?done=opened", 303)


def is_staff(standing: Standing) -> bool:
    """True for mentors, principals and officers of the municipality."""
    return bool(standing.mentor_groups or standing.principal_of or standing.municipality)


def led_schools(standing: Standing) -> list[UUID]:
    """The schools of which this person sees all rounds."""
    return [school for school in standing.schools if standing.in_charge_of(school)]


def workplaces(standing: Standing) -> list[UUID]:
    """The schools at which this person may open a round: as their principal, or as the mentor of a class there."""
    mine = {group.school_id for group in standing.mentor_groups.values()} | standing.principal_of
    return sorted((one for one in mine if one in standing.schools), key=str)


async def _classes(view: View) -> list[ClassOf]:
    """The classes this person may put into a round. Raises 404 for who may open none."""
    where = workplaces(view.standing)
    if not where:
        raise HTTPException(404)
    found = await classes_of(view.db, where, view.standing.today)
    leads, groups = view.standing.principal_of, view.standing.mentor_groups
    return [one for one in found if one.school_id in leads or one.group_id in groups]


def _some_school(standing: Standing) -> SchoolStated:
    return standing.schools[workplaces(standing)[0]]


async def _checked(
    view: View, classes: Sequence[ClassOf], typed: Typed, title: str
) -> tuple[RoundPlan, list[ClassOf], dict[str, Any]]:
    """The plan, its classes, and what the page says of it: problems, and what each host has to do."""
    first = next((one for one in classes if str(one.group_id) in typed["classes"]), None)
    school = view.standing.schools[first.school_id] if first else _some_school(view.standing)
    plan, chosen, unread = planned(typed, classes, title, school.zone)
    year = (await years_of(view.db, [school]))[school.school_id]
    wrong = unread or list(problems(plan, chosen, year, school.zone, view.now))
    tasks = [] if any(one.stops for one in wrong) else loads(plan, chosen, school.zone)
    return plan, chosen, {"wrong": wrong, "loads": tasks, "plan": plan, "school": school}


async def _open(face: Face, view: View, plan: RoundPlan, chosen: Sequence[ClassOf]) -> UUID:
    tenant, now, me = view.standing.tenant_id, view.now, view.standing.person.person_id
    hosts = [host for one in chosen for host in one.mentors]
    term = half_year_id(tenant, min(one.day for one in plan.days))
    await act(view)
    round_id = await add_round(view.db, plan, hosts, tenant_id=tenant, author_id=me, term_id=term, now=now)
    await done(face, view, await open_round(view.db, round_id, now))
    return round_id


async def _lacking(view: View) -> list[Lacking]:
    """Who of this person's pupils is owed a talk and has none ahead; nobody by name for officers."""
    standing = view.standing
    where = workplaces(standing)
    found = await lacking_at(view.db, where, standing.today, view.now) if where else []
    taught = {pupil for group in standing.mentor_groups.values() for pupil in members_on(group, standing.today)}
    return [one for one in found if one.school_id in standing.principal_of or one.pupil_id in taught]


def _page(view: View, classes: Sequence[ClassOf], typed: Typed) -> dict[str, Any]:
    lines = [*typed["days"], *[("", "", "")] * LINES][:LINES]
    kinds = [(kind, found.name) for kind, found in AGENDAS.items()]
    schools = view.standing.schools
    day: date = view.standing.today
    return {"classes": classes, "typed": typed, "lines": lines, "kinds": kinds, "schools": schools, "first_day": day}
