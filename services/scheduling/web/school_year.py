"""`/talks/school-year`: terms, breaks and red days, and bringing them in from a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from services.scheduling.domain.school_year import DAY, Country, HalfYear, SchoolYear, red_day, school_year_start
from services.scheduling.domain.year_files import LARGEST, Unread
from services.scheduling.school_year import Imported, import_year
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.school_year import forget, recorded, years_of
from services.scheduling.tables import roster
from services.scheduling.web.rounds import is_staff
from shared.events.roster import SchoolStated
from shared.roster.standing import Standing
from shared.web.face import Face, Me, act, done
from shared.web.session import Session
from shared.web.viewing import View, viewing

AHEAD = timedelta(days=300)  # for red days
Text = Annotated[str, Form(max_length=200)]


def add_school_year(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """The school year as it is recorded, and what principals and the municipality change in it."""

    @router.get("/talks/school-year")
    async def page(request: Request, session: Me, done: str = "") -> Response:
        return await _show(face, request, session, done=done[:20])

    @router.post("/talks/school-year")
    async def bring(request: Request, session: Me, file: Annotated[UploadFile, File()], whose: Text = "") -> Response:
        return await _take(face, request, session, whose, await file.read(LARGEST + 1))

    @router.post("/talks/school-year/add")
    async def add(
        request: Request,
        session: Me,
        kind: Text = "",
        name: Text = "",
        first: Text = "",
        last: Text = "",
        whose: Text = "",
    ) -> Response:
        line = io.StringIO()
        csv.writer(line).writerows([("name", "first_day", "last_day", "kind"), (name, first, last, kind)])
        return await _take(face, request, session, whose, line.getvalue().encode())

    @router.post("/talks/school-year/remove")
    async def remove(session: Me, row_id: Annotated[UUID, Form()]) -> Response:
        async with viewing(face.kit, roster, session) as view:
            standing = view.standing
            mine = None if standing.municipality else list(standing.principal_of)
            if mine == [] or not await forget(view.db, standing.tenant_id, row_id, mine):
                raise HTTPException(404)
        return RedirectResponse("/talks/school-year?done=removed", 303)


async def _take(face: Face, request: Request, session: Session, whose: str, content: bytes) -> Response:
    """Bring in a file, and show what became of it: nothing, when it cannot be read at all."""
    try:
        async with viewing(face.kit, roster, session) as view:
            own = _whose(view.standing, whose)
            schools, tenant = list(_may_name(view.standing)), view.standing.tenant_id
            await act(view)
            report = await import_year(view.db, tenant, schools, own, content)
            await done(face, view)
    except Unread as fault:
        return await _show(face, request, session, status=400, trouble=(fault.reason, fault.values))
    return await _show(face, request, session, status=400 if report.held else 200, report=report)


async def _show(
    face: Face,
    request: Request,
    session: Session,
    *,
    status: int = 200,
    done: str = "",
    report: Imported | None = None,
    trouble: Any = None,
) -> Response:
    async with viewing(face.kit, roster, session) as view:
        context = await _context(view)
    more = {"done": done, "report": report, "trouble": trouble}
    return face.show(request, view, "school_year.html", status, **context, **more)


async def _context(view: View) -> dict[str, Any]:
    standing = view.standing
    if not is_staff(standing):
        raise HTTPException(404)
    terms, breaks = await recorded(view.db, [standing.tenant_id])
    schools = [one for one in standing.schools.values() if one.kind != "municipality" and one.tenant_id]
    years = await years_of(view.db, schools[:1])
    today = standing.today
    since = date(school_year_start(today), 7, 1)
    return {
        "terms": [span for _, span in terms if span.last_day >= since and _shown(standing, span.school_id)],
        "breaks": [span for _, span in breaks if span.last_day >= since and _shown(standing, span.school_id)],
        "usual": _usual(years, today),
        "red_days": _red_days(next((one.country for one in years.values()), Country.SE), today),
        "names": {school.school_id: school.name for school in standing.schools.values()},
        "whose": _choices(standing),
        "mine": None if standing.municipality else standing.principal_of,
    }


def _whose(standing: Standing, said: str) -> UUID | None:
    """The school that was chosen (None: the whole municipality). Raises 404 when it is not this person's to change."""
    for school_id, _ in _choices(standing):
        if said == (str(school_id) if school_id else ""):
            return school_id
    raise HTTPException(404)


def _choices(standing: Standing) -> list[tuple[UUID | None, str]]:
    """Whose school year this person may change: (school, name), None for the whole municipality."""
    whole: list[tuple[UUID | None, str]] = [(None, "")] if standing.municipality else []
    schools = sorted(_may_name(standing), key=lambda one: one.name)
    return whole + [(school.school_id, school.name) for school in schools]


def _may_name(standing: Standing) -> Iterable[SchoolStated]:
    for school in standing.schools.values():
        if school.kind != "municipality" and (standing.municipality or school.school_id in standing.principal_of):
            yield school


def _shown(standing: Standing, school_id: UUID | None) -> bool:
    return school_id is None or school_id in standing.schools


def _usual(years: dict[UUID, SchoolYear], today: date) -> list[HalfYear]:
    """The two half-years of this school year that hold because nobody has recorded any."""
    begun = school_year_start(today)
    for year in years.values():
        halves = [year.half_year(date(begun, 7, 1)), year.half_year(date(begun + 1, 6, 30))]
        return [half for half in halves if not half.recorded]
    return []


def _red_days(country: Country, today: date) -> list[tuple[date, str]]:
    days = (today + place * DAY for place in range(AHEAD.days))
    return [(day, name) for day in days if (name := red_day(country, day))]
