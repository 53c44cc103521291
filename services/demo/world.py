"""The world around Skolbro: the invented municipality, its registry over HTTP, its mailboxes. One event loop."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from deploy.embedded.process import free_port
from services.demo import names
from services.demo.actions import Stage
from services.demo.catcher import Mailboxes, listen
from services.demo.clock import DemoClock
from services.demo.day import Plan, plan_day, prepare, replay
from services.demo.diary import Diary
from services.demo.mailpages import create_pages, owners
from services.demo.municipality import grow
from services.demo.records import Records
from services.demo.server import serving
from services.demo.source import BASE, Tokens, create_source
from services.demo.ss12000 import load
from services.demo.subscriptions import Subscription, Subscriptions
from shared.settings import describe_instant

CLIENT_ID = "skolbro"
SOURCE_NAME = "brohamn"
POLL_SECONDS = 2  # real ones; a hint comes sooner
PAGE_SIZE = 500
UNREPORTED_MINUTES = 20


@dataclass(frozen=True)
class WorldPorts:
    """Where the world listens."""

    pages: int
    smtp: int
    source: int

    @staticmethod
    def from_first(first: int) -> WorldPorts:
        """25 to 27 above the portal's port."""
        return WorldPorts(first + 25, first + 26, first + 27)

    @staticmethod
    def free() -> WorldPorts:
        """Free ports."""
        return WorldPorts(free_port(), free_port(), free_port())

    @property
    def all(self) -> tuple[int, int, int]:
        """All of them."""
        return self.pages, self.smtp, self.source


@dataclass
class World:
    """Everything there is besides Skolbro."""

    stage: Stage
    plan: Plan
    clock: DemoClock
    ports: WorldPorts
    diary: Diary
    data: Path
    tokens: Tokens = field(default_factory=lambda: Tokens(CLIENT_ID, secrets.token_urlsafe(24)))
    mailboxes: Mailboxes = field(init=False)

    def __post_init__(self) -> None:
        self.mailboxes = Mailboxes(self.clock)
        self.stage.records.now = self.clock.now

    @asynccontextmanager
    async def inhabited(self, portal_url: str) -> AsyncIterator[None]:
        """The registry, the mail server and the mail pages answer for as long as the block lasts."""
        kept = {one.id: one for one in self.diary.subscriptions}
        subscriptions = Subscriptions(self.clock, self._remember, kept)
        source = create_source(self.stage.records, subscriptions, self.tokens)
        pages = create_pages(self.mailboxes, owners(self.stage.whole), portal_url)
        smtp = await listen(self.mailboxes, self.ports.smtp)
        hints = asyncio.create_task(subscriptions.run())
        try:
            async with serving(source, self.ports.source), serving(pages, self.ports.pages):
                yield
        finally:
            hints.cancel()
            smtp.close()

    def env(self, service_ports: Mapping[str, int], grace_minutes: int) -> dict[str, str]:
        """The environment in which the services find this world and its time."""
        return {
            "SKOLBRO_DEMO": "true",
            "SKOLBRO_CLOCK_STARTS_AT": describe_instant(self.clock.starts_at),
            "SKOLBRO_CLOCK_ORIGIN": describe_instant(self.clock.origin),
            "SKOLBRO_CLOCK_SPEED": str(self.clock.speed),
            "REGISTRY_SOURCES": json.dumps([self._source(service_ports["registry"])]),
            "ABSENCE_GRACE_MINUTES": str(grace_minutes),
            "ABSENCE_UNREPORTED_MINUTES": str(UNREPORTED_MINUTES),
            "NOTIFICATIONS_SMTP_HOST": "127.0.0.1",
            "NOTIFICATIONS_SMTP_PORT": str(self.ports.smtp),
            "NOTIFICATIONS_SIMULATE": "true",
            "NOTIFICATIONS_LADDER_MINUTES": "0",  # nobody reads in the demo, so everything would be sent again
            "PORTAL_MAIL_URL": f"http://127.0.0.1:{self.ports.pages}",
        }

    def _remember(self, subscriptions: list[Subscription]) -> None:
        self.diary.subscriptions = subscriptions
        self.diary.write(self.data)

    def _source(self, registry_port: int) -> dict[str, object]:
        here = f"http://127.0.0.1:{self.ports.source}"
        return {
            "name": SOURCE_NAME,
            "base_url": here + BASE,
            "token_url": f"{here}/token",
            "client_id": self.tokens.client_id,
            "client_secret": self.tokens.client_secret,
            "webhook_url": f"http://127.0.0.1:{registry_port}/webhook/{SOURCE_NAME}",
            "municipality": names.MUNICIPALITY,
            "zone": "Europe/Stockholm",
            "language": "sv",
            "poll_seconds": POLL_SECONDS * self.clock.speed,
            "page_size": PAGE_SIZE,
        }


def prepare_world(diary: Diary, day: date) -> tuple[Stage, Plan]:
    """The municipality and its registry as the days played so far have left them, ready for that day."""
    stage, plan = world_before(diary, day)
    prepare(plan, stage)
    return stage, plan


def world_before(diary: Diary, day: date) -> tuple[Stage, Plan]:
    """The same before the timetable of that day is in the registry: what may have happened long before it still can."""
    whole = grow(diary.seed, diary.first_day, diary.schools, diary.pupils)
    records = Records()
    load(whole, records)
    stage = Stage(whole, records)
    before: Plan | None = None
    for played in diary.played:
        before = plan_day(whole, played.day, before)
        replay(before, stage, played.until)
    return stage, plan_day(whole, day, before)
