"""`/bulletins/participation`: how far homes take part, class by class, for those in charge; shares, and no names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from services.bulletins.domain.participation import shown
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.participation import Period, half_years, parts
from services.bulletins.tables import HalfYear, roster
from services.bulletins.web.archive import half_of
from shared.clock import AUTUMN, local_date, midnight
from shared.events.roster import SchoolStated
from shared.roster.standing import Standing
from shared.web.face import Face, Me
from shared.web.viewing import viewing

DAY = timedelta(days=1)
Short = Annotated[str, Query(max_length=40)]
Span = tuple[date, date]  # the first and the last day


def add_participation(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/bulletins/participation`."""

    @router.get("/bulletins/participation")
    async def page(request: Request, session: Me, school: Short = "", half: Short = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            schools = in_charge(view.standing)
            chosen = next((one for one in schools if str(one.school_id) == school), None)
            if not schools or (school and chosen is None):
                raise HTTPException(404)
            chosen = chosen or schools[0]
            today = local_date(view.now, chosen.zone)
            spans = spans_of(await half_years(view.db, [chosen.school_id]), today)
            span = next((one for one in spans if str(one[0]) == half), None) or _now(spans, today)
            found = await parts(view.db, chosen.school_id, _period(span, chosen.zone, today))
        return face.show(
            request,
            view,
            "participation.html",
            school=chosen,
            schools=schools,
            spans=spans,
            span=span,
            figures=shown(found, settings.smallest_group),
            smallest=settings.smallest_group,
        )


def in_charge(standing: Standing) -> list[SchoolStated]:
    """The schools whose figures this person sees, by name: a principal's own, an officer's all."""
    mine = [school for one, school in standing.schools.items() if standing.in_charge_of(one)]
    return sorted((one for one in mine if one.kind != "municipality"), key=lambda one: one.name)


def spans_of(known: Sequence[HalfYear], today: date) -> list[Span]:
    """The half-years that have begun, the latest first; the calendar's own where the school has not set any."""
    spans = [(one.starts, one.ends) for one in known if one.starts <= today]
    return spans or [_by_calendar(today)]


def _by_calendar(today: date) -> Span:
    first = half_of(today)
    return first, date(first.year, 12, 31) if first.month == AUTUMN else date(first.year, AUTUMN, 1) - DAY


def _now(spans: Sequence[Span], today: date) -> Span:
    return next((one for one in spans if one[0] <= today <= one[1]), spans[0])


def _period(span: Span, zone: str, today: date) -> Period:
    first, last = span
    return Period(midnight(first, zone), midnight(last + DAY, zone), min(last, today), zone)
