"""A class's half-year as its mentor sees it: what is sent and what is owed, dates to move, and the class's diary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.bulletins import planning
from services.bulletins.domain.plans import LONGEST, Unmoved
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import plans as store
from services.bulletins.store.plans import Plan, Spot
from services.bulletins.tables import Activity, HalfYear, Place, roster
from shared.clock import local_date
from shared.events.roster import GroupStated, SchoolStated
from shared.ids import new_id
from shared.languages import N_
from shared.roster.standing import members_on
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

WORDS = 300  # characters of a line in the diary
WRONG_DAY = N_("Please give a day.")
NEEDED = N_("Please write a few words.")
LONG = N_("This is too long for a line. Please shorten it.")
FAR = N_("Please choose a day of this school year.")


class Said(StrEnum):
    """What the page says was done."""

    MOVED = "moved"
    ADDED = "added"
    REMOVED = "removed"


class Standing(StrEnum):
    """How the place of a bulletin stands today."""

    SENT = "sent"
    LATE = "late"
    NEXT = "next"
    LATER = "later"


@dataclass(frozen=True)
class Step:
    """One place of the half-year, as it is shown. `days`: how late it is, or how far ahead; `sent_on`: local."""

    spot: Spot
    standing: Standing
    days: int
    sent_on: date | None = None

    @property
    def movable(self) -> bool:
        """True while its day has not passed and it has not been sent."""
        return self.standing in (Standing.NEXT, Standing.LATER)


def add_classes(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/bulletins/classes`, each class's own page, and what is done there."""

    @router.get("/bulletins/classes")
    async def listed(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            mine = sorted(view.standing.mentor_groups.values(), key=lambda one: (one.name, str(one.group_id)))
        if not mine:
            raise HTTPException(404)
        if len(mine) == 1:
            return RedirectResponse(planning.class_page(mine[0].group_id), 303)
        return face.show(request, view, "class_list.html", groups=mine)

    @router.get("/bulletins/classes/{group_id}")
    async def page(
        request: Request, group_id: UUID, session: Me, done: Annotated[Said | None, Query()] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            plan, school = await _mine(view, group_id)
        return _show(face, request, view, plan, school, group_id, done=done)

    for add in (_add_moving, _add_diary):
        add(router, face, settings)


def _add_moving(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    @router.post("/bulletins/classes/{group_id}/move")
    async def move(
        request: Request,
        group_id: UUID,
        session: Me,
        place_id: Annotated[UUID, Form()],
        due_on: Annotated[str, Form()] = "",
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            plan, school = await _mine(view, group_id)
            half, place = _place_of(plan, place_id)
            trouble: str | None = None if (day := _day(due_on)) else WRONG_DAY
            if day:
                await act(view)
                by = view.standing.person.person_id
                said = await planning.move(view.db, school, half, place, day, by, view.now)
                trouble = said.value if isinstance(said, Unmoved) else None
                await done(face, view, [] if isinstance(said, Unmoved) else said)
        if trouble:
            typed = {"place_id": place_id, "due_on": due_on}
            return _show(face, request, view, plan, school, group_id, 400, trouble=trouble, typed=typed)
        return RedirectResponse(f"{planning.class_page(group_id)}?done={Said.MOVED}", 303)


def _add_diary(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    @router.post("/bulletins/classes/{group_id}/diary")
    async def add(
        request: Request,
        group_id: UUID,
        session: Me,
        on: Annotated[str, Form()] = "",
        words: Annotated[str, Form()] = "",
    ) -> Response:
        words = " ".join(words.split())
        async with viewing(face.kit, roster, session) as view:
            plan, school = await _mine(view, group_id)
            wrong = _wrong(on, words, view.standing.today)
            if not wrong:
                await act(view)
                await store.add_activity(view.db, _activity(view, school, group_id, _day(on), words))
        if wrong:
            typed = {"on": on, "words": words}
            return _show(face, request, view, plan, school, group_id, 400, wrong=wrong, typed=typed)
        return RedirectResponse(f"{planning.class_page(group_id)}?done={Said.ADDED}#diary", 303)

    @router.post("/bulletins/classes/{group_id}/diary/remove")
    async def remove(group_id: UUID, session: Me, activity_id: Annotated[UUID, Form()]) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await _mine(view, group_id)
            await act(view)
            if not await store.remove_activity(view.db, group_id, activity_id):
                raise HTTPException(404)
        return RedirectResponse(f"{planning.class_page(group_id)}?done={Said.REMOVED}#diary", 303)


async def _mine(view: View, group_id: UUID) -> tuple[Plan, SchoolStated]:
    """The plan of a class: for its mentors, and the principal of its school. Raises 404 for everybody else."""
    plan = await store.plan_of_class(view.db, group_id, view.standing.today - LONGEST)
    group = plan.groups.get(group_id)
    school = view.standing.schools.get(group.school_id) if group else None
    theirs = group_id in view.standing.mentor_groups or (group and group.school_id in view.standing.principal_of)
    if group is None or school is None or not theirs:
        raise HTTPException(404)
    return plan, school


def steps(spots: list[Spot], today: date, zone: str) -> list[Step]:
    """How each place of one class stands today, in order."""
    found, next_seen = list[Step](), False
    for one in spots:
        days = (one.place.due_on - today).days
        if one.place.bulletin_id is not None:
            sent_at = one.sent_at or one.place.filled_at
            found.append(Step(one, Standing.SENT, 0, local_date(sent_at, zone) if sent_at else None))
        elif days < 0:
            found.append(Step(one, Standing.LATE, -days))
        else:
            found.append(Step(one, Standing.LATER if next_seen else Standing.NEXT, days))
            next_seen = True
    return found


def at_hand(halves: list[HalfYear], today: date) -> HalfYear | None:
    """The half-year that runs, else the next one, else the last."""
    if ahead := [one for one in halves if one.ends >= today]:
        return ahead[0]
    return halves[-1] if halves else None


def _show(
    face: Face,
    request: Request,
    view: View,
    plan: Plan,
    school: SchoolStated,
    group_id: UUID,
    status: int = 200,
    **more: Any,
) -> Response:
    today, group = view.standing.today, plan.groups[group_id]
    half = at_hand(plan.halves, today)
    spots = [one for one in plan.spots if half and one.place.half_year_id == half.half_year_id]
    context = {
        "group": group,
        "school": school,
        "half": half,
        "steps": steps(spots, today, school.zone),
        "sent": sum(one.place.bulletin_id is not None for one in spots),
        "pupils": _count(group, today),
        "open": plan.open,
        "been": [one for one in plan.diary if one.on < today and (half is None or one.on >= half.starts)],
        "to_come": [one for one in plan.diary if one.on >= today],
        "today": today,
        "writes": group_id in view.standing.mentor_groups,
        "done": "",
        "trouble": "",
        "wrong": {},
        **more,
        "typed": {"place_id": None, "due_on": "", "on": today.isoformat(), "words": "", **more.get("typed", {})},
    }
    return face.show(request, view, "class.html", status, **context)


def _place_of(plan: Plan, place_id: UUID) -> tuple[HalfYear, Place]:
    """One of the class's places, and its half-year. Raises 404 when it is none of theirs."""
    spot = next((one for one in plan.spots if one.place.place_id == place_id), None)
    half = next((one for one in plan.halves if spot and one.half_year_id == spot.place.half_year_id), None)
    if spot is None or half is None:
        raise HTTPException(404)
    return half, spot.place


def _activity(view: View, school: SchoolStated, group_id: UUID, on: date | None, words: str) -> Activity:
    return Activity(
        activity_id=new_id(),
        school_id=school.school_id,
        group_id=group_id,
        on=on or view.standing.today,
        words=words,
        author_id=view.standing.person.person_id,
        written_at=view.now,
    )


def _wrong(on: str, words: str, today: date) -> dict[str, str]:
    day, found = _day(on), dict[str, str]()
    if day is None:
        found["on"] = WRONG_DAY
    elif abs(day - today) > timedelta(days=365):
        found["on"] = FAR
    if not words:
        found["words"] = NEEDED
    elif len(words) > WORDS:
        found["words"] = LONG
    return found


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        return None


def _count(group: GroupStated, today: date) -> int:
    return len(set(members_on(group, today)))
