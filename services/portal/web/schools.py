"""The principal's duty ledger, the list behind each of its numbers, the evidence of a duty, and the export."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from services.portal.domain.duties import (
    FEWEST_HOMES,
    LETTERS,
    NOTICE,
    Outcome,
    Period,
    Span,
    Tally,
    by_week,
    how_it_stands,
    period,
    total,
)
from services.portal.store.audit import Look, note
from services.portal.store.schools import Evidence, Moment, Wanted, by_class, evidence, listed
from services.portal.tables import roster
from services.portal.web.export import Say, duties_as_csv
from services.portal.web.shown import portal_face, trace
from services.portal.web.staff import Context, Shown, knows, name_of, same_day, school_of, shown, workplaces, zones
from services.portal.web.staff_words import KINDS, words_of
from shared.clock import local_date
from shared.events.duties import DutyKind, DutyStatus
from shared.events.roster import SchoolStated
from shared.kit import Kit
from shared.languages import LANGUAGES, written
from shared.roster.access import is_protected
from shared.web.charts import Column, Kind, Part, columns, key, shares
from shared.web.face import Face, Me
from shared.web.pages import Pages, language_of
from shared.web.viewing import View, viewing

ON_A_PAGE = 100
ALL = 1_000_000
LONGEST = timedelta(days=400)
NO_CLASS = "none"
YEARS = range(1900, 2200)
MOST_DAYS = 31  # a longer chart counts by week
Day = Annotated[str, Query(max_length=10)]


@dataclass(frozen=True)
class Choice:
    """What the form above the list says; days that are none, and none at all, mean today."""

    in_class: Annotated[str, Query(alias="class", max_length=40)] = ""
    status: Outcome = Outcome.OWED
    since: Annotated[str, Query(alias="from", max_length=10)] = ""
    until: Annotated[str, Query(alias="to", max_length=10)] = ""
    kind: DutyKind = NOTICE


Chosen = Annotated[Choice, Depends()]


def school_routes(kit: Kit, pages: Pages) -> APIRouter:
    """`/school/{school_id}` with its list and export, and `/duty/{duty_id}`."""
    router, face = APIRouter(include_in_schema=False), portal_face(kit, pages)

    @router.get("/school/{school_id}")
    async def ledger(
        request: Request,
        school_id: UUID,
        session: Me,
        span: Span | None = None,
        day: Day = "",
        kind: DutyKind = NOTICE,
    ) -> HTMLResponse:
        span = span or usual_span(kind)
        async with viewing(kit, roster, session) as view:
            school = school_of(view.standing, school_id)
            shown_day = day_in(day) or local_date(view.now, school.zone)
            page = await _ledger(view, school, span, shown_day, kind)
        drawn = charts(pages, request, page, span, kind)
        return face.show(request, view, "school.html", **words_of(kind), **page, **drawn)

    @router.get("/duty/{duty_id}")
    async def duty(request: Request, duty_id: UUID, session: Me) -> HTMLResponse:
        async with viewing(kit, roster, session) as view:
            page = await _duty(view, duty_id)
        return face.show(request, view, "duty.html", **words_of(page["duty"].kind), **page)

    _add_lists(router, face)
    return router


def _add_lists(router: APIRouter, face: Face) -> None:
    """The list behind a number of the ledger, as a page and as a file."""

    @router.get("/school/{school_id}/duties")
    async def duties(
        request: Request, school_id: UUID, session: Me, chosen: Chosen, page: Annotated[int, Query(ge=1, le=10_000)] = 1
    ) -> HTMLResponse:
        async with viewing(face.kit, roster, session) as view:
            school = school_of(view.standing, school_id)
            wanted = _wanted(chosen, local_date(view.now, school.zone))
            found = await _list(view, school, wanted, page)
        return face.show(request, view, "duties.html", **words_of(wanted.kind), **found)

    @router.get("/school/{school_id}/duties.csv")
    async def export(request: Request, school_id: UUID, session: Me, chosen: Chosen) -> Response:
        async with viewing(face.kit, roster, session) as view:
            school = school_of(view.standing, school_id)
            wanted = _wanted(chosen, local_date(view.now, school.zone))
            content = await _export(view, school, wanted, lambda text: face.pages.gettext(request, text))
        what = "duties" if wanted.kind is NOTICE else wanted.kind.value.replace("_", "-") + "s"
        name = f"{what}-{wanted.period.since}-{wanted.period.until}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def day_in(text: str) -> date | None:
    """The day that a form says; None for none, and for what is no day of a school's."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def usual_span(kind: DutyKind) -> Span:
    """How much time a ledger shows when nobody has said: a talk is owed until the end of a term."""
    return Span.DAY if kind is NOTICE else Span.HALF_YEAR


def charts(pages: Pages, request: Request, page: Context, span: Span, kind: DutyKind = NOTICE) -> Context:
    """The ledger's pictures: how all duties stand, and how many there were each day (or week, in a longer time)."""

    names = words_of(kind)["outcomes"]

    def parts(tally: Tally) -> list[Part]:
        return [Part(KINDS[one], pages.gettext(request, names[one]), tally[one]) for one in how_it_stands(kind)]

    days: dict[date, Tally] = page["days"]
    when: Period = page["when"]
    weekly = when.days > MOST_DAYS
    figures = by_week(days) if weekly else days
    pattern = "w" if weekly else ("EEE d" if span is Span.WEEK else "d")
    locale = LANGUAGES[language_of(request).tag].locale
    labels = [(written(day, pattern, locale), tally) for day, tally in sorted(figures.items())]

    def drawn(title: str, outcome: Outcome, kind: Kind) -> Markup:
        return columns(title, [Column(label, tally[outcome], kind) for label, tally in labels])

    return {
        "bar": lambda tally, label: shares(label, parts(tally)),
        "key": lambda tally: key(parts(tally)),
        "columns": lambda title: drawn(title, Outcome.OWED, "plain"),
        "missed": lambda title: drawn(title, Outcome.MISSED, "alarm"),
        "has_columns": len(labels) > 1 and kind is NOTICE,
        "weekly": weekly,
        "fewest": FEWEST_HOMES if kind is NOTICE else 0,
    }


async def _ledger(view: View, school: SchoolStated, span: Span, day: date, kind: DutyKind) -> Context:
    when = period(span, day)
    found = await by_class(view.db, zones([school]), when, view.now, kind)
    ordered = sorted(found.lines, key=lambda one: (one is None, found.names[one] or ""))
    return {
        "school": school,
        "span": span,
        "day": day,
        "when": when,
        "days": found.days,
        "lines": [(found.names[one], "", _link(school, when, kind, one), found.lines[one]) for one in ordered],
        "total": total(found.lines.values()),
        "total_link": _link(school, when, kind),
    }


def of_kind(kind: DutyKind) -> Context:
    """What an address says of the kind: nothing for notices, so that old addresses stay as they were."""
    return {} if kind is NOTICE else {"kind": kind.value}


def _link(school: SchoolStated, when: Period, kind: DutyKind, group_id: UUID | str | None = "") -> str:
    """Where the list of a line is, but for the status."""
    query: Context = {"from": when.since, "to": when.until, **of_kind(kind)}
    if group_id != "":
        query |= {"class": group_id or NO_CLASS}
    return f"/school/{school.school_id}/duties?{urlencode(query)}"


def _wanted(chosen: Choice, today: date) -> Wanted:
    """Which duties these are. Raises 404 for a class whose id is none."""
    since = day_in(chosen.since)
    last = day_in(chosen.until) or since or today
    when = Period(max(min(since or last, last), last - LONGEST), last)
    if chosen.in_class in ("", NO_CLASS):
        return Wanted(when, chosen.status, None, chosen.in_class == NO_CLASS, chosen.kind)
    try:
        return Wanted(when, chosen.status, UUID(chosen.in_class), kind=chosen.kind)
    except ValueError:
        raise HTTPException(404) from None


async def _list(view: View, school: SchoolStated, wanted: Wanted, page: int) -> Context:
    found = await listed(view.db, zones([school]), wanted, view.now, ON_A_PAGE, (page - 1) * ON_A_PAGE)
    known = [one.person_id for one in found.registry.persons.values() if knows(view.standing, one)]
    await trace(view, "duties", known)
    in_class = NO_CLASS if wanted.no_class else wanted.class_id or ""
    query = {"class": in_class, "status": wanted.outcome, "from": wanted.period.since, "to": wanted.period.until}
    query |= of_kind(wanted.kind)
    return {
        "school": school,
        "wanted": wanted,
        "in_class": str(in_class),
        "duties": [(shown(view.standing, duty.pupil_id, found.registry), duty) for duty in found.duties],
        "count": found.total,
        "first": (page - 1) * ON_A_PAGE + 1,
        "page": page,
        "pages": max(1, -(-found.total // ON_A_PAGE)),
        "classes": sorted(found.classes.items(), key=lambda one: (one[0] is None, one[1] or "")),
        "query": urlencode(query),
        "names": school.school_id in view.standing.principal_of,
    }


async def _export(view: View, school: SchoolStated, wanted: Wanted, say: Say) -> bytes:
    found = await listed(view.db, zones([school]), wanted, view.now, ALL)
    known = [one.person_id for one in found.registry.persons.values() if knows(view.standing, one)]
    me, about = view.standing, str(school.school_id)
    everybody: list[UUID | None] = [None, *known]  # None: the export itself
    looks = [Look(me.tenant_id, me.person.person_id, one, "duties.csv", about) for one in everybody]
    await note(view.db, looks, view.now)
    names = {one: shown(view.standing, one, found.registry) for one in {duty.pupil_id for duty in found.duties}}
    rows = [(names[duty.pupil_id], duty) for duty in found.duties]
    return await asyncio.to_thread(duties_as_csv, rows, wanted.kind, school.zone, say)


async def _duty(view: View, duty_id: UUID) -> Context:
    """The evidence. Raises 404 for everybody but the pupil's mentor and principal, the school's principal, officers."""
    found = await evidence(view.db, workplaces(view.standing), duty_id, view.now)
    if found is None or not _may_open(view, found):
        raise HTTPException(404)
    pupil = found.registry.persons.get(found.duty.pupil_id)
    by_name = knows(view.standing, pupil)
    await trace(view, "duty", [found.duty.pupil_id], str(duty_id))
    hidden = not by_name or is_protected(pupil)
    return {
        "duty": found.duty,
        "school": view.standing.schools[found.duty.school_id],
        "pupil": shown(view.standing, found.duty.pupil_id, found.registry),
        "talks": found.talks,
        "told": [(one, _recipient(found, one.person_id, hidden)) for one in found.told],
        "readers": [(one, _recipient(found, one.person_id, hidden)) for one in found.duty.readers],
        "steps": sorted((one for one in found.duty.moments if _is_shown(found, one)), key=lambda one: one.at),
        "by_name": by_name,
        "on_day": same_day(view.standing.schools[found.duty.school_id].zone),
        "ledger": view.standing.in_charge_of(found.duty.school_id),
    }


def _is_shown(found: Evidence, moment: Moment) -> bool:
    """Whose home has read a bulletin is shown to nobody."""
    return found.duty.kind not in LETTERS or moment.status is not DutyStatus.UNDERSTOOD


def _may_open(view: View, found: Evidence) -> bool:
    by_name = knows(view.standing, found.registry.persons.get(found.duty.pupil_id))
    return by_name or view.standing.in_charge_of(found.duty.school_id)


def _recipient(found: Evidence, person_id: UUID | None, hidden: bool) -> Shown | None:
    """Who was told: nobody by name where the pupil is not, and None for the school itself."""
    if person_id is None:
        return None
    protected = not hidden and is_protected(found.registry.persons.get(person_id))
    return Shown(person_id, None if hidden or protected else name_of(found.registry.contacts.get(person_id)), protected)
