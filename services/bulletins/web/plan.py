"""The plan of a school: each class with what it has sent, the late ones first; the half-year's days and quota."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.bulletins import planning
from services.bulletins.domain.plans import LONGEST, MOST, Unfit
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import plans as store
from services.bulletins.store.people import mentors_in
from services.bulletins.store.plans import Plan
from services.bulletins.tables import HalfYear, roster
from services.bulletins.web.classes import Standing, Step, at_hand, steps
from shared.events.roster import SchoolStated
from shared.roster import standing as roles
from shared.roster.standing import members_on
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing


@dataclass(frozen=True)
class ClassLine:
    """One class in the table. `late`: days since the earliest bulletin that was not sent was due."""

    group_id: UUID
    name: str
    pupils: int
    mentors: tuple[str, ...]
    steps: tuple[Step, ...]
    has_page: bool

    @property
    def sent(self) -> int:
        """How many of its bulletins have been sent."""
        return sum(one.standing is Standing.SENT for one in self.steps)

    @property
    def late(self) -> int:
        """Days; 0 when nothing is late."""
        return max((one.days for one in self.steps if one.standing is Standing.LATE), default=0)

    @property
    def homes(self) -> tuple[int, int]:
        """Homes that have what was sent, and homes it was sent to, over all its bulletins."""
        return sum(one.spot.reached for one in self.steps), sum(one.spot.homes for one in self.steps)


@dataclass(frozen=True)
class SchoolLine:
    """One school in an officer's table."""

    school: SchoolStated
    classes: int = 0
    owed: int = 0
    sent: int = 0
    late: int = 0  # classes


def add_plan(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    """`/bulletins/plan`: for principals and officers."""

    @router.get("/bulletins/plan")
    async def page(
        request: Request,
        session: Me,
        school: Annotated[UUID | None, Query()] = None,
        half: Annotated[UUID | None, Query()] = None,
        done: Annotated[str, Query(max_length=10)] = "",
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            chosen = _chosen(view.standing, school)
            if chosen is None:
                lines = await _schools(view)
            else:
                plan = await store.plan_of(view.db, [chosen.school_id], view.standing.today - LONGEST)
        if chosen is None:
            return face.show(request, view, "plan_schools.html", lines=lines)
        return _show(face, request, view, plan, chosen, half, done=done == "kept")

    @router.post("/bulletins/plan")
    async def edit(
        request: Request,
        session: Me,
        half_year_id: Annotated[UUID, Form()],
        starts: Annotated[str, Form()] = "",
        ends: Annotated[str, Form()] = "",
        quota: Annotated[str, Form()] = "",
        approval: Annotated[str, Form()] = "",
    ) -> Response:
        typed = {"starts": starts, "ends": ends, "quota": quota, "approval": bool(approval)}
        async with viewing(face.kit, roster, session) as view:
            row, school = await _editable(view, half_year_id)
            plan = await store.plan_of(view.db, [school.school_id], view.standing.today - LONGEST)
            wanted = _read(starts, ends, quota, bool(approval))
            trouble: Unfit | None = Unfit.ORDER if wanted is None else None
            if wanted:
                await act(view)
                said = await planning.edit(view.db, school, row, wanted, view.now)
                trouble = said if isinstance(said, Unfit) else None
                await done(face, view, [] if isinstance(said, Unfit) else said)
        if trouble:
            return _show(face, request, view, plan, school, half_year_id, 400, trouble=trouble.value, typed=typed)
        return RedirectResponse(f"/bulletins/plan?school={school.school_id}&half={half_year_id}&done=kept", 303)


def class_lines(
    plan: Plan, half: HalfYear, today: date, zone: str, mine: set[UUID], all_pages: bool
) -> list[ClassLine]:
    """The classes that owe bulletins in a half-year: the latest first, then by name."""
    mentors, found = mentors_in(plan.posts, today), list[ClassLine]()
    for group_id in dict.fromkeys(one.place.group_id for one in plan.spots):
        spots = [o for o in plan.spots if o.place.group_id == group_id and o.place.half_year_id == half.half_year_id]
        group = plan.groups.get(group_id)
        if not spots:
            continue
        found.append(
            ClassLine(
                group_id,
                group.name if group else "",
                len(set(members_on(group, today))) if group else 0,
                tuple(plan.names.get(one, "") for one in mentors.get(group_id, ())),
                tuple(steps(spots, today, zone)),
                all_pages or group_id in mine,
            )
        )
    return sorted(found, key=lambda one: (-one.late, one.name, str(one.group_id)))


def _chosen(standing: roles.Standing, school_id: UUID | None) -> SchoolStated | None:
    """The school that is shown; None for an officer who has chosen none. Raises 404 for who is in charge of none."""
    mine = _mine(standing)
    if not mine or (school_id and school_id not in mine):
        raise HTTPException(404)
    if school_id:
        return mine[school_id]
    return next(iter(mine.values())) if len(mine) == 1 else None


def _mine(standing: roles.Standing) -> dict[UUID, SchoolStated]:
    """The schools whose plan this person may see, by name."""
    there = [one for one in standing.schools.values() if one.kind != "municipality"]
    wanted = [one for one in there if standing.in_charge_of(one.school_id)]
    return {one.school_id: one for one in sorted(wanted, key=lambda one: (one.name, str(one.school_id)))}


async def _schools(view: View) -> list[SchoolLine]:
    """Each school's half-year that runs, those with most classes late first. One statement."""
    mine = _mine(view.standing)
    rows = {row.school_id: row for row in await store.summary(view.db, mine, view.standing.today)}
    lines = [
        SchoolLine(school, row.classes, row.owed, row.sent, row.late) if (row := rows.get(one)) else SchoolLine(school)
        for one, school in mine.items()
    ]
    return sorted(lines, key=lambda one: (-one.late, one.school.name))


async def _editable(view: View, half_year_id: UUID) -> tuple[HalfYear, SchoolStated]:
    """The half-year, for the principal of its school. Raises 404 for everybody else."""
    row = await store.half_year(view.db, half_year_id)
    school = view.standing.schools.get(row.school_id) if row else None
    if row is None or school is None or row.school_id not in view.standing.principal_of:
        raise HTTPException(404)
    return row, school


def _read(starts: str, ends: str, quota: str, approval: bool) -> tuple[date, date, int, bool] | None:
    try:
        return date.fromisoformat(starts.strip()), date.fromisoformat(ends.strip()), int(quota[:4]), approval
    except ValueError:
        return None


def _show(
    face: Face,
    request: Request,
    view: View,
    plan: Plan,
    school: SchoolStated,
    half_year_id: UUID | None,
    status: int = 200,
    **more: Any,
) -> Response:
    standing, today = view.standing, view.standing.today
    half = next((one for one in plan.halves if one.half_year_id == half_year_id), at_hand(plan.halves, today))
    leads = school.school_id in standing.principal_of
    lines = class_lines(plan, half, today, school.zone, set(standing.mentor_groups), leads) if half else []
    context = {
        "school": school,
        "others": len(_mine(standing)) > 1,
        "half": half,
        "halves": plan.halves,
        "lines": lines,
        "late": sum(bool(one.late) for one in lines),
        "owed": sum(len(one.steps) for one in lines),
        "sent": sum(one.sent for one in lines),
        "homes": (sum(one.homes[0] for one in lines), sum(one.homes[1] for one in lines)),
        "edits": leads and half is not None and half.ends >= today,
        "most": MOST,
        "typed": None,
        "done": False,
        "trouble": "",
        **more,
    }
    return face.show(request, view, "plan.html", status, **context)
