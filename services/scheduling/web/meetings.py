"""Parent meetings and days to visit: what comes and what was, for homes and staff; making one and changing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling import meetings
from services.scheduling.domain.gatherings import MeetingState, Refusal, Sittings
from services.scheduling.domain.guests import Meet, invited, overlapping, pupils_seen, runs, workplaces, works_at
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import meetings as store
from services.scheduling.tables import roster
from services.scheduling.web.meeting_form import Class, MeetingForm, form_of
from services.scheduling.web.meeting_page import Done, add_meeting_page
from shared.events.roster import SchoolStated
from shared.languages import N_
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

EARLIER = timedelta(days=400)
MOST_EARLIER = 30
TOO_FEW = N_("More people have registered than that. There cannot be fewer seats.")
CLOSED = N_("The meeting is over or was cancelled, so it cannot be changed any more.")


@dataclass(frozen=True)
class Line:
    """A meeting in the list; `children` are the reader's, by name (None: without one)."""

    meet: Meet
    school: SchoolStated
    classes: list[str]
    children: list[str | None]
    runs: bool
    same_time: bool
    pupil_ids: list[UUID]


def add_meetings(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/meetings`, `/meetings/new`, `/meetings/{meeting_id}/edit`, and everything on a meeting's own page."""
    for add in (add_list, add_making, add_changing, add_meeting_page):
        add(router, face)


def add_list(router: APIRouter, face: Face) -> None:
    """`/meetings`: what comes, and what was."""

    @router.get("/meetings")
    async def coming(request: Request, session: Me, done: Annotated[Done | None, Query()] = None) -> Response:
        async with viewing(face.kit, roster, session) as view:
            lines = await _looked_at(face, view)
        over = [line for line in lines if line.meet.is_over(view.now)]
        return face.show(
            request,
            view,
            "meetings.html",
            coming=[line for line in lines if not line.meet.is_over(view.now)],
            earlier=list(reversed(over))[:MOST_EARLIER],
            makes=bool(workplaces(view.standing)),
            schools=_schools_of_children(view),
            done=done,
        )


def add_making(router: APIRouter, face: Face) -> None:
    """`/meetings/new`. It stands before a meeting's own page, so that “new” is not read as an id."""

    @router.get("/meetings/new")
    async def empty_form(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            classes = await _offered(view)
        return _form(face, request, view, MeetingForm(), classes)

    @router.post("/meetings/new")
    async def make(request: Request, session: Me) -> Response:
        form, made, sittings = MeetingForm(await request.form()), list[UUID](), None
        async with viewing(face.kit, roster, session) as view:
            classes = await _offered(view)
            read = form.read(classes, view.standing.schools, view.now)
            if read:
                await act(view)
                sittings = await meetings.sittings_of(view.db, *read, view.now)
                if sittings is None or sittings.is_good or form.anyway:
                    author = view.standing.person.person_id
                    made = await meetings.create(view.db, read[0], author, read[1], sittings, view.now)
        if made:
            return RedirectResponse(f"/meetings/{made[0]}?done={Done.SAVED}", 303)
        return _form(face, request, view, form, classes, 409 if sittings else 400, sittings=sittings)


def add_changing(router: APIRouter, face: Face) -> None:
    """`/meetings/{meeting_id}/edit`."""

    @router.get("/meetings/{meeting_id}/edit")
    async def filled_form(request: Request, meeting_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            meeting, classes = await _mine(view, meeting_id)
        form = form_of(meeting, view.standing.schools[meeting.school_id].zone)
        return _form(face, request, view, form, classes, meeting=meeting)

    @router.post("/meetings/{meeting_id}/edit")
    async def change(request: Request, meeting_id: UUID, session: Me) -> Response:
        form, sittings, changed = MeetingForm(await request.form()), None, False
        async with viewing(face.kit, roster, session) as view:
            meeting, classes = await _mine(view, meeting_id)
            form.values["kind"], form.days = meeting.kind, []
            if meeting.is_public:
                form.groups += [str(one) for one in meeting.classes]
            read = form.read(classes, view.standing.schools, view.now)
            if read:
                await act(view)
                sittings = await meetings.sittings_of(view.db, *read, view.now)
                if sittings is None or sittings.is_good or form.anyway:
                    changed = await _change(face, view, form, meeting_id, *read, sittings)
        if changed:
            return RedirectResponse(f"/meetings/{meeting_id}?done={Done.SAVED}", 303)
        status = 409 if read else 400
        return _form(face, request, view, form, classes, status, meeting=meeting, sittings=sittings)


async def _looked_at(face: Face, view: View) -> list[Line]:
    """The reader's meetings, and that their children were looked at."""
    lines = await _lines(view)
    await done(face, view, what="meetings", pupils=[pupil for line in lines for pupil in line.pupil_ids])
    return lines


async def _lines(view: View) -> list[Line]:
    """The reader's meetings in order of time: for their children, of their classes, at their school."""
    standing = view.standing
    pupils = pupils_seen(standing, standing.today)
    places = dict.fromkeys([*workplaces(standing), *(one.school_id for one in _schools_of_children(view))])
    me = standing.person.person_id
    found = await store.listed(view.db, list(places), pupils, me, view.now - EARLIER)
    mine = [one for one in found.meetings if invited(one, found.inside, _zone(view, one), standing.today)]
    lines, same = list[Line](), overlapping(mine)
    for meet in sorted(found.meetings, key=lambda one: (one.starts_at, one.meeting_id)):
        children = invited(meet, found.inside, _zone(view, meet), standing.today) if meet.is_public else {}
        if children or _is_at_work(view, meet):
            lines.append(
                Line(
                    meet,
                    standing.schools[meet.school_id],
                    sorted(found.groups.get(one, "") for one in meet.classes),
                    [found.names.get(one) if one != me else None for one in children],
                    runs(standing, meet.school_id, meet.classes),
                    bool(children and same.get(meet.meeting_id)),
                    [one for one in children if one != me],
                )
            )
    return lines


def _zone(view: View, meet: Meet) -> str:
    return view.standing.schools[meet.school_id].zone


def _is_at_work(view: View, meet: Meet) -> bool:
    """True for a principal, and a mentor with a class in it; a draft is only for those who run it."""
    standing = view.standing
    if not meet.is_public:
        return runs(standing, meet.school_id, meet.classes)
    mine = meet.school_id in standing.principal_of or bool(set(meet.classes) & set(standing.mentor_groups))
    return works_at(standing, meet.school_id) and mine


def _schools_of_children(view: View) -> list[SchoolStated]:
    """The schools of the pupils for whom the reader is a guest."""
    standing, me = view.standing, view.standing.person
    pupils = [
        me if one == me.person_id else standing.children[one].pupil for one in pupils_seen(standing, standing.today)
    ]
    found = dict.fromkeys(school for pupil in pupils for school in pupil.school_ids)
    return [standing.schools[one] for one in found if one in standing.schools]


async def _offered(view: View, school_id: UUID | None = None) -> list[Class]:
    """The classes the reader may invite (of one school). Raises 404 when there are none: they do not run meetings."""
    standing = view.standing
    mine = [(one, group.name, group.school_id) for one, group in standing.mentor_groups.items()]
    found = await store.classes_of(view.db, [one for one in standing.principal_of if school_id in (None, one)])
    of_principal = {one for one, _, _ in found}
    found += [one for one in mine if one[0] not in of_principal and one[2] in standing.schools]
    classes = sorted((one for one in found if school_id in (None, one[2])), key=lambda one: (str(one[2]), one[1]))
    if not classes:
        raise HTTPException(404)
    return classes


async def _mine(view: View, meeting_id: UUID) -> tuple[Meet, list[Class]]:
    """A meeting the reader runs and that can still be changed, and the classes they may invite to it. Raises 404."""
    row = await store.page(view.db, meeting_id, [], view.standing.person.person_id)
    if row is None or not runs(view.standing, row[0].school_id, row[0].classes):
        raise HTTPException(404)
    if row[0].state not in (MeetingState.DRAFT, MeetingState.INVITED) or row[0].is_over(view.now):
        raise HTTPException(404)
    return row[0], await _offered(view, row[0].school_id)


async def _change(
    face: Face,
    view: View,
    form: MeetingForm,
    meeting_id: UUID,
    school: SchoolStated,
    wanted: meetings.Wanted,
    sittings: Sittings | None,
) -> bool:
    """Write the change and tell whom it concerns; False, with a sentence in the form, when it cannot be."""
    said = await meetings.change(view.db, school, meeting_id, wanted, sittings, view.now)
    if isinstance(said, Refusal):
        form.errors["seats" if said is Refusal.FULL else "day"] = TOO_FEW if said is Refusal.FULL else CLOSED
        return False
    await done(face, view, said)
    return True


def _form(
    face: Face,
    request: Request,
    view: View,
    form: MeetingForm,
    classes: Sequence[Class],
    status: int = 200,
    *,
    meeting: Meet | None = None,
    sittings: Sittings | None = None,
) -> Response:
    schools = {school: view.standing.schools[school] for _, _, school in classes}
    return face.show(
        request,
        view,
        "meeting_new.html",
        status,
        form=form,
        classes=classes,
        schools=schools,
        meeting=meeting,
        names={one: name for one, name, _ in classes},
        trouble=sittings if sittings and not sittings.is_good else None,
    )
