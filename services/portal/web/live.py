"""The live page: the school day as it happens, in counts. Exists only in a demo on this machine (front.py)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from services.portal.domain.day import Day
from services.portal.settings import PortalSettings
from services.portal.store.day import latest_school_day, school_days
from shared.clock import local_date
from shared.kit import Kit
from shared.web.pages import Pages

LOOK_SECONDS = 0.5


class LivePage:
    """Looks at the day at most twice a second, however many people watch."""

    def __init__(self, kit: Kit, settings: PortalSettings, pages: Pages) -> None:
        self.kit = kit
        self.settings = settings
        self.pages = pages
        self._looking = asyncio.Lock()
        self._seen: tuple[float, Day] | None = None

    async def day(self) -> Day:
        """The day as it was less than half a second ago."""
        async with self._looking:
            moment = asyncio.get_running_loop().time()
            if self._seen is None or moment - self._seen[0] > LOOK_SECONDS:
                self._seen = (moment, await self._look())
            return self._seen[1]

    async def _look(self) -> Day:
        now = self.kit.clock.now()
        async with self.kit.sessions() as session:
            shown = await latest_school_day(session, local_date(now, self.settings.zone))
            schools = await school_days(session, shown, now)
        return Day(now, shown, self.kit.settings.clock_speed, tuple(schools))

    async def render(self, request: Request, name: str) -> str:
        """The whole page (`live.html`) or only what changes (`day.html`)."""
        context = {"day": await self.day(), "zone": self.settings.zone, "mail_url": self.settings.mail_url}
        return self.pages.text(request, name, **context)

    async def changes(self, request: Request) -> AsyncIterator[ServerSentEvent]:
        """What changes, whenever it has changed, until the reader goes away."""
        last = ""
        while not await request.is_disconnected():
            fragment = await self.render(request, "day.html")
            if fragment != last:
                last = fragment
                yield ServerSentEvent(raw_data=fragment, event="day")
            await asyncio.sleep(LOOK_SECONDS)


def live_routes(page: LivePage) -> APIRouter:
    """The live page and the stream of its changes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/live")
    async def live(request: Request) -> Response:
        return HTMLResponse(await page.render(request, "live.html"))

    @router.get("/live/changes", response_class=EventSourceResponse)
    async def changes(request: Request) -> AsyncIterator[ServerSentEvent]:
        async for change in page.changes(request):
            yield change

    return router
