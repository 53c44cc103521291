"""A stage for bulletins: the municipality of the talks' stage, in the bulletins service's own database.

The same people, classes and schools by the same names (see `tests.talks_stage`), on Monday 2 November 2026 at 08:00
UTC, which is 09:00 in Stockholm.

    async with bulletins_stage(postgres, clock, add_plan) as stage:   # rooms to open; none: those of the service
        page = await stage.get("maja", f"/bulletins/classes/{stage.group['6A']}")
        answer = await stage.post("maja", "/bulletins/new", group=stage.group["6A"])
        await stage.due(); stage.at("16:00", date(2026, 11, 3)); said = await stage.said(MailingRequested)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
from fastapi import APIRouter, Depends, FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.embedded.postgres import Postgres
from services.bulletins import tables as t
from services.bulletins.consumers import readers
from services.bulletins.jobs import due_handlers
from services.bulletins.jobs.plans import NIGHTS
from services.bulletins.settings import BulletinsSettings
from services.bulletins.web import front
from services.bulletins.web.shown import bulletins_face
from services.scheduling.settings import SchedulingSettings
from shared.clock import ManualClock
from shared.due.worker import DueHandler, DueWorker
from shared.events.envelope import Event, Outgoing, Received
from shared.events.roster import Assignment, StaffStated
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.messaging.reader import Batch
from shared.web.csrf import form_checked
from shared.web.errors import add_error_pages
from shared.web.pages import Pages, add_pages
from shared.web.session import STEP_UP, add_sessions
from tests import talks_stage
from tests.hearing import said
from tests.stack import kit_off_kafka
from tests.talks_stage import (
    CLASS_OF,
    ELSEWHERE,
    FAMILIES,
    HERE,
    KEY,
    MENTOR_OF,
    NINE,
    SCHOOL_OF,
    THERE,
    TODAY,
    ZONE,
    _classes,
    _families,
    _people,
    _places,
    _staff,
)

__all__ = ["CLASS_OF", "FAMILIES", "MENTOR_OF", "NINE", "SCHOOL_OF", "TODAY", "Stage", "bulletins_stage"]


@dataclass
class Stage:
    """The municipality. `who`, `school` and `group` have the ids; `app` has the pages; all is on `clock`."""

    kit: Kit
    settings: BulletinsSettings
    world: talks_stage.Stage  # the people and places, and their browsers
    app: FastAPI = field(default_factory=FastAPI)
    tenant: UUID = HERE
    other_tenant: UUID = ELSEWHERE

    @property
    def clock(self) -> ManualClock:
        """The clock of the whole stage."""
        return cast(ManualClock, self.kit.clock)

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self.clock.instant

    @property
    def who(self) -> dict[str, UUID]:
        """The people's ids, by the names of the talks' stage: `ebba`, `anna`, `maja`."""
        return self.world.who

    @property
    def school(self) -> dict[str, UUID]:
        """The schools' ids: north (Björkskolan), south (Lindskolan), office; far and far_office elsewhere."""
        return self.world.school

    @property
    def group(self) -> dict[str, UUID]:
        """The classes' ids: 6A and 4B at Björkskolan, 9C at Lindskolan; 7X elsewhere."""
        return self.world.group

    # People at their browsers ------------------------------------------------------------------------------------

    def client(self, who: str | UUID | None, level: str = STEP_UP) -> httpx.AsyncClient:
        """A browser in which this person has logged in (None: nobody). Redirects are not followed."""
        return self.world.client(who, level)

    async def get(self, who: str | UUID | None, path: str) -> httpx.Response:
        """The page as this person sees it."""
        return await self.world.get(who, path)

    async def post(
        self,
        who: str | UUID,
        path: str,
        /,
        fields: Mapping[str, Any] | None = None,
        files: Any = None,
        **more: Any,
    ) -> httpx.Response:
        """Send a form as this person, with the token of their session; a list is sent as a field that comes often.

        `files` are those of httpx, for a form with files.
        """
        if files is None:
            return await self.world.post(who, path, fields, **more)
        typed = {name: str(value) for name, value in {**(fields or {}), **more}.items()}
        async with self.client(who) as browser:
            return await browser.post(path, data={"csrf": browser.headers["x-csrf"], **typed}, files=files)

    # What the service hears and says ------------------------------------------------------------------------------

    async def hear(self, *events: Event) -> None:
        """Let the service read these, as its readers do; what they answer is in the outbox."""
        for reader in readers():
            mine = [_received(one) for one in events if one.event_type in reader.wanted]
            async with self.machine() as session:
                await self.say(session, await reader.handle(session, Batch(mine, self.now)) if mine else [])

    async def said(self, model: type[Event]) -> list[Any]:
        """The events of one kind in the outbox, in order."""
        return await said(self.kit, model)

    async def forget_said(self) -> None:
        """Empty the outbox, so that only what is said from now on is found."""
        async with self.kit.sessions.begin() as session:
            await session.execute(t.kit.outbox.delete())

    async def rows(self, query: str, **values: Any) -> Sequence[Any]:
        """What the database holds, with nothing in the way."""
        async with self.kit.sessions() as session:
            return (await session.execute(text(query), values)).all()

    @asynccontextmanager
    async def machine(self) -> AsyncIterator[AsyncSession]:
        """A transaction of the machine's, committed at the end."""
        async with self.kit.sessions.begin() as session:
            yield session

    async def say(self, session: AsyncSession, said: Sequence[Outgoing]) -> None:
        """Put these into the outbox, as an edge does."""
        await say(session, t.kit, said, self.now)

    # Time -----------------------------------------------------------------------------------------------------------

    def at(self, clock: str, day: date = TODAY, zone: str = ZONE) -> datetime:
        """Let it be that time on the wall there; the instant in UTC."""
        self.clock.instant = talks_stage.at(clock, day, zone)
        return self.clock.instant

    async def due(self, handlers: Mapping[str, DueHandler] | None = None) -> int:
        """Do everything that is due now (`handlers`: those given, else all of the service); how much that was."""
        worker, done = DueWorker(self.kit, handlers or due_handlers(self.settings)), 0
        while found := await worker.round():
            done += found
        return done

    async def night(self) -> None:
        """What the last midnight brought, done now, and all that falls due with it."""
        await NIGHTS.begin(self.kit)
        async with self.kit.sessions.begin() as session:
            due = t.kit.due
            await session.execute(due.update().where(due.c.kind == NIGHTS.kind).values(due_at=self.now))
        await self.due()

    async def forward(self, days: float, handlers: Mapping[str, DueHandler] | None = None) -> None:
        """Let time pass, stopping at every midnight of Stockholm on the way and at the end for what has fallen due."""
        end = self.clock.instant + timedelta(days=days)
        while self.clock.instant < end:
            tomorrow = self.clock.instant.astimezone(ZoneInfo(ZONE)).date() + timedelta(days=1)
            self.clock.instant = min(talks_stage.at(time().isoformat(), tomorrow), end)
            await self.due(handlers)

    # More of the world ------------------------------------------------------------------------------------------------

    def group_stated(self, name: str, *members: str, version: int = 1, **dates: Mapping[str, date]) -> list[Event]:
        """A class with these members; `starts` and `ends` are dates by name."""
        return self.world.group_stated(name, *members, version=version, **dates)

    def person_stated(self, who: str, *schools: str, **more: Any) -> list[Event]:
        """Somebody of the stage, as the registry states them. Give a `version` from 2 on to change them."""
        return self.world.person_stated(who, *schools, **more)

    def post_stated(
        self, who: str | None, school: str, group: str | None = None, *, post_id: UUID, version: int = 1, **more: Any
    ) -> StaffStated:
        """A post at a school; with a class, as its mentor. Without a person: nobody holds it."""
        parts = (Assignment(group_id=self.group[group], role="Mentor"),) if group else ()
        return StaffStated(
            post_id=post_id,
            version=version,
            tenant_id=ELSEWHERE if who in THERE else HERE,
            school_id=self.school[school],
            person_id=self.who[who] if who else None,
            **{"role": "Lärare", "assignments": parts, **more},
        )

    async def post_of(self, who: str) -> UUID:
        """The id of the first post somebody holds."""
        mine = "select source_id from roster_link where kind = 'post' and to_id = :id"
        return cast(UUID, (await self.rows(mine, id=self.who[who]))[0].source_id)


@asynccontextmanager
async def bulletins_stage(postgres: Postgres, clock: ManualClock, *rooms: front.Room) -> AsyncIterator[Stage]:
    """The stage, with the pages of these rooms open (`add_x`; none given: all that the service has)."""
    clock.instant = NINE
    kit = kit_off_kafka(postgres, "bulletins", t.metadata, t.kit, clock)
    kit.settings = kit.settings.model_copy(
        update={"session_key": SecretStr(KEY), "requests_per_minute": 100_000, "visits_per_minute": 100_000}
    )
    stage = Stage(kit, BulletinsSettings(), talks_stage.Stage(kit, SchedulingSettings()))
    stage.world.who = {name: uuid4() for name in (*talks_stage.NAMES, *THERE)}
    stage.world.school = {name: uuid4() for name in ("north", "south", "office", "far", "far_office")}
    stage.world.group = {name: uuid4() for name in SCHOOL_OF}
    stage.app = stage.world.app = open_rooms(stage, *(rooms or front.ROOMS))
    await stage.hear(*_world(stage.world))
    try:
        yield stage
    finally:
        await kit.close()


def open_rooms(stage: Stage, *rooms: front.Room) -> FastAPI:
    """The pages of these rooms with real sessions, forms that are checked, and error pages."""
    app = FastAPI(docs_url=None, redoc_url=None)
    settings = stage.kit.settings
    pages = Pages(front.HERE / "templates", settings, zone=stage.settings.zone, home=settings.portal_url)
    add_error_pages(app, pages)
    add_pages(app, front.HERE / "static", settings)
    add_sessions(app, stage.kit)
    router = APIRouter(include_in_schema=False, dependencies=[Depends(form_checked)])
    face = bulletins_face(stage.kit, pages)
    for add in rooms:
        add(router, face, stage.settings)
    app.include_router(router)
    return app


def _received(event: Event) -> Received[Event]:
    return Received(event, str(uuid4()).encode(), None, event.topic, 0, 0)


def _world(world: talks_stage.Stage) -> list[Event]:
    makers = (_places, _people, _families, _classes, _staff)
    return [event for make in makers for event in make(world)]
