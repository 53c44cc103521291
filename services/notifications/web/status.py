"""How messages leave: the share handed over within 10 seconds by lane, what waits, and what is uncertain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from markupsafe import Markup
from starlette.responses import Response

from services.notifications.domain.sending import Count, Figures, Waiting
from services.notifications.settings import NotificationsSettings
from services.notifications.store.status import figures
from services.notifications.tables import roster
from services.notifications.web.shown import officer
from shared.clock import local_date
from shared.events.notify import Lane
from shared.languages import LANGUAGES, N_, written
from shared.web.charts import Column, Part, columns, key, shares
from shared.web.face import Face, Me, act
from shared.web.pages import language_of
from shared.web.viewing import View, viewing

LANES = {Lane.URGENT: N_("Urgent"), Lane.NORMAL: N_("Other single messages"), Lane.BULK: N_("To whole classes")}
SPANS = {"hour": N_("Last hour"), "day": N_("Last 24 hours"), "month": N_("Last 30 days")}
IN_TIME, LATE, FAILED, UNCERTAIN = (
    N_("within 10 seconds"),
    N_("later"),
    N_("refused for good"),
    N_("uncertain: may have arrived"),
)
SHOWN_DAYS = 14


def add_status(router: APIRouter, face: Face, _: NotificationsSettings) -> None:
    """`/sending`, and the same for machines."""

    @router.get("/sending")
    async def page(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await _figures(view)
        drawn = drawings(lambda text: face.pages.gettext(request, text), request, found, view)
        waiting = {lane: found.waiting.get(lane, Waiting()) for lane in Lane}
        context: dict[str, Any] = {"found": found, "waiting": waiting, "lanes": LANES, "spans": SPANS, **drawn}
        return face.show(request, view, "status.html", **context)

    @router.get("/sending/status.json")
    async def machine_readable(session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await _figures(view)
        return JSONResponse(as_json(found, view.now))


async def _figures(view: View) -> Figures:
    tenant = officer(view)
    schools = list(view.standing.schools)
    await act(view)
    return await figures(view.db, tenant, schools, view.standing.zone, view.now)


def as_json(found: Figures, now: datetime) -> dict[str, Any]:
    """The figures of the page. Shares are between 0 and 1, null where nothing left; times are UTC."""
    spans = {name: {lane.value: _count(of[lane]) for lane in Lane} for name, of in _spans(found).items()}
    waiting = {lane.value: _waiting(found.waiting.get(lane, Waiting()), now) for lane in Lane}
    return {
        "at": now.isoformat(),
        "within_seconds": 10,
        "spans": spans,
        "waiting": waiting,
        "suppressed_addresses": found.suppressed,
        "providers": {one.name: one.weight for one in found.providers},
        "trial": found.trial_since is not None,
    }


def drawings(say: Callable[[str], str], request: Request, found: Figures, view: View) -> dict[str, Any]:
    """The pictures: how a lane's messages of a time divide, and how many left on each of the last days."""
    locale = LANGUAGES[language_of(request).tag].locale
    today = local_date(view.now, view.standing.zone)
    days = [today - timedelta(days=back) for back in reversed(range(SHOWN_DAYS))]

    def parts(count: Count) -> list[Part]:
        return [
            Part("good", say(IN_TIME), count.in_time),
            Part("wait", say(LATE), count.late),
            Part("alarm", say(FAILED), count.failed),
            Part("quiet", say(UNCERTAIN), count.uncertain),
        ]

    def each(title: str) -> Markup:
        return columns(title, [Column(written(day, "d", locale), _handed(found, day)) for day in days])

    return {
        "bar": lambda label, count: shares(label, parts(count)),
        "key": lambda count: key(parts(count)),
        "each_day": each,
        "of": _spans(found),
        "total": sum(found.month.values(), Count()),
    }


def _spans(found: Figures) -> dict[str, Any]:
    return {"hour": found.hour, "day": found.day, "month": found.month}


def _handed(found: Figures, day: date) -> int:
    return found.days.get(day, Count()).handed_over


def _count(one: Count) -> dict[str, int | float | None]:
    return {
        "handed_over": one.handed_over,
        "in_time": one.in_time,
        "share_in_time": None if one.share is None else round(one.share, 4),
        "failed": one.failed,
        "uncertain": one.uncertain,
    }


def _waiting(one: Waiting, now: datetime) -> dict[str, int | float | None]:
    oldest = None if one.since is None else max((now - one.since).total_seconds(), 0)
    return {"due": one.due, "for_later": one.later, "oldest_seconds": oldest}
