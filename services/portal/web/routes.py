"""The live page: the school day as it happens, in counts. Exists only in the demo until there is a login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.portal.domain import Day, share
from services.portal.settings import PortalSettings
from services.portal.store import latest_school_day, school_days
from shared.clock import local_date
from shared.kit import Kit
from shared.web.pages import templates

HERE = Path(__file__).parent
STATIC = HERE / "static"
LOOK_SECONDS = 0.5


class LivePage:
    """Looks at the day at most twice a second, however many people watch."""

    def __init__(self, kit: Kit, settings: PortalSettings) -> None:
        self.kit = kit
        self.settings = settings
        self.pages = templates(HERE / "templates")
        self.pages.globals["share"] = share
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

    async def render(self, name: str) -> str:
        """The whole page (`live.html`) or only what changes (`day.html`)."""
        page = self.pages.get_template(name)
        return page.render(day=await self.day(), zone=self.settings.zone, mail_url=self.settings.mail_url)

    async def changes(self, request: Request) -> AsyncIterator[ServerSentEvent]:
        """What changes, whenever it has changed, until the reader goes away."""
        last = ""
        while not await request.is_disconnected():
            fragment = await self.render("day.html")
            if fragment != last:
                last = fragment
                yield ServerSentEvent(raw_data=fragment, event="day")
            await asyncio.sleep(LOOK_SECONDS)


def live_routes(page: LivePage) -> APIRouter:
    """The routes of the demo's pages."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", response_class=HTMLResponse)
    async def live() -> str:
        return await page.render("live.html")

    @router.get("/live/changes", response_class=EventSourceResponse)
    async def changes(request: Request) -> AsyncIterator[ServerSentEvent]:
        async for change in page.changes(request):
            yield change

    @router.get("/n/{notification_id}", response_class=HTMLResponse)
    async def notification(notification_id: UUID) -> str:
        return page.pages.get_template("link.html").render(mail_url=page.settings.mail_url, reference=notification_id)

    return router


def closed_routes() -> APIRouter:
    """Without the demo there are no pages yet, and the portal says so instead of showing anything."""
    router = APIRouter(include_in_schema=False)

    @router.get("/{path:path}", response_class=HTMLResponse, status_code=404)
    async def closed(path: str) -> str:  # noqa: ARG001
        return templates(HERE / "templates").get_template("closed.html").render()

    return router
